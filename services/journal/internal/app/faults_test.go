package app_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/pkg/state/memstate"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// A point is one call of a port's method: the nth of its name in a run.
type point struct {
	call string // such as Store.Commit
	nth  int
}

func (p point) String() string { return fmt.Sprintf("%s-%d", p.call, p.nth) }

// fault is what happens at a point.
type fault string

// The faults. A crash ends the process there: nothing that it does afterwards has any effect, nobody
// gets an answer, and it starts again.
const (
	failBefore  fault = "not done, passing failure"
	oddBefore   fault = "not done, failure nobody planned"
	failAfter   fault = "done, reply lost"
	panicBefore fault = "not done, panic"
	crashBefore fault = "not done, crash"
	crashAfter  fault = "done, crash"
)

var faults = []fault{failBefore, oddBefore, failAfter, panicBefore, crashBefore, crashAfter}

// injector counts the calls of all ports and strikes at one of them.
type injector struct {
	mu     sync.Mutex
	counts map[string]int
	seen   []point
	where  point
	what   fault
	struck bool
	dead   bool // the process has crashed
}

var (
	errPassing = fmt.Errorf("%w: injected", app.ErrUnavailable)
	errOdd     = errors.New("injected: nobody planned this")
)

// at is every call of every port. An error is what the caller gets instead of the reply.
func (f *injector) at(call string, do func()) error {
	f.mu.Lock()
	f.counts[call]++
	here := point{call, f.counts[call]}
	f.seen = append(f.seen, here)
	strikes := here == f.where && !f.struck
	f.struck = f.struck || strikes
	dead := f.dead
	if strikes && (f.what == crashBefore || f.what == crashAfter) {
		f.dead = true
	}
	f.mu.Unlock()
	switch {
	case dead:
		return errPassing
	case !strikes:
		do()
		return nil
	}
	switch f.what {
	case failAfter, crashAfter:
		do()
	default:
	}
	switch f.what {
	case panicBefore:
		panic("injected at " + here.String())
	case oddBefore:
		return errOdd
	default:
		return errPassing
	}
}

func (f *injector) crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

// database opens the same database at every call, until the test's end.
type database func() app.Store

// faultBench is the service with an injector in front of everything that it reaches, a broker that
// delivers until it is answered, and people who insist.
type faultBench struct {
	t     *testing.T
	open  database
	store app.Store // past the injector
	hints *memstate.Store
	ear   *publisher
	clock *clockwork.FakeClock
	f     *injector
	app   *app.App
	// unhurt is the same service without the injector, for the checks.
	unhurt *app.App
	acked  map[string]app.Result // by event id and content, what the broker was told
	alerts *observer.ObservedLogs
	log    *zap.Logger
}

func newFaultBench(t *testing.T, open database, where point, what fault) *faultBench {
	clock := clockwork.NewFakeClockAt(tilltest.Start.Add(time.Hour))
	b := &faultBench{
		t: t, open: open, ear: &publisher{}, clock: clock, hints: memstate.New(clock.Now), acked: map[string]app.Result{},
		f: &injector{counts: map[string]int{}, where: where, what: what},
	}
	core, logs := observer.New(zap.ErrorLevel)
	b.alerts, b.log = logs, zap.New(core)
	b.start()
	t.Cleanup(func() { b.halt() })
	return b
}

func (b *faultBench) start() {
	b.store = b.open()
	config := app.Config{
		Store: b.store, Hints: b.hints, Publisher: b.ear, Clock: b.clock, NewID: outbox.NewID, Log: zap.NewNop(),
		Metrics: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
	}
	whole := config
	whole.Metrics = prometheus.NewRegistry()
	b.unhurt = app.New(whole)
	inject(&config, b.f)
	config.Alerts, config.Log = nil, b.log // alerts are in the log only
	b.app = app.New(config)
}

func (b *faultBench) halt() {
	require.NoError(b.t, b.app.Drain())
	require.NoError(b.t, b.store.Close())
}

// survive runs a step of the process. When the process died of it, it is started again and the step
// has no result.
func (b *faultBench) survive(step func()) (done bool) {
	panicked := func() (p any) {
		defer func() { p = recover() }()
		step()
		return nil
	}()
	if panicked != nil {
		require.Contains(b.t, fmt.Sprint(panicked), "injected at")
	}
	if panicked == nil && !b.f.crashed() {
		return true
	}
	b.halt()
	b.f.mu.Lock()
	b.f.dead = false
	b.f.mu.Unlock()
	b.start()
	return false
}

