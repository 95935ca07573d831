package jetstreampull

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/stretchr/testify/require"
)

func bulkOf(topic string, payloads ...string) *pubsub.BulkPublishRequest {
	request := &pubsub.BulkPublishRequest{Topic: topic}
	for i, payload := range payloads {
		request.Entries = append(request.Entries, pubsub.BulkMessageEntry{EntryId: fmt.Sprint("entry ", i), Event: []byte(payload)})
	}
	return request
}

func TestABulkPublishKeepsTheOrder(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	var payloads []string
	for i := range 500 {
		payloads = append(payloads, fmt.Sprint(i))
	}
	response, err := c.BulkPublish(t.Context(), bulkOf(topic, payloads...))
	require.NoError(t, err)
	require.Empty(t, response.FailedEntries)
	require.Equal(t, payloads, b.stored(topic))
}

func TestABadEntryDoesNotKeepTheOthersBack(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	response, err := c.BulkPublish(t.Context(), bulkOf(topic, "1", strings.Repeat("x", 2<<20), "3"))
	require.ErrorContains(t, err, "1 of 3 entries were not published, the first is entry 1")
	require.ErrorContains(t, err, "the message has 2097152 bytes and the broker takes 1048576")
	require.Len(t, response.FailedEntries, 1)
	require.Equal(t, "entry 1", response.FailedEntries[0].EntryId)
	require.Equal(t, []string{"1", "3"}, b.stored(topic))

	require.ErrorContains(t, tryPublish(c, topic, strings.Repeat("x", 2<<20)), "the broker takes 1048576")
}

func TestAnEmptyBulkPublishIsDone(t *testing.T) {
	_, err := newComponent(t, newBroker(t)).BulkPublish(t.Context(), bulkOf(topic))
	require.NoError(t, err)
}

func TestOfABatchOnlyTheBadEntryIsDeliveredAgain(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	s := &sink{answer: func(payload string, attempt int) error {
		if payload == "bad" && attempt < 3 {
			return errApp
		}
		return nil
	}}
	_, err := c.BulkPublish(t.Context(), bulkOf(topic, "1", "bad", "3"))
	require.NoError(t, err)
	bulkSubscribe(t, c, topic, 10, 100, s.handleBulk)
	require.Eventually(t, func() bool { return s.count("bad") == 3 }, time.Minute, 10*time.Millisecond)
	b.eventuallySettled(topic)
	require.Equal(t, []string{"1", "bad", "3", "bad", "bad"}, s.all())
}

// batches notes the size of every batch and how many are handled at once.
type batches struct {
	mu        sync.Mutex
	sizes     []int
	now, most int
	work      time.Duration
}

func (b *batches) handle(_ context.Context, msg *pubsub.BulkMessage) ([]pubsub.BulkSubscribeResponseEntry, error) {
	b.mu.Lock()
	b.sizes = append(b.sizes, len(msg.Entries))
	b.now++
	b.most = max(b.most, b.now)
	b.mu.Unlock()
	time.Sleep(b.work)
	b.mu.Lock()
	b.now--
	b.mu.Unlock()
	return nil, nil
}

func (b *batches) total() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, size := range b.sizes {
		n += size
	}
	return n
}

func TestBatchesHaveTheSizeThatWasAskedForAndWorkersAreALimit(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b, "bulkWorkers", "3")
	payloads := make([]string, 95)
	_, err := c.BulkPublish(t.Context(), bulkOf(topic, payloads...))
	require.NoError(t, err)
	got := &batches{work: 50 * time.Millisecond}
	bulkSubscribe(t, c, topic, 10, 200, got.handle)
	require.Eventually(t, func() bool { return got.total() == 95 }, time.Minute, 10*time.Millisecond)
	b.eventuallySettled(topic)
	require.Equal(t, []int{10, 10, 10, 10, 10, 10, 10, 10, 10, 5}, got.sizes)
	require.Equal(t, 3, got.most)
}

func TestABatchDoesNotWaitLongerThanWasAskedFor(t *testing.T) {
	c := newComponent(t, newBroker(t))
	got := &batches{}
	bulkSubscribe(t, c, topic, 1000, 50, got.handle)
	began := time.Now()
	publish(t, c, topic, "sale")
	require.Eventually(t, func() bool { return got.total() == 1 }, time.Minute, time.Millisecond)
	require.Less(t, time.Since(began), time.Second)
}

