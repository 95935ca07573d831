package journal_test

import (
	"testing"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// BenchmarkDecode reads one sale.
func BenchmarkDecode(b *testing.B) {
	data := tilltest.Data(b, tilltest.New("acme", "s1", 1).Sale("108"))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := journal.Decode(event.TopicTranLog, data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify checks links of sales, without reading them from anywhere.
func BenchmarkVerify(b *testing.B) {
	till := tilltest.New("acme", "s1", 1)
	var events []event.Event
	for range 1000 {
		events = append(events, till.Sale("108"))
	}
	state, links := stored(b, events...)
	for b.Loop() {
		if check(state, links).Bad != nil {
			b.Fatal("it does not hold")
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(links))/b.Elapsed().Seconds(), "links/s")
}
