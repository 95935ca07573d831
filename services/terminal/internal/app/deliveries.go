package app

import (
	"context"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
)

// DeliveriesOf is the request for the events of a terminal, oldest first.
type DeliveriesOf struct {
	Terminal identity.Terminal
	Status   string // "" for all
	From     uint64
	Limit    int
}

// DeliveriesOf tells where the events of a terminal are. It fails with problem.Invalid.
func (a *App) DeliveriesOf(ctx context.Context, q DeliveriesOf) (outbox.Summary, []outbox.Delivery, error) {
	stream := identity.TerminalStream(q.Terminal)
	summary, err := a.Box.Summary(ctx, stream)
	if err != nil {
		return outbox.Summary{}, nil, state.Problem(err)
	}
	found, err := a.Box.Deliveries(ctx, stream, q.Status, q.From, q.Limit)
	return summary, found, state.Problem(err)
}

// Deliveries sums up the streams of a tenant: its own and those of its terminals.
func (a *App) Deliveries(ctx context.Context, tenantID string, span Span) (documents.Page[outbox.Summary], error) {
	streams, err := a.Box.StreamsOf(ctx, tenantID)
	if err != nil {
		return documents.Page[outbox.Summary]{}, state.Problem(err)
	}
	page := documents.Page[outbox.Summary]{Items: []outbox.Summary{}, Total: len(streams)}
	from := min(span.Skip, len(streams))
	for _, stream := range streams[from:min(from+span.Limit, len(streams))] {
		s, err := a.Box.Summary(ctx, stream)
		if err != nil {
			return page, state.Problem(err)
		}
		page.Items = append(page.Items, s)
	}
	return page, nil
}

// Redeliver publishes events again to a journal that lost them (see outbox.Box.RedeliverAll).
func (a *App) Redeliver(ctx context.Context, r outbox.Redelivery) ([]outbox.Redelivered, error) {
	done, err := a.Box.RedeliverAll(ctx, r)
	return done, state.Problem(err)
}

// ConfirmDelivery takes the journal's word for what it has. An event that it could not store is an
// alert: somebody has to look at it there.
func (a *App) ConfirmDelivery(ctx context.Context, s *event.JournalStatus) error {
	parked, err := a.Box.Confirm(ctx, s)
	if err != nil {
		return state.Problem(err)
	}
	for _, p := range parked {
		a.Log.Error("ALERT: the journal put an event into quarantine: look at it there, then replay or discard it",
			zap.String("stream", s.Stream().ID()), zap.Uint64("sequence", p.Sequence),
			zap.String("event_id", p.EventID), zap.String("reason", p.Reason))
	}
	return nil
}
