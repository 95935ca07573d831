// Package cloudevent is how events travel: the CloudEvents 1.0 JSON form that Dapr carries, in and out.
package cloudevent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"go.opentelemetry.io/otel/propagation"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
)

// contentType tells the sidecar that the event is complete, so that it wraps nothing.
const contentType = "application/cloudevents+json"

// publishTimeout bounds one bulk publish.
const publishTimeout = 15 * time.Second

// Out is a CloudEvent as we publish it. traceid is there because the sidecar replaces traceparent by
// its own when it is not.
type Out struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	TraceID         string          `json:"traceid,omitempty"`
	TraceParent     string          `json:"traceparent,omitempty"`
	TraceState      string          `json:"tracestate,omitempty"`
	Generation      int             `json:"generation"`
	Data            json.RawMessage `json:"data"`
}

// In is what we read of a CloudEvent that the sidecar delivers.
type In struct {
	ID          string          `json:"id"`
	Topic       string          `json:"topic"`
	TraceParent string          `json:"traceparent"`
	TraceState  string          `json:"tracestate"`
	Generation  int             `json:"generation"`
	Data        json.RawMessage `json:"data"`
	DataBase64  []byte          `json:"data_base64"`
}

// Context puts the publisher's trace into ctx.
func (e *In) Context(ctx context.Context) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": e.TraceParent, "tracestate": e.TraceState})
}

// Publisher publishes through a Dapr sidecar. It implements outbox.Publisher.
type Publisher struct {
	client    dapr.Client
	component string
	source    string
}

// NewPublisher publishes on the pub/sub component as the service named source.
func NewPublisher(client dapr.Client, component, source string) *Publisher {
	return &Publisher{client: client, component: component, source: source}
}

// Publish implements outbox.Publisher by one bulk publish.
func (p *Publisher) Publish(ctx context.Context, topic string, messages []outbox.Message) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	entries := make([]any, len(messages))
	for i, m := range messages {
		data, err := json.Marshal(p.wrap(topic, m))
		if err != nil {
			return 0, fmt.Errorf("cloudevent: %s: %w", m.EventID, err)
		}
		entries[i] = dapr.PublishEventsEvent{EntryID: m.EventID, Data: data, ContentType: contentType}
	}
	res := p.client.PublishEvents(ctx, p.component, topic, entries)
	if res.Error == nil {
		return len(messages), nil
	}
	return front(messages, res.FailedEvents), fmt.Errorf("cloudevent: publish on %s: %w", topic, res.Error)
}

// front counts the messages before the first that failed.
func front(messages []outbox.Message, failed []any) int {
	bad := map[string]bool{}
	for _, f := range failed {
		e, ok := f.(dapr.PublishEventsEvent)
		if !ok {
			return 0
		}
		bad[e.EntryID] = true
	}
	for i, m := range messages {
		if bad[m.EventID] {
			return i
		}
	}
	return len(messages)
}

func (p *Publisher) wrap(topic string, m outbox.Message) Out {
	return Out{
		SpecVersion: "1.0", ID: m.EventID, Source: "tillroll/" + p.source, Type: "tillroll." + topic + ".v1",
		Time: m.Time, DataContentType: "application/json", Data: m.Data, Generation: m.Generation,
		TraceID: m.TraceParent, TraceParent: m.TraceParent, TraceState: m.TraceState,
	}
}

// Send publishes one event that stands outside any sequence (a request or an answer), at once and
// without an outbox. Its envelope must be filled in. Whoever needs the answer asks again.
func (p *Publisher) Send(ctx context.Context, e event.Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("cloudevent: %w", err)
	}
	trace := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, trace)
	h := e.Head()
	taken, err := p.Publish(ctx, e.Topic(), []outbox.Message{{
		EventID: h.EventID, Time: h.OccurredAt, Data: data, TraceParent: trace["traceparent"], TraceState: trace["tracestate"],
	}})
	if err == nil && taken != 1 {
		err = errors.New("cloudevent: not taken")
	}
	return err
}
