package archivetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/shopdays"
)

// Run holds an implementation of archive.Blobs to its contract. Each call of open gives an empty one.
func Run(t *testing.T, open func(t *testing.T) archive.Blobs) {
	for name, test := range map[string]func(*testing.T, archive.Blobs){
		"what was put is read, anywhere in it":          readAnywhere,
		"a blob may be large":                           large,
		"a name that has a blob gets another":           replaced,
		"what does not exist cannot be opened":          absent,
		"what was deleted is gone, and may be again":    deleted,
		"names are listed in order, by their beginning": listed,
		"listing ends with the visitor's first error":   listedInPart,
		"half a blob is none":                           half,
		"nothing is put in a call that was given up":    givenUp,
		"odd names are refused":                         oddNames,
		"what is open stays as it was":                  stays,
		"several read one blob, and many":               readers,
		"several put one name: one of them has it":      writers,
		"a segment is written, found and verified":      segment,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// frame is what everything that is put begins with: the magic number of zstd.
const frame = "\x28\xb5\x2f\xfd"

func put(t *testing.T, b archive.Blobs, name, content string) {
	t.Helper()
	require.NoError(t, b.Put(t.Context(), name, strings.NewReader(frame+content)))
}

func read(t *testing.T, b archive.Blobs, name string) string {
	t.Helper()
	blob, err := b.Open(t.Context(), name)
	require.NoError(t, err)
	defer func() { require.NoError(t, blob.Close()) }()
	content, err := io.ReadAll(io.NewSectionReader(blob, 0, blob.Size()))
	require.NoError(t, err)
	rest, ok := strings.CutPrefix(string(content), frame)
	require.True(t, ok, "it begins with another frame")
	return rest
}

func names(t *testing.T, b archive.Blobs, prefix string) []string {
	t.Helper()
	all := []string{}
	require.NoError(t, b.List(t.Context(), prefix, func(name string) error {
		all = append(all, name)
		return nil
	}))
	return all
}

func readAnywhere(t *testing.T, b archive.Blobs) {
	put(t, b, "t/acme/s1/a.seg", "0123456789")
	blob, err := b.Open(t.Context(), "t/acme/s1/a.seg")
	require.NoError(t, err)
	assert.EqualValues(t, 14, blob.Size())
	room := make([]byte, 4)
	n, err := blob.ReadAt(room, 7)
	require.NoError(t, err)
	assert.Equal(t, "3456", string(room[:n]))
	n, err = blob.ReadAt(room, 12)
	assert.ErrorIs(t, err, io.EOF)
	assert.Equal(t, "89", string(room[:n]))
	_, err = blob.ReadAt(room, 14)
	assert.ErrorIs(t, err, io.EOF)
	require.NoError(t, blob.Close())
}

func large(t *testing.T, b archive.Blobs) {
	content := make([]byte, 3<<20)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(content)
	require.NoError(t, b.Put(t.Context(), "large", iotest.HalfReader(io.MultiReader(strings.NewReader(frame), bytes.NewReader(content)))))
	assert.True(t, read(t, b, "large") == string(content), "it is another")
}

func replaced(t *testing.T, b archive.Blobs) {
	put(t, b, "t/a", "the first")
	put(t, b, "t/a", "another")
	assert.Equal(t, "another", read(t, b, "t/a"))
	assert.Equal(t, []string{"t/a"}, names(t, b, ""))
}

func absent(t *testing.T, b archive.Blobs) {
	put(t, b, "t/acme/a", "x")
	for _, name := range []string{"t/acme/b", "t/acme", "t/acme/a/b", "x"} {
		_, err := b.Open(t.Context(), name)
		assert.ErrorIs(t, err, archive.ErrNotExist, name)
	}
}

func deleted(t *testing.T, b archive.Blobs) {
	put(t, b, "t/a", "x")
	put(t, b, "t/b", "y")
	for range 2 {
		require.NoError(t, b.Delete(t.Context(), "t/a"))
	}
	_, err := b.Open(t.Context(), "t/a")
	require.ErrorIs(t, err, archive.ErrNotExist)
	assert.Equal(t, []string{"t/b"}, names(t, b, ""))
	put(t, b, "t/a", "again")
	assert.Equal(t, "again", read(t, b, "t/a"))
}

func listed(t *testing.T, b archive.Blobs) {
	assert.Empty(t, names(t, b, ""), "nothing is there yet")
	assert.Empty(t, names(t, b, "t/acme/"))
	for _, name := range []string{"t/acme/s10/2026-01-02.1.seg", "t/acme/s1/2026-01-31.2.seg", "t/acme/s1/2026-01-31.1.seg", "t/acme2/s1/2026-01-31.1.seg", "t/acme/s1.x", "u"} {
		put(t, b, name, name)
	}
	for prefix, want := range map[string][]string{
		"":                      {"t/acme/s1.x", "t/acme/s1/2026-01-31.1.seg", "t/acme/s1/2026-01-31.2.seg", "t/acme/s10/2026-01-02.1.seg", "t/acme2/s1/2026-01-31.1.seg", "u"},
		"t/acme/s1/":            {"t/acme/s1/2026-01-31.1.seg", "t/acme/s1/2026-01-31.2.seg"},
		"t/acme/s1":             {"t/acme/s1.x", "t/acme/s1/2026-01-31.1.seg", "t/acme/s1/2026-01-31.2.seg", "t/acme/s10/2026-01-02.1.seg"},
		"t/acme/s1/2026-01-31.": {"t/acme/s1/2026-01-31.1.seg", "t/acme/s1/2026-01-31.2.seg"},
		"t/acme/s2/":            {},
		"u":                     {"u"},
		"u/":                    {},
	} {
		assert.Equal(t, want, names(t, b, prefix), "prefix %q", prefix)
	}
}

func listedInPart(t *testing.T, b archive.Blobs) {
	for i := range 5 {
		put(t, b, fmt.Sprintf("t/%d", i), "x")
	}
	enough := errors.New("enough")
	seen := 0
	require.ErrorIs(t, b.List(t.Context(), "t/", func(string) error {
		if seen++; seen == 3 {
			return enough
		}
		return nil
	}), enough)
	assert.Equal(t, 3, seen)
}

func half(t *testing.T, b archive.Blobs) {
	broken := errors.New("the line went dead")
	dead := func() io.Reader {
		return io.MultiReader(strings.NewReader(frame+strings.Repeat("half of it ", 100_000)), iotest.ErrReader(broken))
	}
	require.ErrorIs(t, b.Put(t.Context(), "t/new", dead()), broken)
	_, err := b.Open(t.Context(), "t/new")
	require.ErrorIs(t, err, archive.ErrNotExist)
	put(t, b, "t/old", "the old one")
	require.ErrorIs(t, b.Put(t.Context(), "t/old", dead()), broken)
	assert.Equal(t, "the old one", read(t, b, "t/old"))
	assert.Equal(t, []string{"t/old"}, names(t, b, ""))
}

func givenUp(t *testing.T, b archive.Blobs) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, b.Put(ctx, "t/a", strings.NewReader(frame+"x")))
	assert.Empty(t, names(t, b, ""))
}

