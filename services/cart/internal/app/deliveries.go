package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
)

// DeliveryQuery asks where the events of one terminal are: those of a status, or all, from a sequence
// on. TenantID is whose terminal it must be; "" is anybody's.
type DeliveryQuery struct {
	TenantID   string
	TerminalID string
	Status     string
	From       uint64
	Limit      int
}

// Deliveries are events in their order. Total counts all of the status that are still kept.
type Deliveries struct {
	Items   []outbox.Delivery
	Total   uint64
	Summary outbox.Summary
}

// Deliveries tells where the events of one terminal are. It fails with problem.NotFound and
// problem.Invalid.
func (a *App) Deliveries(ctx context.Context, q DeliveryQuery) (Deliveries, error) {
	stream, err := a.stream(ctx, q.TenantID, q.TerminalID)
	if err != nil {
		return Deliveries{}, err
	}
	items, err := a.Box.Deliveries(ctx, stream, q.Status, q.From, q.Limit)
	if err != nil {
		return Deliveries{}, state.Problem(err)
	}
	summary, err := a.Box.Summary(ctx, stream)
	if err != nil {
		return Deliveries{}, state.Problem(err)
	}
	return Deliveries{Items: items, Total: summary.Count(q.Status), Summary: summary}, nil
}

// DeliveryOf tells where the log of a terminal's transaction is on its way to the journal.
func (a *App) DeliveryOf(ctx context.Context, log *event.TranLog) (string, error) {
	status, err := a.Box.Status(ctx, log.Stream(), log.Sequence)
	return status, state.Problem(err)
}

// Summaries tells of every terminal of a tenant how far its events have come.
func (a *App) Summaries(ctx context.Context, tenantID string) ([]outbox.Summary, error) {
	streams, err := a.Box.StreamsOf(ctx, tenantID)
	if err != nil {
		return nil, state.Problem(err)
	}
	out := make([]outbox.Summary, len(streams))
	for i, s := range streams {
		if out[i], err = a.Box.Summary(ctx, s); err != nil {
			return nil, state.Problem(err)
		}
	}
	return out, nil
}

// stream finds a terminal's stream by its id: among those that have events, else among the copies of
// terminals.
func (a *App) stream(ctx context.Context, tenantID, terminalID string) (identity.Stream, error) {
	known, err := a.Box.Streams(ctx)
	if err != nil {
		return identity.Stream{}, state.Problem(err)
	}
	s, found := known[terminalID]
	if !found {
		item, err := state.Get(ctx, a.Store, terminalCopyKey(terminalID))
		if err != nil {
			return s, state.Problem(err)
		}
		terminal, err := read[terminalCopy](item)
		if err != nil {
			return s, err
		}
		s, found = identity.TerminalStream(terminal.Terminal), item.Exists()
	}
	if !found || tenantID != "" && s.TenantID != tenantID {
		return s, problem.NotFound.New("this service does not know a terminal %s", terminalID).
			WithHint("GET /api/v1/tenants/{tenant}/deliveries lists the terminals that have events.")
	}
	return s, nil
}

// Redeliver publishes events again to a journal that lost them (see outbox.Box.RedeliverAll).
func (a *App) Redeliver(ctx context.Context, r outbox.Redelivery) ([]outbox.Redelivered, error) {
	done, err := a.Box.RedeliverAll(ctx, r)
	return done, state.Problem(err)
}
