package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state/memstate"
)

// Thirty hours without the broker and thirty more without the journal, by the clock and with the
// times that services use: sales go on, nothing is parked or given up, the repetition stays small,
// and everything arrives soon after.
func TestAnOutageOfManyHoursLosesAndParksNothing(t *testing.T) {
	clock := clockwork.NewFakeClockAt(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	f := newFixture(t)
	f.store = memstate.New(clock.Now)
	f.box, f.cfg = outbox.New(f.store, event.ProducerCart, clock, outbox.NewID), outbox.DefaultRelay
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	relay := outbox.NewRelay(f.box, f.journal, f.cfg, zap.NewNop(), outbox.NewMetrics(prometheus.NewRegistry()))
	go func() { done <- relay.Run(ctx) }()

	sold := uint64(0)
	pass := func(d time.Duration, salesEvery time.Duration) {
		t.Helper()
		step := 500 * time.Millisecond
		for end, sale := clock.Now().Add(d), clock.Now(); clock.Now().Before(end); {
			if salesEvery > 0 && !clock.Now().Before(sale) {
				require.NoError(t, sell(ctx, f.box, till, fmt.Sprint(sold), 2))
				sold += 2
				sale = clock.Now().Add(salesEvery)
			}
			require.NoError(t, clock.BlockUntilContext(ctx, 1))
			clock.Advance(step)
			step = min(step*2, 15*time.Second)
		}
	}
	f.journal.refuse = func(string, int) (int, error) { return 0, errors.New("no broker") }
	pass(30*time.Hour, 10*time.Minute)
	f.journal.mu.Lock()
	assert.Zero(t, f.journal.published)
	f.journal.refuse, f.journal.forget = nil, true // the broker takes events, and nobody is behind it
	f.journal.mu.Unlock()
	pass(30*time.Hour, 10*time.Minute)

	s := f.summary(till)
	assert.Equal(t, sold, s.LastSequence)
	assert.Equal(t, sold, s.Unconfirmed, "nothing is given up")
	assert.Zero(t, s.Parked)
	f.journal.mu.Lock()
	published := f.journal.published
	f.journal.forget = false
	f.journal.mu.Unlock()
	t.Logf("%d events; published %d times while the journal was away for 30 h", sold, published)
	assert.Less(t, published, int(sold)+50*30*60/5*2, "a window at a time, every five minutes at last")

	stop := f.confirm(till)
	defer stop()
	for range 2000 {
		if f.summary(till).Unconfirmed == 0 {
			break
		}
		require.NoError(t, clock.BlockUntilContext(ctx, 1))
		clock.Advance(time.Second)
		time.Sleep(time.Millisecond) // the confirmations have no clock
	}
	assert.Zero(t, f.summary(till).Unconfirmed)
	assert.Equal(t, through(sold), f.journal.sequences(till))
	cancel()
	require.NoError(t, <-done)
}
