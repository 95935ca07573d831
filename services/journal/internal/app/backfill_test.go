package app_test

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
	"go.uber.org/zap/zaptest/observer"

	"github.com/tillroll/tillroll/services/journal/internal/app"
)

// aged is a store whose tenants lack something.
type aged struct {
	app.Store
	left  map[string][]app.Backlog
	calls map[string]int
	fails error
}

func (a *aged) Tenants(context.Context) ([]string, error) { return []string{"acme", "bolt"}, nil }

func (a *aged) Backfill(_ context.Context, tenant string) (app.Backlog, error) {
	a.calls[tenant]++
	if a.fails != nil || len(a.left[tenant]) == 0 {
		return app.Backlog{}, a.fails
	}
	next := a.left[tenant][0]
	a.left[tenant] = a.left[tenant][1:]
	return next, nil
}

// What older programs did not make is made part by part, one tenant's as well as another's, and log and
// metrics tell how far it has come.
func TestWhatAnOlderProgramDidNotMakeIsMadePartByPart(t *testing.T) {
	s := &aged{calls: map[string]int{}, left: map[string][]app.Backlog{"acme": {{Done: 10, All: 30}, {Done: 20, All: 30}, {Done: 30, All: 30}}, "bolt": {{Done: 5, All: 10}, {Done: 10, All: 10}}}}
	core, logged := observer.New(zap.InfoLevel)
	clock := clockwork.NewFakeClock()
	registry := prometheus.NewRegistry()
	a := app.New(app.Config{Store: s, Clock: clock, Log: zap.New(core), Metrics: registry})
	left := func() float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if f.GetName() == "tillroll_journal_backfill_events" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return -1
	}
	s.fails = errors.New("away")
	assert.False(t, app.BackfillRound(t.Context(), a), "what fails is not tried again at once")
	assert.Equal(t, 2, logged.FilterMessageSnippet("trying again").Len())
	s.fails = nil
	assert.True(t, app.BackfillRound(t.Context(), a))
	assert.InDelta(t, 25, left(), 0)
	clock.Advance(time.Second)
	assert.True(t, app.BackfillRound(t.Context(), a))
	assert.InDelta(t, 10, left(), 0)
	assert.False(t, app.BackfillRound(t.Context(), a))
	assert.Zero(t, left())
	assert.False(t, app.BackfillRound(t.Context(), a))
	assert.Equal(t, map[string]int{"acme": 5, "bolt": 5}, s.calls)
	assert.Equal(t, 2, logged.FilterMessageSnippet("is being made").Len(), "not at every part")
	assert.Equal(t, 2, logged.FilterMessageSnippet("is made").Len())
}
