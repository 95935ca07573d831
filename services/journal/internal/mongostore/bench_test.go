package mongostore

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// BenchmarkCommit stores sales, one or several in a transaction, and beside it sends the same
// documents to the same server by the bare driver in the same transactions. The ratio is what the
// journal's own work leaves of the bare rate.
func BenchmarkCommit(b *testing.B) {
	least := map[int]float64{1: 0.5, 50: 0.6} // of the bare rate
	for _, size := range []int{1, 50} {
		b.Run(fmt.Sprintf("batch-%d", size), func(b *testing.B) {
			s, bare := open(b), open(b)
			for _, s := range []*Store{s, bare} {
				if _, err := s.Provision(b.Context(), "acme"); err != nil {
					b.Fatal(err)
				}
			}
			till := tilltest.New("acme", "s1", 1)
			batches := make([][]*journal.Record, b.N)
			for i := range batches {
				for range size {
					batches[i] = append(batches[i], tilltest.Record(b, till.Sale("108")))
				}
			}
			documents := bareDocuments(b, batches)
			// In turns, so that both meet the same machine.
			var own, driver cost
			b.ResetTimer()
			for i, batch := range batches {
				own.measure(func() {
					if _, err := s.Commit(b.Context(), "acme", batch); err != nil {
						b.Fatal(err)
					}
				})
				driver.measure(func() {
					if err := bareCommit(b.Context(), bare, documents[i]); err != nil {
						b.Fatal(err)
					}
				})
			}
			ratio := driver.took.Seconds() / own.took.Seconds()
			if b.N >= 100 && ratio < least[size] {
				b.Errorf("%.2f of the bare rate, and %.2f is the least", ratio, least[size])
			}
			events := float64(b.N * size)
			b.ReportMetric(0, "ns/op") // of both together: says nothing
			b.ReportMetric(events/own.took.Seconds(), "events/s")
			b.ReportMetric(events/driver.took.Seconds(), "bare-events/s")
			b.ReportMetric(ratio, "ratio")
			b.ReportMetric(float64(own.allocations)/events, "allocs/event")
			b.ReportMetric(float64(driver.allocations)/events, "bare-allocs/event")
		})
	}
}

// cost is the time and the allocations of several calls.
type cost struct {
	took        time.Duration
	allocations uint64
}

func (c *cost) measure(do func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	do()
	c.took += time.Since(start)
	runtime.ReadMemStats(&after)
	c.allocations += after.Mallocs - before.Mallocs
}

// bareDocuments are what a commit writes, made before the clock runs.
func bareDocuments(b *testing.B, batches [][]*journal.Record) []*batch {
	out := make([]*batch, len(batches))
	c := &chain{Head: journal.Head{Stream: batches[0][0].Stream()}, progress: map[string]*journal.Progress{}}
	for i, records := range batches {
		out[i] = &batch{places: newPlaces(), now: time.Now(), docs: map[string][]any{}}
		for _, r := range records {
			c.note(r)
			if err := out[i].add(c, r); err != nil {
				b.Fatal(err)
			}
		}
		p := newProgressDocument(c.progress["cart"])
		out[i].docs[colHeads] = []any{headDocument{Stream: c.Stream.ID(), ChainSeq: int64(c.Seq), Hash: append([]byte(nil), c.Hash[:]...), Progress: []progressDocument{p}, Turn: int64(i) + 1}}
	}
	return out
}

func bareCommit(ctx context.Context, s *Store, d *batch) error {
	return s.client.UseSession(ctx, func(ctx mongo.SessionContext) error {
		_, err := ctx.WithTransaction(ctx, func(ctx mongo.SessionContext) (any, error) {
			db := s.database("acme")
			head := d.docs[colHeads][0].(headDocument)
			model := mongo.NewReplaceOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: head.Stream}}).SetReplacement(head)
			if _, err := db.Collection(colHeads).BulkWrite(ctx, []mongo.WriteModel{model}); err != nil {
				return nil, err
			}
			for _, name := range append(slices.Clone(inserts), colTerms) {
				if docs := d.docs[name]; len(docs) > 0 {
					if _, err := db.Collection(name).InsertMany(ctx, docs); err != nil {
						return nil, err
					}
				}
			}
			return nil, nil
		})
		return err
	})
}
