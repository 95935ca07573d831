package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/pkg/state/memstate"
)

var till = identity.TerminalStream(identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 1})

type counters struct {
	TransactionNo int64 `json:"transaction_no"`
}

// sell is a command as the cart service has them: it counts, writes an aggregate and emits events.
func sell(ctx context.Context, box *outbox.Box, stream identity.Stream, cart string, events int) error {
	return box.Do(ctx, stream, func(ctx context.Context, u *outbox.Unit) error {
		items, err := u.Get(ctx, "cart/"+cart)
		if err != nil {
			return err
		}
		if items[0].Exists() { // billed before: nothing to do
			return nil
		}
		var c counters
		if err := u.Counters(&c); err != nil {
			return err
		}
		c.TransactionNo++
		if err := u.SetCounters(c); err != nil {
			return err
		}
		if err := u.Put(items[0], c); err != nil {
			return err
		}
		for range events {
			if err := u.Emit(&event.CashLog{Description: cart}); err != nil {
				return err
			}
		}
		return nil
	})
}

// journal is a publisher that is broker and journal in one: it takes events, and tells what it has.
type journal struct {
	mu         sync.Mutex
	received   map[string]sequence.Set // by stream
	deliveries map[string]int          // by event id
	generation map[string]int
	refuse     func(topic string, n int) (taken int, err error)
	forget     bool // the broker takes events and loses them
	published  int
}

func newJournal() *journal {
	return &journal{received: map[string]sequence.Set{}, deliveries: map[string]int{}, generation: map[string]int{}}
}

func (j *journal) Publish(_ context.Context, topic string, messages []outbox.Message) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	taken, err := len(messages), error(nil)
	if j.refuse != nil {
		taken, err = j.refuse(topic, len(messages))
	}
	for _, m := range messages[:taken] {
		j.published++
		if j.forget {
			continue
		}
		var e event.Envelope
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return 0, err
		}
		id := e.Stream().ID()
		j.received[id] = j.received[id].Add(e.Sequence, e.Sequence)
		j.deliveries[m.EventID]++
		j.generation[id] = max(j.generation[id], m.Generation)
	}
	return taken, err
}

func (j *journal) status(stream identity.Stream) *event.JournalStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	set := j.received[stream.ID()]
	s := &event.JournalStatus{Generation: j.generation[stream.ID()], ReceivedThrough: set.Max(), Missing: set.Missing(1, set.Max())}
	s.TenantID, s.StoreCode, s.TerminalNo = stream.TenantID, stream.StoreCode, stream.TerminalNo
	return s
}

func (j *journal) sequences(stream identity.Stream) sequence.Set {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.received[stream.ID()]
}

type fixture struct {
	t       *testing.T
	store   *memstate.Store
	box     *outbox.Box
	journal *journal
	cfg     outbox.RelayConfig
}

func newFixture(t *testing.T) *fixture {
	store := memstate.New(time.Now)
	return &fixture{
		t: t, store: store, journal: newJournal(),
		box: outbox.New(store, event.ProducerCart, clockwork.NewRealClock(), outbox.NewID),
		cfg: outbox.RelayConfig{
			ResendAfter: 20 * time.Millisecond, ResendMax: 80 * time.Millisecond, RetryAfter: 2 * time.Millisecond, RetryMax: 10 * time.Millisecond,
			MarkAfter: 5 * time.Millisecond,
			Scan:      10 * time.Millisecond, DelistAfter: 15 * time.Millisecond, Retention: time.Hour, Sweep: time.Hour,
		},
	}
}

// relay starts a relay on its own box, as a process would; stop ends it.
func (f *fixture) relay() (stop func()) {
	box := outbox.New(f.store, event.ProducerCart, clockwork.NewRealClock(), outbox.NewID)
	f.box = box
	return f.relayOn(box)
}

