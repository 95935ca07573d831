package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/archivetest"
)

func openIn(t *testing.T, folder string) *Store {
	t.Helper()
	s, err := Open(folder, time.Now)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestFilesKeepBlobs(t *testing.T) {
	archivetest.Run(t, func(t *testing.T) archive.Blobs {
		return openIn(t, filepath.Join(t.TempDir(), "made", "if", "missing"))
	})
}

func TestFilesAreReadOnly(t *testing.T) {
	folder := t.TempDir()
	s := openIn(t, folder)
	require.NoError(t, s.Put(t.Context(), "t/acme/a.seg", strings.NewReader("x")))
	info, err := os.Stat(filepath.Join(folder, "t/acme/a.seg"))
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o440), info.Mode().Perm())
	info, err = os.Stat(filepath.Join(folder, "t/acme"))
	require.NoError(t, err)
	assert.Zero(t, info.Mode().Perm()&0o027, "others see nothing, and the group changes nothing")
}

// Whoever can write into the folder cannot make the store reach out of it.
func TestLinksAreRefused(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("s3cret"), 0o600))
	folder := t.TempDir()
	s := openIn(t, folder)
	require.NoError(t, s.Put(t.Context(), "t/real", strings.NewReader("x")))
	for name, target := range map[string]string{"file": secret, "folder": outside, "inside": "real", "t": filepath.Join(folder, "t")} {
		require.NoError(t, os.Symlink(target, filepath.Join(folder, "t", name)))
	}
	for _, name := range []string{"t/file", "t/folder/secret", "t/inside", "t/t/real", "t/folder"} {
		_, err := s.Open(t.Context(), name)
		require.Error(t, err, name)
		require.Error(t, s.Put(t.Context(), name, strings.NewReader("overwritten")), name)
		require.Error(t, s.Delete(t.Context(), name), name)
	}
	require.Error(t, s.Put(t.Context(), "t/folder/new", strings.NewReader("x")))
	content, err := os.ReadFile(secret)
	require.NoError(t, err)
	assert.Equal(t, "s3cret", string(content))
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Len(t, left, 1)
	var names []string
	require.NoError(t, s.List(t.Context(), "", func(name string) error {
		names = append(names, name)
		return nil
	}))
	assert.Equal(t, []string{"t/real"}, names)
}

// disaster is a disk whose n-th call fails; with dead, so does every call after it, as when the power
// goes. done tells whether the call that fails had its effect nevertheless.
type disaster struct {
	disk
	calls []string
	n     int
	dead  bool
	done  bool
}

var errPower = errors.New("no power")

// step counts a call and tells whether it has its effect, and what it says.
func (d *disaster) step(name string, do func() error) error {
	d.calls = append(d.calls, name)
	switch at := len(d.calls); {
	case at == d.n:
		if d.done {
			_ = do()
		}
		return errPower
	case d.n > 0 && at > d.n && d.dead:
		return errPower
	}
	return do()
}

func (d *disaster) Mkdir(name string) error {
	return d.step("mkdir "+name, func() error { return d.disk.Mkdir(name) })
}

func (d *disaster) Rename(from, to string) error {
	return d.step("rename "+to, func() error { return d.disk.Rename(from, to) })
}

func (d *disaster) Remove(name string) error {
	return d.step("remove", func() error { return d.disk.Remove(name) })
}

func (d *disaster) SyncDir(name string) error {
	return d.step("syncdir "+name, func() error { return d.disk.SyncDir(name) })
}

func (d *disaster) Create(name string) (f file, err error) {
	err = d.step("create", func() error {
		f, err = d.disk.Create(name)
		return err
	})
	if err != nil {
		if f != nil {
			_ = f.Close()
		}
		return nil, err
	}
	return &shaky{f, d}, nil
}

type shaky struct {
	file
	d *disaster
}

func (s *shaky) Write(b []byte) (n int, err error) {
	err = s.d.step("write", func() error {
		n, err = s.file.Write(b)
		return err
	})
	if err != nil && n > 0 {
		n /= 2
	}
	return n, err
}

func (s *shaky) Sync() error { return s.d.step("sync", s.file.Sync) }

func (s *shaky) Close() error {
	return s.d.step("close", s.file.Close)
}

