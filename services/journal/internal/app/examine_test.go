package app_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// wrong examines now what was noted, and gives what is open.
func (b *bench) wrong(tenant string) []*journal.Discrepancy {
	b.t.Helper()
	require.NoError(b.t, b.app.Examine(b.t.Context()))
	items, _, err := b.app.Discrepancies.List(b.t.Context(), tenant, app.DiscrepancyQuery{State: journal.DiscrepancyOpen, Limit: 100})
	require.NoError(b.t, err)
	return items
}

// gauges gives the values of a gauge that are not 0, by one of its labels.
func (b *bench) gauges(name, label string) map[string]float64 {
	b.t.Helper()
	families, err := b.registry.Gather()
	require.NoError(b.t, err)
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label && m.GetGauge().GetValue() != 0 {
					out[l.GetValue()] = m.GetGauge().GetValue()
				}
			}
		}
	}
	return out
}

func kindsOf(items []*journal.Discrepancy) []string {
	kinds := []string{}
	for _, d := range items {
		kinds = append(kinds, string(d.Kind))
	}
	return kinds
}

func TestACompletedSaleThatBreaksARuleIsStoredAndItsDiscrepancyOpened(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	good, twice, wrong := till.Sale("1"), till.Sale("2"), till.Sale("3")
	twice.ReceiptNo = good.ReceiptNo
	wrong.Sales.TotalAmountWithTax = wrong.Sales.TotalAmountWithTax.Add(wrong.Sales.TotalAmountWithTax)
	assert.Equal(t, []app.Result{stored, stored, stored}, results(b.deliver(good, twice, wrong)))
	assert.Equal(t, 3, b.entries("acme"))
	assert.ElementsMatch(t, []string{"receipt-number-twice", "totals-differ"}, kindsOf(b.wrong("acme")))
	b.holds("acme")
}

func TestAGapIsOpenedAfterItsGraceAndClosedByTheLateEvent(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	first, second, third := till.Sale("1"), till.Sale("2"), till.Sale("3")
	b.deliver(first, third)
	assert.Empty(t, b.wrong("acme"))
	b.clock.Advance(journal.Grace)
	require.Equal(t, []string{"sequence-gap"}, kindsOf(b.wrong("acme")), "it was due by itself")
	app.CountDepths(t.Context(), b.app)
	require.NoError(t, testutil.GatherAndCompare(b.registry, strings.NewReader(`
# HELP tillroll_journal_discrepancies_total Changes of discrepancies, by kind and the state that they came to: open, closed, accepted.
# TYPE tillroll_journal_discrepancies_total counter
tillroll_journal_discrepancies_total{kind="sequence-gap",state="open"} 1
`), "tillroll_journal_discrepancies_total"))
	assert.Equal(t, map[string]float64{"sequence-gap": 1}, b.gauges("tillroll_journal_discrepancies_open", "kind"))
	b.deliver(second)
	assert.Empty(t, b.wrong("acme"))
}

// Nothing is told of in memory after a crash: the database itself knows what was not looked at, and
// what is due.
func TestAnExaminationGoesOnAfterACrash(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	a, _, c := till.Sale("1"), till.Sale("2"), till.Sale("3")
	b.deliver(a, c)
	b.restart() // nobody had looked
	assert.Empty(t, b.wrong("acme"), "and nobody is told")
	require.NoError(t, app.SearchUnexamined(t.Context(), b.app))
	assert.Empty(t, b.wrong("acme"), "the gap is young")
	b.clock.Advance(journal.Grace)
	b.restart() // it was looked at, and due in memory
	require.NoError(t, app.SearchUnexamined(t.Context(), b.app))
	assert.Equal(t, []string{"sequence-gap"}, kindsOf(b.wrong("acme")))
	b.restart()
	require.NoError(t, app.SearchUnexamined(t.Context(), b.app))
	assert.Len(t, b.wrong("acme"), 1, "once, however often it is looked at")
}

func TestAFailedExaminationIsTriedAgain(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	sale := till.Sale("1")
	sale.JournalText = ""
	b.deliver(sale)
	for _, fault := range []error{fmt.Errorf("%w: away", app.ErrUnavailable), app.ErrMoved} {
		b.store.settle = fault
		err := b.app.Examine(t.Context())
		assert.Equal(t, errors.Is(fault, app.ErrUnavailable), err != nil, "that another process was first is no fault")
	}
	b.store.settle = nil
	assert.Equal(t, []string{"incomplete"}, kindsOf(b.wrong("acme")))
}

func TestWhatIsDiscardedFromQuarantineIsNoGapAnyMore(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	a, bad, c := till.Sale("1"), till.Sale("2"), till.Sale("3")
	bad.TransactionType = 999
	b.deliver(a, bad, c)
	b.wrong("acme")
	b.clock.Advance(journal.Grace)
	require.Len(t, b.wrong("acme"), 1)
	_, err := b.app.Quarantine.Discard(t.Context(), "acme", b.quarantine("acme", journal.QuarantineOpen)[0].ID, "ann", "a test")
	require.NoError(t, err)
	assert.Empty(t, b.wrong("acme"))
}

func TestAcceptingADiscrepancy(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	sale.JournalText = ""
	b.deliver(sale)
	d := b.wrong("acme")[0]
	got, err := b.app.Discrepancies.Accept(t.Context(), "acme", d.ID, "ann", "the printer was off")
	require.NoError(t, err)
	assert.Equal(t, journal.DiscrepancyAccepted, got.State)
	assert.Equal(t, b.clock.Now().UTC(), got.ResolvedAt)
	_, err = b.app.Discrepancies.Accept(t.Context(), "acme", d.ID, "ann", "again")
	assert.ErrorIs(t, err, app.DiscrepancyResolved.New(""))
	_, err = b.app.Discrepancies.Accept(t.Context(), "acme", "nothing", "ann", "x")
	assert.ErrorIs(t, err, app.DiscrepancyNotFound.New(""))
	assert.Empty(t, b.wrong("acme"))
}

func TestALongStreamIsExaminedBitByBit(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	var sales []event.Event
	for range 10 {
		sale := till.Sale("1")
		sale.JournalText = ""
		sales = append(sales, sale)
	}
	b.deliver(sales...)
	app.ExaminePage(b.app, 3)
	for rounds, want := range []int{3, 6, 9, 10} {
		assert.Len(t, b.wrong("acme"), want, "round %d", rounds)
		if rounds == 1 {
			b.restart() // what was looked at is saved
			app.ExaminePage(b.app, 3)
			require.NoError(t, app.SearchUnexamined(t.Context(), b.app))
		}
	}
}

// The whole loop, as it runs in the service.
func TestTheExaminerRunsByItself(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	first, _, third := till.Sale("1"), till.Sale("2"), till.Sale("3")
	b.deliver(first)
	b.restart() // what is there at the start is found, too
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.RunExaminer(ctx, b.app) }()
	open := func() int {
		_, n, err := b.app.Discrepancies.List(ctx, "acme", app.DiscrepancyQuery{State: journal.DiscrepancyOpen, Limit: 1})
		require.NoError(t, err)
		return n
	}
	b.deliver([]event.Event{third}...)
	require.Eventually(t, func() bool { b.clock.Advance(time.Second); return open() == 1 }, time.Minute, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
}