func (f *fixture) relayOn(box *outbox.Box) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	r := outbox.NewRelay(box, f.journal, f.cfg, zap.NewNop(), outbox.NewMetrics(prometheus.NewRegistry()))
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	return func() { cancel(); <-done }
}

// confirm carries the journal's word back until stop.
func (f *fixture) confirm(streams ...identity.Stream) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(3 * time.Millisecond):
			}
			for _, s := range streams {
				_, _ = f.box.Confirm(context.Background(), f.journal.status(s))
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (f *fixture) summary(stream identity.Stream) outbox.Summary {
	s, err := f.box.Summary(f.t.Context(), stream)
	require.NoError(f.t, err)
	return s
}

func (f *fixture) eventually(what string, ok func() bool) {
	f.t.Helper()
	require.Eventually(f.t, ok, time.Minute, 3*time.Millisecond, what)
}

func through(n uint64) sequence.Set { return sequence.Set{{First: 1, Last: n}} }

func TestACommandIsOneTransaction(t *testing.T) {
	f := newFixture(t)
	var writes [][]state.Op
	f.store.AfterWrite = func(ops []state.Op) error { writes = append(writes, ops); return nil }
	require.NoError(t, sell(t.Context(), f.box, till, "c1", 2))
	require.Len(t, writes, 1)
	assert.Equal(t, []string{"cart/c1", "head/acme-s1-1", outbox.IndexKey(till.ID()), outbox.KnownKey(till.ID()), "outbox/acme-s1-1/1", "outbox/acme-s1-1/2"}, f.store.Keys())

	require.NoError(t, sell(t.Context(), f.box, till, "c2", 1))
	assert.Len(t, writes[1], 3, "aggregate, event, head: the index is touched only when the outbox was empty")
}

func TestAnEventGetsItsEnvelope(t *testing.T) {
	f := newFixture(t)
	b, err := event.NewBusiness("s01", "order", event.OrderCompleted{OrderID: "order"})
	require.NoError(t, err)
	require.NoError(t, f.box.Do(t.Context(), till, func(_ context.Context, u *outbox.Unit) error { return u.Emit(b) }))
	require.NoError(t, b.Validate())
	assert.Equal(t, uint64(1), b.Sequence)
	assert.Equal(t, "cart", b.Producer)
	assert.Equal(t, till, b.Stream())
	assert.Equal(t, b.EventID, b.EventIDSeed)
	assert.Equal(t, "s1", b.StoreID)
}

func TestAFailedCommandWritesNothing(t *testing.T) {
	f := newFixture(t)
	boom := errors.New("boom")
	err := f.box.Do(t.Context(), till, func(_ context.Context, u *outbox.Unit) error {
		require.NoError(t, u.Emit(&event.CashLog{}))
		return boom
	})
	require.ErrorIs(t, err, boom)
	assert.Empty(t, f.store.Keys())
}

func TestALookWritesNothing(t *testing.T) {
	f := newFixture(t)
	f.store.BeforeWrite = func([]state.Op) error { t.Error("wrote"); return nil }
	require.NoError(t, f.box.Do(t.Context(), till, func(context.Context, *outbox.Unit) error { return nil }))
}

func TestAnEventThatCouldNotBePublishedIsRefused(t *testing.T) {
	f := newFixture(t)
	err := f.box.Do(t.Context(), till, func(_ context.Context, u *outbox.Unit) error {
		return u.Emit(&event.CashLog{JournalText: string(make([]byte, outbox.MaxEventBytes))})
	})
	assert.True(t, problem.Is(err, problem.TooLarge), "%v", err)
	assert.Empty(t, f.store.Keys())
}

func TestManyAtOnceLoseNoNumber(t *testing.T) {
	f := newFixture(t)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			for try := 0; ; try++ {
				err := sell(context.Background(), f.box, till, fmt.Sprint("c", i), 2)
				if err == nil {
					return
				}
				if !problem.Is(err, problem.Conflict) || try > 50 {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, uint64(80), f.summary(till).LastSequence)
	f.assertGapless(till, 40, 80)
}

// assertGapless checks that transactions 1…n were each given once and events 1…m are all there.
func (f *fixture) assertGapless(stream identity.Stream, n, m int) {
	f.t.Helper()
	deliveries, err := f.box.Deliveries(f.t.Context(), stream, "", 1, m+10)
	require.NoError(f.t, err)
	assert.Len(f.t, deliveries, m)
	var numbers []int64
	for _, key := range f.store.Keys() {
		if len(key) > 5 && key[:5] == "cart/" {
			item, err := state.Get(f.t.Context(), f.store, key)
			require.NoError(f.t, err)
			var c counters
			require.NoError(f.t, item.Decode(&c))
			numbers = append(numbers, c.TransactionNo)
		}
	}
	slices.Sort(numbers)
	require.Len(f.t, numbers, n)
	for i, got := range numbers {
		require.Equal(f.t, int64(i+1), got)
	}
}

// Every write either fails before, or its reply is lost, at random; the client repeats. Each sale
// happens once.
func TestLostRepliesAndDeathsNeitherLoseNorDouble(t *testing.T) {
	f := newFixture(t)
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a reproducible test
	maybe := func([]state.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if random.IntN(3) == 0 {
			return state.ErrUnavailable
		}
		return nil
	}
	f.store.BeforeWrite, f.store.AfterWrite = maybe, maybe
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for sell(context.Background(), f.box, till, fmt.Sprint("c", i), 3) != nil {
			}
		})
	}
	wg.Wait()
	f.store.BeforeWrite, f.store.AfterWrite = nil, nil
	f.assertGapless(till, 20, 60)
}

