package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// seed ends n carts of a session in the terminal's book, every fifth by cancelling.
func (f *fixture) seed(n int) {
	f.t.Helper()
	for i := range n {
		c := f.create()
		if i%5 == 4 {
			_, err := f.app.Cancel(f.t.Context(), f.on(c))
			require.NoError(f.t, err)
			continue
		}
		_, err := f.app.AddItems(f.t.Context(), f.on(c), []app.ItemEntry{{Code: "3001", Quantity: d("1"), UnitPrice: ptr(d("0"))}})
		require.NoError(f.t, err)
		_, err = f.app.Subtotal(f.t.Context(), f.on(c))
		require.NoError(f.t, err)
		f.bill(c)
	}
}

// sessionOn opens the terminal on another date.
func (f *fixture) sessionOn(version uint64, date string, counter int) {
	f.t.Helper()
	f.follow(terminalSnapshot(version, event.StatusOpened, cart.Session{BusinessDate: date, OpenCounter: counter}))
}

func (f *fixture) numbers(filter app.TransactionFilter) ([]int64, int) {
	f.t.Helper()
	page, err := f.app.Transactions(f.t.Context(), terminal, filter)
	require.NoError(f.t, err)
	assert.False(f.t, page.TotalIsLowerBound)
	numbers := []int64{}
	for _, l := range page.Items {
		numbers = append(numbers, l.TransactionNo)
	}
	return numbers, page.Total
}

func TestTransactionsAreListedAndChosen(t *testing.T) {
	f := newShop(t)
	f.app.Receipts.First, f.app.Receipts.Last = 1, 150
	numbers, total := f.numbers(app.TransactionFilter{Limit: 10})
	assert.Empty(t, numbers)
	assert.Zero(t, total)

	f.sessionOn(2, "20260329", 1)
	f.seed(120) // 1…120
	f.sessionOn(3, "20260330", 1)
	f.seed(60) // 121…180
	f.sessionOn(4, "20260330", 2)
	f.seed(60) // 181…240
	f.sessionOn(5, "20270101", 1)
	f.seed(10) // 241…250

	for name, c := range map[string]struct {
		filter app.TransactionFilter
		want   []int64
		total  int
	}{
		"newest first":            {app.TransactionFilter{Limit: 3}, []int64{249, 248, 247}, 200},
		"oldest first":            {app.TransactionFilter{Limit: 3, OldestFirst: true}, []int64{1, 2, 3}, 200},
		"cancelled too":           {app.TransactionFilter{Limit: 3, IncludeCancelled: true}, []int64{250, 249, 248}, 250},
		"second page":             {app.TransactionFilter{Limit: 2, Skip: 2, IncludeCancelled: true}, []int64{248, 247}, 250},
		"past the end":            {app.TransactionFilter{Limit: 2, Skip: 500, IncludeCancelled: true}, []int64{}, 250},
		"a date":                  {app.TransactionFilter{Limit: 2, BusinessDate: "20260329"}, []int64{119, 118}, 96},
		"a date, oldest first":    {app.TransactionFilter{Limit: 2, BusinessDate: "20260330", OldestFirst: true}, []int64{121, 122}, 96},
		"a session":               {app.TransactionFilter{Limit: 2, BusinessDate: "20260330", OpenCounter: 2}, []int64{239, 238}, 48},
		"another year":            {app.TransactionFilter{Limit: 2, BusinessDate: "20270101"}, []int64{249, 248}, 8},
		"a date without any":      {app.TransactionFilter{Limit: 2, BusinessDate: "20260331"}, []int64{}, 0},
		"a receipt":               {app.TransactionFilter{Limit: 5, ReceiptNo: 3}, []int64{153, 3}, 2},
		"a receipt of a date":     {app.TransactionFilter{Limit: 5, ReceiptNo: 3, BusinessDate: "20260330"}, []int64{153}, 1},
		"types":                   {app.TransactionFilter{Limit: 1, Types: []int{101, 102}}, []int64{249}, 200},
		"types that there aren't": {app.TransactionFilter{Limit: 1, Types: []int{102}}, []int64{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, total := f.numbers(c.filter)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.total, total)
		})
	}
	log, err := f.app.Transaction(t.Context(), terminal, 121)
	require.NoError(t, err)
	assert.Equal(t, "20260330", log.BusinessDate)
	for _, no := range []int64{-1, 0, 251} {
		_, err = f.app.Transaction(t.Context(), terminal, no)
		assert.True(t, problem.Is(err, problem.NotFound))
	}
	_, err = f.app.Transaction(t.Context(), identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 2}, 1)
	assert.True(t, problem.Is(err, problem.NotFound))
}

func TestALongListSaysThatItIsCut(t *testing.T) {
	f := newShop(t)
	f.seed(1)
	head, err := f.store.Get(t.Context(), outbox.HeadKey(terminal.ID()))
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, head[0].Decode(&doc))
	doc["counters"].(map[string]any)["transaction_no"] = 12_000 // as if it had sold for a year
	f.put(head[0].Key, doc)
	page, err := f.app.Transactions(t.Context(), terminal, app.TransactionFilter{Limit: 1})
	require.NoError(t, err)
	assert.True(t, page.TotalIsLowerBound)
	dated, total := f.numbers(app.TransactionFilter{Limit: 1, BusinessDate: session1.BusinessDate})
	assert.Equal(t, []int64{1}, dated)
	assert.Equal(t, 1, total)
}

