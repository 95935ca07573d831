// Package objectstore keeps segments of the archive behind a Dapr binding: in S3, in whatever speaks its
// language, or in a folder of another machine. Which it is, with its address and credentials, is the
// component's business; the journal knows its name only.
//
// Bindings have no way to read a part of an object, so the whole of it is fetched when it is opened, and the
// last few are remembered. An object is as large as a message of the sidecar may be (--max-body-size) at
// most.
//
// What the binding promises of an object that is replaced while the power goes, is the binding's: S3 keeps
// the old one or the new one, bindings.localstorage may keep half of it. The archiver reads back what it
// wrote before it relies on it; nevertheless a folder of this machine is better kept by pkg/archive/filestore.
package objectstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	dapr "github.com/dapr/go-sdk/client"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/services/journal/internal/binding"
)

// Invoker is what of the sidecar's client is needed.
type Invoker interface {
	InvokeBinding(ctx context.Context, in *dapr.InvokeBindingRequest) (*dapr.BindingEvent, error)
}

// Options bound what the store takes. The zero value of a field is the usual one.
type Options struct {
	MaxObject int           // bytes; usually 15 MiB, for sidecars are started with --max-body-size 16Mi
	Cache     int           // bytes of objects that are remembered; usually 48 MiB
	Timeout   time.Duration // of one call, usually a minute
	AtOnce    int           // objects that are fetched or stored at the same time, usually 2
}

// Store implements archive.Blobs.
type Store struct {
	sidecar Invoker
	name    string
	Options
	cache cache
	turns chan struct{}
	put   sync.Mutex // bindings do not say what becomes of two that store one object
}

// New keeps segments behind the binding of that name.
func New(sidecar Invoker, name string, o Options) *Store {
	o.MaxObject, o.Cache = cmp.Or(o.MaxObject, 15<<20), cmp.Or(o.Cache, 48<<20)
	o.Timeout, o.AtOnce = cmp.Or(o.Timeout, time.Minute), cmp.Or(o.AtOnce, 2)
	return &Store{sidecar: sidecar, name: name, Options: o, cache: cache{room: o.Cache}, turns: make(chan struct{}, o.AtOnce)}
}

// zstdMagic begins everything that is kept. Some bindings take a text for base64, or in quotes for what is
// between them; a frame of zstd cannot be either.
const zstdMagic = "\x28\xb5\x2f\xfd"

// Put implements archive.Blobs. It fails with archive.ErrTooLarge when the sidecar would not take the object.
func (s *Store) Put(ctx context.Context, name string, r io.Reader) error {
	if err := archive.CheckName(name); err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(r, int64(s.MaxObject)+1))
	switch {
	case err != nil:
		return err
	case len(content) > s.MaxObject:
		return fmt.Errorf("%s has more than %d bytes: %w", name, s.MaxObject, archive.ErrTooLarge)
	case !bytes.HasPrefix(content, []byte(zstdMagic)):
		return fmt.Errorf("%s is no file of zstd: %w", name, fs.ErrInvalid)
	}
	s.put.Lock()
	defer s.put.Unlock()
	defer s.cache.forget(name)
	_, err = s.invoke(ctx, "create", name, content)
	return err
}

// Open implements archive.Blobs.
func (s *Store) Open(ctx context.Context, name string) (archive.Blob, error) {
	if err := archive.CheckName(name); err != nil {
		return nil, err
	}
	if content, ok := s.cache.get(name); ok {
		return archive.Bytes(content), nil
	}
	content, err := s.invoke(ctx, "get", name, nil)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(content, []byte(zstdMagic)) {
		return nil, fmt.Errorf("%s in binding %s: %w: it is no file of zstd", name, s.name, archive.ErrDamaged)
	}
	s.cache.add(name, content)
	return archive.Bytes(content), nil
}

// Delete implements archive.Blobs.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := archive.CheckName(name); err != nil {
		return err
	}
	defer s.cache.forget(name)
	_, err := s.invoke(ctx, "delete", name, nil)
	if errors.Is(err, archive.ErrNotExist) {
		return nil
	}
	return err
}

// invoke calls the binding. Every kind of it knows the object's name by a key of its own.
func (s *Store) invoke(ctx context.Context, operation, name string, data []byte) ([]byte, error) {
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, err := s.sidecar.InvokeBinding(ctx, &dapr.InvokeBindingRequest{
		Name: s.name, Operation: operation, Data: data,
		Metadata: map[string]string{"fileName": name, "key": name, "blobName": name},
	})
	switch {
	case err != nil && saysNotFound(err):
		return nil, &fs.PathError{Op: operation, Path: name, Err: archive.ErrNotExist}
	case err != nil:
		return nil, fmt.Errorf("binding %s: %s %s: %w", s.name, operation, name, binding.Conceal(err))
	case out == nil:
		return nil, nil
	}
	return out.Data, nil
}

// notFound is how the bindings say in plain words that there is no such object; they have no code for it.
var notFound = []string{
	"file not found", "no such file or directory", "is a directory", "not a directory", // localstorage
	"object not found", "NoSuchKey", // S3 and its likes, Google
	"blob not found", "BlobNotFound", // Azure
}

func saysNotFound(err error) bool {
	return slices.ContainsFunc(notFound, func(words string) bool { return strings.Contains(err.Error(), words) })
}

// List implements archive.Blobs, for S3 and its likes and for localstorage; how others list is not known.
func (s *Store) List(ctx context.Context, prefix string, visit func(string) error) error {
	if err := archive.CheckPrefix(prefix); err != nil {
		return err
	}
	var names []string
	for marker, more := "", true; more; {
		page, err := s.page(ctx, prefix, marker)
		if err != nil {
			return err
		}
		names = append(names, page.names...)
		more = page.more && len(page.names) > 0
		if more {
			marker = page.names[len(page.names)-1]
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) || archive.CheckName(name) != nil {
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

type page struct {
	names []string
	more  bool
}

// root is an object whose name says where names begin, for a binding that lists whole paths and does not
// tell from where on they are names.
const root = ".tillroll-archive"

func (s *Store) page(ctx context.Context, prefix, marker string) (page, error) {
	ask, err := json.Marshal(map[string]any{"prefix": prefix, "marker": marker, "maxResults": 1000})
	if err != nil {
		return page{}, err
	}
	raw, err := s.invoke(ctx, "list", "", ask)
	if err != nil {
		return page{}, err
	}
	var objects struct {
		Contents    []struct{ Key string }
		IsTruncated bool
	}
	if json.Unmarshal(raw, &objects) == nil {
		p := page{more: objects.IsTruncated}
		for _, o := range objects.Contents {
			p.names = append(p.names, o.Key)
		}
		return p, nil
	}
	var paths []string
	if err := json.Unmarshal(raw, &paths); err != nil {
		return page{}, fmt.Errorf("binding %s lists its objects in a way that is not known here", s.name)
	}
	return s.belowRoot(ctx, paths)
}

// belowRoot takes from whole paths what stands before the names.
func (s *Store) belowRoot(ctx context.Context, paths []string) (page, error) {
	if len(paths) == 0 {
		return page{}, nil
	}
	at := slices.IndexFunc(paths, func(p string) bool { return path.Base(p) == root })
	if at < 0 {
		if _, err := s.invoke(ctx, "create", root, []byte(zstdMagic)); err != nil {
			return page{}, err
		}
		return s.page(ctx, "", "")
	}
	folder := strings.TrimSuffix(paths[at], root)
	var p page
	for _, one := range paths {
		if name, ok := strings.CutPrefix(one, folder); ok {
			p.names = append(p.names, name)
		}
	}
	return p, nil
}
