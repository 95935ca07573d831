//go:build !linux

package fleet

import "syscall"

// dieWithParent can do nothing here: only Linux has a parent-death signal. What
// a killed runner leaves is found in run.json and stopped at the next start.
func dieWithParent(*syscall.SysProcAttr) {}