func oddNames(t *testing.T, b archive.Blobs) {
	for _, name := range []string{
		"", ".", "..", "/", "/etc/passwd", "../a", "t/../a", "t//a", "t/", "t/./a", "a\\b", "a b", "A", "t/é", "t/\x00", "t/.hidden", "-x", "t/a\n",
		"con:", "t/%2e%2e/a", "~", "t/*", strings.Repeat("a", 1000), strings.Repeat("a/", 200) + "a",
	} {
		require.ErrorIs(t, b.Put(t.Context(), name, strings.NewReader(frame+"x")), fs.ErrInvalid, "%q", name)
		_, err := b.Open(t.Context(), name)
		require.ErrorIs(t, err, fs.ErrInvalid, "%q", name)
		require.ErrorIs(t, b.Delete(t.Context(), name), fs.ErrInvalid, "%q", name)
	}
	for _, prefix := range []string{"..", "../", "/", "t//", "t/../", "*"} {
		require.ErrorIs(t, b.List(t.Context(), prefix, func(string) error { return nil }), fs.ErrInvalid, "%q", prefix)
	}
	assert.Empty(t, names(t, b, ""))
}

func stays(t *testing.T, b archive.Blobs) {
	put(t, b, "t/a", "as it was")
	blob, err := b.Open(t.Context(), "t/a")
	require.NoError(t, err)
	put(t, b, "t/a", "something new")
	require.NoError(t, b.Delete(t.Context(), "t/a"))
	room := make([]byte, blob.Size())
	_, err = blob.ReadAt(room, 0)
	if !errors.Is(err, io.EOF) {
		require.NoError(t, err)
	}
	assert.Equal(t, frame+"as it was", string(room))
	require.NoError(t, blob.Close())
}

