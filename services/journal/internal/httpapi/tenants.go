package httpapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// CreateTenantRequest asks for a tenant's journal.
type CreateTenantRequest struct {
	TenantID string `json:"tenantId" validate:"required,code"`
}

// TenantResponse tells of a tenant's journal.
type TenantResponse struct {
	TenantID string `json:"tenantId"`
	Created  bool   `json:"created"` // false: it was there, and is complete
}

func (a *API) createTenant(c *gin.Context) (any, error) {
	var r CreateTenantRequest
	if _, err := web.Body(c, &r); err != nil {
		return nil, err
	}
	created, err := a.App.Tenants.Create(c.Request.Context(), r.TenantID)
	if err != nil {
		return nil, err
	}
	return TenantResponse{r.TenantID, created}, nil
}

// StreamResponse tells how far a stream has come.
type StreamResponse struct {
	StreamID   string             `json:"streamId"`
	StoreCode  string             `json:"storeCode"`
	TerminalNo int                `json:"terminalNo"`
	ChainSeq   uint64             `json:"chainSeq"`
	LastHash   journal.Hash       `json:"lastHash"`
	Producers  []ProgressResponse `json:"producers"`
}

// ProgressResponse tells what of one producer's sequence is here: everything through ReceivedThrough
// except Missing.
type ProgressResponse struct {
	Producer        string       `json:"producer"`
	ReceivedThrough uint64       `json:"receivedThrough"`
	CompleteThrough uint64       `json:"completeThrough"`
	Missing         sequence.Set `json:"missing"`
	Twice           sequence.Set `json:"twice,omitempty"`
}

// ListResponse is a whole list.
type ListResponse[T any] struct {
	Items []T `json:"items"`
	Total int `json:"total"`
	Skip  int `json:"skip"`
	Limit int `json:"limit"`
}

func progressResponse(producer string, received, twice sequence.Set) ProgressResponse {
	missing := received.Missing(1, received.Max())
	if missing == nil {
		missing = sequence.Set{}
	}
	return ProgressResponse{producer, received.Max(), received.Through(), missing, twice}
}

func (a *API) streams(c *gin.Context) (any, error) {
	states, err := a.App.Tenants.Streams(c.Request.Context(), c.Param("tenant"))
	if err != nil {
		return nil, err
	}
	items := make([]StreamResponse, len(states))
	for i, s := range states {
		items[i] = streamResponse(&s.Head)
		for _, p := range s.Progress {
			items[i].Producers = append(items[i].Producers, progressResponse(p.Producer, p.Received, nil))
		}
	}
	return ListResponse[StreamResponse]{items, len(items), 0, len(items)}, nil
}

func streamResponse(h *journal.Head) StreamResponse {
	return StreamResponse{
		StreamID: h.Stream.ID(), StoreCode: h.Stream.StoreCode, TerminalNo: h.Stream.TerminalNo,
		ChainSeq: h.Seq, LastHash: h.Hash, Producers: []ProgressResponse{},
	}
}

// VerificationResponse says whether the journal is what was stored.
type VerificationResponse struct {
	TenantID   string                `json:"tenantId"`
	Holds      bool                  `json:"holds"`
	VerifiedAt time.Time             `json:"verifiedAt"`
	Streams    []VerifiedStream      `json:"streams"`
	Strays     []VerificationOutside `json:"strays"` // rows that no chain covers
	Log        LogResponse           `json:"log"`
	Archive    ArchiveReportResponse `json:"archive"`
}

// VerifiedStream is what was found in one chain. Producers tells which sequences are in it.
type VerifiedStream struct {
	StreamResponse
	Count    uint64       `json:"count"`
	FirstBad *BadResponse `json:"firstBad"`
}

// BadResponse is the first thing wrong in a chain.
type BadResponse struct {
	ChainSeq uint64 `json:"chainSeq"`
	EventID  string `json:"eventId,omitempty"`
	Problem  string `json:"problem"`
}

// VerificationOutside is something stored outside every chain.
type VerificationOutside struct {
	Where string `json:"where"`
	ID    string `json:"id"`
}

func (a *API) verify(c *gin.Context) (any, error) {
	v, err := a.App.Proof.Verify(c.Request.Context(), c.Param("tenant"))
	if err != nil {
		return nil, err
	}
	response := VerificationResponse{
		TenantID: c.Param("tenant"), Holds: v.Holds(), VerifiedAt: v.At, Log: logResponse(&v.Log), Archive: archiveReport(&v.Archive),
		Streams: make([]VerifiedStream, len(v.Streams)), Strays: make([]VerificationOutside, len(v.Strays)),
	}
	for i := range v.Streams {
		response.Streams[i] = verifiedStream(&v.Streams[i])
	}
	for i, s := range v.Strays {
		response.Strays[i] = VerificationOutside(s)
	}
	return response, nil
}

func verifiedStream(s *journal.StreamReport) VerifiedStream {
	out := VerifiedStream{StreamResponse: streamResponse(&s.Head), Count: s.Count}
	for _, p := range s.Sequences {
		out.Producers = append(out.Producers, progressResponse(p.Producer, p.Received, p.Twice))
	}
	if s.Bad != nil {
		out.FirstBad = &BadResponse{s.Bad.Seq, s.Bad.EventID, s.Bad.Problem}
	}
	return out
}

// ReconciliationResponse holds a session's logs against its close.
type ReconciliationResponse struct {
	TerminalID   string               `json:"terminalId"`
	BusinessDate string               `json:"businessDate"`
	OpenCounter  int                  `json:"openCounter"`
	State        journal.SessionState `json:"state"`
	Matches      bool                 `json:"matches"`
	Logs         CountsResponse       `json:"logs"`
	Close        *CloseResponse       `json:"close"`
	Differences  []DifferenceResponse `json:"differences"`
	// The newest hundred discrepancies of the session, and of those of its terminal and date that belong
	// to no one session; and how many there are.
	Discrepancies    []DiscrepancyResponse `json:"discrepancies"`
	DiscrepancyCount int                   `json:"discrepancyCount"`
}

func (a *API) reconcile(c *gin.Context) (any, error) {
	p := newParams(c)
	date, counter := p.businessDate("businessDate"), p.number("openCounter", 1)
	if date == nil && len(p.broken) == 0 {
		p.fail("businessDate", "required", "must be given, such as 20260329")
	}
	if counter == nil && len(p.broken) == 0 {
		p.fail("openCounter", "required", "must be given, such as 1")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	store, err := pathStore(c)
	if err != nil {
		return nil, err
	}
	no, err := pathTerminal(c)
	if err != nil {
		return nil, err
	}
	key := journal.SessionKey{
		Terminal:     identity.Terminal{TenantID: c.Param("tenant"), StoreCode: store, TerminalNo: no},
		BusinessDate: *date, OpenCounter: int(*counter),
	}
	r, err := a.App.Sessions.Reconcile(c.Request.Context(), key)
	if err != nil {
		return nil, err
	}
	response := reconciliationResponse(key, r)
	response.Discrepancies, response.DiscrepancyCount, err = a.ofSession(c.Request.Context(), key)
	return response, err
}