func TestEventsFlowAndTheOutboxEmpties(t *testing.T) {
	f := newFixture(t)
	defer f.relay()()
	defer f.confirm(till)()
	for i := range 10 {
		require.NoError(t, sell(t.Context(), f.box, till, fmt.Sprint("c", i), 3))
	}
	f.eventually("confirmed", func() bool { return f.summary(till).Unconfirmed == 0 })
	assert.Equal(t, through(30), f.journal.sequences(till))
	f.eventually("delisted", func() bool { return !f.listed(till) })
	require.NoError(t, sell(t.Context(), f.box, till, "again", 1))
	f.eventually("flows again after it left the index", func() bool { return f.summary(till).ReceivedThrough == 31 })
}

func (f *fixture) listed(stream identity.Stream) bool {
	item, err := state.Get(f.t.Context(), f.store, outbox.IndexKey(stream.ID()))
	require.NoError(f.t, err)
	var list struct{ Streams map[string]any }
	require.NoError(f.t, item.Decode(&list))
	_, ok := list.Streams[stream.ID()]
	return ok
}

func TestARestartFindsWhatWasLeft(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, sell(t.Context(), f.box, till, "c1", 3)) // dies before any relay saw it
	defer f.relay()()
	f.eventually("published", func() bool { return f.journal.sequences(till).Through() == 3 })
	f.eventually("marked", func() bool { return f.summary(till).PublishedThrough == 3 })
	assert.Equal(t, uint64(3), f.summary(till).Unconfirmed, "published is not received")
	defer f.confirm(till)()
	f.eventually("confirmed", func() bool { return f.summary(till).Unconfirmed == 0 })
}

func TestABrokerThatForgetsLosesNothing(t *testing.T) {
	f := newFixture(t)
	f.journal.forget = true
	defer f.relay()()
	for i := range 100 {
		require.NoError(t, sell(t.Context(), f.box, till, fmt.Sprint("c", i), 5))
	}
	f.eventually("the broker took all", func() bool { return f.summary(till).PublishedThrough == 500 })
	f.journal.mu.Lock()
	f.journal.forget = false
	f.journal.mu.Unlock()
	defer f.confirm(till)()
	f.eventually("all came again", func() bool { return f.summary(till).ReceivedThrough == 500 })
	assert.Equal(t, through(500), f.journal.sequences(till))
}

