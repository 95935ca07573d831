package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
)

// DeliveriesOf is the request for the events of a terminal, oldest first.
type DeliveriesOf struct {
	Terminal identity.Terminal
	Status   string // "" for all
	From     uint64
	Limit    int
}

// CountOf is how many events of a stream that are still kept have a status, "" being any.
func CountOf(s outbox.Summary, status string) uint64 {
	kept, sent := s.LastSequence-s.SweptThrough, s.Missing.Below(s.PublishedThrough+1).Len()
	switch status {
	case "":
		return kept
	case outbox.DeliveryPending:
		return s.Missing.Len() - sent
	case outbox.DeliveryPublished:
		return sent
	case outbox.DeliveryReceived:
		return kept - s.Unconfirmed - uint64(s.Parked)
	default:
		return uint64(s.Parked)
	}
}

// DeliveriesOf tells where the events of a terminal are. It fails with problem.Invalid.
func (a *App) DeliveriesOf(ctx context.Context, q DeliveriesOf) (outbox.Summary, []outbox.Delivery, error) {
	stream := identity.TerminalStream(q.Terminal)
	summary, err := a.Box.Summary(ctx, stream)
	if err != nil {
		return outbox.Summary{}, nil, unavailable(err)
	}
	found, err := a.Box.Deliveries(ctx, stream, q.Status, q.From, q.Limit)
	return summary, found, unavailable(err)
}

// Deliveries sums up the streams of a tenant: its own and those of its terminals.
func (a *App) Deliveries(ctx context.Context, tenantID string, span Span) (documents.Page[outbox.Summary], error) {
	streams, err := a.streamsOf(ctx, tenantID)
	if err != nil {
		return documents.Page[outbox.Summary]{}, err
	}
	page := documents.Page[outbox.Summary]{Items: []outbox.Summary{}, Total: len(streams)}
	from := min(span.Skip, len(streams))
	for _, stream := range streams[from:min(from+span.Limit, len(streams))] {
		s, err := a.Box.Summary(ctx, stream)
		if err != nil {
			return page, unavailable(err)
		}
		page.Items = append(page.Items, s)
	}
	return page, nil
}

// streamsOf lists a tenant's streams: its own first, then stores and numbers in order.
func (a *App) streamsOf(ctx context.Context, tenantID string) ([]identity.Stream, error) {
	all, err := a.Box.Streams(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	var own []identity.Stream
	for _, stream := range all {
		if stream.TenantID == tenantID {
			own = append(own, stream)
		}
	}
	slices.SortFunc(own, func(a, b identity.Stream) int {
		return cmp.Or(cmp.Compare(a.StoreCode, b.StoreCode), cmp.Compare(a.TerminalNo, b.TerminalNo))
	})
	return own, nil
}

// Redeliver is the request to publish events again to a journal that lost them: from a sequence or
// from a time on, of one stream (a terminal, or the tenant's own under its code) or of all.
type Redeliver struct {
	TenantID     string
	StreamID     string // "" for all
	FromSequence uint64
	Since        time.Time // used when FromSequence is 0
}

// Redelivered tells from where on a stream is published again.
type Redelivered struct {
	StreamID     string
	FromSequence uint64
}

// Redeliver publishes events again. It fails with problem.NotFound when there is no such stream, or
// when the sequence asked for of one stream is not kept any more; of all streams each begins with
// the oldest that is kept.
func (a *App) Redeliver(ctx context.Context, cmd Redeliver) ([]Redelivered, error) {
	streams, err := a.streamsOf(ctx, cmd.TenantID)
	if err != nil {
		return nil, err
	}
	if cmd.StreamID != "" {
		streams = slices.DeleteFunc(streams, func(s identity.Stream) bool { return s.ID() != cmd.StreamID })
		if len(streams) == 0 {
			return nil, problem.NotFound.New("the tenant has no events of %s", cmd.StreamID)
		}
	}
	done := []Redelivered{}
	for _, stream := range streams {
		first, err := a.redeliver(ctx, stream, cmd)
		if err != nil {
			return nil, unavailable(err)
		}
		if first > 0 {
			done = append(done, Redelivered{stream.ID(), first})
		}
	}
	return done, nil
}

// redeliver gives the first sequence that is published again, or 0 when there is nothing to.
func (a *App) redeliver(ctx context.Context, stream identity.Stream, cmd Redeliver) (uint64, error) {
	if cmd.FromSequence == 0 {
		return a.Box.RedeliverSince(ctx, stream, cmd.Since)
	}
	first := cmd.FromSequence
	summary, err := a.Box.Summary(ctx, stream)
	if err != nil {
		return 0, err
	}
	if cmd.StreamID == "" {
		first = max(first, summary.SweptThrough+1)
	}
	if first > summary.LastSequence {
		return 0, nil
	}
	return first, a.Box.Redeliver(ctx, stream, first)
}

// ConfirmDelivery takes the journal's word for what it has. An event that it could not store is an
// alert: somebody has to look at it there.
func (a *App) ConfirmDelivery(ctx context.Context, s *event.JournalStatus) error {
	parked, err := a.Box.Confirm(ctx, s)
	if err != nil {
		return unavailable(err)
	}
	for _, p := range parked {
		a.Log.Error("ALERT: the journal put an event into quarantine: look at it there, then replay or discard it",
			zap.String("stream", s.Stream().ID()), zap.Uint64("sequence", p.Sequence),
			zap.String("event_id", p.EventID), zap.String("reason", p.Reason))
	}
	return nil
}
