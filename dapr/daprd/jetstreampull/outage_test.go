package jetstreampull

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/kit/logger"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestASidecarComesUpWithoutABroker(t *testing.T) {
	b := absentBroker(t)
	c := newComponent(t, b)
	s := &sink{}
	subscribe(t, c, topic, s)
	err := tryPublish(c, topic, "too early")
	require.ErrorContains(t, err, "is not available")
	require.Error(t, c.Ping(t.Context()))

	b.start()
	c.eventuallyPublishes(t, "sale")
	s.eventually(t, "sale")
	require.NoError(t, c.Ping(t.Context()))
}

func TestAPublishWhileTheBrokerIsAwayFailsAtOnce(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	publish(t, c, topic, "before")
	b.kill()

	began := time.Now()
	err := tryPublish(c, topic, "away")
	require.Error(t, err)
	require.Less(t, time.Since(began), 2*time.Second)
	require.Equal(t, codes.Unavailable, status.Code(err), "what daprd's retry policies match")

	began = time.Now()
	response, err := c.BulkPublish(t.Context(), bulkOf(topic, "1", "2"))
	require.Error(t, err)
	require.Len(t, response.FailedEntries, 2)
	require.Less(t, time.Since(began), 2*time.Second)
}

func TestAPublishThatTheBrokerDoesNotConfirmEndsWithTheConnection(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b, "publishTimeout", "1m")
	publish(t, c, topic, "before")
	b.freeze()
	failed := make(chan error, 2)
	go func() { failed <- tryPublish(c, topic, "one") }()
	go func() { _, err := c.BulkPublish(t.Context(), bulkOf(topic, "1", "2")); failed <- err }()
	time.Sleep(200 * time.Millisecond)
	b.kill()
	for range 2 {
		select {
		case err := <-failed:
			require.ErrorIs(t, err, errDisconnected)
		case <-time.After(5 * time.Second):
			t.Fatal("the publish still waits for a broker that is gone")
		}
	}
}

func TestAPublishThatIsNotConfirmedTimesOut(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b, "publishTimeout", "300ms")
	publish(t, c, topic, "before")
	b.freeze()
	require.ErrorContains(t, tryPublish(c, topic, "x"), "did not confirm within 300ms")
	_, err := c.BulkPublish(t.Context(), bulkOf(topic, "1", "2"))
	require.ErrorContains(t, err, "did not confirm within 300ms")
}

func TestMessagesFlowAgainAfterTheBrokerWasKilled(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	s := &sink{}
	subscribe(t, c, topic, s)
	for round := range 3 {
		before, after := fmt.Sprintf("before %d", round), fmt.Sprintf("after %d", round)
		publish(t, c, topic, before)
		s.eventually(t, before)
		b.kill()
		b.start()
		c.eventuallyPublishes(t, after)
		s.eventually(t, after)
	}
}

func TestAMessageInHandWhileTheBrokerIsKilledIsNotLost(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	release := make(chan struct{})
	s := &sink{answer: func(string, int) error { <-release; return nil }}
	subscribe(t, c, topic, s)
	publish(t, c, topic, "sale")
	s.eventually(t, "sale")
	b.kill()
	close(release) // the answer cannot be sent
	b.start()
	require.Eventually(t, func() bool { return s.count("sale") >= 2 }, time.Minute, 20*time.Millisecond, "it is delivered again")
	b.eventuallySettled(topic)
}

func TestAWipedBrokerIsSetUpAnew(t *testing.T) {
	for name, start := range map[string]func(*testing.T, *Component, *sink){
		"single": func(t *testing.T, c *Component, s *sink) { subscribe(t, c, topic, s) },
		"bulk":   func(t *testing.T, c *Component, s *sink) { bulkSubscribe(t, c, topic, 10, 20, s.handleBulk) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t)
			c := newComponent(t, b)
			s := &sink{}
			start(t, c, s)
			publish(t, c, topic, "before")
			s.eventually(t, "before")
			b.kill()
			b.wipe()
			b.start()
			c.eventuallyPublishes(t, "after")
			s.eventually(t, "after")
		})
	}
}

