package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
)

// Unit is one command in the making: what it has read and what it will write, all or nothing.
type Unit struct {
	box      *Box
	stream   identity.Stream
	headItem state.Item
	ahead    map[string]state.Item // read together with the head
	head     head
	ops      []state.Op
	events   int
	counted  bool // the counters were set
	trace    propagation.MapCarrier
	now      time.Time
}

func (b *Box) begin(ctx context.Context, stream identity.Stream, ahead []string) (*Unit, error) {
	items, err := b.store.Get(ctx, append([]string{HeadKey(stream.ID())}, ahead...)...)
	if err != nil {
		return nil, err
	}
	h, err := decodeHead(items[0], stream)
	if err != nil {
		return nil, err
	}
	u := &Unit{
		box: b, stream: stream, headItem: items[0], head: h, now: b.clock.Now(), trace: propagation.MapCarrier{},
		ahead: make(map[string]state.Item, len(ahead)),
	}
	for _, item := range items[1:] {
		u.ahead[item.Key] = item
	}
	propagation.TraceContext{}.Inject(ctx, u.trace)
	return u, nil
}

// Now is the time of this command; every event of it carries the same.
func (u *Unit) Now() time.Time { return u.now }

// Get reads keys outside the head.
func (u *Unit) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	items := make([]state.Item, len(keys))
	for i, key := range keys {
		item, ok := u.ahead[key]
		if !ok {
			return u.box.store.Get(ctx, keys...)
		}
		items[i] = item
	}
	return items, nil
}

// Counters decodes the service's own part of the head into v, which keeps its zero value on a
// stream's first command.
func (u *Unit) Counters(v any) error {
	if u.head.Counters == nil {
		return nil
	}
	if err := json.Unmarshal(u.head.Counters, v); err != nil {
		return fmt.Errorf("outbox: counters of %s are not %T: %w", u.stream.ID(), v, err)
	}
	return nil
}

// SetCounters replaces the service's own part of the head.
func (u *Unit) SetCounters(v any) error {
	raw, err := json.Marshal(v)
	u.head.Counters, u.counted = raw, true
	return err
}

// Put writes v where old was read.
func (u *Unit) Put(old state.Item, v any) error {
	op, err := state.Put(old, v)
	u.ops = append(u.ops, op)
	return err
}

// Add takes an op made elsewhere.
func (u *Unit) Add(op state.Op) { u.ops = append(u.ops, op) }

// NextSequence is what the next emitted event will get.
func (u *Unit) NextSequence() uint64 { return u.head.NextSequence }

// Emit gives e its envelope (id, producer, stream, sequence, time) and puts it into the outbox. An
// EventID that is set already is kept: an offline sale brings its own. It fails with problem.TooLarge
// for an event that no broker would take.
func (u *Unit) Emit(e event.Event) error {
	u.fill(e)
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("outbox: encode %T: %w", e, err)
	}
	if len(data) > MaxEventBytes {
		return problem.TooLarge.New("what this would record takes %d bytes, at most %d can be published", len(data), MaxEventBytes)
	}
	op, err := state.Insert(EventKey(u.stream.ID(), e.Head().Sequence), record{
		SchemaVersion: documentVersion, Topic: e.Topic(), EventID: e.Head().EventID, RecordedAt: u.now,
		TraceParent: u.trace["traceparent"], TraceState: u.trace["tracestate"], Data: data,
	})
	if err != nil {
		return err
	}
	u.ops = append(u.ops, op)
	u.head.NextSequence++
	u.events++
	return nil
}

func (u *Unit) fill(e event.Event) {
	h := e.Head()
	if h.EventID == "" {
		h.EventID = u.box.newID()
	}
	h.SchemaVersion = event.SchemaVersion
	h.TenantID, h.StoreCode, h.TerminalNo = u.stream.TenantID, u.stream.StoreCode, u.stream.TerminalNo
	h.Producer, h.Sequence = u.box.producer, u.head.NextSequence
	if h.OccurredAt.IsZero() {
		h.OccurredAt = u.now
	}
	if b, ok := e.(*event.Business); ok {
		b.EventIDSeed, b.StoreID, b.Timestamp = h.EventID, h.StoreCode, h.OccurredAt.Format(time.RFC3339Nano)
	}
}

func (u *Unit) commit(ctx context.Context) error {
	if len(u.ops) == 0 && !u.counted {
		return nil // it only looked
	}
	if u.events > 0 {
		if err := u.enlist(ctx); err != nil {
			return err
		}
	}
	head, err := state.Put(u.headItem, u.head)
	if err != nil {
		return err
	}
	return u.box.store.Write(ctx, append(u.ops, head)...)
}

// enlist makes the relay find the stream after a restart. The head remembers that it is done, so
// that only the first event after an empty outbox touches the index.
func (u *Unit) enlist(ctx context.Context) error {
	// The head may be older than the first event: a command without events writes it too.
	if u.head.NextSequence == uint64(u.events)+1 { //nolint:gosec // not negative
		if err := u.list(ctx, KnownKey(u.stream.ID())); err != nil {
			return err
		}
	}
	if u.head.Indexed {
		return nil
	}
	u.head.Indexed = true
	return u.list(ctx, IndexKey(u.stream.ID()))
}

func (u *Unit) list(ctx context.Context, key string) error {
	item, err := state.Get(ctx, u.box.store, key)
	if err != nil {
		return err
	}
	list, err := decodeIndex(item)
	if err != nil {
		return err
	}
	list.Streams[u.stream.ID()] = u.stream
	return u.Put(item, list)
}
