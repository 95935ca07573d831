package app_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// redelivery is how often the sidecar tries again, without end (components/local/resiliency.yaml), and
// how many of its attempts the test leaves out for each that it makes.
const redelivery, leftOut = 2 * time.Second, 4

// outage takes everything that the journal writes to away.
func (b *bench) outage() (over func()) {
	away := fmt.Errorf("%w: the database is away", app.ErrUnavailable)
	b.store.before = func([]*journal.Record) error { return away }
	b.store.put = away
	b.hints.BeforeGet = func([]string) error { return errors.New("the state store is away") }
	b.hints.BeforeWrite = func([]state.Op) error { return errors.New("the state store is away") }
	b.publisher.mu.Lock()
	b.publisher.refuse = errors.New("the broker is away")
	b.publisher.mu.Unlock()
	return func() {
		b.store.before, b.store.put, b.hints.BeforeGet, b.hints.BeforeWrite = nil, nil, nil, nil
		b.publisher.mu.Lock()
		b.publisher.refuse = nil
		b.publisher.mu.Unlock()
	}
}

// Thirty hours without database, state store and broker: a day of sales is delivered again and
// again, in bulks with garbage in them, while everything that has a clock in the service runs by
// it. Nothing of it goes into quarantine, and all of it is stored when the database is back.
func TestAnOutageOfManyHoursQuarantinesNothing(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	for _, part := range b.app.Parts() {
		parts.Go(func() { assert.NoError(t, part.Run(ctx), part.Name) })
	}
	stop := func() { cancel(); parts.Wait() }
	defer stop()

	till, stranger := tilltest.New("acme", "s1", 1), tilltest.New("bolt", "s1", 1)
	var sales []event.Event
	over := b.outage()
	const outage = 30 * time.Hour
	deliveries := 0
	for began := b.clock.Now(); b.clock.Since(began) < outage; b.clock.Advance(redelivery * (1 + leftOut)) {
		if b.clock.Since(began) >= time.Duration(len(sales))*time.Hour {
			sales = append(sales, till.Sale("10"))
		}
		batch := []app.Message{
			message(t, sales[deliveries%len(sales)], 0), message(t, sales[len(sales)-1], 0), message(t, stranger.Sale("1"), 0),
			raw(t, event.TopicTranLog, "garbage", []byte(`{"a":1}`), 0),
		}
		for i, v := range b.app.Ingest.Handle(ctx, event.TopicTranLog, batch) {
			if v.Result != retry {
				require.Equal(t, retry, v.Result, "message %d after %s: %s", i, b.clock.Since(began), v.Reason)
			}
		}
		deliveries++
	}
	require.Greater(t, deliveries, 10_000)
	over()
	assert.Empty(t, b.quarantine("acme", journal.QuarantineOpen), "an outage is nobody's fault")
	assert.Empty(t, b.quarantine("", journal.QuarantineOpen))
	assert.Empty(t, b.publisher.on(event.TopicJournalStatus), "nobody was told anything that is not so")

	for _, v := range b.deliver(sales...) {
		assert.Equal(t, stored, v.Result)
	}
	assert.Equal(t, len(sales), b.entries("acme"))
	assert.Equal(t, sequence.Set{{First: 1, Last: uint64(len(sales))}}, b.received(till, event.ProducerCart))
	b.holds("acme")
	require.Eventually(t, func() bool {
		b.clock.Advance(time.Second)
		told := b.publisher.statuses(t)
		return len(told) > 0 && told[len(told)-1].ReceivedThrough == uint64(len(sales))
	}, time.Minute, time.Millisecond, "publishers are told, whatever the back-off had grown to")
	stop()
}

