package cloudevent_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/tillroll/tillroll/pkg/cloudevent"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
)

// sidecar stands in for the one call that the publisher makes.
type sidecar struct {
	dapr.Client
	topic  string
	events []dapr.PublishEventsEvent
	fail   map[string]bool
	err    error
}

func (s *sidecar) PublishEvents(_ context.Context, _, topic string, events []any, _ ...dapr.PublishEventsOption) dapr.PublishEventsResponse {
	s.topic = topic
	res := dapr.PublishEventsResponse{Error: s.err}
	for _, e := range events {
		pe, _ := e.(dapr.PublishEventsEvent)
		s.events = append(s.events, pe)
		if s.fail[pe.EntryID] {
			res.FailedEvents, res.Error = append(res.FailedEvents, e), errors.New("some failed")
		}
	}
	if s.err != nil {
		res.FailedEvents = events
	}
	return res
}

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestAMessageTravelsAsACompleteCloudEvent(t *testing.T) {
	s := &sidecar{}
	p := cloudevent.NewPublisher(s, "pubsub", "cart")
	taken, err := p.Publish(t.Context(), "topic-tranlog", []outbox.Message{{EventID: "e1", Time: time.Unix(0, 0).UTC(), Data: []byte(`{"amount":10.90}`), TraceParent: parent, TraceState: "a=b", Generation: 2}})
	require.NoError(t, err)
	assert.Equal(t, 1, taken)
	assert.Equal(t, "application/cloudevents+json", s.events[0].ContentType)
	assert.JSONEq(t, `{"specversion":"1.0","id":"e1","source":"tillroll/cart","type":"tillroll.topic-tranlog.v1","time":"1970-01-01T00:00:00Z","datacontenttype":"application/json",
		"traceid":"`+parent+`","traceparent":"`+parent+`","tracestate":"a=b","generation":2,"data":{"amount":10.90}}`, string(s.events[0].Data))

	var in cloudevent.In
	require.NoError(t, json.Unmarshal(s.events[0].Data, &in))
	assert.Equal(t, 2, in.Generation)
	sc := trace.SpanContextFromContext(in.Context(t.Context()))
	assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", sc.TraceID().String())
}

func TestOnlyTheFrontOfAFailedBatchCounts(t *testing.T) {
	batch := []outbox.Message{{EventID: "e1"}, {EventID: "e2"}, {EventID: "e3"}}
	for i := range batch {
		batch[i].Data = []byte(`{}`)
	}
	taken, err := cloudevent.NewPublisher(&sidecar{fail: map[string]bool{"e2": true}}, "pubsub", "cart").Publish(t.Context(), "t", batch)
	require.Error(t, err)
	assert.Equal(t, 1, taken)
	taken, err = cloudevent.NewPublisher(&sidecar{err: errors.New("away")}, "pubsub", "cart").Publish(t.Context(), "t", batch)
	require.Error(t, err)
	assert.Equal(t, 0, taken)
}

func TestSend(t *testing.T) {
	s := &sidecar{}
	e := &event.SnapshotWanted{AskedBy: "cart"}
	e.EventID = "e9"
	require.NoError(t, cloudevent.NewPublisher(s, "pubsub", "cart").Send(t.Context(), e))
	assert.Equal(t, event.TopicSnapshotWanted, s.topic)
	assert.Equal(t, "e9", s.events[0].EntryID)
}
