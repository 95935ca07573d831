package archive_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/archivetest"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/shopdays"
)

// FuzzOpen reads files that come from anywhere. Whatever stands in them, reading gives an error or
// events, and takes no more memory than is bounded. What verifies is what was written.
func FuzzOpen(f *testing.F) {
	log := archivetest.NewLog(f, shopdays.Plan{Tenant: "acme", Seed: 5, Entries: 8, Stores: 1, Tills: 1})
	file, want := log.Segment(f, log.Events[0].Store, log.Events[0].Date)
	f.Add(file)
	f.Add(file[len(file)-40:])
	f.Add([]byte(nil))
	s, err := archive.Open(f.Context(), archive.Bytes(file))
	require.NoError(f, err)
	f.Add(archive.Redirect(s, file, func(m *archive.Manifest) { m.Events++ }))
	for _, dir := range [][]byte{nil, []byte("{}\n"), []byte("\n\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), bytes.Repeat([]byte{1}, 1000)} {
		f.Add(archive.WithDirectory(s, file, dir))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := archive.Open(t.Context(), archive.Bytes(raw))
		if err != nil {
			return
		}
		_ = s.Members(t.Context(), 0, func(int, *archive.Member) bool { return true })
		_, _ = s.Line(t.Context(), s.Len()-1)
		_, _, _ = s.Locate(t.Context(), "acme-s1-1", 1)
		if err := s.Verify(t.Context(), log.Keys, &want); err == nil && !bytes.Equal(raw, file) {
			t.Fatal("another file than was written is taken for it")
		}
	})
}

// FuzzRows reads rows and lines that are hostile although all around them is in order.
func FuzzRows(f *testing.F) {
	log := archivetest.NewLog(f, shopdays.Plan{Tenant: "acme", Seed: 5, Entries: 8, Stores: 1, Tills: 1})
	file, want := log.Segment(f, log.Events[0].Store, log.Events[0].Date)
	s, err := archive.Open(f.Context(), archive.Bytes(file))
	require.NoError(f, err)
	rows, _, err := archive.Rows(s)
	require.NoError(f, err)
	lines, err := unpacked(file)
	require.NoError(f, err)
	f.Add(rows[0], lines, uint16(want.Events))
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, []byte("{}\n"), uint16(1))
	f.Fuzz(func(t *testing.T, rows, lines []byte, events uint16) {
		s, err := archive.Open(t.Context(), archive.Bytes(archive.WithGroup(want.Header, rows, lines, int(events))))
		if err != nil {
			return
		}
		_ = s.Members(t.Context(), 0, func(int, *archive.Member) bool { return true })
		_ = s.Each(t.Context(), 0, func(int, *archive.Member, *proof.Line) bool { return true })
		for i := range 3 {
			_, _ = s.Line(t.Context(), i)
		}
		if err := s.Verify(t.Context(), log.Keys, &want); err == nil {
			t.Fatal("a forged segment is taken for the one that was written")
		}
	})
}

// A few bytes that promise much do not make the reader take what they promise.
func TestAHostileFileTakesNoMemory(t *testing.T) {
	log := archivetest.NewLog(t, shopdays.Plan{Tenant: "acme", Seed: 5, Entries: 8, Stores: 1, Tills: 1})
	file, want := log.Segment(t, log.Events[0].Store, log.Events[0].Date)
	s, err := archive.Open(t.Context(), archive.Bytes(file))
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	files := [][]byte{
		archive.WithDirectory(s, file, make([]byte, archive.MaxDirectory)), // some hundred bytes unpack to all that is allowed
		archive.WithGroup(want.Header, nil, nil, 1<<40),
		archive.WithGroup(want.Header, make([]byte, 30<<20), make([]byte, 30<<20), 4096),
	}
	for range 200 {
		forged := bytes.Clone(file)
		for i := len(forged) - 24 - r.IntN(60); i < len(forged); i++ {
			forged[i] = byte(r.Uint32())
		}
		files = append(files, forged)
	}
	var before, after runtime.MemStats
	for i, file := range files {
		runtime.ReadMemStats(&before)
		s, err := archive.Open(t.Context(), archive.Bytes(file))
		if err == nil {
			err = s.Verify(t.Context(), log.Keys, nil)
		}
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, archive.ErrDamaged, "file %d", i)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(200<<20), "file %d of %d bytes", i, len(file))
	}
}

// A disk that fails is no damaged segment: who archives tries again, and alarms nobody.
func TestAReadThatFailsIsNoDamage(t *testing.T) {
	log := archivetest.NewLog(t, shopdays.Plan{Tenant: "acme", Seed: 5, Entries: 8, Stores: 1, Tills: 1})
	file, want := log.Segment(t, log.Events[0].Store, log.Events[0].Date)
	broken := errors.New("the disk is broken")
	for fails := 1; ; fails++ {
		b := &failing{Blob: archive.Bytes(file), err: broken, left: fails}
		s, err := archive.Open(t.Context(), b)
		if err == nil {
			err = s.Verify(t.Context(), log.Keys, &want)
		}
		if err == nil {
			require.Greater(t, fails, 4)
			return
		}
		require.ErrorIs(t, err, broken)
		require.NotErrorIs(t, err, archive.ErrDamaged)
	}
}

type failing struct {
	archive.Blob
	err  error
	left int
}

func (f *failing) ReadAt(b []byte, offset int64) (int, error) {
	if f.left--; f.left == 0 {
		return 0, f.err
	}
	return f.Blob.ReadAt(b, offset)
}

// What is cut while somebody reads it is damaged, and not for ever an end of file.
func TestAFileThatIsCutWhileItIsRead(t *testing.T) {
	log := archivetest.NewLog(t, shopdays.Plan{Tenant: "acme", Seed: 5, Entries: 8, Stores: 1, Tills: 1})
	file, _ := log.Segment(t, log.Events[0].Store, log.Events[0].Date)
	s, err := archive.Open(t.Context(), &cut{Blob: archive.Bytes(file), at: 500})
	if err == nil {
		err = s.Verify(t.Context(), log.Keys, nil)
	}
	require.ErrorIs(t, err, archive.ErrDamaged)
}

type cut struct {
	archive.Blob
	at int64
}

func (c *cut) ReadAt(b []byte, offset int64) (int, error) {
	if offset < c.Size()/2 && offset+int64(len(b)) > c.at {
		return 0, io.EOF
	}
	return c.Blob.ReadAt(b, offset)
}
