package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/delivery"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/cart/internal/app"
)

// streamsAtOnce bounds how many streams of one delivery are handled at the same time.
const streamsAtOnce = 8

// takeSnapshots handles topic-terminal. The snapshots of one stream are taken in the order of their
// versions, so that a closing is not skipped because what came after it is in the same delivery.
func (a *API) takeSnapshots(ctx context.Context, messages []delivery.Message) []delivery.Answer {
	return take(ctx, a.log, messages,
		func(s *event.Snapshot) uint64 { return s.Version },
		oneByOne(a.app.Follow))
}

// takeStatus handles topic-journal-status. The statuses of one stream are taken together: each of them
// says more than the one before, and what they say is written once.
func (a *API) takeStatus(ctx context.Context, messages []delivery.Message) []delivery.Answer {
	return take(ctx, a.log, messages,
		func(s *event.JournalStatus) uint64 { return s.ReceivedThrough },
		a.app.ConfirmAll)
}

// oneByOne handles the events of a stream one after another, each in its own trace.
func oneByOne[E any](handle func(ctx context.Context, e *E) error) func(traces []context.Context, events []*E) []error {
	return func(traces []context.Context, events []*E) []error {
		errs := make([]error, len(events))
		for i, e := range events {
			errs[i] = calmly(func() error { return handle(traces[i], e) })
		}
		return errs
	}
}

// arrival is one event of a delivery and the place of its answer.
type arrival[E any] struct {
	event   *E
	message *delivery.Message
	place   int
}

// take reads the events of a delivery and handles them: several streams at once, the events of one
// stream ordered by rank, each with its own trace. What can never be used is dropped, which makes the sidecar put it
// on the dead-letter topic; everything else that fails comes again.
func take[E any, P interface {
	*E
	event.Event
}](ctx context.Context, log *zap.Logger, messages []delivery.Message, rank func(*E) uint64, handle func(traces []context.Context, events []*E) []error) []delivery.Answer {
	answers := make([]delivery.Answer, len(messages))
	streams := map[string][]arrival[E]{}
	for i := range messages {
		m := &messages[i]
		e := new(E)
		err := m.Err
		if err == nil {
			err = json.Unmarshal(m.CloudEvent.Data, e)
		}
		if err != nil {
			answers[i] = reply(log, m.CloudEvent.ID, fmt.Errorf("%w: %w", app.ErrUnusable, err))
			continue
		}
		id := P(e).Head().Stream().ID()
		streams[id] = append(streams[id], arrival[E]{e, m, i})
	}
	var all sync.WaitGroup
	slots := make(chan struct{}, streamsAtOnce)
	for _, arrivals := range streams {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			slices.SortStableFunc(arrivals, func(x, y arrival[E]) int { return cmp.Compare(rank(x.event), rank(y.event)) })
			traces, events := make([]context.Context, len(arrivals)), make([]*E, len(arrivals))
			for i, one := range arrivals {
				traces[i], events[i] = one.message.CloudEvent.Context(ctx), one.event
			}
			var errs []error
			panicked := calmly(func() error { errs = handle(traces, events); return nil })
			for i, one := range arrivals {
				err := panicked
				if err == nil {
					err = errs[i]
				}
				answers[one.place] = reply(log, P(one.event).Head().EventID, err)
			}
		})
	}
	all.Wait()
	return answers
}

// calmly turns a panic of fn into an error: it runs beside others that must not end with it.
func calmly(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn()
}

func reply(log *zap.Logger, eventID string, err error) delivery.Answer {
	switch {
	case err == nil:
		return delivery.Succeeded(eventID, "taken")
	case errors.Is(err, app.ErrUnusable):
		log.Error("an event cannot be used and goes to the dead-letter topic", zap.String("event_id", eventID), zap.Error(err))
		return delivery.Dropped(eventID, err.Error())
	default:
		log.Warn("an event could not be handled and comes again", zap.String("event_id", eventID), zap.Error(err))
		return delivery.Retried(eventID, err)
	}
}