// patience is how often anything is tried again before the test says that it never works.
const patience = 2 * app.PoisonAfter

// deliver is the broker: it delivers messages of one topic together, and those again that are not
// acknowledged. handle is the route.
func (b *faultBench) deliver(want []app.Result, topic string, handle func(context.Context, string, []app.Message) []app.Verdict, messages ...app.Message) {
	b.t.Helper()
	open := messages
	for range patience {
		var verdicts []app.Verdict
		if !b.survive(func() { verdicts = b.route(topic, handle, open) }) {
			continue
		}
		var again []app.Message
		for i, v := range verdicts {
			if v.Result == app.ResultRetry {
				require.Error(b.t, v.Err)
				again = append(again, open[i])
				continue
			}
			b.acknowledge(open[i], topic, v)
		}
		if open = again; len(open) == 0 {
			break
		}
	}
	require.Empty(b.t, open, "never acknowledged")
	for i, m := range messages {
		got := b.acked[ackKey(m)]
		if inJournal := []app.Result{app.ResultStored, app.ResultRepeat}; slices.Contains(inJournal, got) && slices.Contains(inJournal, want[i]) {
			continue // which of the two depends on what got lost before
		}
		require.Equal(b.t, want[i], got, "%s", m.Raw)
	}
}

// route answers RETRY for everything after a panic, as pkg/delivery does.
func (b *faultBench) route(topic string, handle func(context.Context, string, []app.Message) []app.Verdict, messages []app.Message) (verdicts []app.Verdict) {
	defer func() {
		if p := recover(); p != nil {
			verdicts = make([]app.Verdict, len(messages))
			for i := range verdicts {
				verdicts[i] = app.Verdict{Result: app.ResultRetry, Err: fmt.Errorf("panic: %v", p)}
			}
		}
	}()
	return handle(b.t.Context(), topic, messages)
}

func ackKey(m app.Message) string { return string(m.Raw) }

// acknowledge holds an answer against the database, at the moment when it is given: what the broker
// forgets now must be there.
func (b *faultBench) acknowledge(m app.Message, topic string, v app.Verdict) {
	b.t.Helper()
	b.acked[ackKey(m)] = v.Result
	record, err := journal.Decode(topic, m.CloudEvent.Data)
	if v.Result != app.ResultQuarantined {
		require.NoError(b.t, err)
		known, err := b.store.Known(b.t.Context(), record.Envelope().TenantID, []string{record.Envelope().EventID})
		require.NoError(b.t, err)
		require.Equal(b.t, record.ContentHash, known[record.Envelope().EventID], "acknowledged as %s and not stored", v.Result)
		return
	}
	for _, tenant := range []string{"acme", ""} {
		for _, st := range []journal.QuarantineState{journal.QuarantineOpen, journal.QuarantineReplayed} {
			items, _, err := b.store.Items(b.t.Context(), app.QuarantineQuery{TenantID: tenant, State: st, Limit: 100})
			require.NoError(b.t, err)
			for _, q := range items {
				full, err := b.store.Item(b.t.Context(), q.ID)
				require.NoError(b.t, err)
				if string(full.CloudEvent) == string(m.Raw) || (record != nil && q.ContentHash == record.ContentHash) {
					return
				}
			}
		}
	}
	require.Fail(b.t, "acknowledged as quarantined and not kept", "%s", m.Raw)
}

// tell, mark and sweep are what the service does by itself beside the deliveries; there the next
// time makes good what failed.
func (b *faultBench) beside() {
	b.t.Helper()
	var err error
	for range patience {
		done := b.survive(func() {
			app.WriteMarks(b.app)
			err = errors.Join(app.Sweep(b.t.Context(), b.app), app.Recall(b.t.Context(), b.app), app.Flush(b.t.Context(), b.app), app.RaiseOwed(b.t.Context(), b.app))
		})
		if done && err == nil {
			return
		}
	}
	require.NoError(b.t, err)
}

// examined holds what was stored against the rules.
func (b *faultBench) examined() {
	b.t.Helper()
	b.insist(func() error {
		return errors.Join(app.SearchUnexamined(b.t.Context(), b.app), b.app.Examine(b.t.Context()))
	})
	streams, err := b.store.Unexamined(b.t.Context(), "acme", b.clock.Now())
	require.NoError(b.t, err)
	require.Empty(b.t, streams, "everything was looked at")
}

