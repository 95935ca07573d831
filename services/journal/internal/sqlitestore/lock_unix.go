//go:build unix

package sqlitestore

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// lock takes the folder's lock file. The system gives it back when the process ends, however it
// ends; so a lock is never left over.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := os.ReadFile(path)
		return nil, errors.Join(fmt.Errorf(
			"another journal process (pid %s) has this journal open, and SQLite takes one at a time: stop it first, or give this one another data folder (lock %s: %w)",
			strings.TrimSpace(string(owner)), path, err), f.Close())
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0) // only a hint for the message above
	}
	return f.Close, nil
}
