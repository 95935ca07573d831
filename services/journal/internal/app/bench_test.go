package app_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/tillroll/tillroll/pkg/cloudevent"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// BenchmarkIngestAtOnce takes sales one by one, many at the same time, as a sidecar without bulks does.
func BenchmarkIngestAtOnce(b *testing.B) {
	h := newBench(b)
	h.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	sales := make(chan app.Message, b.N)
	for range b.N {
		sale := till.Sale("108")
		data, err := json.Marshal(sale)
		if err != nil {
			b.Fatal(err)
		}
		sales <- app.Message{CloudEvent: cloudevent.In{ID: sale.EventID, Data: data}}
	}
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if v := h.app.Ingest.Handle(b.Context(), event.TopicTranLog, []app.Message{<-sales})[0]; v.Result != app.ResultStored {
				b.Error(v)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkIngest takes sales from the delivery to the committed transaction.
func BenchmarkIngest(b *testing.B) {
	for _, size := range []int{1, 50} {
		b.Run(fmt.Sprintf("delivery-of-%d", size), func(b *testing.B) {
			h := newBench(b)
			h.provision("acme")
			till := tilltest.New("acme", "s1", 1)
			deliveries := make([][]app.Message, b.N)
			for i := range deliveries {
				for range size {
					sale := till.Sale("108")
					data, err := json.Marshal(sale)
					if err != nil {
						b.Fatal(err)
					}
					deliveries[i] = append(deliveries[i], app.Message{CloudEvent: cloudevent.In{ID: sale.EventID, Data: data}})
				}
			}
			b.ResetTimer()
			for _, messages := range deliveries {
				for _, v := range h.app.Ingest.Handle(b.Context(), event.TopicTranLog, messages) {
					if v.Result != app.ResultStored {
						b.Fatal(v)
					}
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
