//go:build !unix

package sqlitestore

import (
	"fmt"
	"os"
	"path/filepath"
)

// lock keeps the lock file open exclusively, as these systems do by themselves while a process that
// renames over it would fail.
func lock(path string) (unlock func() error, err error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("another journal process has this journal open, and SQLite takes one at a time: stop it first (lock %s: %w)", filepath.Clean(path), err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal lock: %w", err)
	}
	return f.Close, nil
}
