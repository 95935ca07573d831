package app_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/cloudevent"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/pkg/state/memstate"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// bench is the whole service on a real database, with faults to switch on and ears at its mouth.
type bench struct {
	t         testing.TB
	app       *app.App
	store     *faulty
	hints     *memstate.Store
	publisher *publisher
	pager     *pager
	spans     *tracetest.InMemoryExporter
	registry  *prometheus.Registry
	dir       string
	clock     *clockwork.FakeClock
	signer    *proof.Signer
	publicKey string
	sink      app.CheckpointSink
	blobs     archive.Blobs
	shop      *shop
	stop      func()
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), publisher: &publisher{}, pager: &pager{}, clock: clockwork.NewFakeClockAt(tilltest.Start.Add(time.Hour))}
	b.hints = memstate.New(b.clock.Now)
	private, _, err := proof.NewKey(nil)
	require.NoError(t, err)
	b.signer, b.publicKey, err = proof.NewSigner(private)
	require.NoError(t, err)
	b.start()
	t.Cleanup(func() { b.stop() })
	return b
}

// start makes the service anew on what is there, as after a crash.
func (b *bench) start() {
	store, err := sqlitestore.Open(context.Background(), b.dir, clockwork.NewRealClock())
	require.NoError(b.t, err)
	b.store = &faulty{Store: store}
	b.spans = tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(b.spans))
	b.registry = prometheus.NewRegistry()
	b.app = app.New(app.Config{
		Store: b.store, Hints: b.hints, Publisher: b.publisher, Clock: b.clock, NewID: outbox.NewID,
		Log: zap.NewNop(), Metrics: b.registry, Tracer: provider.Tracer("test"), Alerts: b.pager,
		Signer: b.signer, PublicKey: b.publicKey, Checkpoints: b.sink, Blobs: b.blobs,
	})
	b.stop = func() {
		require.NoError(b.t, b.app.Drain())
		require.NoError(b.t, store.Close())
	}
}

func (b *bench) restart() {
	b.stop()
	b.start()
}

func (b *bench) provision(tenants ...string) {
	b.t.Helper()
	for _, tenant := range tenants {
		_, err := b.app.Tenants.Provision(b.t.Context(), tenant)
		require.NoError(b.t, err)
	}
}

// message is an event as the sidecar delivers it.
func message(t tilltest.T, e event.Event, generation int) app.Message {
	return raw(t, e.Topic(), e.Head().EventID, tilltest.Data(t, e), generation)
}

const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func raw(t tilltest.T, topic, id string, data []byte, generation int) app.Message {
	in := cloudevent.In{ID: id, Topic: topic, TraceParent: traceParent, Generation: generation, Data: data}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return app.Message{CloudEvent: in, Raw: text}
}

// deliver hands events to the service, each kind on its topic, and gives the verdicts in order.
func (b *bench) deliver(events ...event.Event) []app.Verdict { return b.deliverAs(0, events...) }

func (b *bench) deliverAs(generation int, events ...event.Event) []app.Verdict {
	var verdicts []app.Verdict
	for i := 0; i < len(events); {
		j := i + 1
		for j < len(events) && events[j].Topic() == events[i].Topic() {
			j++
		}
		var messages []app.Message
		for _, e := range events[i:j] {
			messages = append(messages, message(b.t, e, generation))
		}
		verdicts = append(verdicts, b.app.Ingest.Handle(b.t.Context(), events[i].Topic(), messages)...)
		i = j
	}
	return verdicts
}

func results(verdicts []app.Verdict) []app.Result {
	out := make([]app.Result, len(verdicts))
	for i, v := range verdicts {
		out[i] = v.Result
	}
	return out
}

// told flushes what publishers are due to be told, and gives it.
func (b *bench) told() []*event.JournalStatus {
	b.t.Helper()
	b.publisher.take()
	require.NoError(b.t, app.Flush(b.t.Context(), b.app))
	return b.publisher.statuses(b.t)
}

// entries counts the journal entries of a tenant.
func (b *bench) entries(tenant string) int {
	b.t.Helper()
	page, err := b.store.Search(b.t.Context(), tenant, journal.Query{Limit: 1000})
	require.NoError(b.t, err)
	return len(page.Items)
}

// holds verifies a tenant's chains.
func (b *bench) holds(tenant string) {
	b.t.Helper()
	v, err := b.app.Proof.Verify(b.t.Context(), tenant)
	require.NoError(b.t, err)
	require.True(b.t, v.Holds(), "%+v", v)
}

