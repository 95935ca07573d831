//go:build unix

package main

import (
	"os"
	"syscall"
)

// lock takes the file for this process alone, or fails at once.
func lock(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