func TestWhileNobodyAnswersOnlyAWindowIsRepeated(t *testing.T) {
	f := newFixture(t)
	f.journal.forget = true
	require.NoError(t, sell(t.Context(), f.box, till, "c", 1000))
	defer f.relay()()
	f.eventually("first time", func() bool { return f.summary(till).PublishedThrough == 1000 })
	time.Sleep(250 * time.Millisecond) // several resends
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	repeated := f.journal.published - 1000
	assert.Positive(t, repeated)
	assert.LessOrEqual(t, repeated, 50*8, "a window of 50 at a time, with back-off")
}

func TestABrokerThatIsAwayHoldsUpNothingButItself(t *testing.T) {
	f := newFixture(t)
	f.journal.refuse = func(string, int) (int, error) { return 0, errors.New("broker away") }
	defer f.relay()()
	for i := range 5 {
		require.NoError(t, sell(t.Context(), f.box, till, fmt.Sprint("c", i), 1))
	}
	time.Sleep(30 * time.Millisecond)
	assert.Equal(t, uint64(0), f.summary(till).PublishedThrough)
	f.journal.mu.Lock()
	f.journal.refuse = nil
	f.journal.mu.Unlock()
	defer f.confirm(till)()
	f.eventually("all flows when it is back", func() bool { return f.summary(till).ReceivedThrough == 5 })
}

func TestAPartlyTakenBatchGoesOnWhereItStopped(t *testing.T) {
	f := newFixture(t)
	f.journal.refuse = func(_ string, n int) (int, error) {
		if n > 1 {
			return n / 2, errors.New("half")
		}
		return n, nil
	}
	require.NoError(t, sell(t.Context(), f.box, till, "c", 40))
	defer f.relay()()
	defer f.confirm(till)()
	f.eventually("all", func() bool { return f.summary(till).ReceivedThrough == 40 })
}

func TestABulkIsNeverLargerThanASidecarTakes(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.box.Do(t.Context(), till, func(_ context.Context, u *outbox.Unit) error {
		for range 12 {
			if err := u.Emit(&event.CashLog{JournalText: string(make([]byte, outbox.MaxEventBytes/8))}); err != nil { // NUL is six bytes of JSON
				return err
			}
		}
		return nil
	}))
	most := 0
	f.journal.refuse = func(_ string, n int) (int, error) { most = max(most, n); return n, nil }
	defer f.relay()()
	defer f.confirm(till)()
	f.eventually("all", func() bool { return f.summary(till).ReceivedThrough == 12 })
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	assert.Equal(t, 3, most, "three of 576 KiB fit into 2 MiB")
}

func TestTwoRelaysDoNoHarm(t *testing.T) {
	f := newFixture(t)
	defer f.relayOn(outbox.New(f.store, event.ProducerCart, clockwork.NewRealClock(), outbox.NewID))()
	defer f.relay()()
	defer f.confirm(till)()
	for i := range 50 {
		require.NoError(t, sell(t.Context(), f.box, till, fmt.Sprint("c", i), 2))
	}
	f.eventually("confirmed", func() bool { return f.summary(till).Unconfirmed == 0 })
	assert.Equal(t, through(100), f.journal.sequences(till))
	f.assertGapless(till, 50, 100)
}

