package httpapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/cart/internal/app"
)

// deliveriesAnswer is a window on a log that grows: it goes on by sequence, not by skip. Next is the
// sequence that begins the following window. Total counts all events of the status.
type deliveriesAnswer struct {
	Items   []outbox.Delivery `json:"items"`
	Total   uint64            `json:"total"`
	Limit   int               `json:"limit"`
	Next    uint64            `json:"next,omitempty"`
	Summary outbox.Summary    `json:"summary"`
}

type deliveriesQuery struct {
	Status string `form:"status" validate:"omitempty,oneof=pending published received parked failed"`
	From   uint64 `form:"from" validate:"min=1"` // a sequence
	Limit  int    `form:"limit" validate:"min=1,max=100"`
}

var firstDeliveries = deliveriesQuery{From: 1, Limit: firstPage.Limit}

func (a *API) listDeliveries(c *gin.Context) (any, error) {
	q := firstDeliveries
	if err := web.Query(c, &q); err != nil {
		return nil, err
	}
	found, err := a.app.Deliveries(c.Request.Context(), app.DeliveryQuery{
		TenantID: auth.Of(c).TenantID, TerminalID: c.Param("terminal"), Status: q.Status, From: q.From, Limit: q.Limit})
	if err != nil {
		return nil, err
	}
	answer := deliveriesAnswer{Items: found.Items, Total: found.Total, Limit: q.Limit, Summary: found.Summary}
	if n := len(found.Items); n == q.Limit && found.Items[n-1].Sequence < found.Summary.LastSequence {
		answer.Next = found.Items[n-1].Sequence + 1
	}
	return answer, nil
}

func (a *API) summariseDeliveries(c *gin.Context) (any, error) {
	q := firstPage
	if err := web.Query(c, &q); err != nil {
		return nil, err
	}
	summaries, err := a.app.Summaries(c.Request.Context(), c.Param("tenant"))
	if err != nil {
		return nil, err
	}
	return listOf(summaries, q), nil
}

// redeliverAnswer names the streams of which events go out again.
type redeliverAnswer struct {
	Streams []outbox.Redelivered `json:"streams"`
}

type redeliverRequest struct {
	FromSequence uint64     `json:"fromSequence"`
	Since        *time.Time `json:"since"`
	TerminalID   string     `json:"terminalId" validate:"max=100,plain"`
}

func (a *API) redeliver(c *gin.Context) (any, error) {
	var body redeliverRequest
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
	done, err := a.app.Redeliver(c.Request.Context(), in)
	if err != nil {
		return nil, err
	}
	return redeliverAnswer{done}, nil
}