// insist is a person who repeats a request until it is answered with something that is not a
// passing fault.
func (b *faultBench) insist(act func() error) {
	b.t.Helper()
	var err error
	for range patience {
		done := b.survive(func() {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("panic: %v", p)
				}
			}()
			err = act()
		})
		if done && (err == nil || problem.Is(err, app.QuarantineClosed)) {
			return
		}
	}
	require.NoError(b.t, err)
}

// play is a day that takes every way through the ingest path, and what must be so afterwards. It
// gives what the day was, for the checks.
func (b *faultBench) play() {
	in := func() *app.Ingest { return b.app.Ingest }
	handle := func(ctx context.Context, topic string, m []app.Message) []app.Verdict {
		return in().Handle(ctx, topic, m)
	}
	deadLetters := func(ctx context.Context, _ string, m []app.Message) []app.Verdict {
		return in().HandleDeadLetters(ctx, "journal", m)
	}
	till := tilltest.New("acme", "s1", 1)
	provisioned := tilltest.NewTenant("acme").Snapshot(1)
	m := func(e event.Event) app.Message { return message(b.t, e, 0) }

	// The tenant is not known yet: its first events wait, and are stored when it comes.
	opened, first := till.Open(), till.Sale("10.9")
	b.deliver([]app.Result{quarantined}, event.TopicOpenCloseLog, handle, m(opened))
	b.deliver([]app.Result{quarantined}, event.TopicTranLog, handle, m(first))
	b.beside()
	b.deliver([]app.Result{stored}, event.TopicTerminal, handle, m(provisioned))
	b.beside()

	// A bulk with a bad event and a forgery in it; then all of it again, twice.
	second, third := till.Sale("20"), till.Sale("30")
	third.Sales.TotalAmount = second.Sales.TotalAmount // which does not add up
	forged := *second
	forged.JournalText = "forged"
	garbage := raw(b.t, event.TopicTranLog, "x", []byte(`{"a":1}`), 0)
	bulk := []app.Message{m(second), garbage, m(third), m(&forged), m(first)}
	want := []app.Result{stored, quarantined, stored, quarantined, repeat}
	b.deliver(want, event.TopicTranLog, handle, bulk...)
	b.survive(func() { app.WriteMarks(b.app) })
	b.deliver([]app.Result{repeat, quarantined, repeat, quarantined, repeat}, event.TopicTranLog, handle, bulk...)
	business, cash := till.Business("c", event.OrderSubtotalled{}), till.Cash("100")
	b.deliver([]app.Result{stored, stored}, event.TopicEvents, handle, m(business), m(till.Business("c", event.OrderCompleted{OrderID: "c"})))
	b.deliver([]app.Result{stored}, event.TopicCashLog, deadLetters, app.Message{CloudEvent: m(cash).CloudEvent, Raw: m(cash).Raw})

	// An event that panics is poison; people replay it, and discard the garbage.
	poisonous := till.Sale("40")
	for range patience {
		// While it panics a crash forgets how often it did, so it may take longer.
		app.DecodeWith(b.app, func(topic string, data []byte) (*journal.Record, error) {
			if strings.Contains(string(data), poisonous.EventID) {
				panic("poison")
			}
			return journal.Decode(topic, data)
		})
		var v []app.Verdict
		if b.survive(func() { v = b.route(event.TopicTranLog, handle, []app.Message{m(poisonous)}) }) && v[0].Result == quarantined {
			b.acknowledge(m(poisonous), event.TopicTranLog, v[0])
			break
		}
	}
	require.Equal(b.t, quarantined, b.acked[ackKey(m(poisonous))])
	b.survive(func() { app.DecodeWith(b.app, journal.Decode) })
	b.beside() // people are told before they look
	for _, id := range b.items("acme", journal.QuarantineOpen, journal.Poison) {
		b.insist(func() error { _, err := b.app.Quarantine.Replay(b.t.Context(), "acme", id, "ann"); return err })
	}
	for _, id := range b.items("", journal.QuarantineOpen, journal.Undecodable) {
		b.insist(func() error { _, err := b.app.Quarantine.Discard(b.t.Context(), "", id, "ann", "garbage"); return err })
	}
	b.beside()

	// A crash forgets who was to be told. Who was not told delivers again, and is told then.
	for range patience {
		if b.allTold() {
			break
		}
		for _, e := range []event.Event{first, cash, provisioned} {
			b.deliver([]app.Result{repeat}, e.Topic(), handle, m(e))
		}
		b.beside()
	}

	// What could not be noted is raised again.
	b.examined()
	for range patience {
		if b.beside(); b.owed() == 0 {
			break
		}
	}

	// When the dust has settled everything is there once.
	require.Empty(b.t, b.items("acme", journal.QuarantineOpen, journal.UnknownTenant))
	require.Empty(b.t, b.items("acme", journal.QuarantineOpen, journal.Poison))
	require.Len(b.t, b.items("acme", journal.QuarantineOpen, journal.ContentChanged), 1)
	b.holds(till, []event.Event{opened, first, second, third, business, cash, poisonous})
}

