package httpapi

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// DiscrepancyResponse says what is wrong with what is stored, and what became of it.
type DiscrepancyResponse struct {
	ID           string                   `json:"id"`
	Kind         journal.Kind             `json:"kind"`
	State        journal.DiscrepancyState `json:"state"`
	StreamID     string                   `json:"streamId"`
	StoreCode    string                   `json:"storeCode,omitempty"`
	TerminalNo   int                      `json:"terminalNo,omitempty"`
	BusinessDate string                   `json:"businessDate,omitempty"` // of a gap: the newest that the journal had when it was seen
	OpenCounter  int                      `json:"openCounter,omitempty"`
	Detail       string                   `json:"detail"`
	Producer     string                   `json:"producer,omitempty"`
	Numbers      sequence.Set             `json:"numbers,omitempty"` // of the producer's sequence: missing, or used twice
	Events       []string                 `json:"events,omitempty"`  // the first twenty
	Differences  []UnequalResponse        `json:"differences,omitempty"`
	Occurrence   int                      `json:"occurrence"`
	OpenedAt     time.Time                `json:"openedAt"`
	ChangedAt    time.Time                `json:"changedAt"`
	ResolvedAt   *time.Time               `json:"resolvedAt,omitempty"`
	ResolvedBy   string                   `json:"resolvedBy,omitempty"`
	Resolution   string                   `json:"resolution,omitempty"`
}

// UnequalResponse is one figure that is not what follows from the rest.
type UnequalResponse struct {
	Field    string `json:"field"`
	Expected string `json:"expected"` // what the logs, or the parts, add up to
	Said     string `json:"said"`     // by the close log, or by the transaction
}

func discrepancyResponse(d *journal.Discrepancy) DiscrepancyResponse {
	r := DiscrepancyResponse{
		ID: d.ID, Kind: d.Kind, State: d.State, StreamID: d.Stream.ID(), StoreCode: d.Stream.StoreCode, TerminalNo: d.Stream.TerminalNo,
		BusinessDate: d.BusinessDate, OpenCounter: d.OpenCounter, Detail: d.Detail, Producer: d.Producer, Numbers: d.Numbers, Events: d.Events,
		Occurrence: d.Occurrence, OpenedAt: d.OpenedAt, ChangedAt: d.ChangedAt, ResolvedBy: d.ResolvedBy, Resolution: d.Resolution,
	}
	for _, f := range d.Differences {
		r.Differences = append(r.Differences, UnequalResponse{f.Field, f.Logs, f.CloseLog})
	}
	if !d.ResolvedAt.IsZero() {
		r.ResolvedAt = &d.ResolvedAt
	}
	return r
}

func discrepancyResponses(items []*journal.Discrepancy) []DiscrepancyResponse {
	out := make([]DiscrepancyResponse, len(items))
	for i, d := range items {
		out[i] = discrepancyResponse(d)
	}
	return out
}

// anyState asks for discrepancies whatever became of them.
const anyState journal.DiscrepancyState = "any"

// listDiscrepancies serves a tenant, a store and a terminal.
func (a *API) listDiscrepancies(c *gin.Context) (any, error) {
	p := newParams(c)
	q := app.DiscrepancyQuery{
		State: oneOf(p, "state", journal.DiscrepancyOpen, append([]journal.DiscrepancyState{anyState}, journal.DiscrepancyStates...)...),
		Kind:  oneOf(p, "kind", "", journal.KindNames...),
		Skip:  p.bounded("skip", 0, 0, maxSkip), Limit: p.bounded("limit", maxLimit, 1, maxLimit),
	}
	if q.State == anyState {
		q.State = ""
	}
	if date := p.businessDate("businessDate"); date != nil {
		q.BusinessDate = *date
	}
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
	items, total, err := a.App.Discrepancies.List(c.Request.Context(), c.Param("tenant"), q)
	if err != nil {
		return nil, err
	}
	return ListResponse[DiscrepancyResponse]{discrepancyResponses(items), total, q.Skip, q.Limit}, nil
}

func (a *API) showDiscrepancy(c *gin.Context) (any, error) {
	d, err := a.App.Discrepancies.Show(c.Request.Context(), c.Param("tenant"), c.Param("discrepancy"))
	if err != nil {
		return nil, err
	}
	return discrepancyResponse(d), nil
}

// AcceptRequest says why a discrepancy stays as it is.
type AcceptRequest struct {
	Reason string `json:"reason" validate:"required,max=500,plain"`
}

func (a *API) acceptDiscrepancy(c *gin.Context) (any, error) {
	var r AcceptRequest
	if _, err := web.Body(c, &r); err != nil {
		return nil, err
	}
	d, err := a.App.Discrepancies.Accept(c.Request.Context(), c.Param("tenant"), c.Param("discrepancy"), auth.Of(c).Subject, r.Reason)
	if err != nil {
		return nil, err
	}
	return discrepancyResponse(d), nil
}

// ofSession gives the newest discrepancies of one session, whatever became of them, and how many there are.
func (a *API) ofSession(ctx context.Context, key journal.SessionKey) ([]DiscrepancyResponse, int, error) {
	items, total, err := a.App.Discrepancies.List(ctx, key.Terminal.TenantID, app.DiscrepancyQuery{
		StoreCode: key.Terminal.StoreCode, TerminalNo: key.Terminal.TerminalNo, BusinessDate: key.BusinessDate, Session: key.OpenCounter, Limit: maxLimit,
	})
	return discrepancyResponses(items), total, err
}
