package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
)

// SidecarToken is what proves that the journal's own sidecar delivers.
func SidecarToken(token string) Credential { return Credential{"dapr-api-token", token} }

// deliveries is where a sidecar delivers what comes on a topic.
var deliveries = map[string]string{
	event.TopicTranLog: "tranlog", event.TopicCashLog: "cashlog", event.TopicOpenCloseLog: "opencloselog", event.TopicEvents: "events",
}

// redelivered is how often an event is delivered again that the journal puts off, and how long that is
// waited for each time.
const (
	redelivered   = 10
	redeliverWait = time.Second
)

// MakeTenant makes a tenant's journal, if it is not there.
func (j Journals) MakeTenant(ctx context.Context, tenant string) error {
	_, err := j.do(ctx, call{method: http.MethodPost, path: path("tenants"), body: map[string]string{"tenantId": tenant}}, nil)
	return err
}

// inThisOrder topics are delivered: whoever finds anything of a session in the journal finds its opening.
var inThisOrder = []string{event.TopicOpenCloseLog, event.TopicCashLog, event.TopicTranLog, event.TopicEvents}

// Deliver hands events to the journal as its sidecar does, in bulk, those of each topic in order.
func (j Journals) Deliver(ctx context.Context, events []event.Event) error {
	byTopic := map[string][]event.Event{}
	for _, e := range events {
		byTopic[e.Topic()] = append(byTopic[e.Topic()], e)
	}
	for _, topic := range inThisOrder {
		of := byTopic[topic]
		for try := 0; len(of) > 0; try++ {
			again, err := j.deliverBulk(ctx, topic, of)
			switch {
			case err != nil:
				return err
			case len(again) > 0 && try == redelivered:
				return fmt.Errorf("the journal puts off %d events, the first of which is %s: see its log", len(again), again[0].Head().EventID)
			case len(again) > 0:
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-j.clock.After(redeliverWait):
				}
			}
			of = again
		}
	}
	return nil
}

// deliverBulk gives those events that are to be delivered again.
func (j Journals) deliverBulk(ctx context.Context, topic string, events []event.Event) (again []event.Event, err error) {
	type entry struct {
		EntryID string         `json:"entryId"`
		Event   map[string]any `json:"event"`
	}
	entries := make([]entry, len(events))
	for i, e := range events {
		data, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		entries[i] = entry{strconv.Itoa(i), map[string]any{
			"id": e.Head().EventID, "source": "tillctl", "specversion": "1.0", "type": "com.dapr.event.sent", "topic": topic,
			"datacontenttype": "application/json", "data": json.RawMessage(data),
		}}
	}
	var answer struct {
		Statuses []struct{ EntryID, Status, Message string }
	}
	where := call{method: http.MethodPost, path: path(deliveries[topic]), body: map[string]any{"id": events[0].Head().EventID, "topic": topic, "entries": entries}}
	if _, err := j.do(ctx, where, &answer); err != nil {
		return nil, err
	}
	if len(answer.Statuses) != len(events) {
		return nil, fmt.Errorf("the journal answered for %d of %d events", len(answer.Statuses), len(events))
	}
	for i, s := range answer.Statuses {
		switch s.Status {
		case "SUCCESS":
		case "RETRY":
			again = append(again, events[i])
		default:
			return nil, fmt.Errorf("the journal refuses the event %s: %s", events[i].Head().EventID, s.Message)
		}
	}
	return again, nil
}
