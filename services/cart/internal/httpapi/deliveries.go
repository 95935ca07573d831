package httpapi

import (
	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/outbox/outboxapi"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/cart/internal/app"
)

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
	return outboxapi.NewWindow(found.Items, found.Total, q.Limit, found.Summary), nil
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

func (a *API) redeliver(c *gin.Context) (any, error) { return outboxapi.Redeliver(c, a.app.Redeliver) }
