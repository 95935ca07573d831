package archive_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/archivetest"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/shopdays"
)

// aDay is the log of some shop days, and the header of a segment of one of them.
func aDay(t testing.TB, entries int) (*archivetest.Log, string, string) {
	t.Helper()
	l := archivetest.NewLog(t, shopdays.Plan{Tenant: "acme", Seed: 7, Entries: entries, Stores: 2, Tills: 4})
	for i := range l.Events {
		if e := &l.Events[i]; e.Entry != nil {
			return l, e.Store, e.Date
		}
	}
	t.Fatal("a log without entries")
	return nil, "", ""
}

// A segment of a large shop's day is written, read and searched in memory that does not grow with it.
func TestMemoryStaysFlat(t *testing.T) {
	if raceDetector {
		t.Skip("memory is another under the race detector")
	}
	log, store, date := aDay(t, 400)
	some := log.Of(store, date)
	const events = 20_000
	file := filepath.Join(t.TempDir(), "large.seg")
	out, err := os.Create(file)
	require.NoError(t, err)
	h := log.Header(store, date)
	// As many different events as wanted, of which only the checkpoint does not know.
	w, err := archive.NewForger(out, h)
	require.NoError(t, err)
	before := heap()
	most := uint64(0)
	for i := range events {
		e := *some[i%len(some)]
		e.Index, e.Seq, e.EventID = uint64(i), uint64(i+1), uuid.NewString()
		e.Stream = some[0].Stream
		m, err := archive.MemberOf(e.Topic, &e.Line)
		require.NoError(t, err)
		w.Forge(append(proof.AppendLine(nil, &e.Line), '\n'), &m)
		if i%5_000 == 4_999 {
			most = max(most, heap()-min(before, heap()))
		}
	}
	m, err := w.Close()
	require.NoError(t, err)
	require.NoError(t, out.Close())
	require.Greater(t, m.Bytes, int64(10<<20))
	require.Less(t, most, uint64(8<<20), "writing")

	blob, err := archive.OpenFile(file)
	require.NoError(t, err)
	defer blob.Close()
	before, most = heap(), 0
	s, err := archive.Open(t.Context(), blob)
	require.NoError(t, err)
	seen := 0
	require.NoError(t, s.Each(t.Context(), 0, func(i int, _ *archive.Member, _ *proof.Line) bool {
		if seen++; i%5_000 == 4_999 {
			most = max(most, heap()-min(before, heap()))
		}
		return true
	}))
	require.Equal(t, events, seen)
	require.Less(t, most, uint64(16<<20), "reading")
	t.Logf("%d events in %d bytes", events, m.Bytes)
}

// heap is what is in use after everything that is not was given back.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
