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
	return a.ConfirmAll([]context.Context{ctx}, []*event.JournalStatus{s})[0]
}

// ConfirmAll is Confirm for several statuses of one terminal, each in a context of its own. They are
// written together, so what fails fails for all of them but those that are no statuses.
func (a *App) ConfirmAll(contexts []context.Context, statuses []*event.JournalStatus) []error {
	errs := make([]error, len(statuses))
	var ours []*event.JournalStatus
	var places []int
	for i, s := range statuses {
		switch err := s.Validate(); {
		case err != nil:
			errs[i] = fmt.Errorf("%w: %w", ErrUnusable, err)
		case s.Producer == event.ProducerCart:
			ours, places = append(ours, s), append(places, i)
		}
	}
	if len(ours) == 0 {
		return errs
	}
	// The last leg of a sale's trace, which began with the till's request.
	ctx := contexts[places[0]]
	for i, place := range places {
		traced, span := a.Tracer.Start(contexts[place], "outbox.confirm", trace.WithSpanKind(trace.SpanKindConsumer))
		defer span.End()
		if i == 0 {
			ctx = traced
		}
	}
	parked, err := a.Box.Confirm(ctx, ours...)
	if len(parked) > 0 { // one line however many there are: whoever is woken up looks into the journal
		a.Log.Error("ALERT: the journal has put events into quarantine; replay or discard them there",
			zap.String("stream", ours[0].Stream().ID()), zap.Int("events", len(parked)), zap.String("event_id", parked[0].EventID),
			zap.Uint64("sequence", parked[0].Sequence), zap.String("reason", parked[0].Reason))
	}
	for _, place := range places {
		errs[place] = err
	}
	return errs
}
