// Package gather lets the callers of a state store share round trips. They take turns, and whoever has
// one carries everything that has gathered meanwhile: all reads in one, all transactions in one. The
// busier the tills, the more go together; a till that is alone waits for nobody.
//
// It is for SQLite, which has one writer and syncs the disk at every commit: without turns the rest of
// the writers sleeps for up to 100 ms at a time in no order, and without gathering every till pays a
// sync of its own. A server database needs none of this.
//
// The promises of the port stay what they are. A read sees what was written before it was asked for. A
// transaction that is told to have happened has happened; one that conflicts takes nobody else down.
package gather

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tillroll/tillroll/pkg/state"
)

const (
	// patience bounds the wait for a turn: a store that hangs is a store that is away.
	patience = 5 * time.Second
	// readers is how many reads are under way at once.
	readers = 2
	// mostKeys, mostOps and mostBytes bound what goes together, so that nobody waits long for the others
	// and the sidecar takes it.
	mostKeys  = 100
	mostOps   = 100
	mostBytes = 2 << 20
)

// Store implements state.Store on another one.
type Store struct {
	store  state.Store
	reads  *line[read]
	writes *line[write]
}

// New lets at most writers transactions go to store at once; first come, first served.
func New(store state.Store, writers int) *Store {
	s := &Store{store: store}
	s.reads = &line[read]{turns: make(chan struct{}, readers), take: takeReads, carry: s.carryReads}
	s.writes = &line[write]{turns: make(chan struct{}, writers), take: takeWrites, carry: s.carryWrites}
	return s
}

// line is callers that wait for a turn.
type line[J any] struct {
	turns chan struct{}
	// take gives the front of what waits, at least one, as far as it can go together.
	take func(waiting []*job[J]) (batch, rest []*job[J])
	// carry does a batch and ends every job of it.
	carry func(ctx context.Context, batch []*job[J])

	mu      sync.Mutex
	waiting []*job[J]
}

// job is what one caller wants.
type job[J any] struct {
	want J
	done chan error // gets its end, once
}

// do has want done, by this caller or by another one that has a turn. It fails with state.ErrUnavailable
// when ctx ends or no turn comes in time; then nothing has happened.
func (l *line[J]) do(ctx context.Context, want J) (*job[J], error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", state.ErrUnavailable, err)
	}
	waits, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	own := &job[J]{want: want, done: make(chan error, 1)}
	l.mu.Lock()
	l.waiting = append(l.waiting, own)
	l.mu.Unlock()
	select {
	case l.turns <- struct{}{}:
		defer func() { <-l.turns }()
		// Others wait for what is carried here, so it does not end with this request.
		return own, l.lead(context.WithoutCancel(ctx), own)
	case err := <-own.done:
		return own, err
	case <-waits.Done():
		if l.withdraw(own) {
			return own, fmt.Errorf("%w: no turn at the store: %w", state.ErrUnavailable, waits.Err())
		}
		return own, <-own.done // it is on its way
	}
}

// lead carries what waits, in its order, until own has ended.
func (l *line[J]) lead(ctx context.Context, own *job[J]) error {
	for {
		select {
		case err := <-own.done:
			return err
		default:
		}
		l.mu.Lock()
		var batch []*job[J]
		if len(l.waiting) > 0 {
			batch, l.waiting = l.take(l.waiting)
		}
		l.mu.Unlock()
		if len(batch) == 0 { // another turn has it on its way
			return <-own.done
		}
		l.carry(ctx, batch)
	}
}

// withdraw takes a job out of the line; false: it is on its way.
func (l *line[J]) withdraw(own *job[J]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.waiting {
		if other == own {
			l.waiting = append(l.waiting[:i:i], l.waiting[i+1:]...)
			return true
		}
	}
	return false
}
