package jetstreampull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const statusNoResponders = "503"

// errUnconfirmed stands for an entry until its confirmation comes.
var errUnconfirmed = errors.New("the broker has not confirmed the message")

// Publish returns nil when the topic's stream has stored the message. After any
// error the message may or may not be stored: publish it again.
func (c *Component) Publish(ctx context.Context, req *pubsub.PublishRequest) error {
	ctx, done, err := c.publishing(ctx, req.Topic)
	if err != nil {
		return err
	}
	defer done()
	return classify(c.broker.publishAll(ctx, req.Topic, [][]byte{req.Data})[0])
}

// BulkPublish sends the entries in their order and waits for all confirmations
// together. An entry that fails does not keep the others back.
func (c *Component) BulkPublish(ctx context.Context, req *pubsub.BulkPublishRequest) (pubsub.BulkPublishResponse, error) {
	ctx, done, err := c.publishing(ctx, req.Topic)
	if err != nil {
		return pubsub.NewBulkPublishResponse(req.Entries, err), err
	}
	defer done()
	payloads := make([][]byte, len(req.Entries))
	for i, entry := range req.Entries {
		payloads[i] = entry.Event
	}
	return bulkResponse(req.Entries, c.broker.publishAll(ctx, req.Topic, payloads))
}

func bulkResponse(entries []pubsub.BulkMessageEntry, errs []error) (pubsub.BulkPublishResponse, error) {
	var response pubsub.BulkPublishResponse
	for i, err := range errs {
		if err != nil {
			response.FailedEntries = append(response.FailedEntries, pubsub.BulkPublishResponseFailedEntry{EntryId: entries[i].EntryId, Error: classify(err)})
		}
	}
	if failed := len(response.FailedEntries); failed > 0 {
		first := response.FailedEntries[0]
		return response, fmt.Errorf("%d of %d entries were not published, the first is %s: %w", failed, len(entries), first.EntryId, first.Error)
	}
	return response, nil
}

// publishing says whether it makes sense to publish, and gives a context that
// ends with the publish timeout and with the connection.
func (c *Component) publishing(ctx context.Context, topic string) (context.Context, context.CancelFunc, error) {
	if c.broker == nil || c.stopped.Err() != nil {
		return nil, nil, pubsub.NewTerminalError(errClosed)
	}
	if err := validateTopic(topic); err != nil {
		return nil, nil, pubsub.NewTerminalError(err)
	}
	connected, _ := c.broker.link.peek()
	if connected.Err() != nil {
		return nil, nil, pubsub.NewRetriableError(c.broker.unavailable())
	}
	linked, unlink := both(ctx, connected)
	timed, cancel := context.WithTimeoutCause(linked, c.settings.publishTimeout,
		fmt.Errorf("the broker did not confirm within %s: look for missing rights of user %q in the log above, or a slow disk", c.settings.publishTimeout, c.settings.user))
	return timed, func() { cancel(); unlink() }, nil
}

// classify gives an error the status by which daprd's retry policies match.
func classify(err error) error {
	if errors.Is(err, nats.ErrMaxPayload) {
		return pubsub.NewTerminalError(err)
	}
	return pubsub.NewRetriableError(err)
}

// publishAll publishes payloads in their order and gives one error each. When
// the stream turns out to be gone it is made and they are sent again.
func (b *broker) publishAll(ctx context.Context, topic string, payloads [][]byte) []error {
	if err := b.ensureStream(ctx, topic); err != nil {
		return repeat(because(ctx, err), len(payloads))
	}
	errs := b.send(ctx, topic, payloads)
	lost := indexesOf(errs, errNoStream)
	if len(lost) == 0 {
		return errs
	}
	b.forgetStream(topic)
	if err := b.ensureStream(ctx, topic); err != nil {
		return replace(errs, errNoStream, because(ctx, err))
	}
	again := make([][]byte, len(lost))
	for i, at := range lost {
		again[i] = payloads[at]
	}
	for i, err := range b.send(ctx, topic, again) {
		errs[lost[i]] = err
	}
	return errs
}

// send publishes payloads and waits for their confirmations.
func (b *broker) send(ctx context.Context, topic string, payloads [][]byte) []error {
	if len(payloads) == 1 {
		return []error{b.sendOne(ctx, topic, payloads[0])}
	}
	return b.sendMany(ctx, topic, payloads)
}

func (b *broker) sendOne(ctx context.Context, topic string, payload []byte) error {
	answer, err := b.nc.Load().RequestWithContext(ctx, topic, payload)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return errNoStream
	case err != nil:
		return because(ctx, b.explain(err, payload))
	}
	return confirmation(answer)
}

// sendMany collects the confirmations in an inbox of its own. The client
// library's asynchronous publisher would remember one that never comes for
// ever, and stall when it has gathered enough of them.
func (b *broker) sendMany(ctx context.Context, topic string, payloads [][]byte) []error {
	nc := b.nc.Load()
	inbox := nc.NewInbox() + "."
	answers := make(chan *nats.Msg, len(payloads))
	sub, err := nc.ChanSubscribe(inbox+"*", answers)
	if err != nil {
		return repeat(err, len(payloads))
	}
	defer func() { _ = sub.Unsubscribe() }()

	errs := make([]error, len(payloads))
	sent := 0
	for i, payload := range payloads {
		if err := nc.PublishRequest(topic, inbox+strconv.Itoa(i), payload); err != nil {
			errs[i] = b.explain(err, payload)
			continue
		}
		errs[i] = errUnconfirmed
		sent++
	}
	for range sent {
		select {
		case answer := <-answers:
			if i, err := strconv.Atoi(strings.TrimPrefix(answer.Subject, inbox)); err == nil && i < len(errs) {
				errs[i] = confirmation(answer)
			}
		case <-ctx.Done():
			return replace(errs, errUnconfirmed, context.Cause(ctx))
		}
	}
	return errs
}

// explain says what the client library's errors leave out.
func (b *broker) explain(err error, payload []byte) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: the message has %d bytes and the broker takes %d", err, len(payload), b.nc.Load().MaxPayload())
	case errors.Is(err, nats.ErrReconnectBufExceeded): // there is no such buffer, so this is how an outage shows
		return errDisconnected
	}
	return err
}

// confirmation reads a stream's answer to a message.
func confirmation(answer *nats.Msg) error {
	if len(answer.Data) == 0 && answer.Header.Get("Status") == statusNoResponders {
		return errNoStream
	}
	var ack struct {
		Stream string              `json:"stream"`
		Error  *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return fmt.Errorf("the broker's confirmation is not readable: %w", err)
	}
	if ack.Error != nil {
		return fmt.Errorf("the broker did not store the message: %w", ack.Error)
	}
	if ack.Stream == "" {
		return errors.New("somebody other than a stream answered: is JetStream enabled at the broker?")
	}
	return nil
}

func repeat(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func replace(errs []error, old, with error) []error {
	for _, i := range indexesOf(errs, old) {
		errs[i] = with
	}
	return errs
}

func indexesOf(errs []error, target error) (indexes []int) {
	for i, err := range errs {
		if errors.Is(err, target) {
			indexes = append(indexes, i)
		}
	}
	return indexes
}
