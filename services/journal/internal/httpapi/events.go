package httpapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// EventResponse is one business event, with the field names of the event journal.
type EventResponse struct {
	EventID       string `json:"eventId"`
	EventType     string `json:"eventType"`
	Timestamp     string `json:"timestamp"`
	UserID        string `json:"userId"`
	StoreID       string `json:"storeId"`
	TerminalNo    int    `json:"terminalNo"`
	Producer      string `json:"producer"`
	Sequence      uint64 `json:"sequence"`
	CorrelationID string `json:"correlationId,omitempty"`
	Payload       any    `json:"payload"`
}

func eventResponse(e *event.Business) EventResponse {
	return EventResponse{
		EventID: e.EventID, EventType: e.EventType, Timestamp: e.Timestamp, UserID: e.UserID, StoreID: e.StoreID,
		TerminalNo: e.TerminalNo, Producer: e.Producer, Sequence: e.Sequence, CorrelationID: e.CorrelationID, Payload: e.Payload,
	}
}

func eventResponses(events []*event.Business) []EventResponse {
	out := make([]EventResponse, len(events))
	for i, e := range events {
		out[i] = eventResponse(e)
	}
	return out
}

// EventListResponse is one page of business events. They are not counted.
type EventListResponse struct {
	Items      []EventResponse `json:"items"`
	Limit      int             `json:"limit"`
	NextCursor *string         `json:"nextCursor"`
}

// listEvents serves a tenant, a store and a terminal.
func (a *API) listEvents(c *gin.Context) (any, error) {
	p := newParams(c)
	q := journal.EventQuery{
		Type: p.text("eventType"), CorrelationID: p.text("orderId"), UserID: p.text("userId"),
		Occurred:    span(p, "timestampTo", journal.Span[time.Time]{From: p.instant("timestampFrom"), To: p.instant("timestampTo")}, time.Time.Compare),
		OldestFirst: oneOf(p, "sort", "desc", "asc", "desc") == "asc",
		Limit:       p.bounded("limit", maxLimit, 1, maxLimit),
	}
	if c.Param("store") != "" && c.Param("no") == "" {
		q.TerminalNo = p.bounded("terminalNo", 0, 1, identity.MaxTerminalNo)
	}
	cursor := p.cursor("cursor")
	if err := p.err(); err != nil {
		return nil, err
	}
	var err error
	if q.StoreCode, err = pathStore(c); err != nil {
		return nil, err
	}
	if c.Param("no") != "" {
		if q.TerminalNo, err = pathTerminal(c); err != nil {
			return nil, err
		}
	}
	page, err := a.App.Orders.List(c.Request.Context(), c.Param("tenant"), q, cursor)
	if err != nil {
		return nil, err
	}
	response := EventListResponse{Items: eventResponses(page.Items), Limit: q.Limit}
	if page.NextCursor != "" {
		response.NextCursor = &page.NextCursor
	}
	return response, nil
}

// instant reads an RFC 3339 time.
func (p *params) instant(name string) *time.Time {
	s, given := p.one(name)
	if !given {
		return nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		p.fail(name, "time", "must be a time with an offset such as 2026-03-29T09:00:00Z; write + as %%2B")
		return nil
	}
	return &t
}
