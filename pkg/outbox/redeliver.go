package outbox

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sort"
	"time"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/pkg/state"
)

// Redeliver publishes everything from sequence first on again, as if the journal had never seen it:
// for a journal that was restored from a backup. What the journal has already it recognises. It
// fails with problem.NotFound when events from first on were swept already.
func (b *Box) Redeliver(ctx context.Context, stream identity.Stream, first uint64) error {
	first = max(first, 1)
	return b.Do(ctx, stream, func(ctx context.Context, u *Unit) error {
		items, err := u.Get(ctx, TailKey(stream.ID()))
		if err != nil {
			return err
		}
		t, err := decodeTail(items[0])
		if err != nil {
			return err
		}
		if first <= t.SweptThrough {
			return problem.NotFound.New("events of %s through %d are no longer kept", stream.ID(), t.SweptThrough).
				WithHint("Redeliver from %d, or restore a newer backup of the journal.", t.SweptThrough+1)
		}
		if first >= u.head.NextSequence {
			return nil
		}
		t.rewind(first)
		if err := u.Put(items[0], t); err != nil {
			return err
		}
		u.events++ // the outbox is not empty any more: enlist and nudge
		return nil
	})
}

// rewind forgets what was reported from first on.
func (t *tail) rewind(first uint64) {
	t.Generation++
	t.PublishedThrough = min(t.PublishedThrough, first-1)
	t.Received = t.Received.Below(first)
	for n := range t.Parked {
		if n >= first {
			delete(t.Parked, n)
		}
	}
}

// RedeliverSince is Redeliver for the first event that was recorded at or after since. It returns
// that event's sequence, or 0 when there is none.
func (b *Box) RedeliverSince(ctx context.Context, stream identity.Stream, since time.Time) (uint64, error) {
	h, t, err := b.read(ctx, stream)
	if err != nil {
		return 0, err
	}
	first, err := b.firstSince(ctx, stream, t.SweptThrough+1, h.NextSequence, since)
	if err != nil || first == h.NextSequence {
		return 0, err
	}
	return first, b.Redeliver(ctx, stream, first)
}

// firstSince finds the first of the events low…high−1 that was recorded at or after since.
func (b *Box) firstSince(ctx context.Context, stream identity.Stream, low, high uint64, since time.Time) (uint64, error) {
	var failure error
	n := sort.Search(int(high-low), func(i int) bool { //nolint:gosec // far below 2^53
		records, err := b.records(ctx, stream, []uint64{low + uint64(i)}) //nolint:gosec // not negative
		if err != nil {
			failure = err
			return true
		}
		return !records[0].RecordedAt.Before(since)
	})
	return low + uint64(n), failure //nolint:gosec // not negative
}

// Streams lists every stream that ever had an event here.
func (b *Box) Streams(ctx context.Context) (map[string]identity.Stream, error) {
	return b.list(ctx, "outbox-known")
}

// StreamsOf lists a tenant's streams: its own first, then stores and terminal numbers in order.
func (b *Box) StreamsOf(ctx context.Context, tenantID string) ([]identity.Stream, error) {
	all, err := b.Streams(ctx)
	if err != nil {
		return nil, err
	}
	own := slices.DeleteFunc(slices.Collect(maps.Values(all)), func(s identity.Stream) bool { return s.TenantID != tenantID })
	slices.SortFunc(own, func(a, b identity.Stream) int {
		return cmp.Or(cmp.Compare(a.StoreCode, b.StoreCode), cmp.Compare(a.TerminalNo, b.TerminalNo))
	})
	return own, nil
}

// Redelivery asks for events of a tenant to be published again, from a sequence or from a time on.
type Redelivery struct {
	TenantID     string
	StreamID     string    // one stream; "" for all
	FromSequence uint64    // 0: Since decides
	Since        time.Time // used when FromSequence is 0
}

// Redelivered tells from where on a stream is published again.
type Redelivered struct {
	StreamID     string `json:"streamId"`
	FromSequence uint64 `json:"fromSequence"`
}

// RedeliverAll does a Redelivery and names the streams that have such events. It fails with
// problem.NotFound when there is no such stream, or when the sequence asked for of one stream is not
// kept any more; of all streams each begins with the oldest that is kept.
func (b *Box) RedeliverAll(ctx context.Context, r Redelivery) ([]Redelivered, error) {
	streams, err := b.StreamsOf(ctx, r.TenantID)
	if err != nil {
		return nil, err
	}
	if r.StreamID != "" {
		streams = slices.DeleteFunc(streams, func(s identity.Stream) bool { return s.ID() != r.StreamID })
		if len(streams) == 0 {
			return nil, problem.NotFound.New("the tenant has no events of %s here", r.StreamID)
		}
	}
	done := []Redelivered{}
	for _, stream := range streams {
		first, err := b.redeliver(ctx, stream, r)
		if err != nil {
			return nil, err
		}
		if first > 0 {
			done = append(done, Redelivered{stream.ID(), first})
		}
	}
	return done, nil
}

// redeliver gives the first sequence of stream that is published again, or 0 when there is none.
func (b *Box) redeliver(ctx context.Context, stream identity.Stream, r Redelivery) (uint64, error) {
	if r.FromSequence == 0 {
		return b.RedeliverSince(ctx, stream, r.Since)
	}
	summary, err := b.Summary(ctx, stream)
	if err != nil {
		return 0, err
	}
	first := r.FromSequence
	if r.StreamID == "" {
		first = max(first, summary.SweptThrough+1)
	}
	if first > summary.LastSequence {
		return 0, nil
	}
	return first, b.Redeliver(ctx, stream, first)
}

// sweepBatch is how many events one transaction removes.
const sweepBatch = 100

func (r *Relay) sweepAll(ctx context.Context) {
	streams, err := r.box.Streams(ctx)
	if err != nil {
		r.log.Warn("old events cannot be swept; trying again later", zap.Error(err))
		return
	}
	for _, stream := range streams {
		for {
			n, err := r.box.sweep(ctx, stream, r.clock.Now().Add(-r.cfg.Retention))
			if err != nil && !errors.Is(err, state.ErrConflict) {
				r.log.Warn("old events cannot be swept; trying again later", zap.String("stream", stream.ID()), zap.Error(err))
			}
			if n < sweepBatch || err != nil || ctx.Err() != nil {
				break
			}
		}
	}
}

// sweep removes one batch of events that are confirmed and were recorded before horizon, and tells
// how many.
func (b *Box) sweep(ctx context.Context, stream identity.Stream, horizon time.Time) (int, error) {
	item, err := state.Get(ctx, b.store, TailKey(stream.ID()))
	if err != nil {
		return 0, err
	}
	t, err := decodeTail(item)
	if err != nil || t.Received.Through() <= t.SweptThrough {
		return 0, err
	}
	confirmed := sequence.Set{{First: t.SweptThrough + 1, Last: t.Received.Through()}}.Numbers(sweepBatch)
	records, err := b.records(ctx, stream, confirmed)
	if err != nil {
		return 0, err
	}
	old := slices.IndexFunc(records, func(r record) bool { return !r.RecordedAt.Before(horizon) })
	if old < 0 {
		old = len(records)
	}
	if old == 0 {
		return 0, nil
	}
	t.SweptThrough = confirmed[old-1]
	op, err := state.Put(item, t)
	if err != nil {
		return 0, err
	}
	ops := []state.Op{op}
	for _, n := range confirmed[:old] {
		ops = append(ops, state.Delete(EventKey(stream.ID(), n)))
	}
	return old, b.store.Write(ctx, ops...)
}
