package jetstreampull

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/nats-io/nats.go"
)

// What is published to a message's reply subject to settle it.
var (
	ackBody      = []byte("+ACK")
	progressBody = []byte("+WPI")
)

func nak(delay time.Duration) []byte {
	if delay <= 0 {
		return []byte("-NAK")
	}
	return fmt.Appendf(nil, `-NAK {"delay": %d}`, delay.Nanoseconds())
}

// deliver gives messages to the app and returns one error a message, nil for
// those that it has taken.
type deliver func(msgs []*nats.Msg) []error

// oneByOne delivers to a handler of single messages.
//
// The handler gets the subscription's own context: when daprd stops a
// subscription it waits for the handlers that are at work, cancels the context
// and expects that to release those that it has held back.
func oneByOne(ctx context.Context, topic string, handler pubsub.Handler) deliver {
	return func(msgs []*nats.Msg) []error {
		errs := make([]error, len(msgs))
		for i, msg := range msgs {
			errs[i] = handler(ctx, &pubsub.NewMessage{Topic: topic, Data: msg.Data})
		}
		return errs
	}
}

// inBulk delivers to a handler of batches. daprd does not wait for these when
// it stops a subscription, so the context is one that outlives the stop.
func inBulk(ctx context.Context, topic string, handler pubsub.BulkHandler) deliver {
	return func(msgs []*nats.Msg) []error {
		entries := make([]pubsub.BulkMessageEntry, len(msgs))
		for i, msg := range msgs {
			entries[i] = pubsub.BulkMessageEntry{EntryId: entryID(i, msg), Event: msg.Data}
		}
		answers, err := handler(ctx, &pubsub.BulkMessage{Topic: topic, Entries: entries})
		return perEntry(entries, answers, err)
	}
}

// entryID is the message's number in its stream, so that a log line about an
// entry leads to the message.
func entryID(i int, msg *nats.Msg) string {
	meta, err := msg.Metadata()
	if err != nil {
		return "entry-" + strconv.Itoa(i)
	}
	return strconv.FormatUint(meta.Sequence.Stream, 10)
}

// perEntry reads a bulk answer so that no message is taken for handled by
// mistake: an entry's own error counts also when the call as a whole went well,
// and a failed call counts for every entry that has no answer.
func perEntry(entries []pubsub.BulkMessageEntry, answers []pubsub.BulkSubscribeResponseEntry, err error) []error {
	answered := make(map[string]error, len(answers))
	for _, answer := range answers {
		answered[answer.EntryId] = answer.Error
	}
	errs := make([]error, len(entries))
	for i, entry := range entries {
		own, known := answered[entry.EntryId]
		if known {
			errs[i] = own
		} else {
			errs[i] = err
		}
	}
	return errs
}

// outlive gives a context that ends a while after the other one.
func outlive(ctx context.Context, grace time.Duration) context.Context {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return longer
}

// lease tells the broker again and again that messages are being worked on, so
// that it does not give them to somebody else. A handler may take as long as a
// retry policy without end.
type lease struct {
	mu    sync.Mutex
	timer *time.Timer // nil once ended
}

func newLease(every time.Duration, renew func()) *lease {
	l := &lease{}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = time.AfterFunc(every, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.timer == nil {
			return
		}
		renew()
		l.timer.Reset(every)
	})
	return l
}

func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer.Stop()
	l.timer = nil
}

// verdict is what to tell the broker about a message.
func (s *subscription) verdict(err error) []byte {
	switch {
	case err == nil:
		return ackBody
	case errors.Is(err, context.Canceled) || s.ctx.Err() != nil:
		return nak(0) // we stop; nothing is wrong with the message
	default:
		return nak(s.component.settings.nakDelay)
	}
}
