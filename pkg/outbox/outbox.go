// Package outbox makes sure that what a command decided is told to the journal, whatever dies when.
//
// A command writes its aggregate, the stream's head and its events in one state transaction (Do and
// Unit). A Relay publishes them afterwards and again until the journal has reported them received
// (Confirm); nothing expires before. Events of one stream have gapless sequences.
//
// The package knows state keys, sequences and event envelopes. It does not know what a cart is, and
// it never looks into an event's content.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
)

// Limits and times that are nobody's business to tune.
const (
	// maxAttempts of one command against conflicts. Two hundred commands at once on one terminal
	// still get through; a till has one or two.
	maxAttempts = 12
	// MaxEventBytes of one event's JSON. Brokers commonly refuse more than 1 MB with its wrapping.
	MaxEventBytes = 768 << 10
)

// Box is the outbox of one producer. It is safe for concurrent use.
type Box struct {
	store    state.Store
	producer string
	clock    clockwork.Clock
	newID    func() string
	nudge    func(identity.Stream)
	// confirming keeps the confirmations of a stream in this process from outrunning each other.
	confirming lanes
}

// New makes the outbox of producer ("cart" or "terminal") in store.
func New(store state.Store, producer string, clock clockwork.Clock, newID func() string) *Box {
	return &Box{store: store, producer: producer, clock: clock, newID: newID, nudge: func(identity.Stream) {}, confirming: newLanes()}
}

// NewID makes event ids: UUIDs of version 7 (RFC 9562).
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Do runs one command on a stream: fn reads and decides through the Unit, and what the Unit holds
// afterwards is written at once. When somebody else wrote in between, fn runs again from the read,
// so it must have no effects of its own. An error from fn is returned as it is and writes nothing.
// Keys that fn is sure to Get can be named ahead: they are read together with the head.
//
// Errors besides fn's: problem.Conflict when it was outrun too often, problem.Unavailable when the
// store does not answer. After Unavailable the command may or may not have happened; a repeat with
// the same Idempotency-Key finds out.
func (b *Box) Do(ctx context.Context, stream identity.Stream, fn func(ctx context.Context, u *Unit) error, ahead ...string) error {
	for attempt := 1; ; attempt++ {
		u, err := b.attempt(ctx, stream, fn, ahead)
		switch {
		case err == nil:
			if u.events > 0 {
				b.nudge(stream)
			}
			return nil
		case errors.Is(err, state.ErrConflict) && attempt < maxAttempts:
			if err := b.pause(ctx, attempt); err != nil {
				return err
			}
		case errors.Is(err, state.ErrConflict):
			return problem.Conflict.New("%d attempts at %s were outrun", attempt, stream.ID()).Because(err).After(time.Second)
		default:
			return state.Problem(err)
		}
	}
}

func (b *Box) attempt(ctx context.Context, stream identity.Stream, fn func(context.Context, *Unit) error, ahead []string) (*Unit, error) {
	u, err := b.begin(ctx, stream, ahead)
	if err != nil {
		return nil, err
	}
	if err := fn(ctx, u); err != nil {
		return nil, err
	}
	return u, u.commit(ctx)
}

// pause waits a little longer after every lost race, with jitter, so that rivals fall out of step.
func (b *Box) pause(ctx context.Context, attempt int) error {
	ceiling := time.Millisecond << min(attempt, 7)
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", state.ErrUnavailable, ctx.Err())
	case <-b.clock.After(rand.N(ceiling)): //nolint:gosec // jitter, not a secret
		return nil
	}
}