func readers(t *testing.T, b archive.Blobs) {
	content := strings.Repeat("0123456789", 10_000)
	for i := range 4 {
		put(t, b, fmt.Sprintf("t/%d", i), content)
	}
	blob, err := b.Open(t.Context(), "t/0")
	require.NoError(t, err)
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			for i := range 50 {
				room := make([]byte, 10)
				_, err := blob.ReadAt(room, int64(len(frame)+n*1000+i*10))
				assert.NoError(t, err)
				assert.Equal(t, "0123456789", string(room))
			}
		})
		wait.Go(func() { assert.Equal(t, content, read(t, b, fmt.Sprintf("t/%d", n%4))) })
	}
	wait.Wait()
	require.NoError(t, blob.Close())
}

func writers(t *testing.T, b archive.Blobs) {
	var wait sync.WaitGroup
	for n := range 6 {
		wait.Go(func() {
			assert.NoError(t, b.Put(t.Context(), "t/a", strings.NewReader(frame+strings.Repeat(fmt.Sprint(n), 100_000))))
		})
	}
	wait.Wait()
	got := read(t, b, "t/a")
	require.Len(t, got, 100_000)
	assert.Equal(t, strings.Repeat(got[:1], 100_000), got)
	assert.Equal(t, []string{"t/a"}, names(t, b, ""))
}

func segment(t *testing.T, b archive.Blobs) {
	log := NewLog(t, shopdays.Plan{Tenant: "acme", Seed: 5, Entries: 20, Stores: 1, Tills: 1})
	store, date := log.Events[0].Store, log.Events[0].Date
	events := log.Of(store, date)
	file, _ := log.Segment(t, store, date)
	r, w := io.Pipe()
	manifest := make(chan archive.Manifest, 1)
	go func() { // as it is archived: nothing but a part of it is ever in memory
		out, err := archive.NewWriter(w, log.Header(store, date))
		for _, e := range events {
			err = errors.Join(err, out.Add(e.Topic, &e.Line))
		}
		m, failed := out.Close()
		manifest <- m
		w.CloseWithError(errors.Join(err, failed))
	}()
	name := log.Header(store, date).Name()
	require.NoError(t, b.Put(t.Context(), name, r))
	want := <-manifest
	blob, err := b.Open(t.Context(), name)
	require.NoError(t, err)
	assert.EqualValues(t, len(file), blob.Size())
	s, err := archive.Open(t.Context(), blob)
	require.NoError(t, err)
	require.NoError(t, s.Verify(t.Context(), log.Keys, &want))
	for _, e := range events {
		i, _, err := s.Locate(t.Context(), e.Stream, e.Seq)
		require.NoError(t, err)
		l, err := s.Line(t.Context(), i)
		require.NoError(t, err)
		assert.Equal(t, e.Line, *l)
	}
	require.NoError(t, blob.Close())
}
