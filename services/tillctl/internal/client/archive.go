package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Retention is how long a tenant's journal is kept where.
type Retention struct {
	LiveDays        int         `json:"liveDays"` // 0: nothing is archived
	KeepDays        int         `json:"keepDays"` // 0: for ever
	At              string      `json:"at"`       // UTC
	SetBy           string      `json:"setBy"`
	SetAt           *time.Time  `json:"setAt"`
	Segments        int         `json:"segments"`
	SegmentsForEver int         `json:"segmentsForEver"`
	LastRun         *ArchiveRun `json:"lastRun"`
}

// ArchiveRun is what one run of the archiver did.
type ArchiveRun struct {
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	By         string    `json:"by"`
	Segments   int       `json:"segments"`
	Events     int       `json:"events"`
	Bytes      int64     `json:"bytes"`
	Removed    int       `json:"removed"`
	Purged     int       `json:"purged"`
	Held       []struct {
		StoreCode    string `json:"storeCode"`
		BusinessDate string `json:"businessDate"`
		Why          string `json:"why"`
	} `json:"held"`
	HeldMore int `json:"heldMore"`
}

// Segment is one segment in the catalogue of the archive.
type Segment struct {
	Name         string `json:"name"`
	StoreCode    string `json:"storeCode"`
	BusinessDate string `json:"businessDate"`
	Part         int    `json:"part"`
	Events       int    `json:"events"`
	Bytes        int64  `json:"bytes"`
	SHA256       string `json:"sha256"`
	KeepUntil    string `json:"keepUntil"`
	Removed      bool   `json:"removed"`
}

// Retention gives the policy that counts.
func (j Journals) Retention(ctx context.Context, tenant string) (Answer[Retention], error) {
	var r Answer[Retention]
	return r, j.get(ctx, path("tenants", tenant, "retention"), nil, &r)
}

// SetRetention makes a policy the one that counts.
func (j Journals) SetRetention(ctx context.Context, tenant string, liveDays, keepDays int, at string) (Answer[Retention], error) {
	var r Answer[Retention]
	body := map[string]any{"liveDays": liveDays, "keepDays": keepDays}
	if at != "" {
		body["at"] = at
	}
	_, err := j.do(ctx, call{method: http.MethodPut, path: path("tenants", tenant, "retention"), body: body}, &r)
	return r, err
}

// Archive has the journal archive a tenant now.
func (j Journals) Archive(ctx context.Context, tenant string) (Answer[ArchiveRun], error) {
	var r Answer[ArchiveRun]
	_, err := j.do(ctx, call{method: http.MethodPost, path: path("tenants", tenant, "archive", "runs"), body: map[string]any{}}, &r)
	return r, err
}

// Ended lists the segments that the next run of the archiver gives up.
func (j Journals) Ended(ctx context.Context, tenant string) (List[Segment], error) {
	var list List[Segment]
	return list, j.get(ctx, path("tenants", tenant, "archive", "segments"), url.Values{"ended": {"true"}}, &list)
}

// HoldSegment keeps a segment until a day, or for ever when until is "".
func (j Journals) HoldSegment(ctx context.Context, tenant, name, until, reason string) (Answer[Segment], error) {
	var s Answer[Segment]
	body := map[string]string{"name": name, "reason": reason}
	if until != "" {
		body["until"] = until
	}
	_, err := j.do(ctx, call{method: http.MethodPost, path: path("tenants", tenant, "archive", "holds"), body: body}, &s)
	return s, err
}
