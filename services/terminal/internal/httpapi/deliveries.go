package httpapi

import (
	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/outbox/outboxapi"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
)

type deliveriesQuery struct {
	Status string `form:"status" validate:"max=20"`
	From   uint64 `form:"from"` // a sequence
	Limit  int    `form:"limit,default=100" validate:"min=1,max=100"`
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
	return outboxapi.NewWindow(items, summary.Count(q.Status), q.Limit, summary), nil
}

func (a *API) listDeliveries(c *gin.Context) (any, error) {
	s, err := spanOf(c)
	if err != nil {
		return nil, err
	}
	page, err := a.App.Deliveries(c.Request.Context(), c.Param("tenant"), s)
	return listOf(page.Items, page.Total, s, func(s outbox.Summary) outbox.Summary { return s }), err
}

func (a *API) redeliver(c *gin.Context) (any, error) { return outboxapi.Redeliver(c, a.App.Redeliver) }
