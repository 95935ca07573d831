package filestore

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
)

// rooted is the disk below a folder.
type rooted struct{ root *os.Root }

func (r rooted) Lstat(name string) (fs.FileInfo, error) { return r.root.Lstat(name) }
func (r rooted) Mkdir(name string) error                { return r.root.Mkdir(name, folderMode) }
func (r rooted) Open(name string) (*os.File, error)     { return r.root.Open(name) }
func (r rooted) Rename(from, to string) error           { return r.root.Rename(from, to) }
func (r rooted) Remove(name string) error               { return r.root.Remove(name) }
func (r rooted) Close() error                           { return r.root.Close() }

func (r rooted) Create(name string) (file, error) {
	f, err := r.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err // not a nil *os.File in an interface
	}
	return f, nil
}

func (r rooted) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := r.root.Open(name)
	if err != nil {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	return entries, errors.Join(err, f.Close())
}

// SyncDir brings the names in a folder to the disk. Windows does that by itself and knows no way to ask
// for it.
func (r rooted) SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := r.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
