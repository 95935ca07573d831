package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Quarantined is an event that the journal could not store.
type Quarantined struct {
	ID         string     `json:"id"`
	TenantID   string     `json:"tenantId"`
	EventID    string     `json:"eventId"`
	Topic      string     `json:"topic"`
	StreamID   string     `json:"streamId"`
	Producer   string     `json:"producer"`
	Sequence   uint64     `json:"sequence"`
	Reason     string     `json:"reason"`
	Detail     string     `json:"detail"`
	FirstSeen  time.Time  `json:"firstSeen"`
	LastSeen   time.Time  `json:"lastSeen"`
	Times      int        `json:"times"`
	State      string     `json:"state"`
	ResolvedAt *time.Time `json:"resolvedAt"`
	ResolvedBy string     `json:"resolvedBy"`
	Resolution string     `json:"resolution"`
}

// quarantine is where the events of a tenant are; those of none are at the platform's own path.
func quarantine(tenant string, rest ...string) string {
	if tenant == "" {
		return path(append([]string{"quarantine"}, rest...)...)
	}
	return path(append([]string{"tenants", tenant, "quarantine"}, rest...)...)
}

// QuarantineQuery says which quarantined events are wanted.
type QuarantineQuery struct {
	State, Reason string // "": open ones, of any reason
	Skip, Limit   int
}

// Quarantine lists quarantined events of a tenant, or those that belong to none.
func (j Journals) Quarantine(ctx context.Context, tenant string, q QuarantineQuery) (List[Quarantined], error) {
	query := url.Values{"skip": {strconv.Itoa(q.Skip)}, "limit": {strconv.Itoa(q.Limit)}}
	set(query, "state", q.State)
	set(query, "reason", q.Reason)
	var list List[Quarantined]
	return list, j.get(ctx, quarantine(tenant), query, &list)
}

// Quarantined gives one quarantined event, with the event itself.
func (j Journals) Quarantined(ctx context.Context, tenant, id string) (Answer[Quarantined], error) {
	var item Answer[Quarantined]
	return item, j.get(ctx, quarantine(tenant, id), nil, &item)
}

// Replay tries to store a quarantined event again.
func (j Journals) Replay(ctx context.Context, tenant, id string) (Answer[Quarantined], error) {
	var item Answer[Quarantined]
	_, err := j.do(ctx, call{method: http.MethodPost, path: quarantine(tenant, id, "replay")}, &item)
	return item, err
}

// Discard gives a quarantined event up for good.
func (j Journals) Discard(ctx context.Context, tenant, id, reason string) (Answer[Quarantined], error) {
	var item Answer[Quarantined]
	_, err := j.do(ctx, call{method: http.MethodPost, path: quarantine(tenant, id, "discard"), body: map[string]string{"reason": reason}}, &item)
	return item, err
}
