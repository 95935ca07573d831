//go:build unix

package strongbox

import (
	"fmt"
	"os"
	"syscall"
)

// lock waits until no other process writes keys and secrets in folder. The end of the process
// unlocks, too, so nothing is left behind by a crash.
func lock(folder string) (unlock func(), err error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s cannot be locked: %w", folder, err)
	}
	return func() { _ = f.Close() }, nil
}
