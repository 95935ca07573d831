package jetstreampull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// The pull protocol of JetStream: a request for n messages to the consumer's
// subject, answered by messages and, when the request ends early, a status.
const (
	nextSubject = "$JS.API.CONSUMER.MSG.NEXT.%s.%s"
	ackPrefix   = "$JS.ACK."

	statusHeartbeat = "100"
	statusNoMessage = "404"
	statusExpired   = "408"
)

const (
	// longPoll is how long the broker keeps a request for which it has no message.
	longPoll = 30 * time.Second
	// heartbeat is how often it says that it still has the request.
	heartbeat = 5 * time.Second
	// patience is what an answer may be late before the request counts as lost.
	patience = 5 * time.Second
	// drainPatience bounds the wait for messages that were on their way.
	drainPatience = 2 * time.Second
)

// inbox receives the messages that one session pulls.
type inbox struct {
	nc   *nats.Conn
	sub  *nats.Subscription
	next string
}

func openInbox(nc *nats.Conn, stream, consumer string) (*inbox, error) {
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return nil, err
	}
	// What may arrive is bounded by what is asked for. A limit of the client would
	// drop messages, which then come back only after ackWait.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, errors.Join(err, sub.Unsubscribe())
	}
	return &inbox{nc: nc, sub: sub, next: fmt.Sprintf(nextSubject, stream, consumer)}, nil
}

// request asks for up to Batch messages for as long as Expires.
type request struct {
	Batch     int           `json:"batch"`
	Expires   time.Duration `json:"expires"`
	Heartbeat time.Duration `json:"idle_heartbeat,omitempty"`
}

// waitFor asks for n messages whenever they come.
func waitFor(n int) request { return request{Batch: n, Expires: longPoll, Heartbeat: heartbeat} }

// within asks for n messages that come soon.
func within(n int, wait time.Duration) request { return request{Batch: n, Expires: wait} }

// silence is the longest that the broker may keep quiet about the request.
func (r request) silence() time.Duration {
	if r.Heartbeat > 0 {
		return 2*r.Heartbeat + patience
	}
	return r.Expires + patience
}

// pull makes one request and hands over each message as it comes. It returns
// nil when all have come or the broker has no more, and otherwise why this inbox
// is of no use any longer.
func (in *inbox) pull(ctx context.Context, r request, take func(*nats.Msg)) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := in.nc.PublishRequest(in.next, in.sub.Subject, body); err != nil {
		return err
	}
	for got := 0; got < r.Batch; {
		msg, err := in.receive(ctx, r.silence())
		if err != nil {
			return err
		}
		if isMessage(msg) {
			take(msg)
			got++
			continue
		}
		if ended, err := readStatus(msg); ended {
			return err
		}
	}
	return nil
}

// collect waits for a first message, and then a little for others to go with
// it. It returns what it has also when it fails.
func (in *inbox) collect(ctx context.Context, most int, wait time.Duration) ([]*nats.Msg, error) {
	var batch []*nats.Msg
	take := func(msg *nats.Msg) { batch = append(batch, msg) }
	err := in.pull(ctx, waitFor(1), take)
	if err == nil && len(batch) == 1 && most > 1 {
		err = in.pull(ctx, within(most-1, wait), take)
	}
	return batch, err
}

func (in *inbox) receive(ctx context.Context, silence time.Duration) (*nats.Msg, error) {
	waiting, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	msg, err := in.sub.NextMsgWithContext(waiting)
	switch {
	case err == nil:
		return msg, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("nothing was heard of the broker for %s", silence)
	}
	return nil, err
}

// isMessage tells messages from statuses by what only messages have: a subject
// to acknowledge them.
func isMessage(msg *nats.Msg) bool { return strings.HasPrefix(msg.Reply, ackPrefix) }

// readStatus says whether the request has ended, and badly so: above all that
// the consumer or its stream has been deleted.
func readStatus(msg *nats.Msg) (ended bool, err error) {
	switch status := msg.Header.Get("Status"); status {
	case statusHeartbeat:
		return false, nil
	case statusNoMessage, statusExpired:
		return true, nil
	default:
		return true, fmt.Errorf("the broker ended the request: %s %s", status, msg.Header.Get("Description"))
	}
}

// close hands back what had been sent but not taken, so that it is delivered
// again now and not only after ackWait.
func (in *inbox) close() {
	defer func() { _ = in.sub.Unsubscribe() }()
	if !in.nc.IsConnected() || in.sub.Drain() != nil {
		return
	}
	for {
		msg, err := in.sub.NextMsg(drainPatience)
		if err != nil { // the drain is complete, or the broker no longer answers
			return
		}
		if isMessage(msg) {
			_ = in.nc.Publish(msg.Reply, nak(0))
		}
	}
}
