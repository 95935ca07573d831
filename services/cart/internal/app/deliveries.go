package app

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

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
		return Deliveries{}, storeFailed(err)
	}
	summary, err := a.Box.Summary(ctx, stream)
	if err != nil {
		return Deliveries{}, storeFailed(err)
	}
	return Deliveries{Items: items, Total: countOf(summary, q.Status), Summary: summary}, nil
}

// countOf is how many events of a stream that are still kept have a status.
func countOf(s outbox.Summary, status string) uint64 {
	kept := s.LastSequence - s.SweptThrough
	published := s.Missing.Below(s.PublishedThrough + 1).Len()
	switch status {
	case outbox.DeliveryPending:
		return s.Missing.Len() - published
	case outbox.DeliveryPublished:
		return published
	case outbox.DeliveryReceived:
		return kept - s.Missing.Len() - uint64(s.Parked) //nolint:gosec // a count
	case "":
		return kept
	default:
		return uint64(s.Parked) //nolint:gosec // a count
	}
}

// Summaries tells of every terminal of a tenant how far its events have come.
func (a *App) Summaries(ctx context.Context, tenantID string) ([]outbox.Summary, error) {
	streams, err := a.streams(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	out := make([]outbox.Summary, len(streams))
	for i, s := range streams {
		if out[i], err = a.Box.Summary(ctx, s); err != nil {
			return nil, storeFailed(err)
		}
	}
	return out, nil
}

// streams of a tenant in order.
func (a *App) streams(ctx context.Context, tenantID string) ([]identity.Stream, error) {
	known, err := a.Box.Streams(ctx)
	if err != nil {
		return nil, storeFailed(err)
	}
	own := slices.DeleteFunc(slices.Collect(maps.Values(known)), func(s identity.Stream) bool { return s.TenantID != tenantID })
	slices.SortFunc(own, func(a, b identity.Stream) int { return strings.Compare(a.ID(), b.ID()) })
	return own, nil
}

// stream finds a terminal's stream by its id: among those that have events, else among the copies of
// terminals.
func (a *App) stream(ctx context.Context, tenantID, terminalID string) (identity.Stream, error) {
	known, err := a.Box.Streams(ctx)
	if err != nil {
		return identity.Stream{}, storeFailed(err)
	}
	s, found := known[terminalID]
	if !found {
		item, err := state.Get(ctx, a.Store, terminalCopyKey(terminalID))
		if err != nil {
			return s, storeFailed(err)
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

// Redelivery asks for events to be published again, from a sequence on or from a time on; of one
// terminal, or of all terminals of the tenant.
type Redelivery struct {
	TenantID     string
	TerminalID   string
	FromSequence uint64
	Since        time.Time
}

// Redelivered is a stream and the first of its events that goes out again.
type Redelivered struct {
	StreamID     string `json:"streamId"`
	FromSequence uint64 `json:"fromSequence"`
}

// Redeliver publishes events again as if the journal had never seen them, for a journal that was
// restored from a backup. Streams without such events are left out of the answer. It fails with
// problem.NotFound when events of a stream are no longer kept.
func (a *App) Redeliver(ctx context.Context, in Redelivery) ([]Redelivered, error) {
	streams, err := a.streamsOf(ctx, in)
	if err != nil {
		return nil, err
	}
	done := []Redelivered{}
	for _, s := range streams {
		first, err := a.redeliver(ctx, s, in)
		if err != nil {
			return nil, storeFailed(err)
		}
		if first > 0 {
			done = append(done, Redelivered{StreamID: s.ID(), FromSequence: first})
		}
	}
	return done, nil
}

func (a *App) streamsOf(ctx context.Context, in Redelivery) ([]identity.Stream, error) {
	if in.TerminalID == "" {
		return a.streams(ctx, in.TenantID)
	}
	s, err := a.stream(ctx, in.TenantID, in.TerminalID)
	return []identity.Stream{s}, err
}

func (a *App) redeliver(ctx context.Context, s identity.Stream, in Redelivery) (first uint64, err error) {
	if in.FromSequence == 0 {
		return a.Box.RedeliverSince(ctx, s, in.Since)
	}
	summary, err := a.Box.Summary(ctx, s)
	if err != nil || in.FromSequence > summary.LastSequence {
		return 0, err
	}
	return in.FromSequence, a.Box.Redeliver(ctx, s, in.FromSequence)
}