func (b *faultBench) items(tenant string, st journal.QuarantineState, reason journal.Reason) []string {
	b.t.Helper()
	found, _, err := b.store.Items(b.t.Context(), app.QuarantineQuery{TenantID: tenant, State: st, Reason: reason, Limit: 100})
	require.NoError(b.t, err)
	var ids []string
	for _, q := range found {
		ids = append(ids, q.ID)
	}
	return ids
}

// holds checks the invariants: entries = logs, every event there with its content, chains intact and
// gapless, progress whole, marks true, and publishers told in their last messages.
func (b *faultBench) holds(till *tilltest.Till, events []event.Event) {
	b.t.Helper()
	ctx := b.t.Context()
	page, err := b.store.Search(ctx, "acme", journal.Query{Limit: 100})
	require.NoError(b.t, err)
	logs := 0
	for _, e := range events {
		record := tilltest.Record(b.t, e)
		known, err := b.store.Known(ctx, "acme", []string{e.Head().EventID})
		require.NoError(b.t, err)
		require.Equal(b.t, record.ContentHash, known[e.Head().EventID], e.Topic())
		if e.Topic() != event.TopicEvents {
			logs++
		}
	}
	require.Len(b.t, page.Items, logs, "entries = logs")
	session, err := b.store.Session(ctx, "acme", journal.SessionKey{Terminal: till.Terminal, BusinessDate: till.BusinessDate, OpenCounter: 1})
	require.NoError(b.t, err)
	require.Equal(b.t, logs, len(session.Transactions)+len(session.Cash)+len(session.OpenClose), "logs = entries")
	v, err := b.unhurt.Proof.Verify(ctx, "acme")
	require.NoError(b.t, err)
	require.True(b.t, v.Holds(), "%+v", v)
	streams, err := b.store.Streams(ctx, "acme")
	require.NoError(b.t, err)
	lanes, links := 0, uint64(0)
	for _, s := range streams {
		links += s.Seq
		for _, p := range s.Progress {
			lane := s.Stream.ID() + " " + p.Producer
			require.Equal(b.t, sequence.Set{{First: 1, Last: whole[lane]}}, p.Received, lane)
			lanes++
		}
	}
	require.Len(b.t, whole, lanes)
	require.Equal(b.t, uint64(len(events)+2), links, "every event has one place in a chain")

	for _, key := range b.hints.Keys() {
		id := key[strings.LastIndex(key, "/")+1:]
		known, err := b.store.Known(ctx, "acme", []string{id})
		require.NoError(b.t, err)
		require.Contains(b.t, known, id, "marked as processed and not stored")
	}
	require.True(b.t, b.allTold(), "publishers know: %+v", b.told())
	b.alerted()
}

// alerted checks that people were told of everything alarming, and that nothing is owed.
func (b *faultBench) alerted() {
	b.t.Helper()
	raised := map[string]bool{}
	for _, entry := range b.alerts.FilterMessage("alert").All() {
		raised[fmt.Sprint(entry.ContextMap()["reason"])] = true
	}
	require.Equal(b.t, map[string]bool{string(journal.ContentChanged): true, string(journal.Poison): true, string(journal.TotalsDiffer): true}, raised)
	require.Zero(b.t, b.owed())
}

// owed counts what somebody is owed word of.
func (b *faultBench) owed() (n int) {
	b.t.Helper()
	for _, debt := range []journal.Debt{journal.OwesAlert, journal.OwesStatus} {
		items, err := b.store.Owing(b.t.Context(), debt, 10)
		require.NoError(b.t, err)
		n += len(items)
	}
	found, err := b.store.Unalerted(b.t.Context(), "acme", 10)
	require.NoError(b.t, err)
	return n + len(found)
}

