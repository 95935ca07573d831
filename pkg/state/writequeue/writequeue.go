// Package writequeue makes writers take turns at a state store, and writes what has gathered meanwhile
// in one transaction. SQLite has one writer and syncs the disk at every commit: without turns the rest
// sleeps for up to 100 ms at a time in no order, and without gathering every till pays a sync of its own.
//
// The promise of the port stays what it is. A transaction that is told to have happened has happened;
// one that conflicts takes nobody else down: when a gathered transaction conflicts, nothing of it was
// written, and each of its parts is tried by itself. A server database needs none of this.
package writequeue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tillroll/tillroll/pkg/state"
)

const (
	// patience bounds the wait for a turn: a store that hangs is a store that is away.
	patience = 5 * time.Second
	// mostOps and mostBytes bound what is written together, so that nobody waits long for the others and
	// the sidecar takes it.
	mostOps   = 100
	mostBytes = 2 << 20
)

// Queue implements state.Store on another one.
type Queue struct {
	state.Store
	turns chan struct{}

	mu      sync.Mutex
	waiting []*write
}

// New lets at most writers transactions go to store at once; first come, first served.
func New(store state.Store, writers int) *Queue {
	return &Queue{Store: store, turns: make(chan struct{}, writers)}
}

// write is one transaction that waits or is on its way.
type write struct {
	ops  []state.Op
	done chan error // gets its end, once
}

// Write implements state.Store. It fails with state.ErrUnavailable when no turn came in time; then
// nothing was written.
func (q *Queue) Write(ctx context.Context, ops ...state.Op) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", state.ErrUnavailable, err)
	}
	waits, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w := &write{ops: ops, done: make(chan error, 1)}
	q.mu.Lock()
	q.waiting = append(q.waiting, w)
	q.mu.Unlock()
	select {
	case q.turns <- struct{}{}:
		defer func() { <-q.turns }()
		// Others wait for what is written here, so it does not end with this request.
		return q.lead(context.WithoutCancel(ctx), w)
	case err := <-w.done:
		return err
	case <-waits.Done():
		if q.withdraw(w) {
			return fmt.Errorf("%w: no turn to write: %w", state.ErrUnavailable, waits.Err())
		}
		return <-w.done // it is on its way
	}
}

// lead writes what waits, in its order, until own has ended.
func (q *Queue) lead(ctx context.Context, own *write) error {
	for {
		select {
		case err := <-own.done:
			return err
		default:
		}
		batch := q.take()
		if len(batch) == 0 { // another turn has it on its way
			return <-own.done
		}
		q.commit(ctx, batch)
	}
}

// take gives the front of the queue as far as it fits into one transaction. Of writes to the same key
// the first goes; the others must see how it ended.
func (q *Queue) take() []*write {
	q.mu.Lock()
	defer q.mu.Unlock()
	var batch, rest []*write
	ops, bytes, keys := 0, 0, map[string]bool{}
	for _, w := range q.waiting {
		size := w.bytes()
		fits := ops+len(w.ops) <= mostOps && bytes+size <= mostBytes && !w.shares(keys)
		if len(batch) > 0 && !fits {
			rest = append(rest, w)
			continue
		}
		batch, ops, bytes = append(batch, w), ops+len(w.ops), bytes+size
		for _, op := range w.ops {
			keys[op.Key] = true
		}
	}
	q.waiting = rest
	return batch
}

func (w *write) bytes() (n int) {
	for _, op := range w.ops {
		n += len(op.Key) + len(op.Value)
	}
	return n
}

func (w *write) shares(keys map[string]bool) bool {
	for _, op := range w.ops {
		if keys[op.Key] {
			return true
		}
	}
	return false
}

// commit writes a batch and tells every part of it how it ended.
func (q *Queue) commit(ctx context.Context, batch []*write) {
	if len(batch) > 1 {
		var all []state.Op
		for _, w := range batch {
			all = append(all, w.ops...)
		}
		err := q.Store.Write(ctx, all...)
		if !errors.Is(err, state.ErrConflict) { // it happened, or nobody knows
			for _, w := range batch {
				w.done <- err
			}
			return
		}
	}
	for _, w := range batch {
		w.done <- q.Store.Write(ctx, w.ops...)
	}
}

// withdraw takes w out of the queue; false: it is on its way.
func (q *Queue) withdraw(w *write) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, other := range q.waiting {
		if other == w {
			q.waiting = append(q.waiting[:i:i], q.waiting[i+1:]...)
			return true
		}
	}
	return false
}
