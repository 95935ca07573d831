package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

const (
	stored      = app.ResultStored
	repeat      = app.ResultRepeat
	quarantined = app.ResultQuarantined
	retry       = app.ResultRetry
)

func TestADayIsStoredOnceHoweverOftenItIsDelivered(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	day := []event.Event{till.Open(), till.Cash("100"), till.Business("c", event.OrderSubtotalled{}), till.Sale("10.9"), till.Sale("20"), till.Close(2, 2, 1, "", "130.9")}
	var deliveries sync.WaitGroup
	for range 4 {
		deliveries.Go(func() {
			mine := append(slices.Clone(day), day...)
			rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			for _, v := range b.deliver(mine...) {
				assert.Contains(t, []app.Result{stored, repeat}, v.Result)
			}
		})
	}
	deliveries.Wait()
	assert.Equal(t, 5, b.entries("acme"))
	assert.Equal(t, sequence.Set{{First: 1, Last: 3}}, b.received(till, "cart"))
	b.holds("acme")
}

func TestWhatCannotBeStoredLiesInQuarantineWithItsReason(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	sale, cash := till.Sale("1"), till.Cash("1")
	byCart := *cash
	byCart.Producer = event.ProducerCart
	for what, c := range map[string]struct {
		message app.Message
		topic   string
		reason  journal.Reason
		tenant  string
		lane    string // whose publisher is told, "" for nobody's
	}{
		"no CloudEvent":       {app.Message{Raw: []byte("\xff"), Err: errors.New("not a CloudEvent")}, event.TopicTranLog, journal.Undecodable, "", ""},
		"no event":            {raw(t, event.TopicTranLog, "x", []byte(`{"a":1}`), 0), event.TopicTranLog, journal.Undecodable, "", ""},
		"a broken event":      {raw(t, event.TopicTranLog, sale.EventID, []byte(strings.Replace(string(tilltest.Data(t, sale)), `"receipt_no":101`, `"receipt_no":"x"`, 1)), 0), event.TopicTranLog, journal.Undecodable, "acme", "cart"},
		"the wrong publisher": {raw(t, event.TopicCashLog, cash.EventID, tilltest.Data(t, &byCart), 0), event.TopicCashLog, journal.WrongPublisher, "acme", "cart"},
		"the wrong topic":     {raw(t, event.TopicCashLog, sale.EventID, tilltest.Data(t, sale), 0), event.TopicCashLog, journal.WrongPublisher, "acme", "cart"},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			b.provision("acme")
			for range 3 { // it comes again and again, and is kept once
				v := b.app.Ingest.Handle(t.Context(), c.topic, []app.Message{c.message})
				require.Equal(t, quarantined, v[0].Result)
				assert.Contains(t, v[0].Reason, string(c.reason))
				assert.NoError(t, v[0].Err)
			}
			items := b.quarantine(c.tenant, journal.QuarantineOpen)
			require.Len(t, items, 1)
			assert.Equal(t, c.reason, items[0].Reason)
			assert.Equal(t, 3, items[0].Times)
			full, err := b.app.Quarantine.Show(t.Context(), c.tenant, items[0].ID)
			require.NoError(t, err)
			assert.Equal(t, []byte(c.message.Raw), full.CloudEvent)
			statuses := b.told()
			if c.lane == "" {
				assert.Empty(t, statuses)
				return
			}
			require.Len(t, statuses, 1)
			assert.Equal(t, c.lane, statuses[0].Producer)
			require.Len(t, statuses[0].Failed, 1)
			assert.Equal(t, items[0].Sequence, statuses[0].Failed[0].Sequence)
			assert.Zero(t, b.entries("acme"))
		})
	}
}

