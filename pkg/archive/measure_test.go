//go:build unix

package archive_test

import (
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/proof"
)

// cpu is what the process has computed so far: other programs on the machine do not make it longer.
func cpu() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// perCPU tells how many events a second of one core handled since begun.
func perCPU(b *testing.B, events int, begun float64) {
	b.ReportMetric(float64(events)*float64(b.N)/(cpu()-begun), "events/cpu-s")
}

func BenchmarkWrite(b *testing.B) {
	l, store, date := aDay(b, 3000)
	events := l.Of(store, date)
	raw := 0
	for _, e := range events {
		raw += len(proof.AppendLine(nil, &e.Line)) + 1
	}
	var m archive.Manifest
	begun := cpu()
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
	perCPU(b, len(events), begun)
	b.ReportMetric(float64(m.Bytes)/n, "B/event")
	b.ReportMetric(float64(raw)/n, "raw-B/event")
}

func BenchmarkVerify(b *testing.B) {
	l, store, date := aDay(b, 3000)
	file, m := l.Segment(b, store, date)
	begun := cpu()
	b.ResetTimer()
	for range b.N {
		s, err := archive.Open(b.Context(), archive.Bytes(file))
		require.NoError(b, err)
		require.NoError(b, s.Verify(b.Context(), l.Keys, &m))
	}
	perCPU(b, m.Events, begun)
}

func BenchmarkMembers(b *testing.B) {
	l, store, date := aDay(b, 3000)
	file, m := l.Segment(b, store, date)
	begun := cpu()
	b.ResetTimer()
	for range b.N {
		s, err := archive.Open(b.Context(), archive.Bytes(file))
		require.NoError(b, err)
		require.NoError(b, s.Members(b.Context(), 0, func(int, *archive.Member) bool { return true }))
	}
	perCPU(b, m.Events, begun)
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
