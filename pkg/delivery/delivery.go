// Package delivery answers the sidecar's deliveries. Dapr takes a 2xx answer without a readable
// status, and a 404, as "done" and forgets the event; so subscription routes answer only through
// this package, always with 200 and always with one of three statuses.
package delivery

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/cloudevent"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
)

// Status is Dapr's word for what shall happen to the event.
type Status string

// The statuses.
const (
	Success Status = "SUCCESS" // stored, or found stored before, or nothing to store
	Retry   Status = "RETRY"   // a passing fault: deliver it again
	Drop    Status = "DROP"    // it lies in quarantine with its reason
)

// Answer is Dapr's contract and the seed's EventAcknowledgement in one body.
type Answer struct {
	Status  Status `json:"status"`
	Success bool   `json:"success"`
	EventID string `json:"eventId"`
	Message string `json:"message"`
}

// Succeeded says that the event is done.
func Succeeded(eventID, message string) Answer { return Answer{Success, true, eventID, message} }

// Retried says that the event shall come again.
func Retried(eventID string, err error) Answer {
	return Answer{Retry, false, eventID, problem.Of(err).Kind.Title}
}

// Dropped says that the event is in quarantine.
func Dropped(eventID, reason string) Answer { return Answer{Drop, false, eventID, reason} }

// Message is one delivered event. Raw is the CloudEvent as it came; CloudEvent is zero and Err set
// when it cannot be read.
type Message struct {
	CloudEvent cloudevent.In
	Raw        json.RawMessage
	Err        error
}

// maxBody of one delivery: more than a bulk of a hundred of the largest events.
const maxBody = 128 << 20

// healthCheck is the data of an event that only probes the path.
type healthCheck struct {
	Test string `json:"test"`
}

func (m *Message) isHealthCheck() bool {
	var h healthCheck
	return json.Unmarshal(m.CloudEvent.Data, &h) == nil && h.Test == "health-check"
}

// Handler handles the messages of one delivery and gives an answer for each, in their order.
type Handler func(ctx context.Context, messages []Message) []Answer

// bulk is Dapr's envelope of a bulk delivery.
type bulk struct {
	Entries []struct {
		EntryID string          `json:"entryId"`
		Event   json.RawMessage `json:"event"`
	} `json:"entries"`
}

type bulkAnswer struct {
	Statuses []entryAnswer `json:"statuses"`
}

type entryAnswer struct {
	EntryID string `json:"entryId"`
	Answer
}

// Route answers both forms of delivery, a single CloudEvent and a bulk, on one path.
func Route(log *zap.Logger, handle Handler) gin.HandlerFunc { return route(log, read, handle) }

// RawRoute is Route for a subscription with rawPayload, to which the sidecar delivers whatever lies on
// the topic: a message that is no JSON, too, which it could not deliver otherwise and would try again
// for ever. Raw is the message itself.
func RawRoute(log *zap.Logger, handle Handler) gin.HandlerFunc { return route(log, readRaw, handle) }

func route(log *zap.Logger, read func(json.RawMessage) Message, handle Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
		if err != nil {
			c.JSON(http.StatusOK, Retried("", err))
			return
		}
		var envelope bulk
		if json.Unmarshal(body, &envelope) == nil && envelope.Entries != nil {
			raws := make([]json.RawMessage, len(envelope.Entries))
			for i, e := range envelope.Entries {
				raws[i] = e.Event
			}
			answers := run(c.Request.Context(), log, read, handle, raws)
			out := bulkAnswer{Statuses: make([]entryAnswer, len(answers))}
			for i, a := range answers {
				out.Statuses[i] = entryAnswer{envelope.Entries[i].EntryID, a}
			}
			c.JSON(http.StatusOK, out)
			return
		}
		c.JSON(http.StatusOK, run(c.Request.Context(), log, read, handle, []json.RawMessage{body})[0])
	}
}

// run handles what is no health check. A panic is a RETRY of the whole delivery.
func run(ctx context.Context, log *zap.Logger, read func(json.RawMessage) Message, handle Handler, raws []json.RawMessage) (answers []Answer) {
	answers = make([]Answer, len(raws))
	var messages []Message
	var places []int
	for i, raw := range raws {
		m := read(raw)
		if m.isHealthCheck() {
			answers[i] = Succeeded(m.CloudEvent.ID, "health check")
			continue
		}
		messages, places = append(messages, m), append(places, i)
	}
	if len(messages) == 0 {
		return answers
	}
	defer func() {
		if p := recover(); p != nil {
			log.Error("a delivery made the handler panic", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			for _, place := range places {
				answers[place] = Retried("", fmt.Errorf("panic: %v", p))
			}
		}
	}()
	for i, a := range handle(ctx, messages) {
		answers[places[i]] = a
	}
	return answers
}

func read(raw json.RawMessage) Message {
	m := Message{Raw: raw}
	if err := json.Unmarshal(raw, &m.CloudEvent); err != nil {
		return Message{Raw: raw, Err: fmt.Errorf("not a CloudEvent: %w", err)}
	}
	if len(m.CloudEvent.Data) == 0 {
		m.Err = fmt.Errorf("the CloudEvent has no JSON data")
	}
	return m
}

// readRaw takes a message out of what Dapr wraps it in: one delivered by itself is the data_base64 of a
// CloudEvent of the sidecar's own, one of a bulk is base64 alone.
func readRaw(raw json.RawMessage) Message {
	var alone []byte
	if json.Unmarshal(raw, &alone) == nil && len(alone) > 0 {
		return read(alone)
	}
	var wrapped struct {
		Data       json.RawMessage `json:"data"`
		DataBase64 []byte          `json:"data_base64"`
	}
	if json.Unmarshal(raw, &wrapped) == nil && len(wrapped.Data) == 0 && len(wrapped.DataBase64) > 0 {
		return read(wrapped.DataBase64)
	}
	return read(raw)
}

// callerHeader is set by the sidecar on service invocations, and never on deliveries.
const callerHeader = "Dapr-Caller-App-Id"

// OnlySidecar lets through what the service's own sidecar delivers: the app token proves the
// sidecar, and the absence of a caller proves that the sidecar does not merely pass on somebody's
// invocation, to which it adds the same token.
func OnlySidecar(appToken string) gin.HandlerFunc {
	want := []byte(appToken)
	return func(c *gin.Context) {
		got := []byte(c.GetHeader("Dapr-Api-Token"))
		if len(want) == 0 || subtle.ConstantTimeCompare(got, want) != 1 {
			web.Fail(c, problem.Unauthenticated.New("this route takes deliveries from the service's own sidecar only").
				WithHint("Publish an event on its topic instead of calling this route."))
			return
		}
		if c.GetHeader(callerHeader) != "" {
			web.Fail(c, problem.Forbidden.New("this route cannot be invoked through a sidecar").
				WithHint("Publish an event on its topic instead of calling this route."))
			return
		}
		c.Next()
	}
}