func TestTheSameIdWithOtherContentIsQuarantinedAndTheFirstStays(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	sale := till.Sale("100")
	changed := *sale
	changed.JournalText = "forged"
	assert.Equal(t, []app.Result{stored, quarantined, repeat}, results(b.deliver(sale, &changed, sale)))
	items := b.quarantine("acme", journal.QuarantineOpen)
	require.Len(t, items, 1)
	assert.Equal(t, journal.ContentChanged, items[0].Reason)
	assert.Equal(t, sale.EventID, items[0].EventID)
	l, err := b.app.Search.Entry(t.Context(), "acme", sale.EventID)
	require.NoError(t, err)
	assert.Equal(t, sale.JournalText, l.JournalText)
	assert.Empty(t, b.told()[0].Failed, "its number was received")
}

func TestNothingIsDroppedWhileTheQuarantineCannotKeepIt(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	b.store.put = fmt.Errorf("%w: disk", app.ErrUnavailable)
	bad := raw(t, event.TopicTranLog, "x", []byte(`{}`), 0)
	good := message(t, tilltest.New("acme", "s1", 1).Sale("1"), 0)
	verdicts := b.app.Ingest.Handle(t.Context(), event.TopicTranLog, []app.Message{bad, good})
	assert.Equal(t, []app.Result{retry, stored}, results(verdicts))
	assert.ErrorIs(t, verdicts[0].Err, app.ErrUnavailable)
	b.store.put = nil
	assert.Equal(t, []app.Result{quarantined, repeat}, results(b.app.Ingest.Handle(t.Context(), event.TopicTranLog, []app.Message{bad, good})))
}

func TestADatabaseThatIsAwayMakesEverythingComeAgainAndNothingPoison(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	b.store.before = func([]*journal.Record) error { return fmt.Errorf("%w: away", app.ErrUnavailable) }
	for range 3 * app.PoisonAfter {
		require.Equal(t, []app.Result{retry}, results(b.deliver(sale)))
	}
	assert.Empty(t, b.told(), "nobody is told of what is not known")
	b.store.before = nil
	assert.Equal(t, []app.Result{stored}, results(b.deliver(sale)))
	assert.Empty(t, b.quarantine("acme", journal.QuarantineOpen))
}

func TestALostReplyIsFoundOutByTheRepeat(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	b.store.after = func() error { return fmt.Errorf("%w: reply lost", app.ErrUnavailable) }
	assert.Equal(t, []app.Result{retry}, results(b.deliver(sale)))
	b.store.after = nil
	assert.Equal(t, []app.Result{repeat}, results(b.deliver(sale)))
	assert.Equal(t, 1, b.entries("acme"))
	b.holds("acme")
}

func TestOneBadEventNeverHoldsBackTheOthers(t *testing.T) {
	for what, fail := range map[string]func() error{
		"refused by the store": func() error { return fmt.Errorf("%w: constraint", app.ErrRefused) },
		"panicking":            func() error { panic("index out of range") },
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			b.provision("acme")
			till := tilltest.New("acme", "s1", 1)
			var events []event.Event
			for range 16 {
				events = append(events, till.Sale("1"))
			}
			bad := events[11].Head().EventID
			b.store.before = func(records []*journal.Record) error {
				for _, r := range records {
					if r.Envelope().EventID == bad {
						return fail()
					}
				}
				return nil
			}
			for i, v := range b.deliver(events...) {
				if i == 11 {
					assert.Equal(t, retry, v.Result)
				} else {
					assert.Equal(t, stored, v.Result, i)
				}
			}
			assert.Equal(t, 15, b.entries("acme"))

			for range app.PoisonAfter - 2 {
				assert.Equal(t, []app.Result{retry}, results(b.deliver(events[11])))
			}
			assert.Equal(t, []app.Result{quarantined}, results(b.deliver(events[11])), "the fifth time it is poison")
			items := b.quarantine("acme", journal.QuarantineOpen)
			require.Len(t, items, 1)
			assert.Equal(t, journal.Poison, items[0].Reason)
			assert.NotContains(t, items[0].Detail, "goroutine", "no stack in what people read")
			assert.Equal(t, sequence.Of(12), b.told()[0].Missing)

			b.store.before = nil // mended: a replay stores it
			_, err := b.app.Quarantine.Replay(t.Context(), "acme", items[0].ID, "ann")
			require.NoError(t, err)
			assert.Equal(t, 16, b.entries("acme"))
			b.holds("acme")
		})
	}
}

