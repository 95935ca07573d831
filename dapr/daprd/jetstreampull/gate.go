package jetstreampull

import (
	"context"
	"sync"
)

// gate is something that is open for a while, and what is done while it is
// open: those who are outside wait, and those inside hold a context that ends,
// with the cause, when it shuts.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // closed while the gate is open
	inside context.Context
	end    context.CancelCauseFunc
}

// newGate makes a shut gate.
func newGate(cause error) *gate {
	g := &gate{opened: make(chan struct{})}
	g.inside, g.end = context.WithCancelCause(context.Background())
	g.end(cause)
	return g
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside.Err() == nil {
		return
	}
	g.inside, g.end = context.WithCancelCause(context.Background())
	close(g.opened)
}

func (g *gate) shut(cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside.Err() != nil {
		return
	}
	g.end(cause)
	g.opened = make(chan struct{})
}

// peek gives the inside as it is now, and what to wait for when it is shut.
func (g *gate) peek() (inside context.Context, opened <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside, g.opened
}

// pass waits until the gate is open or the caller's context ends.
func (g *gate) pass(ctx context.Context) (context.Context, error) {
	for {
		inside, opened := g.peek()
		if inside.Err() == nil {
			return inside, nil
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// both ends with whichever of the two contexts ends first, and with its cause.
func both(ctx, inside context.Context) (context.Context, context.CancelFunc) {
	joint, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(inside, func() { cancel(context.Cause(inside)) })
	return joint, func() { forget(); cancel(nil) }
}
