package profile

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// What others must not be able to do with a file.
const (
	writable fs.FileMode = 0o022
	anyway   fs.FileMode = 0o077
)

// Unsafe is a file that other users of the machine can get at.
type Unsafe struct {
	Path   string
	Mode   fs.FileMode
	could  string
	remedy fs.FileMode
}

func (u *Unsafe) Error() string {
	return fmt.Sprintf("%s has mode %04o: other users of this machine could %s\n  → chmod %o %s", u.Path, u.Mode, u.could, u.remedy, u.Path)
}

// refuseMode fails with *Unsafe when one of these bits is set.
func refuseMode(path string, bits fs.FileMode, could string) error {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" { // there the bits say nothing
		return err
	}
	if info.Mode().Perm()&bits == 0 {
		return nil
	}
	remedy := fs.FileMode(0o600)
	if info.IsDir() {
		remedy = 0o700
	}
	return &Unsafe{path, info.Mode().Perm(), could, remedy}
}