func TestADecoderThatPanicsMakesPoison(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	app.DecodeWith(b.app, func(string, []byte) (*journal.Record, error) { panic("nil map") })
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	for range app.PoisonAfter - 1 {
		require.Equal(t, []app.Result{retry}, results(b.deliver(sale)))
	}
	require.Equal(t, []app.Result{quarantined}, results(b.deliver(sale)))
	app.DecodeWith(b.app, journal.Decode)
	items := b.quarantine("acme", journal.QuarantineOpen)
	require.Len(t, items, 1)
	_, err := b.app.Quarantine.Replay(t.Context(), "acme", items[0].ID, "ann")
	require.NoError(t, err)
	assert.Equal(t, 1, b.entries("acme"))
}

func TestWhatArrivesWhileACommitRunsGoesIntoTheNextTogether(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	running, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.store.before = func([]*journal.Record) error {
		once.Do(func() { close(running); <-release })
		return nil
	}
	var deliveries sync.WaitGroup
	first, rest := till.Sale("1"), []event.Event{}
	for range 20 {
		rest = append(rest, till.Sale("1"))
	}
	deliveries.Go(func() { b.deliver(first) })
	<-running
	for _, e := range rest {
		deliveries.Go(func() { assert.Equal(t, []app.Result{stored}, results(b.deliver(e))) })
	}
	require.Eventually(t, func() bool { return app.WaitingJobs(b.app, "acme") == 20 }, time.Minute, time.Millisecond)
	close(release)
	deliveries.Wait()
	assert.Equal(t, []int{1, 20}, b.store.sizes())
}

func TestADeliveryThatEndsBeforeItsCommitComesAgain(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	running, release := make(chan struct{}), make(chan struct{})
	b.store.before = func([]*journal.Record) error { close(running); <-release; return nil }
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-running; cancel() }()
	v := b.app.Ingest.Handle(ctx, event.TopicTranLog, []app.Message{message(t, sale, 0)})
	assert.Equal(t, []app.Result{retry}, results(v))
	close(release)
	require.NoError(t, b.app.Drain())
	b.store.before = nil
	assert.Equal(t, []app.Result{repeat}, results(b.deliver(sale)))
	assert.Equal(t, 1, b.entries("acme"))
}

func TestTenantsOfOneDeliveryAreStoredEachInItsOwn(t *testing.T) {
	b := newBench(t)
	b.provision("acme", "bolt")
	verdicts := b.deliver(tilltest.New("acme", "s1", 1).Sale("1"), tilltest.New("bolt", "s1", 1).Sale("2"), tilltest.New("none", "s1", 1).Sale("3"))
	assert.Equal(t, []app.Result{stored, stored, quarantined}, results(verdicts))
	assert.Equal(t, 1, b.entries("acme"))
	assert.Equal(t, 1, b.entries("bolt"))
	assert.Empty(t, b.quarantine("acme", journal.QuarantineOpen))
	assert.Len(t, b.quarantine("none", journal.QuarantineOpen), 1)
}

func TestEventsOfAnUnknownTenantWaitForItAndAreStoredWhenItComes(t *testing.T) {
	b := newBench(t)
	till, tenant := tilltest.New("acme", "s1", 1), tilltest.NewTenant("acme")
	var sales []event.Event
	for range 3 {
		sales = append(sales, till.Sale("1"))
	}
	assert.Equal(t, []app.Result{quarantined, quarantined, quarantined}, results(b.deliver(sales...)))
	b.deliver(till.Open())
	asked := b.publisher.on(event.TopicSnapshotWanted)
	require.Len(t, asked, 1, "the tenant's snapshot is asked for, once in a while")
	var wanted event.SnapshotWanted
	require.NoError(t, json.Unmarshal(asked[0].Data, &wanted))
	require.NoError(t, wanted.Validate())
	assert.Equal(t, "acme", wanted.TenantID)
	assert.Zero(t, wanted.TerminalNo)
	b.clock.Advance(app.AskEvery)
	b.deliver(sales[0])
	assert.Len(t, b.publisher.on(event.TopicSnapshotWanted), 2)
	statuses := b.told()
	require.Len(t, statuses, 2)
	assert.Len(t, statuses[0].Failed, 3)
	assert.Zero(t, statuses[0].ReceivedThrough)

	assert.Equal(t, []app.Result{stored}, results(b.deliver(tenant.Snapshot(1))))
	require.NoError(t, app.Sweep(t.Context(), b.app))
	assert.Equal(t, 4, b.entries("acme"))
	assert.Empty(t, b.quarantine("acme", journal.QuarantineOpen))
	for _, q := range b.quarantine("acme", journal.QuarantineReplayed) {
		assert.Equal(t, "journal", q.ResolvedBy)
	}
	statuses = b.told()
	require.Len(t, statuses, 3)
	cart := statuses[0]
	assert.Equal(t, uint64(3), cart.ReceivedThrough)
	assert.Empty(t, cart.Missing)
	assert.Empty(t, cart.Failed)
	b.holds("acme")
}