func TestABatchOfOneNeedsNoCompany(t *testing.T) {
	c := newComponent(t, newBroker(t))
	got := &batches{}
	bulkSubscribe(t, c, topic, 1, 60_000, got.handle)
	publish(t, c, topic, "sale")
	require.Eventually(t, func() bool { return got.total() == 1 }, time.Minute, time.Millisecond)
}

func TestALongBatchKeepsItsMessages(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b, "ackWait", "1s")
	_, err := c.BulkPublish(t.Context(), bulkOf(topic, "1", "2", "3"))
	require.NoError(t, err)
	got := &batches{work: 3 * time.Second}
	bulkSubscribe(t, c, topic, 3, 50, got.handle)
	require.Eventually(t, func() bool { return got.total() >= 3 }, time.Minute, time.Millisecond)
	b.eventuallySettled(topic)
	require.Equal(t, []int{3}, got.sizes)
}

func TestABatchInHandMayFinishAfterACancel(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b)
	began, release := make(chan struct{}), make(chan struct{})
	stop := bulkSubscribe(t, c, topic, 10, 20, func(ctx context.Context, _ *pubsub.BulkMessage) ([]pubsub.BulkSubscribeResponseEntry, error) {
		close(began)
		select {
		case <-release:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	publish(t, c, topic, "sale")
	<-began
	stop()
	time.Sleep(100 * time.Millisecond)
	close(release)
	b.eventuallySettled(topic)
}

func TestABatchThatDoesNotFinishIsGivenUpAfterTheDrainTimeout(t *testing.T) {
	b := newBroker(t)
	c := newComponent(t, b, "drainTimeout", "200ms", "ackWait", "30s")
	began := make(chan struct{})
	bulkSubscribe(t, c, topic, 10, 20, func(ctx context.Context, _ *pubsub.BulkMessage) ([]pubsub.BulkSubscribeResponseEntry, error) {
		close(began)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	publish(t, c, topic, "sale")
	<-began
	closing := time.Now()
	require.NoError(t, c.Close())
	require.Less(t, time.Since(closing), time.Second)

	s := &sink{}
	subscribe(t, newComponent(t, b), topic, s)
	s.eventually(t, "sale")
}

func TestABulkAnswerIsReadEntryByEntry(t *testing.T) {
	entries := []pubsub.BulkMessageEntry{{EntryId: "1"}, {EntryId: "2"}}
	answer := func(id string, err error) pubsub.BulkSubscribeResponseEntry {
		return pubsub.BulkSubscribeResponseEntry{EntryId: id, Error: err}
	}
	for name, c := range map[string]struct {
		answers []pubsub.BulkSubscribeResponseEntry
		err     error
		want    []error
	}{
		"all well, no answers":                {nil, nil, []error{nil, nil}},
		"failed, no answers":                  {nil, errApp, []error{errApp, errApp}},
		"failed, one entry bad":               {[]pubsub.BulkSubscribeResponseEntry{answer("1", nil), answer("2", errApp)}, errApp, []error{nil, errApp}},
		"said to be well, one entry bad":      {[]pubsub.BulkSubscribeResponseEntry{answer("1", nil), answer("2", errApp)}, nil, []error{nil, errApp}},
		"failed, one entry without an answer": {[]pubsub.BulkSubscribeResponseEntry{answer("1", nil), {}}, errApp, []error{nil, errApp}},
		"answers in another order":            {[]pubsub.BulkSubscribeResponseEntry{answer("2", errApp), answer("1", nil)}, errApp, []error{nil, errApp}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, perEntry(entries, c.answers, c.err)) })
	}
}

func TestABulkSubscriptionWithoutLimitsGetsDaprsDefaults(t *testing.T) {
	most, wait := bulkLimits(pubsub.BulkSubscribeConfig{})
	require.Equal(t, 100, most)
	require.Equal(t, time.Second, wait)
	most, _ = bulkLimits(pubsub.BulkSubscribeConfig{MaxMessagesCount: 1_000_000})
	require.Equal(t, maxAckPending, most, "more than the broker would give")
}
