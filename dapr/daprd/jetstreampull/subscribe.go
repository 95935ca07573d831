package jetstreampull

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/nats-io/nats.go"
)

const (
	// Dapr's own defaults for a bulk subscription that names no limits.
	defaultBulkMessages = 100
	defaultBulkAwait    = time.Second

	// A session that fails is made anew after a pause that grows to the longest.
	firstRetry   = 250 * time.Millisecond
	longestRetry = 10 * time.Second
	// healthySession is how long a session lasts that did not fail at its start.
	healthySession = time.Minute

	// renewals is how often a lease is renewed within ackWait: one may get lost.
	renewals = 3
)

// subscription takes the messages of one topic, from Subscribe until its
// context ends, through any number of sessions: a session lasts as long as the
// connection, the stream and the consumer do.
type subscription struct {
	component *Component
	ctx       context.Context
	topic     string
	deliver   deliver
	intake    func(s *subscription, session context.Context, in *inbox) error
	slots     slots
	bulkMost  int
	bulkWait  time.Duration
	current   atomic.Pointer[incarnation]
}

// Subscribe delivers the topic's messages to the handler, several at once,
// until the context ends. It does not wait for the broker: the subscription
// starts when the broker is there.
func (c *Component) Subscribe(ctx context.Context, req pubsub.SubscribeRequest, handler pubsub.Handler) error {
	return c.start(ctx, req.Topic, func(s *subscription) {
		s.slots = make(slots, c.settings.workers)
		s.intake = (*subscription).takeSingles
		s.deliver = oneByOne(s.ctx, req.Topic, handler)
	})
}

// BulkSubscribe is Subscribe for batches: up to MaxMessagesCount messages that
// come within MaxAwaitDurationMs of the first.
func (c *Component) BulkSubscribe(ctx context.Context, req pubsub.SubscribeRequest, handler pubsub.BulkHandler) error {
	return c.start(ctx, req.Topic, func(s *subscription) {
		s.slots = make(slots, c.settings.bulkWorkers)
		s.intake = (*subscription).takeBatches
		s.deliver = inBulk(outlive(s.ctx, c.settings.drainTimeout), req.Topic, handler)
		s.bulkMost, s.bulkWait = bulkLimits(req.BulkSubscribeConfig)
	})
}

func bulkLimits(config pubsub.BulkSubscribeConfig) (most int, wait time.Duration) {
	most, wait = config.MaxMessagesCount, time.Duration(config.MaxAwaitDurationMs)*time.Millisecond
	if most <= 0 {
		most = defaultBulkMessages
	}
	if wait <= 0 {
		wait = defaultBulkAwait
	}
	return min(most, maxAckPending), wait
}

func (c *Component) start(ctx context.Context, topic string, configure func(*subscription)) error {
	if err := validateTopic(topic); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broker == nil || c.stopped.Err() != nil {
		return errClosed
	}
	ctx, cancel := both(ctx, c.stopped)
	s := &subscription{component: c, ctx: ctx, topic: topic}
	configure(s)
	c.subscriptions.Go(func() {
		defer cancel()
		s.run()
	})
	return nil
}

// run makes one session after the other.
func (s *subscription) run() {
	log := s.component.log
	for retry := firstRetry; ; retry = min(2*retry, longestRetry) {
		open, err := s.component.pulling.pass(s.ctx)
		if err != nil {
			return
		}
		began := time.Now()
		err = s.session(open)
		if s.ctx.Err() != nil {
			return
		}
		if time.Since(began) > healthySession {
			retry = firstRetry
		}
		if errors.Is(err, errDisconnected) || errors.Is(err, errPaused) {
			retry = firstRetry
			continue
		}
		log.Warnf("The subscription to topic %s is made anew in %s: %v", s.topic, retry, err)
		select {
		case <-time.After(retry):
		case <-s.ctx.Done():
		}
	}
}

