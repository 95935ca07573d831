package httpapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// RetentionRequest sets how long a tenant's journal is kept where.
type RetentionRequest struct {
	LiveDays int    `json:"liveDays" validate:"min=0"`
	KeepDays int    `json:"keepDays" validate:"min=0"`
	At       string `json:"at,omitempty"`
}

// RetentionResponse is the policy that counts, and what it does not change: what is in the archive keeps the
// time with which it was archived.
type RetentionResponse struct {
	LiveDays        int                 `json:"liveDays"` // 0: nothing is archived
	KeepDays        int                 `json:"keepDays"` // 0: for ever
	At              string              `json:"at"`       // UTC
	SetBy           string              `json:"setBy,omitempty"`
	SetAt           *time.Time          `json:"setAt,omitempty"`
	Segments        int                 `json:"segments"`
	SegmentsForEver int                 `json:"segmentsForEver"`
	LastRun         *ArchiveRunResponse `json:"lastRun"`
}

// ArchiveRunResponse is what one run of the archiver did.
type ArchiveRunResponse struct {
	StartedAt  time.Time     `json:"startedAt"`
	FinishedAt time.Time     `json:"finishedAt"`
	By         string        `json:"by"`
	Segments   int           `json:"segments"`
	Events     int           `json:"events"`
	Bytes      int64         `json:"bytes"`
	Removed    int           `json:"removed"` // events from the live journal
	Purged     int           `json:"purged"`  // segments whose retention had ended
	Held       []app.HeldDay `json:"held"`    // days that are past their time and stay, and why
	HeldMore   int           `json:"heldMore"`
}

func retentionResponse(s *app.RetentionState) RetentionResponse {
	r := RetentionResponse{LiveDays: s.LiveDays, KeepDays: s.KeepDays, At: s.At, SetBy: s.SetBy, Segments: s.Segments, SegmentsForEver: s.Ever}
	if !s.SetAt.IsZero() {
		r.SetAt = &s.SetAt
	}
	if s.LastRun != nil {
		run := archiveRunResponse(s.LastRun)
		r.LastRun = &run
	}
	return r
}

func archiveRunResponse(r *app.ArchiveRun) ArchiveRunResponse {
	held := r.Held
	if held == nil {
		held = []app.HeldDay{}
	}
	return ArchiveRunResponse{r.Started, r.Finished, r.By, r.Segments, r.Events, r.Bytes, r.Removed, r.Purged, held, r.More}
}

func (a *API) showRetention(c *gin.Context) (any, error) {
	s, err := a.App.Retentions.Show(c.Request.Context(), c.Param("tenant"))
	if err != nil {
		return nil, err
	}
	return retentionResponse(s), nil
}

func (a *API) setRetention(c *gin.Context) (any, error) {
	var r RetentionRequest
	if _, err := web.Body(c, &r); err != nil {
		return nil, err
	}
	s, err := a.App.Retentions.Set(c.Request.Context(), c.Param("tenant"), journal.Retention{LiveDays: r.LiveDays, KeepDays: r.KeepDays, At: r.At, SetBy: auth.Of(c).Subject})
	if err != nil {
		return nil, err
	}
	return retentionResponse(s), nil
}

// SegmentResponse is one segment of the archive.
type SegmentResponse struct {
	Name         string         `json:"name"`
	StoreCode    string         `json:"storeCode"`
	BusinessDate string         `json:"businessDate"`
	Part         int            `json:"part"`
	Events       int            `json:"events"`
	Entries      int            `json:"entries"`
	Bytes        int64          `json:"bytes"`
	SHA256       journal.Hash   `json:"sha256"`
	RegisteredAt time.Time      `json:"registeredAt"`
	KeepUntil    string         `json:"keepUntil,omitempty"` // the last day on which it must be there; none: for ever
	Removed      bool           `json:"removed"`             // the originals are gone from the live journal
	Purged       *PurgeResponse `json:"purged,omitempty"`
}

