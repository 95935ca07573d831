package httpapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
)

type deliveriesQuery struct {
	Status string `form:"status" validate:"max=20"`
	From   uint64 `form:"from"` // a sequence
	Limit  int    `form:"limit,default=100" validate:"min=1,max=100"`
}

// deliveriesAnswer is a window on a log that grows: Next is the sequence that begins the following one.
// Total counts all events of the status.
type deliveriesAnswer struct {
	Items   []outbox.Delivery `json:"items"`
	Total   uint64            `json:"total"`
	Limit   int               `json:"limit"`
	Next    uint64            `json:"next,omitempty"`
	Summary outbox.Summary    `json:"summary"`
}

func (a *API) listDeliveriesOf(c *gin.Context) (any, error) {
	var q deliveriesQuery
	if err := web.Query(c, &q); err != nil {
		return nil, err
	}
	summary, items, err := a.App.DeliveriesOf(c.Request.Context(), app.DeliveriesOf{
		Terminal: terminalOf(c), Status: q.Status, From: q.From, Limit: q.Limit,
	})
	if err != nil {
		return nil, err
	}
	answer := deliveriesAnswer{Items: items, Total: summary.Count(q.Status), Limit: q.Limit, Summary: summary}
	if n := len(items); n == q.Limit && items[n-1].Sequence < summary.LastSequence {
		answer.Next = items[n-1].Sequence + 1
	}
	return answer, nil
}

func (a *API) listDeliveries(c *gin.Context) (any, error) {
	s, err := spanOf(c)
	if err != nil {
		return nil, err
	}
	page, err := a.App.Deliveries(c.Request.Context(), c.Param("tenant"), s)
	return listOf(page.Items, page.Total, s, func(s outbox.Summary) outbox.Summary { return s }), err
}

type redeliverRequest struct {
	FromSequence uint64     `json:"fromSequence"`
	Since        *time.Time `json:"since"`
	TerminalID   string     `json:"terminalId" validate:"max=80"`
}

type redeliverAnswer struct {
	Streams []outbox.Redelivered `json:"streams"`
}

func (a *API) redeliver(c *gin.Context) (any, error) {
	var in redeliverRequest
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	if (in.FromSequence == 0) == (in.Since == nil) {
		return nil, problem.Invalid.New("either fromSequence or since must be given").WithFields(problem.Field{
			Name: "fromSequence", Rule: "exclusive", Message: "give this (at least 1) or since, not both"})
	}
	cmd := outbox.Redelivery{TenantID: c.Param("tenant"), StreamID: in.TerminalID, FromSequence: in.FromSequence}
	if in.Since != nil {
		cmd.Since = *in.Since
	}
	done, err := a.App.Redeliver(c.Request.Context(), cmd)
	if err != nil {
		return nil, err
	}
	return redeliverAnswer{done}, nil
}
