package app

import (
	"context"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

const (
	// depthEvery is how often the metrics of what is open are brought up to date.
	depthEvery = 10 * time.Second
	// depthAll is how often all tenants are counted; in between those are in which this process changed
	// something. Another process may have.
	depthAll = 5 * time.Minute
)

// depths counts what waits for people, for the metrics: events in quarantine, and open discrepancies.
type depths struct {
	store   Store
	clock   clockwork.Clock
	metrics *metrics

	counted map[string]map[journal.Kind]int // by tenant
	all     time.Time                       // when all were counted

	mu      sync.Mutex
	changed map[string]bool
}

func newDepths(store Store, clock clockwork.Clock, m *metrics) *depths {
	return &depths{store: store, clock: clock, metrics: m, counted: map[string]map[journal.Kind]int{}, changed: map[string]bool{}}
}

// note has a tenant counted at the next time.
func (d *depths) note(tenant string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed[tenant] = true
}

func (d *depths) run(ctx context.Context) error {
	for {
		d.count(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-d.clock.After(depthEvery):
		}
	}
}

func (d *depths) count(ctx context.Context) {
	if n, err := d.store.Depth(ctx); err == nil {
		d.metrics.quarantine.Set(float64(n))
	}
	if now := d.clock.Now(); now.Sub(d.all) >= depthAll {
		tenants, err := d.store.Tenants(ctx)
		if err != nil {
			return
		}
		for _, tenant := range tenants {
			d.note(tenant)
		}
		d.all = now
	}
	d.mu.Lock()
	todo := d.changed
	d.changed = map[string]bool{}
	d.mu.Unlock()
	for tenant := range todo {
		open, err := d.store.OpenDiscrepancies(ctx, tenant)
		if err != nil {
			d.note(tenant) // what it had stands: fewer would look as if something were put right
			continue
		}
		d.counted[tenant] = open
	}
	sum := map[journal.Kind]int{}
	for _, open := range d.counted {
		for kind, n := range open {
			sum[kind] += n
		}
	}
	for _, kind := range journal.KindNames {
		d.metrics.openFindings.WithLabelValues(string(kind)).Set(float64(sum[kind]))
	}
}