func TestQuarantineParksAndAReplayClears(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, sell(t.Context(), f.box, till, "c", 3))
	status := &event.JournalStatus{ReceivedThrough: 3, Missing: sequence.Of(2), Failed: []event.FailedEvent{{EventID: "e", Sequence: 2, Reason: "garbled"}}}
	status.Envelope = event.Envelope{TenantID: "acme", StoreCode: "s1", TerminalNo: 1}
	parked, err := f.box.Confirm(t.Context(), status)
	require.NoError(t, err)
	assert.Len(t, parked, 1, "news for the alert")
	parked, err = f.box.Confirm(t.Context(), status)
	require.NoError(t, err)
	assert.Empty(t, parked, "said once")
	s := f.summary(till)
	assert.Equal(t, 1, s.Parked)
	assert.Equal(t, uint64(0), s.Unconfirmed, "a parked event is not published again")
	d, err := f.box.Deliveries(t.Context(), till, outbox.DeliveryParked, 0, 10)
	require.NoError(t, err)
	require.Len(t, d, 1)
	assert.Equal(t, "garbled", d[0].Reason)

	status.Missing, status.Failed = nil, nil // replayed
	_, err = f.box.Confirm(t.Context(), status)
	require.NoError(t, err)
	assert.Equal(t, 0, f.summary(till).Parked)
	assert.Equal(t, uint64(3), f.summary(till).ReceivedThrough)
}

func TestDiscardedEventsAreSettled(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, sell(t.Context(), f.box, till, "c", 2))
	status := &event.JournalStatus{ReceivedThrough: 1, Cleared: []uint64{2}}
	status.Envelope = event.Envelope{TenantID: "acme", StoreCode: "s1", TerminalNo: 1}
	_, err := f.box.Confirm(t.Context(), status)
	require.NoError(t, err)
	assert.Equal(t, uint64(0), f.summary(till).Unconfirmed)
}

func TestTheJournalCannotConfirmWhatWasNeverMade(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, sell(t.Context(), f.box, till, "c", 2))
	status := &event.JournalStatus{ReceivedThrough: 99, Cleared: []uint64{50}, Failed: []event.FailedEvent{{Sequence: 60}}}
	status.Envelope = event.Envelope{TenantID: "acme", StoreCode: "s1", TerminalNo: 1}
	_, err := f.box.Confirm(t.Context(), status)
	require.NoError(t, err)
	require.NoError(t, sell(t.Context(), f.box, till, "c2", 2))
	s := f.summary(till)
	assert.Equal(t, uint64(2), s.ReceivedThrough)
	assert.Equal(t, uint64(2), s.Unconfirmed)
	assert.Equal(t, 0, s.Parked)
}

// The journal is restored from a backup that ends at 4; word from before the restore is still in the
// broker and arrives late.
func TestRedeliverBringsARestoredJournalUpToDate(t *testing.T) {
	f := newFixture(t)
	stopRelay := f.relay()
	stopConfirm := f.confirm(till)
	require.NoError(t, sell(t.Context(), f.box, till, "c", 10))
	f.eventually("confirmed", func() bool { return f.summary(till).Unconfirmed == 0 })
	late := f.journal.status(till)
	stopConfirm()
	stopRelay()
	f.journal.received[till.ID()] = through(4)

	require.NoError(t, f.box.Redeliver(t.Context(), till, 5))
	_, err := f.box.Confirm(t.Context(), late)
	require.NoError(t, err)
	assert.Equal(t, uint64(4), f.summary(till).ReceivedThrough, "word of an older generation is ignored")
	defer f.relay()()
	defer f.confirm(till)()
	f.eventually("received again", func() bool { return f.summary(till).ReceivedThrough == 10 })
	assert.Equal(t, through(10), f.journal.sequences(till))
}

func TestRedeliverSinceFindsTheFirstEvent(t *testing.T) {
	clock := clockwork.NewFakeClockAt(time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC))
	f := newFixture(t)
	f.box = outbox.New(f.store, event.ProducerCart, clock, outbox.NewID)
	for i := range 20 {
		require.NoError(t, sell(t.Context(), f.box, till, fmt.Sprint("c", i), 1))
		clock.Advance(time.Hour)
	}
	first, err := f.box.RedeliverSince(t.Context(), till, time.Date(2026, 5, 1, 14, 30, 0, 0, time.UTC))
	require.NoError(t, err)
	assert.Equal(t, uint64(7), first, "recorded at 15:00")
	first, err = f.box.RedeliverSince(t.Context(), till, clock.Now())
	require.NoError(t, err)
	assert.Equal(t, uint64(0), first, "nothing since")
}

