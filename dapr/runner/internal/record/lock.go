package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const lockName = "lock"

// ErrInUse is returned when another runner holds the data folder.
var ErrInUse = errors.New("the data folder is in use")

// Lock is held by the one runner that uses a data folder. The system lets go of
// it when the runner dies, however it dies.
type Lock struct{ file *os.File }

// Acquire locks the data folder, which it makes if need be, for this process
// alone. It does not wait.
func Acquire(data string) (*Lock, error) {
	// Only the owner may look inside: keys and sales are in there.
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(data, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder cannot be locked: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &Lock{file: file}, nil
	}
	file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrInUse
	}
	return nil, fmt.Errorf("the data folder cannot be locked: %w", err)
}

// Release lets another runner use the folder. The file stays: to delete it
// would let two runners lock two files of the same name.
func (l *Lock) Release() { l.file.Close() }

// InUse is true when a runner holds the data folder.
func InUse(data string) bool {
	if _, err := os.Stat(filepath.Join(data, lockName)); err != nil {
		return false
	}
	lock, err := Acquire(data)
	if err == nil {
		lock.Release()
	}
	return errors.Is(err, ErrInUse)
}