// quarantine lists what a tenant has in a state.
func (b *bench) quarantine(tenant string, state journal.QuarantineState) []*journal.Quarantined {
	b.t.Helper()
	items, _, err := b.app.Quarantine.List(b.t.Context(), app.QuarantineQuery{TenantID: tenant, State: state, Limit: 100})
	require.NoError(b.t, err)
	return items
}

func (b *bench) received(till *tilltest.Till, producer string) sequence.Set {
	b.t.Helper()
	p, err := b.store.Progress(b.t.Context(), identity.TerminalStream(till.Terminal), producer)
	require.NoError(b.t, err)
	return p.Received
}

// faulty is a store that fails where a test wants it to.
type faulty struct {
	app.Store
	mu      sync.Mutex
	before  func(records []*journal.Record) error // instead of a commit, when it gives an error
	after   func() error                          // the reply to a commit that was done
	put     error
	known   func()
	wide    error // of a search
	endless bool  // a search finds entries without end
	reads   error
	walking func()
	settle  error
	commits [][]*journal.Record
}

func (f *faulty) Commit(ctx context.Context, tenant string, records []*journal.Record) ([]app.Outcome, error) {
	f.mu.Lock()
	f.commits = append(f.commits, slices.Clone(records))
	before, after := f.before, f.after
	f.mu.Unlock()
	if before != nil {
		if err := before(records); err != nil {
			return nil, err
		}
	}
	outcomes, err := f.Store.Commit(ctx, tenant, records)
	if err == nil && after != nil {
		err = after()
	}
	return outcomes, err
}

func (f *faulty) Put(ctx context.Context, items []*journal.Quarantined) error {
	if f.put != nil {
		return f.put
	}
	return f.Store.Put(ctx, items)
}

func (f *faulty) Known(ctx context.Context, tenant string, ids []string) (map[string]journal.Hash, error) {
	if f.known != nil {
		f.known()
	}
	return f.Store.Known(ctx, tenant, ids)
}

func (f *faulty) Settle(ctx context.Context, s *app.Settlement) ([]*journal.Discrepancy, error) {
	if f.settle != nil {
		return nil, f.settle
	}
	return f.Store.Settle(ctx, s)
}

func (f *faulty) Search(ctx context.Context, tenant string, q journal.Query) (journal.Page, error) {
	if f.wide != nil {
		return journal.Page{}, f.wide
	}
	return f.Store.Search(ctx, tenant, q)
}

func (f *faulty) Each(ctx context.Context, tenant string, q journal.Query, visit func(*journal.Listed) bool) error {
	for f.endless {
		if !visit(&journal.Listed{}) {
			return nil
		}
	}
	return f.Store.Each(ctx, tenant, q, visit)
}

func (f *faulty) Entry(ctx context.Context, tenant, id string) (*journal.Listed, error) {
	if f.reads != nil {
		return nil, f.reads
	}
	return f.Store.Entry(ctx, tenant, id)
}

func (f *faulty) Terminal(ctx context.Context, id string) (*event.Snapshot, error) {
	if f.reads != nil {
		return nil, f.reads
	}
	return f.Store.Terminal(ctx, id)
}

func (f *faulty) Walk(ctx context.Context, tenant string, w app.Walker) error {
	if f.walking != nil {
		f.walking()
	}
	return f.Store.Walk(ctx, tenant, w)
}

func (f *faulty) sizes() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]int, len(f.commits))
	for i, c := range f.commits {
		out[i] = len(c)
	}
	return out
}

// publisher keeps what is published, or refuses it.
type publisher struct {
	mu       sync.Mutex
	messages []published
	refuse   error
	takeOnly int // of each call, when refuse is set
}

type published struct {
	topic string
	outbox.Message
}

func (p *publisher) Publish(_ context.Context, topic string, messages []outbox.Message) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := len(messages)
	if p.refuse != nil {
		taken = min(taken, p.takeOnly)
	}
	for _, m := range messages[:taken] {
		p.messages = append(p.messages, published{topic, m})
	}
	return taken, p.refuse
}

func (p *publisher) take() []published {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.messages
	p.messages = nil
	return out
}

func (p *publisher) on(topic string) []published {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []published
	for _, m := range p.messages {
		if m.topic == topic {
			out = append(out, m)
		}
	}
	return out
}

func (p *publisher) statuses(t testing.TB) []*event.JournalStatus {
	t.Helper()
	var out []*event.JournalStatus
	for _, m := range p.on(event.TopicJournalStatus) {
		s := &event.JournalStatus{}
		require.NoError(t, json.Unmarshal(m.Data, s))
		require.NoError(t, s.Validate())
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b *event.JournalStatus) int {
		return strings.Compare(a.Stream().ID()+a.Producer, b.Stream().ID()+b.Producer)
	})
	return out
}