// PurgeResponse says who gave a segment up.
type PurgeResponse struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// SegmentListResponse is a page of the archive. NextAfter goes on behind it.
type SegmentListResponse struct {
	Items     []SegmentResponse `json:"items"`
	NextAfter string            `json:"nextAfter,omitempty"`
}

func segmentResponse(s *app.Segment) SegmentResponse {
	r := SegmentResponse{
		Name: s.Name(), StoreCode: s.StoreCode, BusinessDate: s.BusinessDate, Part: s.Part, Events: s.Events, Entries: s.Entries, Bytes: s.Bytes,
		SHA256: s.SHA256, RegisteredAt: s.RegisteredAt, KeepUntil: s.KeepUntil, Removed: s.Removed,
	}
	if s.Purge != nil {
		r.Purged = &PurgeResponse{s.Purge.By, s.Purge.Why, s.Purge.At}
	}
	return r
}

func segmentResponses(list []*app.Segment) []SegmentResponse {
	out := make([]SegmentResponse, len(list))
	for i, s := range list {
		out[i] = segmentResponse(s)
	}
	return out
}

func (a *API) listSegments(c *gin.Context) (any, error) {
	p := newParams(c)
	q := app.SegmentQuery{Date: journal.Span[string]{From: p.businessDate("businessDateFrom"), To: p.businessDate("businessDateTo")}, Newest: p.flag("newest")}
	limit := p.bounded("limit", maxLimit, 1, maxLimit)
	q.After, q.StoreCode = p.text("after"), p.text("storeCode")
	if q.StoreCode != "" && !identity.ValidCode(q.StoreCode) {
		p.fail("storeCode", "code", "must match %s, such as s1", identity.CodePattern)
	}
	ended := p.flag("ended")
	if err := p.err(); err != nil {
		return nil, err
	}
	if ended {
		list, err := a.App.Retentions.Ended(c.Request.Context(), c.Param("tenant"))
		if err != nil {
			return nil, err
		}
		return SegmentListResponse{Items: segmentResponses(list)}, nil
	}
	q.Limit = limit + 1
	list, err := a.App.Retentions.Segments(c.Request.Context(), c.Param("tenant"), q)
	if err != nil {
		return nil, err
	}
	var out SegmentListResponse
	if len(list) > limit {
		list = list[:limit]
		out.NextAfter = list[limit-1].Name()
	}
	out.Items = segmentResponses(list)
	return out, nil
}

// HoldRequest keeps a segment for longer.
type HoldRequest struct {
	Name   string `json:"name" validate:"required,max=200"`
	Until  string `json:"until,omitempty"` // YYYYMMDD; none: for ever
	Reason string `json:"reason" validate:"required,max=500,plain"`
}

func (a *API) holdSegment(c *gin.Context) (any, error) {
	var r HoldRequest
	if _, err := web.Body(c, &r); err != nil {
		return nil, err
	}
	if r.Until != "" && !journal.ValidBusinessDate(r.Until) {
		return nil, app.RetentionInvalid.New("until: must be a day such as 20300101, or be left out")
	}
	s, err := a.App.Retentions.Hold(c.Request.Context(), c.Param("tenant"), r.Name, r.Until, auth.Of(c).Subject, r.Reason)
	if err != nil {
		return nil, err
	}
	return segmentResponse(s), nil
}

func (a *API) runArchive(c *gin.Context) (any, error) {
	r, err := a.App.Retentions.Run(c.Request.Context(), c.Param("tenant"), auth.Of(c).Subject)
	if err != nil {
		return nil, err
	}
	return archiveRunResponse(r), nil
}

func (a *API) listArchiveRuns(c *gin.Context) (any, error) {
	p := newParams(c)
	limit := p.bounded("limit", 20, 1, maxLimit)
	if err := p.err(); err != nil {
		return nil, err
	}
	list, err := a.App.Retentions.Runs(c.Request.Context(), c.Param("tenant"), limit)
	if err != nil {
		return nil, err
	}
	items := make([]ArchiveRunResponse, len(list))
	for i, r := range list {
		items[i] = archiveRunResponse(r)
	}
	return ListResponse[ArchiveRunResponse]{items, len(items), 0, limit}, nil
}