// Whatever call fails, whether or not it did its work, and whether or not there is power afterwards: a
// name has all of the old, all of the new, or nothing, and everything can be done again.
func TestEveryCallMayFail(t *testing.T) {
	const old, fresh = "the old one", "the new one, which is longer"
	for _, before := range []string{"", old} {
		for _, dead := range []bool{false, true} {
			for _, done := range []bool{false, true} {
				for n := 1; ; n++ {
					folder := t.TempDir()
					s := openIn(t, folder)
					if before != "" {
						require.NoError(t, s.Put(t.Context(), "t/acme/a", strings.NewReader(before)))
					}
					d := &disaster{disk: s.disk, n: n, dead: dead, done: done}
					err := (&Store{d}).Put(t.Context(), "t/acme/a", strings.NewReader(fresh))
					what := fmt.Sprintf("before %q, dead %t, done %t, call %d: %v", before, dead, done, n, d.calls)
					if n > len(d.calls) {
						require.NoError(t, err, what)
						require.Greater(t, n, 5)
						break
					}
					require.ErrorIs(t, err, errPower, what)
					again := openIn(t, folder) // after the power came back
					got := whole(t, again, "t/acme/a")
					if d.calls[n-1] == "rename t/acme/a" && done || strings.HasPrefix(d.calls[n-1], "syncdir t/acme") && d.calls[max(n-2, 0)] == "rename t/acme/a" {
						require.Equal(t, fresh, got, what)
					} else {
						require.Equal(t, before, got, what)
					}
					require.NoError(t, again.Put(t.Context(), "t/acme/a", strings.NewReader(fresh)), what)
					require.Equal(t, fresh, whole(t, again, "t/acme/a"), what)
					var names []string
					require.NoError(t, again.List(t.Context(), "", func(name string) error {
						names = append(names, name)
						return nil
					}))
					require.Equal(t, []string{"t/acme/a"}, names, what)
				}
			}
		}
	}
}

func whole(t *testing.T, s *Store, name string) string {
	t.Helper()
	b, err := s.Open(t.Context(), name)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	content, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	require.NoError(t, err)
	return string(content)
}

// What makes a file outlive a power cut is the order of the calls: content to the disk before the name,
// the name before anybody hears of it, and a folder's name before what is in it.
func TestTheOrderOfTheCalls(t *testing.T) {
	s := openIn(t, t.TempDir())
	d := &disaster{disk: s.disk}
	require.NoError(t, (&Store{d}).Put(t.Context(), "t/acme/a", strings.NewReader("x")))
	require.NoError(t, (&Store{d}).Delete(t.Context(), "t/acme/a"))
	assert.Equal(t, []string{
		"mkdir t", "syncdir .", "mkdir t/acme", "syncdir t",
		"create", "write", "sync", "close", "rename t/acme/a", "syncdir t/acme",
		"remove", "syncdir t/acme",
	}, d.calls)
}

func TestWhatWasAbandonedIsSweptAway(t *testing.T) {
	folder := t.TempDir()
	s := openIn(t, folder)
	require.NoError(t, s.Put(t.Context(), "t/acme/a", strings.NewReader("x")))
	for _, name := range []string{"t/acme/.tmp-old", ".tmp-old", "t/acme/.tmp-young", "t/acme/.other"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
		if strings.HasSuffix(name, "old") || strings.HasSuffix(name, "other") {
			long := time.Now().Add(-25 * time.Hour)
			require.NoError(t, os.Chtimes(filepath.Join(folder, name), long, long))
		}
	}
	require.NoError(t, os.Chtimes(filepath.Join(folder, "t/acme/a"), time.Unix(0, 0), time.Unix(0, 0)))
	_ = openIn(t, folder)
	var left []string
	require.NoError(t, filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			left = append(left, strings.TrimPrefix(name, folder+"/"))
		}
		return err
	}))
	assert.Equal(t, []string{"t/acme/.other", "t/acme/.tmp-young", "t/acme/a"}, left)
}

// A call that was given up in the middle leaves nothing.
func TestGivingUpInTheMiddle(t *testing.T) {
	s := openIn(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	endless := readerFunc(func(b []byte) (int, error) {
		cancel()
		return len(b), nil
	})
	require.ErrorIs(t, s.Put(ctx, "t/a", endless), context.Canceled)
	entries, err := s.disk.ReadDir("t")
	require.NoError(t, err)
	assert.Empty(t, entries)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
