package app

import (
	"context"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/state"
)

const (
	// copyFresh is how long what was read of a terminal's copy is taken for the copy. A snapshot that
	// comes to this replica counts at once; one that another replica takes, after so long. What may be
	// sold is decided by the book, which is read anew for every command.
	copyFresh = time.Second
	// copiesMost bounds the memory.
	copiesMost = 10_000
)

// copies remembers the copies of terminals that were read lately, so that a till that sells does not
// have the same document read with every request.
type copies struct {
	mu    sync.Mutex
	clock clockwork.Clock
	known map[string]seen
}

type seen struct {
	copy terminalCopy
	at   time.Time
}

func newCopies(clock clockwork.Clock) *copies {
	return &copies{clock: clock, known: map[string]seen{}}
}

func (c *copies) get(terminalID string) (terminalCopy, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.known[terminalID]
	age := c.clock.Now().Sub(s.at)
	return s.copy, ok && age >= 0 && age < copyFresh
}

// put remembers a copy. One that is older than what is remembered was read before that was written.
func (c *copies) put(terminalID string, fresh terminalCopy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[terminalID].copy.Version > fresh.Version {
		return
	}
	if len(c.known) >= copiesMost {
		clear(c.known)
	}
	c.known[terminalID] = seen{fresh, c.clock.Now()}
}

// copyOf gives the copy of a terminal, read at most copyFresh ago; ok is false when there is none.
func (a *App) copyOf(ctx context.Context, terminalID string) (known terminalCopy, ok bool, err error) {
	if known, ok = a.copies.get(terminalID); ok {
		return known, true, nil
	}
	return a.readCopy(ctx, terminalID)
}

// readCopy reads the copy as it is now.
func (a *App) readCopy(ctx context.Context, terminalID string) (known terminalCopy, ok bool, err error) {
	item, err := state.Get(ctx, a.Store, terminalCopyKey(terminalID))
	if err != nil {
		return known, false, state.Problem(err)
	}
	if known, err = read[terminalCopy](item); err != nil || !item.Exists() {
		return known, false, err
	}
	a.copies.put(terminalID, known)
	return known, true, nil
}
