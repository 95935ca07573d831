package app

import (
	"context"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// How what an older program did not make is made.
const (
	// backfillEvery is how often tenants are looked at that have nothing to make.
	backfillEvery = time.Minute
	// backfillRest is how long commits have the database for themselves between two parts.
	backfillRest = 20 * time.Millisecond
	// backfillTell is how often the log says how far it has come.
	backfillTell = 10 * time.Second
)

// backfiller makes what databases lack because an older program wrote them, while the service serves.
type backfiller struct {
	store Store
	clock clockwork.Clock
	log   *zap.Logger
	left  prometheus.Gauge
	told  map[string]time.Time // tenants that have something to make, and when that was last said
}

func newBackfiller(c Config) *backfiller {
	b := &backfiller{store: c.Store, clock: c.Clock, log: c.Log, told: map[string]time.Time{}, left: prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "tillroll", Subsystem: "journal", Name: "backfill_events",
		Help: "Events that the keyword indexes of databases lack which an older program wrote; searches are slower until it is 0."})}
	c.Metrics.MustRegister(b.left)
	return b
}

// run makes what is missing until ctx ends.
func (b *backfiller) run(ctx context.Context) error {
	for {
		rest := backfillEvery
		if b.round(ctx) {
			rest = backfillRest
		}
		select {
		case <-ctx.Done():
			return nil
		case <-b.clock.After(rest):
		}
	}
}

// round makes one part for every tenant, and tells whether there is more to make.
func (b *backfiller) round(ctx context.Context) (more bool) {
	tenants, err := b.store.Tenants(ctx)
	if err != nil && ctx.Err() == nil {
		b.log.Warn("the tenants' databases could not be looked at; trying again", zap.Error(err))
	}
	left := int64(0)
	for _, tenant := range tenants {
		done, err := b.store.Backfill(ctx, tenant)
		if err != nil {
			if ctx.Err() == nil {
				b.log.Warn("what an older program did not make could not be made; trying again", zap.String("tenant_id", tenant), zap.Error(err))
			}
			continue
		}
		b.tell(tenant, done)
		left += done.Left()
	}
	b.left.Set(float64(left))
	return left > 0
}

// tell says in the log how far a tenant's database has come: at the beginning, now and then, at the end.
func (b *backfiller) tell(tenant string, done Backlog) {
	last, known := b.told[tenant]
	fields := []zap.Field{zap.String("tenant_id", tenant), zap.Int64("done", done.Done), zap.Int64("of", done.All)}
	switch {
	case done.All == 0:
		delete(b.told, tenant)
	case done.Left() == 0:
		b.log.Info("the keyword index of an older database is made", fields...)
		delete(b.told, tenant)
	case !known || b.clock.Since(last) >= backfillTell:
		b.log.Info("the keyword index of an older database is being made; keyword searches read texts until then", fields...)
		b.told[tenant] = b.clock.Now()
	}
}
