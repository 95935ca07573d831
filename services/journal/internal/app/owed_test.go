package app_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// forge delivers a sale of a terminal, and then n others under its id.
func (b *bench) forge(terminal, n int) {
	b.t.Helper()
	sale := tilltest.New("acme", "s1", terminal).Sale("1")
	b.deliver(sale)
	for i := range n {
		forged := *sale
		forged.JournalText = fmt.Sprint("forged ", i)
		b.deliver(&forged)
	}
}

// nothingOwed holds that a new start raises no alert again.
func (b *bench) nothingOwed() {
	b.t.Helper()
	items, err := b.store.Owing(b.t.Context(), journal.OwesAlert, 100)
	require.NoError(b.t, err)
	assert.Empty(b.t, items)
	found, err := b.store.Unalerted(b.t.Context(), "acme", 100)
	require.NoError(b.t, err)
	assert.Empty(b.t, found)
}

// The journal dies after it stored what is alarming, and before anybody was told.
func TestAnAlertIsRaisedByTheNextProcess(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	b.forge(1, 1)
	wrong := tilltest.New("acme", "s1", 2).Sale("5")
	wrong.Sales.TotalAmount = money.MustParse("6")
	b.deliver(wrong)
	require.NotEmpty(t, b.wrong("acme"))
	b.restart()
	kinds := []app.AlertKind{}
	for _, a := range b.alarmed(2) {
		kinds = append(kinds, a.Kind)
	}
	assert.ElementsMatch(t, []app.AlertKind{app.AlertQuarantine, app.AlertDiscrepancy}, kinds)
	b.nothingOwed()
	b.restart()
	b.alarmed(2) // none comes again
}

// What is held back by the limit is owed until the number of it went out, and what nobody took, until
// somebody does.
func TestWhatDidNotGoOutIsOwed(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	b.forge(1, app.AlertBurst+3)
	b.alarmed(app.AlertBurst)
	b.restart()
	b.alarmed(app.AlertBurst + 3)
	b.nothingOwed()

	b.pager.refuse = 1 << 30
	b.forge(2, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.RunAlarm(ctx, b.app) }()
	require.Eventually(t, func() bool {
		b.clock.Advance(time.Second)
		return b.counters("tillroll_journal_alerts_total", "failed")["failed"] == 1
	}, time.Minute, 2*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	b.pager.refuse = 0
	b.restart()
	b.alarmed(app.AlertBurst + 4)
	b.nothingOwed()
}

func TestEveryAlarmingReasonHasATitle(t *testing.T) {
	for _, r := range journal.Reasons {
		assert.Equal(t, r.Alarming(), app.AlertTitle(r) != "", r)
	}
}

// The journal dies between closing a quarantined event and telling the publisher; nothing else happens
// at the till.
func TestAPublisherIsToldOfTheEndByTheNextProcess(t *testing.T) {
	for name, end := range map[string]func(*bench, *journal.Quarantined) error{
		"discarded": func(b *bench, q *journal.Quarantined) error {
			_, err := b.app.Quarantine.Discard(b.t.Context(), "acme", q.ID, "ann", "lost")
			return err
		},
		"replayed": func(b *bench, q *journal.Quarantined) error {
			app.DecodeWith(b.app, journal.Decode)
			_, err := b.app.Quarantine.Replay(b.t.Context(), "acme", q.ID, "ann")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.provision("acme")
			till := tilltest.New("acme", "s1", 1)
			b.deliver(till.Sale("1"))
			app.DecodeWith(b.app, func(string, []byte) (*journal.Record, error) { panic("poison") })
			sale := till.Sale("2")
			for range app.PoisonAfter {
				b.deliver(sale)
			}
			parked := b.told()
			require.Len(t, parked, 1)
			require.Len(t, parked[0].Failed, 1)
			require.NoError(t, end(b, b.quarantine("acme", journal.QuarantineOpen)[0]))
			b.restart()
			require.NoError(t, app.Recall(t.Context(), b.app))
			told := b.told()
			require.Len(t, told, 1)
			assert.Empty(t, told[0].Failed)
			if name == "discarded" {
				assert.Equal(t, []uint64{2}, told[0].Cleared)
			} else {
				assert.Equal(t, uint64(2), told[0].ReceivedThrough)
			}
			b.restart()
			require.NoError(t, app.Recall(t.Context(), b.app))
			assert.Empty(t, b.told(), "once they were told nobody is owed anything")
		})
	}
}

// The reporter looks by itself.
func TestTheReporterRecallsAtItsStart(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	garbled := tilltest.New("acme", "s1", 1).Sale("1")
	garbled.TransactionType = 999
	b.deliver(garbled)
	b.told()
	_, err := b.app.Quarantine.Discard(t.Context(), "acme", b.quarantine("acme", journal.QuarantineOpen)[0].ID, "ann", "lost")
	require.NoError(t, err)
	b.publisher.take()
	b.restart()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Report(ctx, b.app) }()
	require.Eventually(t, func() bool { b.clock.Advance(time.Second); return len(b.publisher.on(event.TopicJournalStatus)) == 1 }, time.Minute, 2*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}

// counting counts the counts.
type counting struct {
	app.Store
	counts map[string]int
}

func (c *counting) OpenDiscrepancies(ctx context.Context, tenant string) (map[journal.Kind]int, error) {
	c.counts[tenant]++
	return c.Store.OpenDiscrepancies(ctx, tenant)
}

func TestDiscrepanciesAreCountedWhereSomethingChanged(t *testing.T) {
	b := newBench(t)
	b.provision("acme", "bolt")
	c := &counting{Store: b.store.Store, counts: map[string]int{}}
	b.store.Store = c
	for range 3 {
		app.CountDepths(t.Context(), b.app)
	}
	assert.Equal(t, map[string]int{"acme": 1, "bolt": 1}, c.counts)
	wrong := tilltest.New("acme", "s1", 1).Sale("5")
	wrong.Sales.TotalAmount = money.MustParse("6")
	b.deliver(wrong)
	id := b.wrong("acme")[0].ID
	app.CountDepths(t.Context(), b.app)
	app.CountDepths(t.Context(), b.app)
	assert.Equal(t, map[string]int{"acme": 2, "bolt": 1}, c.counts)
	assert.Equal(t, map[string]float64{"totals-differ": 1}, b.gauges("tillroll_journal_discrepancies_open", "kind"))
	_, err := b.app.Discrepancies.Accept(t.Context(), "acme", id, "ann", "known")
	require.NoError(t, err)
	app.CountDepths(t.Context(), b.app)
	assert.Empty(t, b.gauges("tillroll_journal_discrepancies_open", "kind"))
	b.clock.Advance(app.DepthAll)
	app.CountDepths(t.Context(), b.app)
	assert.Equal(t, map[string]int{"acme": 4, "bolt": 2}, c.counts, "another process may have changed something")
}
