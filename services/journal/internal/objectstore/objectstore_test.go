package objectstore_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/archivetest"
	"github.com/tillroll/tillroll/services/journal/internal/objectstore"
)

// s3 answers as the binding of S3 does (dapr/components-contrib 1.18): errors, pages, and all.
type s3 struct {
	mu      sync.Mutex
	objects map[string][]byte
	calls   map[string]int
	fail    error
	hang    bool
}

func (f *s3) InvokeBinding(ctx context.Context, in *dapr.InvokeBindingRequest) (*dapr.BindingEvent, error) {
	if f.hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls, f.objects = map[string]int{}, map[string][]byte{}
	}
	f.calls[in.Operation]++
	if f.fail != nil {
		return nil, f.fail
	}
	key := in.Metadata["key"]
	switch in.Operation {
	case "create":
		content := in.Data
		if decoded, err := base64.StdEncoding.DecodeString(string(content)); err == nil {
			content = decoded // as with decodeBase64
		}
		f.objects[key] = slices.Clone(content)
		return &dapr.BindingEvent{Data: []byte(`{"location":"https://…"}`)}, nil
	case "get":
		content, ok := f.objects[key]
		if !ok {
			return nil, errors.New("rpc error: code = Internal desc = error invoking output binding archive: object not found")
		}
		return &dapr.BindingEvent{Data: content}, nil
	case "delete":
		delete(f.objects, key)
		return nil, nil
	case "list":
		return f.list(in.Data)
	}
	return nil, errors.New("unsupported operation")
}

// list gives three at a time, so that there are pages.
func (f *s3) list(ask []byte) (*dapr.BindingEvent, error) {
	var payload struct{ Prefix, Marker string }
	if err := json.Unmarshal(ask, &payload); err != nil {
		return nil, err
	}
	type entry struct{ Key string }
	var out struct {
		Contents    []entry
		IsTruncated bool
	}
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		if !strings.HasPrefix(key, payload.Prefix) || key <= payload.Marker {
			continue
		}
		if len(out.Contents) == 3 {
			out.IsTruncated = true
			break
		}
		out.Contents = append(out.Contents, entry{key})
	}
	raw, err := json.Marshal(out)
	return &dapr.BindingEvent{Data: raw}, err
}

func TestABindingOfS3KeepsBlobs(t *testing.T) {
	archivetest.Run(t, func(*testing.T) archive.Blobs { return objectstore.New(&s3{}, "archive", objectstore.Options{}) })
}

const frame = "\x28\xb5\x2f\xfd"

func put(t *testing.T, s *objectstore.Store, name string, size int) {
	t.Helper()
	require.NoError(t, s.Put(t.Context(), name, strings.NewReader(frame+strings.Repeat("x", size-len(frame)))))
}

func TestWhatWasReadIsRemembered(t *testing.T) {
	sidecar := &s3{}
	s := objectstore.New(sidecar, "archive", objectstore.Options{Cache: 250})
	for _, name := range []string{"t/a", "t/b", "t/c"} {
		put(t, s, name, 100)
	}
	put(t, s, "t/large", 300)
	fetched := func(names ...string) int {
		before := sidecar.calls["get"]
		for _, name := range names {
			b, err := s.Open(t.Context(), name)
			require.NoError(t, err)
			require.NoError(t, b.Close())
		}
		return sidecar.calls["get"] - before
	}
	assert.Equal(t, 1, fetched("t/a", "t/a", "t/a"))
	assert.Equal(t, 1, fetched("t/b", "t/a", "t/b"), "there is room for two")
	assert.Equal(t, 1, fetched("t/c"), "what was not used for longest makes room: a")
	assert.Equal(t, 0, fetched("t/b", "t/c"))
	assert.Equal(t, 1, fetched("t/a"))
	assert.Equal(t, 2, fetched("t/large", "t/large"), "there is no room for it at all")
	assert.Equal(t, 0, fetched("t/a"), "and it drove nothing out")
	put(t, s, "t/a", 50)
	assert.Equal(t, 1, fetched("t/a"), "what is replaced is forgotten")
	require.NoError(t, s.Delete(t.Context(), "t/a"))
	_, err := s.Open(t.Context(), "t/a")
	assert.ErrorIs(t, err, archive.ErrNotExist)
}

func TestWhatABindingCannotTakeIsRefused(t *testing.T) {
	sidecar := &s3{}
	s := objectstore.New(sidecar, "archive", objectstore.Options{MaxObject: 1000})
	put(t, s, "t/a", 1000)
	err := s.Put(t.Context(), "t/b", strings.NewReader(frame+strings.Repeat("x", 997)))
	require.ErrorIs(t, err, archive.ErrTooLarge)
	for _, text := range []string{"", "QUJD", `"text"`} {
		require.Error(t, s.Put(t.Context(), "t/b", strings.NewReader(text)), "a binding might decode it")
	}
	assert.Equal(t, 1, sidecar.calls["create"])
}

func TestABindingThatFails(t *testing.T) {
	sidecar := &s3{fail: errors.New(`error invoking output binding archive: Put "https://ann:s3cret@bucket.example.com/secret-path": connection refused`)}
	s := objectstore.New(sidecar, "archive", objectstore.Options{Timeout: 20 * time.Millisecond})
	_, opening := s.Open(t.Context(), "t/a")
	for _, err := range []error{
		opening, s.Put(t.Context(), "t/a", strings.NewReader(frame)), s.Delete(t.Context(), "t/a"),
		s.List(t.Context(), "", func(string) error { return nil }),
	} {
		require.Error(t, err)
		require.NotErrorIs(t, err, archive.ErrNotExist)
		assert.NotContains(t, err.Error(), "s3cret")
		assert.NotContains(t, err.Error(), "secret-path")
	}
	sidecar.fail, sidecar.hang = nil, true
	_, err := s.Open(t.Context(), "t/a")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestWhatABindingChangedIsDamaged(t *testing.T) {
	sidecar := &s3{objects: map[string][]byte{"t/a": []byte("KLUv/Q==")}, calls: map[string]int{}}
	_, err := objectstore.New(sidecar, "archive", objectstore.Options{}).Open(t.Context(), "t/a")
	assert.ErrorIs(t, err, archive.ErrDamaged)
}
