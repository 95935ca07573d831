package outbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/state"
)

// read gives head and tail of a stream.
func (b *Box) read(ctx context.Context, stream identity.Stream) (head, tail, error) {
	h, t, _, err := b.readItems(ctx, stream)
	return h, t, err
}

// readItems is read, with the tail as it lies in the store, to be changed there.
func (b *Box) readItems(ctx context.Context, stream identity.Stream) (head, tail, state.Item, error) {
	items, err := b.store.Get(ctx, HeadKey(stream.ID()), TailKey(stream.ID()))
	if err != nil {
		return head{}, tail{}, state.Item{}, err
	}
	h, err := decodeHead(items[0], stream)
	if err != nil {
		return head{}, tail{}, state.Item{}, err
	}
	t, err := decodeTail(items[1])
	return h, t, items[1], err
}

// records reads events by number. One that should be there and is not means that the store lost
// it, which nothing here can mend.
func (b *Box) records(ctx context.Context, stream identity.Stream, numbers []uint64) ([]record, error) {
	keys := make([]string, len(numbers))
	for i, n := range numbers {
		keys[i] = EventKey(stream.ID(), n)
	}
	items, err := b.store.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	out := make([]record, len(items))
	for i, item := range items {
		if !item.Exists() {
			return nil, fmt.Errorf("outbox: event %s is gone from the state store: restore the store from its backup", item.Key)
		}
		if out[i], err = decodeRecord(item); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// changeTail changes and writes a tail, which was read as item, and reads it again until nobody else
// interferes. fn returns false when there is nothing to write.
func (b *Box) changeTail(ctx context.Context, item state.Item, fn func(t *tail) bool) (tail, error) {
	for attempt := 1; ; attempt++ {
		t, err := decodeTail(item)
		if err != nil || !fn(&t) {
			return t, err
		}
		op, err := state.Put(item, t)
		if err != nil {
			return t, err
		}
		err = b.store.Write(ctx, op)
		if !errors.Is(err, state.ErrConflict) || attempt == maxAttempts {
			return t, err
		}
		if err := b.pause(ctx, attempt); err != nil {
			return t, err
		}
		if item, err = state.Get(ctx, b.store, item.Key); err != nil {
			return t, err
		}
	}
}

func (b *Box) markPublished(ctx context.Context, read state.Item, generation int, through uint64) error {
	_, err := b.changeTail(ctx, read, func(t *tail) bool {
		if t.Generation != generation || t.PublishedThrough >= through {
			return false
		}
		t.PublishedThrough = through
		return true
	})
	return err
}

// Confirm takes the journal's word for what it has: received events are done, failed ones are
// parked until they are replayed or discarded there. Word of an older generation, or of events that
// were never made, is ignored. It is safe to call with the same status any number of times.
//
// Several statuses, which must be of one stream, are taken in their order and written once. It returns
// the events that this call parked, for the alert.
func (b *Box) Confirm(ctx context.Context, statuses ...*event.JournalStatus) ([]event.FailedEvent, error) {
	stream := statuses[0].Stream()
	leave, err := b.confirming.enter(ctx, stream.ID())
	if err != nil {
		return nil, err
	}
	defer leave()
	h, _, read, err := b.readItems(ctx, stream)
	if err != nil {
		return nil, err
	}
	known := h.NextSequence
	var parked []event.FailedEvent
	var changed bool
	t, err := b.changeTail(ctx, read, func(t *tail) bool {
		parked, changed = nil, false
		for _, s := range statuses {
			if s.Generation != t.Generation {
				continue
			}
			changed = t.confirm(s, known, func(f event.FailedEvent) Parked {
				parked = append(parked, f)
				return Parked{EventID: f.EventID, Reason: f.Reason, Since: b.clock.Now()}
			}) || changed
		}
		return changed
	})
	if err != nil {
		return nil, err
	}
	if changed && t.settled().Through() < known-1 {
		b.nudge(stream) // the next window of a resend can go out
	}
	return parked, nil
}

// confirm merges a status into the tail; next is the first sequence that does not exist yet.
func (t *tail) confirm(s *event.JournalStatus, next uint64, park func(event.FailedEvent) Parked) (changed bool) {
	through := min(s.ReceivedThrough, next-1)
	before := t.Received.Len()
	for _, r := range s.Missing.Missing(1, through) { // received is what is not missing
		t.Received = t.Received.Add(r.First, r.Last)
	}
	for _, n := range s.Cleared {
		if n < next {
			t.Received = t.Received.Add(n, n)
		}
	}
	changed = t.Received.Len() != before
	t.PublishedThrough = max(t.PublishedThrough, t.Received.Max())
	for n := range t.Parked {
		if t.Received.Contains(n) {
			delete(t.Parked, n)
			changed = true
		}
	}
	for _, f := range s.Failed {
		if _, known := t.Parked[f.Sequence]; known || f.Sequence == 0 || f.Sequence >= next || t.Received.Contains(f.Sequence) {
			continue
		}
		if t.Parked == nil {
			t.Parked = map[uint64]Parked{}
		}
		t.Parked[f.Sequence] = park(f)
		changed = true
	}
	return changed
}

// delist takes an empty outbox out of the index. The head's ETag makes it lose against any command.
func (b *Box) delist(ctx context.Context, stream identity.Stream) error {
	items, err := b.store.Get(ctx, HeadKey(stream.ID()), IndexKey(stream.ID()), TailKey(stream.ID()))
	if err != nil {
		return err
	}
	h, err := decodeHead(items[0], stream)
	if err != nil || !h.Indexed {
		return err
	}
	t, err := decodeTail(items[2])
	if err != nil {
		return err
	}
	if t.settled().Through() < h.NextSequence-1 {
		return state.ErrConflict
	}
	list, err := decodeIndex(items[1])
	if err != nil {
		return err
	}
	h.Indexed = false
	delete(list.Streams, stream.ID())
	headOp, err := state.Put(items[0], h)
	if err != nil {
		return err
	}
	listOp, err := state.Put(items[1], list)
	if err != nil {
		return err
	}
	return b.store.Write(ctx, headOp, listOp)
}
