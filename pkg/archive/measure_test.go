package archive_test

import (
	"io"
	"testing"

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

func BenchmarkWrite(b *testing.B) {
	l, store, date := aDay(b, 3000)
	events := l.Of(store, date)
	raw := 0
	for _, e := range events {
		raw += len(proof.AppendLine(nil, &e.Line)) + 1
	}
	var m archive.Manifest
	b.ResetTimer()
	for range b.N {
		w, err := archive.NewWriter(io.Discard, l.Header(store, date))
		require.NoError(b, err)
		for _, e := range events {
			require.NoError(b, w.Add(e.Topic, &e.Line))
		}
		m, err = w.Close()
		require.NoError(b, err)
	}
	n := float64(len(events))
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(m.Bytes)/n, "B/event")
	b.ReportMetric(float64(raw)/n, "raw-B/event")
}

func BenchmarkVerify(b *testing.B) {
	l, store, date := aDay(b, 3000)
	file, m := l.Segment(b, store, date)
	b.ResetTimer()
	for range b.N {
		s, err := archive.Open(b.Context(), archive.Bytes(file))
		require.NoError(b, err)
		require.NoError(b, s.Verify(b.Context(), l.Keys, &m))
	}
	b.ReportMetric(float64(m.Events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkMembers(b *testing.B) {
	l, store, date := aDay(b, 3000)
	file, m := l.Segment(b, store, date)
	b.ResetTimer()
	for range b.N {
		s, err := archive.Open(b.Context(), archive.Bytes(file))
		require.NoError(b, err)
		require.NoError(b, s.Members(b.Context(), 0, func(int, *archive.Member) bool { return true }))
	}
	b.ReportMetric(float64(m.Events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkLine(b *testing.B) {
	l, store, date := aDay(b, 3000)
	file, _ := l.Segment(b, store, date)
	events := l.Of(store, date)
	i := 0
	for b.Loop() {
		i = (i + 7919) % len(events)
		s, err := archive.Open(b.Context(), archive.Bytes(file))
		require.NoError(b, err)
		at, _, err := s.Locate(b.Context(), events[i].Stream, events[i].Seq)
		require.NoError(b, err)
		_, err = s.Line(b.Context(), at)
		require.NoError(b, err)
	}
}
