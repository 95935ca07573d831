package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
)

// ErrNotExist says that there is no blob of that name.
var ErrNotExist = fs.ErrNotExist

// ErrTooLarge says that a blob is larger than what can be kept there; Writer.Size tells while it is written
// when it is time for another part.
var ErrTooLarge = errors.New("archive: the blob is too large for where it should be kept")

// Blobs is where segments are kept. Every implementation passes archivetest.Run. All of it is safe for
// concurrent use. A name or prefix that CheckName or CheckPrefix does not let pass fails everything
// with fs.ErrInvalid.
type Blobs interface {
	// Put keeps what r gives under name, all of it or nothing: when it fails, whatever had the name before
	// is still there. A blob that has the name is replaced. When it returns nil the blob outlives a
	// power cut. What is put begins as a frame of zstd does, which is what every segment does: others an
	// implementation may refuse. Where blobs have a largest size, a larger one fails with ErrTooLarge.
	Put(ctx context.Context, name string, r io.Reader) error
	// Open gives the blob, or ErrNotExist.
	Open(ctx context.Context, name string) (Blob, error)
	// Delete removes the blob. That there is none is no error.
	Delete(ctx context.Context, name string) error
	// List calls visit with the names that begin with prefix, in ascending order, and ends with the first
	// error that it returns.
	List(ctx context.Context, prefix string, visit func(name string) error) error
}

// Blob is one file, open for reading anywhere in it, by several at a time. What was opened stays
// readable as it was until it is closed, also when it is replaced or deleted meanwhile.
type Blob interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Memory keeps blobs in memory, for tests. The zero value is ready.
type Memory struct {
	mu    sync.Mutex
	blobs map[string][]byte
}

// Put implements Blobs.
func (m *Memory) Put(ctx context.Context, name string, r io.Reader) error {
	if err := CheckName(name); err != nil {
		return err
	}
	content, err := io.ReadAll(r)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blobs == nil {
		m.blobs = map[string][]byte{}
	}
	m.blobs[name] = content
	return nil
}

// Open implements Blobs.
func (m *Memory) Open(_ context.Context, name string) (Blob, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.blobs[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotExist}
	}
	return Bytes(content), nil
}

// Delete implements Blobs.
func (m *Memory) Delete(_ context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, name)
	return nil
}

// List implements Blobs.
func (m *Memory) List(ctx context.Context, prefix string, visit func(string) error) error {
	if err := CheckPrefix(prefix); err != nil {
		return err
	}
	m.mu.Lock()
	names := slices.Sorted(maps.Keys(m.blobs))
	m.mu.Unlock()
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}

// Bytes is a blob of what is in memory.
func Bytes(content []byte) Blob { return inMemory{bytes.NewReader(content)} }

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// OpenFile opens a file anywhere as a blob.
func OpenFile(path string) (Blob, error) {
	f, err := os.Open(path) //nolint:gosec // the caller's own choice
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return onDisk{f, info.Size()}, nil
}

type onDisk struct {
	*os.File
	size int64
}

func (f onDisk) Size() int64 { return f.size }