// Events of a tenant that nobody told the journal of arrive by themselves once it is provisioned,
// also when that is a day later and the clock alone wakes the service.
func TestEventsOfAnUnknownTenantArriveByThemselvesADayLater(t *testing.T) {
	b := newBench(t)
	till := tilltest.New("bolt", "s1", 1)
	sales := []event.Event{till.Sale("1"), till.Sale("2"), till.Sale("3")}
	for range 24 {
		for _, v := range b.deliver(sales...) {
			require.Equal(t, quarantined, v.Result)
		}
		b.clock.Advance(time.Hour)
	}
	require.Len(t, b.quarantine("bolt", journal.QuarantineOpen), 3, "each is kept once, however often it came")
	b.provision("bolt") // by another process, say: nobody nudges this one
	b.restart()
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	for _, part := range b.app.Parts() {
		parts.Go(func() { assert.NoError(t, part.Run(ctx), part.Name) })
	}
	require.Eventually(t, func() bool {
		b.clock.Advance(time.Minute)
		return len(b.quarantine("bolt", journal.QuarantineReplayed)) == 3
	}, time.Minute, 10*time.Millisecond)
	cancel()
	parts.Wait()
	assert.Equal(t, 3, b.entries("bolt"))
	assert.Empty(t, b.quarantine("bolt", journal.QuarantineOpen))
	assert.Equal(t, sequence.Set{{First: 1, Last: 3}}, b.received(till, event.ProducerCart))
	b.holds("bolt")
}

// A completed sale is never kept out of the journal, whatever rule it breaks.
func TestACompletedSaleThatBreaksARuleIsStored(t *testing.T) {
	for rule, spoil := range map[string]func(l *event.TranLog){
		"a receipt number used before":       func(l *event.TranLog) { l.ReceiptNo = 101 },
		"a transaction number used before":   func(l *event.TranLog) { l.TransactionNo = 1 },
		"totals that don't add up":           func(l *event.TranLog) { l.Sales.TotalAmountWithTax = l.Sales.TotalAmount.Add(l.Sales.TotalAmount) },
		"lines that don't add up":            func(l *event.TranLog) { l.LineItems = l.LineItems[:0] },
		"nothing paid":                       func(l *event.TranLog) { l.Payments = l.Payments[:0] },
		"unknown staff":                      func(l *event.TranLog) { l.Staff = &event.Person{ID: "nobody"} },
		"no staff":                           func(l *event.TranLog) { l.Staff = nil },
		"an unknown currency":                func(l *event.TranLog) { l.Currency = "XXX" },
		"years late":                         func(l *event.TranLog) { l.BusinessDate, l.OccurredAt = "19990101", l.OccurredAt.AddDate(-27, 0, 0) },
		"from the future":                    func(l *event.TranLog) { l.OccurredAt = l.OccurredAt.AddDate(50, 0, 0) },
		"of a session that was never opened": func(l *event.TranLog) { l.OpenCounter = 99 },
		"negative numbers":                   func(l *event.TranLog) { l.ReceiptNo, l.TransactionNo, l.OpenCounter = -1, -1, -1 },
		"no texts":                           func(l *event.TranLog) { l.JournalText, l.ReceiptText = "", "" },
		"a date that is none":                func(l *event.TranLog) { l.GenerateDateTime = "yesterday" },
		"after the close":                    func(*event.TranLog) {},
	} {
		t.Run(rule, func(t *testing.T) {
			b := newBench(t)
			b.provision("acme")
			till := tilltest.New("acme", "s1", 1)
			b.deliver(till.Open(), till.Sale("10"), till.Close(1, 1, 0, "", "10"))
			bad := till.Sale("20")
			spoil(bad)
			require.Equal(t, []app.Result{stored}, results(b.deliver(bad)))
			l, err := b.app.Search.Entry(t.Context(), "acme", bad.EventID)
			require.NoError(t, err)
			assert.Equal(t, bad.Sales.TotalAmountWithTax.String(), l.Amount.String(), "as it was, and not mended")
			assert.Equal(t, 4, b.entries("acme"))
			b.holds("acme")
		})
	}
}