func TestWaitingEventsAreStoredAlsoWhenTheProcessDiedInBetween(t *testing.T) {
	b := newBench(t)
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	b.deliver(sale)
	b.provision("acme") // and nobody swept
	b.restart()
	require.NoError(t, app.Sweep(t.Context(), b.app))
	assert.Equal(t, 1, b.entries("acme"))

	// It was stored and the item was not closed: a repeat, and closed now.
	other := tilltest.New("bolt", "s1", 1).Sale("1")
	b.deliver(other)
	b.provision("bolt")
	b.deliver(other)
	require.NoError(t, app.Sweep(t.Context(), b.app))
	assert.Equal(t, 1, b.entries("bolt"))
	assert.Len(t, b.quarantine("bolt", journal.QuarantineReplayed), 1)
}

func TestManyWaitingEventsAreStoredPageByPageAndBadOnesStay(t *testing.T) {
	b := newBench(t)
	till := tilltest.New("acme", "s1", 1)
	var sales []event.Event
	for range 120 {
		sales = append(sales, till.Sale("1"))
	}
	b.deliver(sales...)
	forged := *sales[5].(*event.TranLog)
	forged.JournalText = "forged"
	b.deliver(&forged)
	b.provision("acme")
	require.NoError(t, app.Sweep(t.Context(), b.app))
	assert.Equal(t, 120, b.entries("acme"))
	open := b.quarantine("acme", journal.QuarantineOpen)
	require.Len(t, open, 1)
	assert.Equal(t, journal.ContentChanged, open[0].Reason)
	waiting, err := b.store.WaitingFor(t.Context())
	require.NoError(t, err)
	assert.Empty(t, waiting, "what is refused for another reason is left to people")
	b.holds("acme")
}

func TestASweepEndsAlsoWhenNothingCanBeStored(t *testing.T) {
	b := newBench(t)
	b.deliver(tilltest.New("acme", "s1", 1).Sale("1"))
	b.provision("acme")
	b.store.before = func([]*journal.Record) error { return fmt.Errorf("%w: away", app.ErrUnavailable) }
	require.NoError(t, app.Sweep(t.Context(), b.app))
	assert.Len(t, b.quarantine("acme", journal.QuarantineOpen), 1)
	b.store.before = nil
	require.NoError(t, app.Sweep(t.Context(), b.app))
	assert.Empty(t, b.quarantine("acme", journal.QuarantineOpen))
}

