package outbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
)

// While the broker is away the age grows with the clock, whether rounds run or not; a restart does not
// make the outbox young; when all is confirmed there is none.
func TestTheAgeIsThatOfTheOldestUnconfirmedEvent(t *testing.T) {
	f := newFixture(t)
	clock := clockwork.NewFakeClock()
	run := func() (*prometheus.Registry, func()) {
		f.box = outbox.New(f.store, event.ProducerCart, clock, outbox.NewID)
		registry := prometheus.NewRegistry()
		relay := outbox.NewRelay(f.box, f.journal, f.cfg, zap.NewNop(), outbox.NewMetrics(registry))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = relay.Run(ctx) }()
		return registry, func() { cancel(); <-done }
	}
	f.journal.refuse = func(string, int) (int, error) { return 0, errors.New("broker away") }
	registry, stop := run()
	require.NoError(t, sell(t.Context(), f.box, till, "first", 1))
	f.eventually("the event is seen", func() bool { clock.Advance(time.Millisecond); return age(t, registry) > 0 })
	clock.Advance(time.Hour)
	require.NoError(t, sell(t.Context(), f.box, till, "second", 1))
	assert.InDelta(t, time.Hour.Seconds(), age(t, registry), 60)
	stop()

	clock.Advance(time.Hour)
	registry, stop = run()
	defer func() { stop() }()
	f.eventually("a restart finds the age again", func() bool { clock.Advance(time.Millisecond); return age(t, registry) > 7190 })

	f.journal.mu.Lock()
	f.journal.refuse = nil
	f.journal.mu.Unlock()
	require.NoError(t, sell(t.Context(), f.box, till, "third", 1))
	f.eventually("all is published", func() bool { clock.Advance(time.Millisecond); return f.journal.sequences(till).Through() == 3 })
	defer f.confirm(till)()
	f.eventually("all is confirmed", func() bool { clock.Advance(time.Millisecond); return age(t, registry) == 0 })
}

func age(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	found, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range found {
		if family.GetName() == "tillroll_outbox_age_seconds" {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("there is no tillroll_outbox_age_seconds")
	return 0
}
