package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// What cannot be stored is quarantined with its reason, before anybody is answered.

// judge decides which failures mean that the event can never be stored.
func (in *Ingest) judge(a *arrival) {
	switch {
	case a.outcome == Changed:
		a.refusal = &journal.Refusal{Reason: journal.ContentChanged, Detail: "an event with this id and other content is in the journal", Envelope: a.record.Envelope()}
	case errors.Is(a.err, ErrUnknownTenant):
		a.refusal = &journal.Refusal{Reason: journal.UnknownTenant, Detail: "the tenant has no journal yet", Envelope: a.record.Envelope()}
	case a.ownFault && a.givenUpBy != "" && (errors.Is(a.err, ErrRefused) || in.poison.strike(a.key())):
		a.refusal = &journal.Refusal{Reason: journal.DeadLetter, Detail: givenUp(a.givenUpBy) + ": " + firstLine(a.err), Envelope: journal.Attribute(a.CloudEvent.Data)}
	case a.ownFault && a.givenUpBy == "" && in.poison.strike(a.key()):
		a.refusal = &journal.Refusal{Reason: journal.Poison, Detail: firstLine(a.err), Envelope: journal.Attribute(a.CloudEvent.Data)}
	}
	if a.refusal != nil {
		a.err = nil
	}
}

// setAside quarantines what was refused. Nothing that is refused is answered before it lies there;
// when it cannot be kept it comes again.
func (in *Ingest) setAside(ctx context.Context, arrivals []*arrival) {
	var items []*journal.Quarantined
	for _, a := range arrivals {
		if a.refusal != nil {
			items = append(items, in.item(a))
		}
	}
	if len(items) == 0 {
		return
	}
	if err := in.store.Put(ctx, items); err != nil {
		for _, a := range arrivals {
			if a.refusal != nil {
				a.refusal, a.err = nil, fmt.Errorf("quarantine: %w", err)
			}
		}
		return
	}
	if slices.ContainsFunc(items, func(q *journal.Quarantined) bool { return q.Reason.Alarming() }) {
		in.alarm.nudge("")
	}
	asked := map[string]bool{}
	for _, a := range arrivals {
		if a.refusal == nil || a.refusal.Reason != journal.UnknownTenant || asked[a.refusal.Envelope.TenantID] {
			continue
		}
		asked[a.refusal.Envelope.TenantID] = true
		in.asker.ask(a.ctx, a.refusal.Envelope.TenantID)
		in.waiting.nudge() // in case it was provisioned meanwhile
	}
}

// item is how a refused event is kept.
func (in *Ingest) item(a *arrival) *journal.Quarantined {
	now := in.clock.Now().UTC()
	q := &journal.Quarantined{
		ID: in.newID(), EventID: a.eventID(), ContentHash: a.contentHash(), Topic: a.topic,
		Reason: a.refusal.Reason, Detail: a.refusal.Detail, CloudEvent: a.Raw,
		TraceParent: a.CloudEvent.TraceParent, Generation: a.CloudEvent.Generation,
		FirstSeen: now, LastSeen: now, Times: 1, State: journal.QuarantineOpen,
	}
	if h := a.refusal.Envelope; h != nil {
		q.TenantID, q.Stream, q.Producer, q.Sequence = h.TenantID, h.Stream(), h.Producer, h.Sequence
	}
	return q
}

// eventID as far as it can be told.
func (a *arrival) eventID() string {
	id := a.CloudEvent.ID
	switch {
	case a.record != nil:
		id = a.record.Envelope().EventID
	case a.refusal != nil && a.refusal.Envelope != nil:
		id = a.refusal.Envelope.EventID
	}
	if len(id) > 100 {
		return ""
	}
	return id
}

// contentHash is the same for every delivery of an event, readable or not.
func (a *arrival) contentHash() journal.Hash {
	if a.record != nil {
		return a.record.ContentHash
	}
	data := []byte(a.CloudEvent.Data)
	if len(data) == 0 {
		data = a.Raw
	}
	if form, err := canonical.JSON(data); err == nil {
		data = form
	}
	return journal.HashOf(data)
}

func (a *arrival) key() string { return a.eventID() + "/" + a.contentHash().String() }

func (in *Ingest) logRefusal(log *zap.Logger, a *arrival) {
	fields := []zap.Field{zap.String("reason", string(a.refusal.Reason)), zap.String("detail", a.refusal.Detail)}
	if h := a.refusal.Envelope; h != nil {
		fields = append(fields, zap.String("stream", h.Stream().ID()), zap.String("producer", h.Producer), zap.Uint64("sequence", h.Sequence))
	}
	switch {
	case a.givenUpBy != "" && a.refusal.Reason != journal.DeadLetter: // what was dropped comes back so
		log.Info("dead letter of a quarantined event", fields...)
	case a.refusal.Reason == journal.UnknownTenant: // it mends itself when the tenant comes
		log.Warn("event quarantined", fields...)
	default:
		log.Error("event quarantined", fields...)
	}
}

func givenUp(app string) string { return "given up by the sidecar of " + app }

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