func TestWhereTheEventsAre(t *testing.T) {
	f := newShop(t)
	c := f.paid()
	last := uint64(len(f.recordedEvents()))
	ask := func(tenant, status string, from uint64, limit int) (app.Deliveries, error) {
		return f.app.Deliveries(t.Context(), app.DeliveryQuery{TenantID: tenant, TerminalID: terminal.ID(), Status: status, From: from, Limit: limit})
	}
	found, err := ask("acme", outbox.DeliveryPending, 2, 2)
	require.NoError(t, err)
	assert.Equal(t, last, found.Total)
	assert.Equal(t, last, found.Summary.LastSequence)
	items := found.Items
	require.Len(t, items, 2)
	assert.EqualValues(t, 2, items[0].Sequence)

	core, alerts := observer.New(zap.ErrorLevel)
	f.app.Log = zap.New(core)
	received := &event.JournalStatus{ReceivedThrough: 3, Failed: []event.FailedEvent{{EventID: items[0].EventID, Sequence: 4, Reason: "bad"}}}
	received.Envelope = event.Envelope{EventID: outbox.NewID(), SchemaVersion: 1, TenantID: "acme", StoreCode: "s1", TerminalNo: 1, Producer: event.ProducerCart, OccurredAt: evening}
	foreign := *received
	foreign.Producer = event.ProducerTerminal
	require.NoError(t, f.app.Confirm(t.Context(), &foreign))
	for range 2 {
		require.NoError(t, f.app.Confirm(t.Context(), received))
	}
	require.Equal(t, 1, alerts.Len(), "alerted once")
	assert.Contains(t, alerts.All()[0].Message, "ALERT")
	bad := *received
	bad.EventID = ""
	assert.ErrorIs(t, f.app.Confirm(t.Context(), &bad), app.ErrUnusable)

	for status, want := range map[string]uint64{"": last, outbox.DeliveryReceived: 3, outbox.DeliveryParked: 1, outbox.DeliveryPending: last - 4, outbox.DeliveryPublished: 0} {
		found, err = ask("acme", status, 1, 100)
		require.NoError(t, err)
		assert.Equal(t, want, found.Total, status)
		assert.Len(t, found.Items, int(want), status)
	}
	_, err = ask("acme", "lost", 1, 100)
	assert.True(t, problem.Is(err, problem.Invalid))
	_, err = ask("other", "", 1, 100)
	assert.True(t, problem.Is(err, problem.NotFound))

	summaries, err := f.app.Summaries(t.Context(), "acme")
	require.NoError(t, err)
	require.Len(t, summaries, 1)
	assert.Equal(t, 1, summaries[0].Parked)
	summaries, err = f.app.Summaries(t.Context(), "other")
	require.NoError(t, err)
	assert.Empty(t, summaries)
	f.bill(c)
}

func TestEventsGoOutAgain(t *testing.T) {
	f := newShop(t)
	clock := f.clock.(*clockwork.FakeClock)
	f.bill(f.paid())
	first := uint64(len(f.recordedEvents()))
	clock.Advance(time.Hour)
	f.bill(f.paid())
	for name, c := range map[string]struct {
		in   outbox.Redelivery
		want []outbox.Redelivered
	}{
		"from a sequence":        {outbox.Redelivery{FromSequence: 3}, []outbox.Redelivered{{StreamID: terminal.ID(), FromSequence: 3}}},
		"of one terminal":        {outbox.Redelivery{StreamID: terminal.ID(), FromSequence: 1}, []outbox.Redelivered{{StreamID: terminal.ID(), FromSequence: 1}}},
		"since a time":           {outbox.Redelivery{Since: evening.Add(time.Minute)}, []outbox.Redelivered{{StreamID: terminal.ID(), FromSequence: first + 1}}},
		"since after everything": {outbox.Redelivery{Since: evening.Add(2 * time.Hour)}, []outbox.Redelivered{}},
		"from after everything":  {outbox.Redelivery{FromSequence: 1000}, []outbox.Redelivered{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.in.TenantID = "acme"
			got, err := f.app.Redeliver(t.Context(), c.in)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
	_, err := f.app.Redeliver(t.Context(), outbox.Redelivery{TenantID: "other", StreamID: terminal.ID(), FromSequence: 1})
	assert.True(t, problem.Is(err, problem.NotFound))
}

func TestNewerDocumentsAreRefused(t *testing.T) {
	for _, key := range []string{"cart/%s", "copy/terminal/acme-s1-1", "copy/store/acme/s1", "transaction/acme-s1-1/1", "transaction-bucket/acme-s1-1/0", "transaction-days/acme-s1-1/2026"} {
		t.Run(key, func(t *testing.T) {
			f := newShop(t)
			done := f.bill(f.paid())
			c := f.paid()
			in := f.on(c)
			if key == "cart/%s" {
				key = fmt.Sprintf(key, c.ID)
			}
			f.put(key, map[string]any{"schema_version": 2})
			f.forgetCopies()
			failures := 0
			for _, do := range []func() error{
				func() error { _, err := f.app.Bill(t.Context(), in); return err },
				func() error {
					_, err := f.app.Create(t.Context(), app.CreateCart{Till: in.Till, TransactionType: 101})
					return err
				},
				func() error {
					_, err := f.app.Transaction(t.Context(), terminal, done.Numbers.TransactionNo)
					return err
				},
				func() error { _, err := f.app.CheckKey(t.Context(), terminal.ID(), apiKey); return err },
				func() error {
					_, err := f.app.Transactions(t.Context(), terminal, app.TransactionFilter{Limit: 1, BusinessDate: "20260329"})
					return err
				},
			} {
				if err := do(); err != nil {
					failures++
					assert.ErrorContains(t, err, "run a newer one")
				}
			}
			assert.NotZero(t, failures)
		})
	}
}