// session takes messages until something ends that it needs.
func (s *subscription) session(open context.Context) error {
	ctx, cancel := both(s.ctx, open)
	defer cancel()
	broker := s.component.broker
	incarnation, err := broker.makeConsumer(ctx, s.topic)
	if err != nil {
		return because(ctx, err)
	}
	in, err := openInbox(broker.nc.Load(), brokerName(s.topic), brokerName(s.component.settings.consumerID))
	if err != nil {
		return because(ctx, err)
	}
	defer in.close()
	s.current.Store(&incarnation)
	s.component.log.Infof("Subscribed to topic %s as %s", s.topic, s.component.settings.consumerID)
	return because(ctx, s.intake(s, ctx, in))
}

// because prefers the reason for which the context ended to what it led to.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// takeSingles asks for as many messages as there are free workers, so that no
// message waits here while its lease runs out.
func (s *subscription) takeSingles(ctx context.Context, in *inbox) error {
	for {
		free, err := s.slots.claimAll(ctx)
		if err != nil {
			return err
		}
		err = in.pull(ctx, waitFor(free), func(msg *nats.Msg) {
			free--
			s.begin([]*nats.Msg{msg})
		})
		s.slots.release(free)
		if err != nil {
			return err
		}
	}
}

// takeBatches asks for a batch when a worker is free for it.
func (s *subscription) takeBatches(ctx context.Context, in *inbox) error {
	for {
		if err := s.slots.claim(ctx); err != nil {
			return err
		}
		batch, err := in.collect(ctx, s.bulkMost, s.bulkWait)
		if len(batch) > 0 {
			s.begin(batch)
		} else {
			s.slots.release(1)
		}
		if err != nil {
			return err
		}
	}
}

// begin hands messages to a worker, which gives back one slot.
func (s *subscription) begin(msgs []*nats.Msg) {
	incarnation := *s.current.Load()
	s.component.inHand.Go(func() {
		defer s.slots.release(1)
		s.work(msgs, incarnation)
	})
}

// work delivers messages and settles each by what the app said. Messages that
// came in while the subscription stopped go straight back.
func (s *subscription) work(msgs []*nats.Msg, of incarnation) {
	if s.ctx.Err() != nil {
		s.settle(msgs, of, func(int) []byte { return nak(0) })
		return
	}
	lease := newLease(s.component.settings.ackWait/renewals, func() {
		s.settle(msgs, of, func(int) []byte { return progressBody })
	})
	errs := s.deliver(msgs)
	lease.end()
	s.report(msgs, errs, of)
	s.settle(msgs, of, func(i int) []byte { return s.verdict(errs[i]) })
}

// report writes one line for a whole batch: an app that is down refuses
// thousands.
func (s *subscription) report(msgs []*nats.Msg, errs []error, of incarnation) {
	if of != *s.current.Load() {
		s.component.log.Warnf("%d messages of topic %s were handled while the broker was wiped: there is nothing left to acknowledge", len(msgs), s.topic)
		return
	}
	refused := 0
	var example string
	for i, err := range errs {
		if err != nil {
			refused++
			example = fmt.Sprintf("message %s: %v", entryID(i, msgs[i]), err)
		}
	}
	if refused > 0 {
		s.component.log.Warnf("%d of %d messages of topic %s were not taken and will be delivered again, such as %s", refused, len(msgs), s.topic, example)
	}
}

// settle tells the broker about messages, unless it is no longer the same
// stream and consumer. What does not arrive is delivered again.
func (s *subscription) settle(msgs []*nats.Msg, of incarnation, body func(i int) []byte) {
	if of != *s.current.Load() {
		return
	}
	broker := s.component.broker
	var failed error
	for i, msg := range msgs {
		if err := broker.nc.Load().Publish(msg.Reply, body(i)); err != nil {
			failed = broker.explain(err, nil)
		}
	}
	if failed != nil {
		s.component.log.Warnf("Messages of topic %s (up to %d) will be delivered again, because the broker could not be told about them: %v", s.topic, len(msgs), failed)
	}
}