// whole is how many events each producer made of each stream.
var whole = map[string]uint64{"acme-s1-1 cart": 6, "acme-s1-1 terminal": 2, "acme terminal": 1}

// told is the last that every publisher was told.
func (b *faultBench) told() map[string]*event.JournalStatus {
	last := map[string]*event.JournalStatus{}
	for _, s := range b.ear.statuses(b.t) {
		last[s.Stream().ID()+" "+s.Producer] = s
	}
	return last
}

// allTold tells whether every publisher knows that the journal has everything, and nothing failed.
func (b *faultBench) allTold() bool {
	last := b.told()
	for lane, n := range whole {
		if s := last[lane]; s == nil || s.ReceivedThrough != n || len(s.Missing)+len(s.Failed) > 0 {
			return false
		}
	}
	return true
}

// beyond are the methods of the ports that no way through the ingest path calls: reading for people,
// and the life of the process. A method that is new is either played or listed here.
var beyond = []string{
	"Store.Close", "Store.Ping", "Store.Describe", "Store.Depth", "Store.Items",
	"Store.Search", "Store.Each", "Store.Entry", "Store.Order", "Store.Session", "Store.Streams", "Store.Walk",
	"Store.Terminal", "Store.Stores",
	"Store.Direct", "Store.Events", "Store.Discrepancies", "Store.Discrepancy", "Store.Accept", "Store.OpenDiscrepancies", "Store.RecordAccess", "Store.Accesses",
	// The archive is read by people and filled beside the ingest path; archive_test.go strikes there.
	"Store.Retentions", "Store.SetRetention", "Store.Segments", "Store.SegmentAt", "Store.Hold", "Store.ArchiveRuns",
	"Blobs.Put", "Blobs.Open", "Blobs.Delete", "Blobs.List",
	// What an older program did not make is made beside; backfill_test.go of both stores crashes there.
	"Store.Backfill",
	// The log follows behind; TestTheLogSurvivesEveryFault strikes there.
	"Store.Lease", "Store.LogSize", "Store.Unlogged", "Store.Extend", "Store.Row", "Store.LeafOf", "Store.EachLeaf", "Store.Logged",
	"Store.PutCheckpoint", "Checkpoints.Send",
	// Alerts leave through a queue that no delivery waits for; alerts_test.go takes their way away.
	"Alerts.Send",
}

// TestEveryCallOfTheIngestPathMayFail plays the day once cleanly, and then again for every call that
// it made of the store, of the state store and of the publisher, with each fault at that call.
// The first call of each method is struck, on SQLite without the race detector every eighth behind it, too;
// all of them with SOAK=1.
func TestEveryCallOfTheIngestPathMayFail(t *testing.T) {
	for engine, open := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			clean := newFaultBench(t, open(t), point{}, "")
			clean.play()
			played := map[string]int{}
			for _, p := range clean.f.seen {
				played[p.call]++
			}
			for name, port := range ports() {
				for i := range port.NumMethod() {
					call := name + "." + port.Method(i).Name
					if slices.Contains(beyond, call) {
						delete(played, call)
						continue
					}
					require.Contains(t, played, call, "the day does not call it: play it, or list it as beyond the ingest path")
				}
			}
			t.Logf("%d points of %v, %d faults at each", len(clean.f.seen), slices.Sorted(maps.Keys(played)), len(faults))
			whole, more := os.Getenv("SOAK") != "", engine == "SQLite" && !raceDetector
			if !whole {
				t.Log("SAMPLE: the first call of each method is struck, on SQLite every eighth behind it, too; SOAK=1 (make soak) strikes all")
			}
			for _, where := range clean.f.seen {
				struck := whole || where.nth == 1 || more && where.nth%8 == 0
				if slices.Contains(beyond, where.call) || !struck {
					continue
				}
				for _, what := range faults {
					t.Run(where.String()+"/"+strings.ReplaceAll(string(what), " ", "-"), func(t *testing.T) {
						t.Parallel()
						b := newFaultBench(t, open(t), where, what)
						b.play()
						require.True(t, b.f.struck, "the day went another way and never came here")
					})
				}
			}
		})
	}
}
