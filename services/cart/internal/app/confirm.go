package app

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
)

// Confirm takes the journal's word for what it has of a terminal's events. Word for another producer is
// not for this service. What the journal could not store is an alert: somebody has to look.
//
// It fails with ErrUnusable for what is no status; any other error passes.
func (a *App) Confirm(ctx context.Context, s *event.JournalStatus) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	if s.Producer != event.ProducerCart {
		return nil
	}
	// The last leg of a sale's trace, which began with the till's request.
	ctx, span := a.Tracer.Start(ctx, "outbox.confirm", trace.WithSpanKind(trace.SpanKindConsumer))
	defer span.End()
	parked, err := a.Box.Confirm(ctx, s)
	if len(parked) > 0 { // one line however many there are: whoever is woken up looks into the journal
		a.Log.Error("ALERT: the journal has put events into quarantine; replay or discard them there",
			zap.String("stream", s.Stream().ID()), zap.Int("events", len(parked)), zap.String("event_id", parked[0].EventID),
			zap.Uint64("sequence", parked[0].Sequence), zap.String("reason", parked[0].Reason))
	}
	return err
}
