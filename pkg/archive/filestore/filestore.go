// Package filestore keeps segments as files in a folder: on a disk of the machine, or on a mounted share.
//
// A blob's name is its path in the folder. A file comes into being under another name, goes to the disk,
// and is then renamed, so at every moment, and after a power cut, a name has the old file, the new one,
// or none, and never half of one. Files are made read-only (0440). Nothing outside the folder is ever
// reached, whatever stands in it: paths are resolved below the folder (os.Root), and a symbolic link is
// refused.
package filestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/archive"
)

const (
	fileMode   = 0o440
	folderMode = 0o750
	// tempPrefix begins the names of files that are being written; no blob's name has a part like it.
	tempPrefix = ".tmp-"
	// abandoned is the age at which nobody can still be writing a file.
	abandoned = 24 * time.Hour
)

// Store implements archive.Blobs.
type Store struct{ disk disk }

// disk is what the store does with files. Names are those of fs.FS.
type disk interface {
	Lstat(name string) (fs.FileInfo, error)
	Mkdir(name string) error
	Create(name string) (file, error)
	Open(name string) (*os.File, error)
	Rename(from, to string) error
	Remove(name string) error
	ReadDir(name string) ([]fs.DirEntry, error)
	SyncDir(name string) error
}

type file interface {
	io.Writer
	Sync() error
	Close() error
}

// Open the store in a folder, which is made when there is none. What somebody began to write a day ago
// or longer and never ended, is swept away; now is the clock for that.
func Open(folder string, now func() time.Time) (*Store, error) {
	if err := os.MkdirAll(folder, folderMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	s := &Store{rooted{root}}
	if err := s.sweep(".", now().Add(-abandoned)); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

// Close the store. Blobs that are open stay open.
func (s *Store) Close() error {
	if c, ok := s.disk.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Put implements archive.Blobs.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) error {
	if err := archive.CheckName(name); err != nil {
		return err
	}
	folder := path.Dir(name)
	if err := s.makeFolder(folder); err != nil {
		return err
	}
	if err := s.regular(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp := path.Join(folder, tempPrefix+rand.Text())
	err := s.write(ctx, temp, r)
	if err == nil {
		err = s.disk.Rename(temp, name)
	}
	if err != nil {
		_ = s.disk.Remove(temp) // else Open sweeps it away
		return err
	}
	return s.disk.SyncDir(folder)
}

// write a new file and bring it to the disk.
func (s *Store) write(ctx context.Context, name string, r io.Reader) error {
	f, err := s.disk.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, reader{ctx, r})
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// makeFolder makes what is missing on the way to a folder, each part on the disk before the next.
func (s *Store) makeFolder(folder string) error {
	if folder == "." {
		return nil
	}
	info, err := s.disk.Lstat(folder)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("%s is no folder: %w", folder, fs.ErrInvalid)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := path.Dir(folder)
	if err := s.makeFolder(parent); err != nil {
		return err
	}
	if err := s.disk.Mkdir(folder); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.disk.SyncDir(parent)
}

// regular fails unless name is an ordinary file and no part of it is a symbolic link.
func (s *Store) regular(name string) error {
	for i := range name {
		if name[i] != '/' {
			continue
		}
		if err := s.is(name[:i], fs.ModeDir); err != nil {
			return err
		}
	}
	return s.is(name, 0)
}

// is fails with ErrNotExist when there is a file instead of a folder or a folder instead of a file, and
// with ErrInvalid when there is something that no store puts there.
func (s *Store) is(name string, kind fs.FileMode) error {
	info, err := s.disk.Lstat(name)
	switch {
	case err != nil:
		return err
	case info.Mode().Type() == kind:
		return nil
	case info.Mode().Type() == 0 || info.IsDir():
		return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
}

// Open implements archive.Blobs.
func (s *Store) Open(_ context.Context, name string) (archive.Blob, error) {
	err := archive.CheckName(name)
	if err == nil {
		err = s.regular(name)
	}
	if err != nil {
		return nil, err
	}
	f, err := s.disk.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &blob{f, info.Size()}, nil
}

type blob struct {
	*os.File
	size int64
}

func (b *blob) Size() int64 { return b.size }

// Delete implements archive.Blobs.
func (s *Store) Delete(_ context.Context, name string) error {
	err := archive.CheckName(name)
	if err == nil {
		err = s.regular(name)
	}
	if err == nil {
		err = s.disk.Remove(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.disk.SyncDir(path.Dir(name))
}

// List implements archive.Blobs.
func (s *Store) List(ctx context.Context, prefix string, visit func(string) error) error {
	if err := archive.CheckPrefix(prefix); err != nil {
		return err
	}
	return s.list(ctx, ".", prefix, visit)
}

// list visits a folder by names, not by files and folders: the order is that of whole names, in which
// "a/b" stands behind "a.b", so a folder is sorted as what its names begin with.
func (s *Store) list(ctx context.Context, folder, prefix string, visit func(string) error) error {
	entries, err := s.disk.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortName(a), sortName(b)) })
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		if err := ctx.Err(); err != nil {
			return err
		}
		if !archive.ValidPart(e.Name()) {
			continue // somebody is writing it, or it is none of ours
		}
		switch {
		case e.IsDir() && (strings.HasPrefix(name+"/", prefix) || strings.HasPrefix(prefix, name+"/")):
			err = s.list(ctx, name, prefix, visit)
		case e.Type().IsRegular() && strings.HasPrefix(name, prefix):
			err = visit(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sortName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// sweep removes what was abandoned.
func (s *Store) sweep(folder string, before time.Time) error {
	entries, err := s.disk.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		if e.IsDir() && archive.ValidPart(e.Name()) {
			if err := s.sweep(name, before); err != nil {
				return err
			}
		}
		if !strings.HasPrefix(e.Name(), tempPrefix) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil && info.ModTime().Before(before) {
			if err := s.disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