func TestAPublisherAloneMakesTheStreamAnew(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	publish(t, c, topic, "before")
	require.NoError(t, b.admin().DeleteStream(t.Context(), topic))
	publish(t, c, topic, "after")
	require.Contains(t, b.stored(topic), "after")
}

func TestABulkPublisherAloneMakesTheStreamAnew(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	publish(t, c, topic, "before")
	require.NoError(t, b.admin().DeleteStream(t.Context(), topic))
	_, err := c.BulkPublish(t.Context(), bulkOf(topic, "1", "2", "3"))
	require.NoError(t, err)
	// The broker removes a deleted stream's files in the background and may find
	// "before" there still; what counts is that the new entries are there, in order.
	require.Equal(t, []string{"1", "2", "3"}, lastOf(b.stored(topic), 3))
}

func TestAConsumerOrStreamDeletedUnderASubscriptionIsMadeAnew(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	s := &sink{}
	subscribe(t, c, topic, s)
	publish(t, c, topic, "1")
	s.eventually(t, "1")

	require.NoError(t, b.admin().DeleteConsumer(t.Context(), topic, "app"))
	publish(t, c, topic, "2")
	s.eventually(t, "2")

	require.NoError(t, b.admin().DeleteStream(t.Context(), topic))
	c.eventuallyPublishes(t, "3")
	s.eventually(t, "3")
}

// After a wipe the message numbers start anew. The answer to an old message
// must not settle the new one of the same number.
func TestAnAnswerFromBeforeAWipeSettlesNothing(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	releaseOld := make(chan struct{})
	var fail atomic.Bool
	fail.Store(true)
	s := &sink{answer: func(payload string, _ int) error {
		if payload == "old" {
			<-releaseOld
			return nil
		}
		if fail.Load() {
			return errApp
		}
		return nil
	}}
	subscribe(t, c, topic, s)
	publish(t, c, topic, "old")
	s.eventually(t, "old")

	b.kill()
	b.wipe()
	b.start()
	c.eventuallyPublishes(t, "new")
	s.eventually(t, "new")
	close(releaseOld)
	time.Sleep(200 * time.Millisecond)
	seen := s.count("new")
	require.Eventually(t, func() bool { return s.count("new") > seen }, time.Minute, 10*time.Millisecond, "it still fails, so it still comes")
	fail.Store(false)
	b.eventuallySettled(topic)
}

func TestWrongCredentialsAreNamedAndForgivenWhenTheyBecomeRight(t *testing.T) {
	b := absentBroker(t)
	b.users = filepath.Join(t.TempDir(), "users.json")
	users := func(password string) {
		require.NoError(t, os.WriteFile(b.users, fmt.Appendf(nil, `{"users":[{"user":"cart","password":%q,"publish":["topic-tranlog"]}]}`, password), 0o600))
	}
	users("another")
	b.start()
	c := newComponent(t, b, "user", "cart", "password", "secret", "publishTimeout", "500ms")
	s := &sink{}
	subscribe(t, c, topic, s)
	require.Eventually(t, func() bool { return errors.Is(tryPublish(c, topic, "x"), nats.ErrAuthorization) }, time.Minute, 50*time.Millisecond, "the reason is in the error")
	time.Sleep(time.Second) // several refusals in a row

	b.kill()
	users("secret")
	b.start()
	c.eventuallyPublishes(t, "sale")
	s.eventually(t, "sale")

	require.ErrorContains(t, tryPublish(c, "topic-cashlog", "forged"), "missing rights", "a topic that is not its own")
}

func TestInitRefusesWhatCanNeverWork(t *testing.T) {
	err := New(logger.NewLogger("test")).Init(t.Context(), pubsub.Metadata{Base: metadata.Base{Properties: map[string]string{"consumerID": "app"}}})
	require.ErrorContains(t, err, "url is missing")
}

func lastOf(payloads []string, n int) []string { return payloads[max(0, len(payloads)-n):] }
