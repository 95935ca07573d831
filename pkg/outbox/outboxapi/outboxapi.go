// Package outboxapi is what every service with an outbox answers about it over HTTP: where a till's events
// are on their way to the journal, and sending them again. Which routes that are, and who may call them, is
// the services' own business.
package outboxapi

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
)

// Window is a window on a log that grows: it goes on by sequence, not by skip. Next is the sequence that
// begins the following one. Total counts all events of the status that was asked for.
type Window struct {
	Items   []outbox.Delivery `json:"items"`
	Total   uint64            `json:"total"`
	Limit   int               `json:"limit"`
	Next    uint64            `json:"next,omitempty"`
	Summary outbox.Summary    `json:"summary"`
}

// NewWindow of items, of which at most limit were asked for.
func NewWindow(items []outbox.Delivery, total uint64, limit int, summary outbox.Summary) Window {
	w := Window{Items: items, Total: total, Limit: limit, Summary: summary}
	if n := len(items); n == limit && items[n-1].Sequence < summary.LastSequence {
		w.Next = items[n-1].Sequence + 1
	}
	return w
}

// RedeliverRequest says from where events go out again: of one terminal, or of all of the tenant.
type RedeliverRequest struct {
	FromSequence uint64     `json:"fromSequence"`
	Since        *time.Time `json:"since"`
	TerminalID   string     `json:"terminalId" validate:"max=100,plain"`
}

// RedeliverAnswer names the streams of which events go out again.
type RedeliverAnswer struct {
	Streams []outbox.Redelivered `json:"streams"`
}

// Redeliver reads the request of a route with :tenant, and answers it by redeliver. It fails with
// problem.Invalid unless either a sequence or a time is given, and as redeliver fails.
func Redeliver(c *gin.Context, redeliver func(context.Context, outbox.Redelivery) ([]outbox.Redelivered, error)) (any, error) {
	var body RedeliverRequest
	if _, err := web.Body(c, &body); err != nil {
		return nil, err
	}
	if (body.FromSequence > 0) == (body.Since != nil) {
		return nil, problem.Invalid.New("either fromSequence (from 1 up) or since must be given").WithFields(problem.Field{
			Name: "fromSequence", Rule: "either", Message: "give this or since, an RFC 3339 time"})
	}
	in := outbox.Redelivery{TenantID: c.Param("tenant"), StreamID: body.TerminalID, FromSequence: body.FromSequence}
	if body.Since != nil {
		in.Since = *body.Since
	}
	done, err := redeliver(c.Request.Context(), in)
	if err != nil {
		return nil, err
	}
	return RedeliverAnswer{done}, nil
}
