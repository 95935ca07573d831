package jetstreampull

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

const topic = "topic-tranlog"

var errApp = errors.New("the app says no")

func TestAMessageThatFailsIsDeliveredAgain(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	s := &sink{answer: func(_ string, attempt int) error {
		if attempt < 3 {
			return errApp
		}
		return nil
	}}
	subscribe(t, c, topic, s)
	publish(t, c, topic, "sale")
	require.Eventually(t, func() bool { return s.count("sale") == 3 }, time.Minute, 10*time.Millisecond)
	b.eventuallySettled(topic)
	time.Sleep(200 * time.Millisecond)
	require.Equal(t, 3, s.count("sale"), "and not again once it was taken")
}

func TestAMessageIsAcknowledgedAfterTheAppHasAnswered(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	release := make(chan struct{})
	s := &sink{answer: func(string, int) error { <-release; return nil }}
	subscribe(t, c, topic, s)
	publish(t, c, topic, "sale")
	s.eventually(t, "sale")

	unacknowledged, _ := b.pending(topic)
	require.Equal(t, 1, unacknowledged)
	close(release)
	b.eventuallySettled(topic)
}

func TestALongHandlerKeepsItsMessage(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b, "ackWait", "1s")
	s := &sink{answer: func(string, int) error { time.Sleep(3 * time.Second); return nil }}
	subscribe(t, c, topic, s)
	publish(t, c, topic, "sale")
	s.eventually(t, "sale")
	b.eventuallySettled(topic)
	require.Equal(t, 1, s.count("sale"), "three times ackWait and no second delivery")
}

func TestTheSamePayloadTwiceIsDeliveredTwice(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	const event = `{"specversion":"1.0","id":"one-and-the-same","data":{"event_id":"e1"}}`
	publish(t, c, topic, event, event)
	s := &sink{}
	subscribe(t, c, topic, s)
	require.Eventually(t, func() bool { return s.count(event) == 2 }, time.Minute, 10*time.Millisecond)
	stream, err := b.admin().Stream(t.Context(), topic)
	require.NoError(t, err)
	for seq := range uint64(2) {
		msg, err := stream.GetMsg(t.Context(), seq+1)
		require.NoError(t, err)
		require.Empty(t, msg.Header, "no header, so none that the broker could recognise a repeat by")
	}
}

func TestANewSubscriberGetsWhatWasPublishedBefore(t *testing.T) {
	c := newComponent(t, newBroker(t))
	publish(t, c, topic, "1", "2", "3")
	s := &sink{}
	subscribe(t, c, topic, s)
	s.eventually(t, "1", "2", "3")
}

func TestOneWorkerKeepsTheOrder(t *testing.T) {
	c := newComponent(t, newBroker(t), "workers", "1")
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprint(i))
	}
	publish(t, c, topic, want...)
	s := &sink{}
	subscribe(t, c, topic, s)
	s.eventually(t, "199")
	require.Equal(t, want, s.all())
}

func TestWorkersAreALimit(t *testing.T) {
	c := newComponent(t, newBroker(t), "workers", "3")
	var now, most atomic.Int32
	s := &sink{answer: func(string, int) error {
		most.Store(max(most.Load(), now.Add(1)))
		time.Sleep(10 * time.Millisecond)
		now.Add(-1)
		return nil
	}}
	for i := range 30 {
		publish(t, c, topic, fmt.Sprint(i))
	}
	subscribe(t, c, topic, s)
	s.eventually(t, "29")
	require.EqualValues(t, 3, most.Load())
}

func TestTwoInstancesOfAnAppShareTheMessages(t *testing.T) {
	b := newBroker(t)
	one, two := &sink{}, &sink{}
	c := newComponent(t, b)
	subscribe(t, c, topic, one)
	subscribe(t, newComponent(t, b), topic, two)
	for i := range 100 {
		publish(t, c, topic, fmt.Sprint(i))
	}
	require.Eventually(t, func() bool { return len(one.all())+len(two.all()) >= 100 }, time.Minute, 10*time.Millisecond)
	b.eventuallySettled(topic)
	require.Len(t, append(one.all(), two.all()...), 100)
}

func TestTwoAppsEachGetEveryMessage(t *testing.T) {
	b := newBroker(t)
	one, two := &sink{}, &sink{}
	c := newComponent(t, b)
	subscribe(t, c, topic, one)
	subscribe(t, newComponent(t, b, "consumerID", "another"), topic, two)
	publish(t, c, topic, "sale")
	one.eventually(t, "sale")
	two.eventually(t, "sale")
}

