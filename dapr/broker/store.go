package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// lockName is the file whose lock says that a broker owns the store. Two
// servers on one store would each write their own idea of it; the server itself
// does not notice.
const lockName = "broker.lock"

// openStore makes the folder if need be and takes its lock. The lock goes with
// the process, however it ends, so a crash leaves nothing to clean up.
func openStore(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the store folder: %w: check -dir", err)
	}
	path := filepath.Join(dir, lockName)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the store: %w: check the owner of -dir", err)
	}
	if err := lock(file); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("the store %s is held by another broker (%w): stop that one, or give this one its own -dir", dir, err)
	}
	return file, nil
}
