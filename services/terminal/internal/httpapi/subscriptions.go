package httpapi

import (
	"context"
	"encoding/json"
	"fmt"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/delivery"
	"github.com/tillroll/tillroll/pkg/event"
)

// subscriptions are the routes of the topics that this service hears.
func (a *API) subscriptions() map[string]delivery.Handler {
	return map[string]delivery.Handler{
		"/session":         each(a, a.session),
		"/snapshot-wanted": each(a, a.snapshotWanted),
		"/journal-status":  each(a, a.journalStatus),
	}
}

// errUnusable marks an event that no retry makes better. It is dropped, which puts it on the
// dead-letter topic and so into the journal's quarantine.
type errUnusable struct{ reason string }

func (e errUnusable) Error() string { return e.reason }

func unusable(format string, args ...any) error { return errUnusable{fmt.Sprintf(format, args...)} }

// each handles the events of a delivery one by one, each in the trace that it carries.
func each[E any, P interface {
	*E
	event.Event
}](a *API, handle func(context.Context, P) error) delivery.Handler {
	return func(ctx context.Context, messages []delivery.Message) []delivery.Answer {
		answers := make([]delivery.Answer, len(messages))
		for i, m := range messages {
			answers[i] = one(m.CloudEvent.Context(ctx), a.Log, m, P(new(E)), handle)
		}
		return answers
	}
}

func one[P event.Event](ctx context.Context, log *zap.Logger, m delivery.Message, e P, handle func(context.Context, P) error) delivery.Answer {
	err := decode(m, e)
	if err == nil {
		err = handle(ctx, e)
	}
	id := e.Head().EventID
	fields := []zap.Field{zap.String("topic", e.Topic()), zap.String("event_id", id), zap.String("stream", e.Head().Stream().ID()), zap.Error(err)}
	switch _, dropped := err.(errUnusable); { //nolint:errorlint // made here and never wrapped
	case err == nil:
		return delivery.Succeeded(id, "")
	case dropped:
		log.Error("an event was refused for good", fields...)
		return delivery.Dropped(id, err.Error())
	default:
		log.Warn("an event could not be handled now", fields...)
		return delivery.Retried(id, err)
	}
}

func decode(m delivery.Message, e event.Event) error {
	if m.Err != nil {
		return unusable("%v", m.Err)
	}
	if err := json.Unmarshal(m.CloudEvent.Data, e); err != nil {
		return unusable("the data is no %T: %v", e, err)
	}
	if err := e.Head().Validate(); err != nil {
		return unusable("%v", err)
	}
	return nil
}

// session takes the cart service's answer to a terminal that is Closing.
func (a *API) session(ctx context.Context, r *event.SessionReport) error {
	if r.Producer != event.ProducerCart || r.TerminalNo == 0 {
		return unusable("a session report of %s by %s is not one of a terminal by the cart service", r.Stream().ID(), r.Producer)
	}
	if !r.IsSealed && len(r.CartsInProgress) == 0 {
		return unusable("the session is neither sealed nor are carts in progress")
	}
	return a.App.SettleClose(ctx, r)
}

// snapshotWanted publishes again what somebody's copy lacks.
func (a *API) snapshotWanted(ctx context.Context, w *event.SnapshotWanted) error {
	return a.App.ResendSnapshots(ctx, w.Stream())
}

// journalStatus moves the outbox forward. The cart service's status comes on the same topic, and brings
// a checkpoint as well.
func (a *API) journalStatus(ctx context.Context, s *event.JournalStatus) error {
	a.App.KeepCheckpoint(ctx, s)
	if s.Producer != event.ProducerTerminal {
		return nil
	}
	return a.App.ConfirmDelivery(ctx, s)
}