func TestOldConfirmedEventsAreSweptAndNoOthers(t *testing.T) {
	f := newFixture(t)
	f.cfg.Retention, f.cfg.Sweep = 0, 20*time.Millisecond
	for i := range 130 {
		require.NoError(t, sell(t.Context(), f.box, till, fmt.Sprint("c", i), 2))
	}
	status := &event.JournalStatus{ReceivedThrough: 250}
	status.Envelope = event.Envelope{TenantID: "acme", StoreCode: "s1", TerminalNo: 1}
	_, err := f.box.Confirm(t.Context(), status)
	require.NoError(t, err)
	f.journal.refuse = func(string, int) (int, error) { return 0, errors.New("away") }
	defer f.relay()()
	f.eventually("swept", func() bool { return f.summary(till).SweptThrough == 250 })
	d, err := f.box.Deliveries(t.Context(), till, "", 0, 500)
	require.NoError(t, err)
	assert.Len(t, d, 10)
	err = f.box.Redeliver(t.Context(), till, 100)
	assert.True(t, problem.Is(err, problem.NotFound), "%v", err)
}

func TestStreamsAreKnownForEver(t *testing.T) {
	f := newFixture(t)
	tenant := identity.TenantStream("acme")
	require.NoError(t, sell(t.Context(), f.box, till, "a", 1))
	require.NoError(t, sell(t.Context(), f.box, tenant, "b", 1))
	streams, err := f.box.Streams(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]identity.Stream{till.ID(): till, "acme": tenant}, streams)
}

func TestAStreamWhoseFirstCommandHadNoEventsIsKnownFromItsFirstEvent(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.box.Do(t.Context(), till, func(_ context.Context, u *outbox.Unit) error { return u.SetCounters(counters{}) }))
	known, err := f.box.Streams(t.Context())
	require.NoError(t, err)
	assert.Empty(t, known)
	require.NoError(t, sell(t.Context(), f.box, till, "1", 2))
	known, err = f.box.Streams(t.Context())
	require.NoError(t, err)
	assert.Contains(t, known, till.ID())
}

func TestANewerDocumentIsRefused(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.store.Write(t.Context(), state.Op{Key: outbox.HeadKey(till.ID()), Value: []byte(`{"schema_version":2}`)}))
	err := sell(t.Context(), f.box, till, "c", 1)
	assert.ErrorContains(t, err, "run a newer one")
}

// Whatever the journal says in whatever order, the tail only ever grows and never counts what the
// journal does not have.
func TestConfirmationsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t)
		const last = 30
		require.NoError(t, sell(t.Context(), f.box, till, "c", last))
		var has sequence.Set
		var statuses []*event.JournalStatus
		for _, n := range rapid.SliceOfN(rapid.Uint64Range(1, last), 1, 40).Draw(rt, "arrivals") {
			has = has.Add(n, n)
			s := &event.JournalStatus{ReceivedThrough: has.Max(), Missing: has.Missing(1, has.Max())}
			s.Envelope = event.Envelope{TenantID: "acme", StoreCode: "s1", TerminalNo: 1}
			statuses = append(statuses, s)
		}
		var confirmed uint64
		for _, i := range rapid.Permutation(indices(len(statuses))).Draw(rt, "order") {
			_, err := f.box.Confirm(t.Context(), statuses[i])
			require.NoError(t, err)
			s := f.summary(till)
			require.LessOrEqual(t, last-s.Unconfirmed, has.Len())
			require.GreaterOrEqual(t, last-s.Unconfirmed, confirmed)
			confirmed = last - s.Unconfirmed
		}
		require.Equal(t, has.Len(), confirmed)
	})
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
