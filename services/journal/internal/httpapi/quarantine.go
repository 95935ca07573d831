package httpapi

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// QuarantineResponse is one quarantined event. Event, as it came, is shown of a single one only.
type QuarantineResponse struct {
	ID          string                  `json:"id"`
	TenantID    string                  `json:"tenantId,omitempty"`
	EventID     string                  `json:"eventId,omitempty"`
	ContentHash journal.Hash            `json:"contentHash"`
	Topic       string                  `json:"topic,omitempty"`
	StreamID    string                  `json:"streamId,omitempty"`
	Producer    string                  `json:"producer,omitempty"`
	Sequence    uint64                  `json:"sequence,omitempty"`
	Reason      journal.Reason          `json:"reason"`
	Detail      string                  `json:"detail"`
	FirstSeen   time.Time               `json:"firstSeen"`
	LastSeen    time.Time               `json:"lastSeen"`
	Times       int                     `json:"times"`
	State       journal.QuarantineState `json:"state"`
	ResolvedAt  *time.Time              `json:"resolvedAt,omitempty"`
	ResolvedBy  string                  `json:"resolvedBy,omitempty"`
	Resolution  string                  `json:"resolution,omitempty"`
	Event       any                     `json:"event,omitempty"`
}

func quarantineResponse(q *journal.Quarantined) QuarantineResponse {
	r := QuarantineResponse{
		ID: q.ID, TenantID: q.TenantID, EventID: q.EventID, ContentHash: q.ContentHash, Topic: q.Topic,
		Producer: q.Producer, Sequence: q.Sequence, Reason: q.Reason, Detail: q.Detail,
		FirstSeen: q.FirstSeen, LastSeen: q.LastSeen, Times: q.Times,
		State: q.State, ResolvedBy: q.ResolvedBy, Resolution: q.Resolution,
	}
	if q.TenantID != "" {
		r.StreamID = q.Stream.ID()
	}
	if !q.ResolvedAt.IsZero() {
		r.ResolvedAt = &q.ResolvedAt
	}
	switch {
	case len(q.CloudEvent) == 0:
	case json.Valid(q.CloudEvent):
		r.Event = json.RawMessage(q.CloudEvent)
	default:
		r.Event = q.CloudEvent // no JSON: base64
	}
	return r
}

// listQuarantine, like its siblings, serves a tenant's events and, where the path names no tenant,
// those that belong to none.
func (a *API) listQuarantine(c *gin.Context) (any, error) {
	p := newParams(c)
	q := app.QuarantineQuery{
		TenantID: c.Param("tenant"), State: oneOf(p, "state", journal.QuarantineOpen, quarantineStates...),
		Reason: oneOf(p, "reason", "", journal.Reasons...),
		Skip:   p.bounded("skip", 0, 0, maxSkip), Limit: p.bounded("limit", maxLimit, 1, maxLimit),
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	items, total, err := a.App.Quarantine.List(c.Request.Context(), q)
	if err != nil {
		return nil, err
	}
	out := make([]QuarantineResponse, len(items))
	for i, item := range items {
		out[i] = quarantineResponse(item)
	}
	return ListResponse[QuarantineResponse]{out, total, q.Skip, q.Limit}, nil
}

var quarantineStates = []journal.QuarantineState{journal.QuarantineOpen, journal.QuarantineReplayed, journal.QuarantineDiscarded}

// oneOf reads a parameter that has a few values.
func oneOf[T ~string](p *params, name string, fallback T, allowed ...T) T {
	s, given := p.one(name)
	if !given {
		return fallback
	}
	if !slices.Contains(allowed, T(s)) {
		p.fail(name, "oneof", "must be one of %v", allowed)
		return fallback
	}
	return T(s)
}

func (a *API) showQuarantined(c *gin.Context) (any, error) {
	q, err := a.App.Quarantine.Show(c.Request.Context(), c.Param("tenant"), c.Param("item"))
	if err != nil {
		return nil, err
	}
	return quarantineResponse(q), nil
}

func (a *API) replayQuarantined(c *gin.Context) (any, error) {
	q, err := a.App.Quarantine.Replay(c.Request.Context(), c.Param("tenant"), c.Param("item"), auth.Of(c).Subject)
	if err != nil {
		return nil, err
	}
	return quarantineResponse(q), nil
}

// DiscardRequest says why an event is given up.
type DiscardRequest struct {
	Reason string `json:"reason" validate:"required,max=500,plain"`
}

func (a *API) discardQuarantined(c *gin.Context) (any, error) {
	var r DiscardRequest
	if _, err := web.Body(c, &r); err != nil {
		return nil, err
	}
	q, err := a.App.Quarantine.Discard(c.Request.Context(), c.Param("tenant"), c.Param("item"), auth.Of(c).Subject, r.Reason)
	if err != nil {
		return nil, err
	}
	return quarantineResponse(q), nil
}
