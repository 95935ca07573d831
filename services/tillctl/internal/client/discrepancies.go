package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tillroll/tillroll/pkg/sequence"
)

// Discrepancy is something wrong with what the journal has stored.
type Discrepancy struct {
	ID           string       `json:"id"`
	Kind         string       `json:"kind"`
	State        string       `json:"state"`
	StreamID     string       `json:"streamId"`
	BusinessDate string       `json:"businessDate"`
	OpenCounter  int          `json:"openCounter"`
	Detail       string       `json:"detail"`
	Producer     string       `json:"producer"`
	Numbers      sequence.Set `json:"numbers"`
	Events       []string     `json:"events"`
	Differences  []struct {
		Field    string `json:"field"`
		Expected string `json:"expected"`
		Said     string `json:"said"`
	} `json:"differences"`
	Occurrence int        `json:"occurrence"`
	OpenedAt   time.Time  `json:"openedAt"`
	ChangedAt  time.Time  `json:"changedAt"`
	ResolvedAt *time.Time `json:"resolvedAt"`
	ResolvedBy string     `json:"resolvedBy"`
	Resolution string     `json:"resolution"`
}

// DiscrepancyQuery says which discrepancies are wanted.
type DiscrepancyQuery struct {
	Store        string // "": all
	TerminalNo   int    // 0: all of the store
	State        string // "": open ones
	Kind         string // "": all
	BusinessDate string // "": all
	Skip, Limit  int
}

// Discrepancies lists what is wrong.
func (j Journals) Discrepancies(ctx context.Context, tenant string, q DiscrepancyQuery) (List[Discrepancy], error) {
	where := []string{"tenants", tenant}
	if q.Store != "" {
		where = append(where, "stores", q.Store)
	}
	if q.TerminalNo != 0 {
		where = append(where, "terminals", strconv.Itoa(q.TerminalNo))
	}
	query := url.Values{"skip": {strconv.Itoa(q.Skip)}, "limit": {strconv.Itoa(q.Limit)}}
	set(query, "state", q.State)
	set(query, "kind", q.Kind)
	set(query, "businessDate", q.BusinessDate)
	var list List[Discrepancy]
	return list, j.get(ctx, path(append(where, "discrepancies")...), query, &list)
}

// Discrepancy gives one.
func (j Journals) Discrepancy(ctx context.Context, tenant, id string) (Answer[Discrepancy], error) {
	var d Answer[Discrepancy]
	return d, j.get(ctx, path("tenants", tenant, "discrepancies", id), nil, &d)
}

// Accept leaves a discrepancy as it is, for a reason.
func (j Journals) Accept(ctx context.Context, tenant, id, reason string) (Answer[Discrepancy], error) {
	var d Answer[Discrepancy]
	_, err := j.do(ctx, call{method: http.MethodPost, path: path("tenants", tenant, "discrepancies", id, "accept"), body: map[string]string{"reason": reason}}, &d)
	return d, err
}