func TestACancelStopsTakingAndLetsTheMessageInHandFinish(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b, "ackWait", "30s")
	release := make(chan struct{})
	s := &sink{answer: func(string, int) error { <-release; return nil }}
	stop := subscribe(t, c, topic, s)
	publish(t, c, topic, "in hand")
	s.eventually(t, "in hand")
	stop()
	require.Eventually(t, func() bool { return b.waitingRequests(topic) == 0 }, time.Minute, 10*time.Millisecond)

	publish(t, c, topic, "later")
	close(release)
	require.Eventually(t, func() bool { unacknowledged, _ := b.pending(topic); return unacknowledged == 0 }, time.Minute, 10*time.Millisecond)
	require.Zero(t, s.count("later"), "nothing is taken after the cancel")

	next := &sink{}
	subscribe(t, c, topic, next)
	next.eventually(t, "later")
	require.Zero(t, next.count("in hand"), "what was in hand was acknowledged")
}

func TestACancelHandsBackWhatWasNotTaken(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b, "ackWait", "30s")
	// A handler that daprd holds back during a stop: it waits for its context.
	held := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	require.NoError(t, c.Subscribe(ctx, pubsub.SubscribeRequest{Topic: topic}, func(ctx context.Context, _ *pubsub.NewMessage) error {
		close(held)
		<-ctx.Done()
		return ctx.Err()
	}))
	publish(t, c, topic, "sale")
	<-held
	stop()
	next := &sink{}
	began := time.Now()
	subscribe(t, c, topic, next)
	next.eventually(t, "sale")
	require.Less(t, time.Since(began), 5*time.Second, "at once, not only when the lease of 30 s runs out")
}

func TestAPauseStopsTakingUntilItIsResumed(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	s := &sink{}
	subscribe(t, c, topic, s)
	publish(t, c, topic, "before")
	s.eventually(t, "before")

	require.NoError(t, c.Pause(t.Context()))
	require.NoError(t, c.Pause(t.Context()), "twice is once")
	require.Eventually(t, func() bool { return b.waitingRequests(topic) == 0 }, time.Minute, 10*time.Millisecond)
	publish(t, c, topic, "during")
	time.Sleep(200 * time.Millisecond)
	require.Zero(t, s.count("during"))

	require.NoError(t, c.Resume(t.Context()))
	s.eventually(t, "during")
}

func TestAPauseOutlastsAReconnect(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	s := &sink{}
	subscribe(t, c, topic, s)
	publish(t, c, topic, "before")
	s.eventually(t, "before")
	require.NoError(t, c.Pause(t.Context()))
	b.kill()
	b.start()
	c.eventuallyPublishes(t, "during")
	time.Sleep(200 * time.Millisecond)
	require.Zero(t, s.count("during"))
	require.NoError(t, c.Resume(t.Context()))
	s.eventually(t, "during")
}

func TestCloseLetsMessagesInHandFinishAndRefusesMore(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	s := &sink{answer: func(string, int) error { time.Sleep(500 * time.Millisecond); return nil }}
	subscribe(t, c, topic, s)
	publish(t, c, topic, "sale")
	s.eventually(t, "sale")
	require.NoError(t, c.Close())
	unacknowledged, undelivered := b.pending(topic)
	require.Zero(t, unacknowledged+undelivered, "the acknowledgement was sent before the connection was closed")

	require.ErrorIs(t, tryPublish(c, topic, "late"), errClosed)
	require.ErrorIs(t, c.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: topic}, s.handle), errClosed)
	require.ErrorIs(t, c.Ping(t.Context()), errClosed)
}

func TestTopicsThatAreNoTopicsAreRefused(t *testing.T) {
	c := newComponent(t, newBroker(t))
	for _, bad := range []string{"", "topic-*", ">", "a b", "$JS.API.INFO", "_INBOX.x", "a..b", ".a", "a."} {
		require.Error(t, tryPublish(c, bad, "x"), bad)
		require.Error(t, c.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: bad}, (&sink{}).handle), bad)
	}
}

func TestTopicsWithOddNamesDoNotMix(t *testing.T) {
	c := newComponent(t, newBroker(t))
	dotted, escaped, slashed := &sink{}, &sink{}, &sink{}
	subscribe(t, c, "a.b", dotted)
	subscribe(t, c, "a%2Eb", escaped)
	subscribe(t, c, "a/b", slashed)
	publish(t, c, "a.b", "dot")
	publish(t, c, "a%2Eb", "escape")
	publish(t, c, "a/b", "slash")
	dotted.eventually(t, "dot")
	escaped.eventually(t, "escape")
	slashed.eventually(t, "slash")
	require.Len(t, append(append(dotted.all(), escaped.all()...), slashed.all()...), 3)
}

func TestTheStreamIsAsTheMetadataSays(t *testing.T) {
	b := newBroker(t)
	publish(t, newComponent(t, b), topic, "x")
	config := func() jetstream.StreamConfig {
		stream, err := b.admin().Stream(t.Context(), topic)
		require.NoError(t, err)
		return stream.CachedInfo().Config
	}
	require.Equal(t, 7*24*time.Hour, config().MaxAge)
	require.Equal(t, jetstream.FileStorage, config().Storage)
	require.Equal(t, []string{topic}, config().Subjects)

	publish(t, newComponent(t, b, "maxAge", "48h"), topic, "y")
	require.Equal(t, 48*time.Hour, config().MaxAge, "a changed setting reaches the existing stream")
}