func TestDeadLettersAreStoredIfThatIsPossibleAndSetAsideIfNot(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	known, fresh := till.Sale("1"), till.Sale("2")
	b.deliver(known)
	status := &event.JournalStatus{Envelope: event.Envelope{EventID: till.ID(), SchemaVersion: 1, TenantID: "acme", StoreCode: "s1", TerminalNo: 1, Producer: "cart", OccurredAt: tilltest.Start}}
	broken := raw(t, event.TopicTranLog, "x", []byte(`{}`), 0)
	letters := []app.Message{message(t, known, 0), message(t, fresh, 0), message(t, status, 0), broken, {Raw: []byte("?"), Err: errors.New("not a CloudEvent")}}
	verdicts := b.app.Ingest.HandleDeadLetters(t.Context(), "cart", letters)
	assert.Equal(t, []app.Result{repeat, stored, quarantined, quarantined, quarantined}, results(verdicts))
	mine := b.quarantine("acme", journal.QuarantineOpen)
	require.Len(t, mine, 1)
	assert.Equal(t, journal.DeadLetter, mine[0].Reason)
	assert.Equal(t, "given up by the sidecar of cart", mine[0].Detail)
	for _, q := range b.quarantine("", journal.QuarantineOpen) {
		assert.Equal(t, journal.Undecodable, q.Reason, "the handler's own reason wins")
	}

	b.store.before = func([]*journal.Record) error { return fmt.Errorf("%w: away", app.ErrUnavailable) }
	passing := till.Sale("3")
	assert.Equal(t, []app.Result{retry}, results(b.app.Ingest.HandleDeadLetters(t.Context(), "journal", []app.Message{message(t, passing, 0)})))
	b.store.before = func([]*journal.Record) error { return fmt.Errorf("%w: never", app.ErrRefused) }
	assert.Equal(t, []app.Result{quarantined}, results(b.app.Ingest.HandleDeadLetters(t.Context(), "journal", []app.Message{message(t, passing, 0)})))
	families, err := b.registry.Gather()
	require.NoError(t, err)
	assert.NotContains(t, fmt.Sprint(families), event.TopicJournalStatus, "what a dead letter names becomes no label")
	_, err = b.app.Quarantine.Replay(t.Context(), "acme", mine[0].ID, "ann")
	assert.ErrorIs(t, err, app.ReplayRefused.New(""), "the journal cannot replay what is not its own")
}

func TestADroppedEventThatComesBackAsADeadLetterIsKeptOnce(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	bad := raw(t, event.TopicCashLog, "x", tilltest.Data(t, tilltest.New("acme", "s1", 1).Sale("1")), 0)
	b.app.Ingest.Handle(t.Context(), event.TopicCashLog, []app.Message{bad})
	b.app.Ingest.HandleDeadLetters(t.Context(), "journal", []app.Message{bad})
	items := b.quarantine("acme", journal.QuarantineOpen)
	require.Len(t, items, 1)
	assert.Equal(t, journal.WrongPublisher, items[0].Reason)
	assert.Equal(t, 2, items[0].Times)
}

func TestResultsAreCounted(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	b.deliver(sale, sale, sale)
	require.NoError(t, testutil.GatherAndCompare(b.registry, strings.NewReader(`
# HELP tillroll_journal_ingested_total Deliveries handled, by topic and result: stored, repeat, quarantined, retry.
# TYPE tillroll_journal_ingested_total counter
tillroll_journal_ingested_total{result="repeat",topic="topic-tranlog"} 2
tillroll_journal_ingested_total{result="stored",topic="topic-tranlog"} 1
`), "tillroll_journal_ingested_total"))
	n, err := testutil.GatherAndCount(b.registry, "tillroll_journal_ingest_lag_seconds", "tillroll_journal_commit_seconds", "tillroll_journal_commit_events", "tillroll_journal_processed_breaker_state")
	require.NoError(t, err)
	assert.Equal(t, 4, n)
}

func TestOneTraceRunsFromThePublisherThroughTheCommitToTheNotification(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	b.deliver(till.Sale("1"), till.Sale("2"))
	names := map[string]int{}
	for _, span := range b.spans.GetSpans() {
		names[span.Name]++
		assert.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", span.SpanContext.TraceID().String(), span.Name)
		if span.Name == "journal.ingest" {
			assert.Equal(t, "00f067aa0ba902b7", span.Parent.SpanID().String())
		}
	}
	assert.Equal(t, map[string]int{"journal.ingest": 2, "journal.commit": 1}, names, "one transaction, once in the trace")
	b.told()
	assert.Contains(t, b.publisher.on(event.TopicJournalStatus)[0].TraceParent, "4bf92f3577b34da6a3ce929d0e0e4736")
}
