package sqlitestore

import (
	"fmt"
	"testing"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// BenchmarkCommit stores sales, one or several in a transaction, each synced to the disk.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{1, 50} {
		b.Run(fmt.Sprintf("batch-%d", size), func(b *testing.B) {
			ctx := b.Context()
			s, err := Open(ctx, b.TempDir(), clockwork.NewRealClock())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Close() })
			if _, err := s.Provision(ctx, "acme"); err != nil {
				b.Fatal(err)
			}
			till := tilltest.New("acme", "s1", 1)
			batches := make([][]*journal.Record, b.N)
			for i := range batches {
				for range size {
					batches[i] = append(batches[i], tilltest.Record(b, till.Sale("108")))
				}
			}
			b.ResetTimer()
			for _, batch := range batches {
				if _, err := s.Commit(ctx, "acme", batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
