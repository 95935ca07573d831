package httpapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// CheckpointResponse is one signed checkpoint. Note is what is to be kept: the rest can be read in it.
type CheckpointResponse struct {
	TenantID string       `json:"tenantId"`
	Size     uint64       `json:"size"` // events that the log had
	RootHash journal.Hash `json:"rootHash"`
	SignedAt time.Time    `json:"signedAt"`
	Short    string       `json:"short"` // as receipts show it
	Note     string       `json:"note"`
}

func checkpointResponse(c *proof.Checkpoint) CheckpointResponse {
	return CheckpointResponse{c.Tenant, c.Size, c.Root, c.Time, c.Short(), c.Note}
}

func (a *API) latestCheckpoint(c *gin.Context) (any, error) {
	found, err := a.App.Proof.Checkpoint(c.Request.Context(), c.Param("tenant"))
	if err != nil {
		return nil, err
	}
	return checkpointResponse(&found), nil
}

// mostCheckpoints of one answer.
const mostCheckpoints = 1000

// CheckpointsResponse is a part of the checkpoints, the largest first.
type CheckpointsResponse struct {
	Items []CheckpointResponse `json:"items"`
	// NextTo asks for the next part as the parameter to; it is missing when this is the last one.
	NextTo *uint64 `json:"nextTo,omitempty"`
}

func (a *API) listCheckpoints(c *gin.Context) (any, error) {
	p := newParams(c)
	q := app.CheckpointQuery{
		From: p.size("from", 0), To: p.size("to", 0), LargestFirst: true, Limit: p.bounded("limit", 100, 1, mostCheckpoints),
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	limit := q.Limit
	q.Limit++
	list, err := a.App.Proof.Checkpoints(c.Request.Context(), c.Param("tenant"), q)
	if err != nil {
		return nil, err
	}
	response := CheckpointsResponse{Items: []CheckpointResponse{}}
	for i := range list[:min(limit, len(list))] {
		response.Items = append(response.Items, checkpointResponse(&list[i]))
	}
	if len(list) > limit {
		response.NextTo = &list[limit].Size
	}
	return response, nil
}

// size is a number of events, or an index of one.
func (p *params) size(name string, fallback uint64) uint64 {
	n := p.number(name, 1234)
	switch {
	case n == nil:
		return fallback
	case *n < 0:
		p.fail(name, "range", "must not be negative")
		return fallback
	}
	return uint64(*n)
}

// CheckpointKeyResponse is what the signatures of checkpoints are checked with.
type CheckpointKeyResponse struct {
	PublicKey string `json:"publicKey"` // as golang.org/x/mod/sumdb/note writes it; after a rotation those of earlier times below it, one a line
}

func (a *API) checkpointKey(*gin.Context) (any, error) {
	return CheckpointKeyResponse{a.App.Proof.PublicKey()}, nil
}

// ProofResponse proves that an event is in the journal. Line is one line of an export: everything that
// is stored of the event, its link, and the path from it to the root in the checkpoint.
type ProofResponse struct {
	EventID    string             `json:"eventId"`
	Line       json.RawMessage    `json:"line"`
	Checkpoint CheckpointResponse `json:"checkpoint"`
	PublicKey  string             `json:"publicKey"`
}

func (a *API) proveEntry(c *gin.Context) (any, error) {
	found, err := a.App.Proof.Event(c.Request.Context(), c.Param("tenant"), c.Param("journal"))
	if err != nil {
		return nil, err
	}
	return ProofResponse{
		found.Line.EventID, proof.AppendLine(nil, &found.Line), checkpointResponse(&found.Checkpoint), a.App.Proof.PublicKey(),
	}, nil
}

// ConsistencyResponse proves that the log, as one checkpoint has it, is the beginning of what it is by
// another. From is null when none was signed of that size: who kept one knows its root.
type ConsistencyResponse struct {
	FromSize uint64              `json:"fromSize"`
	From     *CheckpointResponse `json:"from"`
	To       CheckpointResponse  `json:"to"`
	Proof    []journal.Hash      `json:"proof"`
}

func (a *API) proveConsistency(c *gin.Context) (any, error) {
	p := newParams(c)
	from, to := p.size("from", 0), p.size("to", 0)
	if err := p.err(); err != nil {
		return nil, err
	}
	found, err := a.App.Proof.Consistency(c.Request.Context(), c.Param("tenant"), from, to)
	if err != nil {
		return nil, err
	}
	response := ConsistencyResponse{FromSize: from, To: checkpointResponse(&found.To), Proof: found.Path}
	if found.From != nil {
		signed := checkpointResponse(found.From)
		response.From = &signed
	}
	if response.Proof == nil {
		response.Proof = []journal.Hash{}
	}
	return response, nil
}

// Bounds of one page of an export.
const (
	exportPage = 500
	exportMost = 1000
)

// export gives lines, not one JSON value.
func (a *API) export(c *gin.Context) (any, error) {
	p := newParams(c)
	size, from, limit := p.size("size", 0), p.size("from", 0), p.bounded("limit", exportPage, 1, exportMost)
	if size == 0 && len(p.broken) == 0 {
		p.fail("size", "required", "must be the size of a checkpoint: take the newest from checkpoints/latest")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	page, err := a.App.Proof.Export(c.Request.Context(), c.Param("tenant"), size, from, limit)
	if err != nil {
		return nil, err
	}
	c.Data(http.StatusOK, "application/jsonl; charset=utf-8", page)
	return nil, nil
}

// LogResponse says whether a tenant's Merkle log holds.
type LogResponse struct {
	Size        uint64         `json:"size"`
	RootHash    journal.Hash   `json:"rootHash"`
	Waiting     uint64         `json:"waiting"`     // events that are stored and not in the log yet: no checkpoint speaks of them
	Checkpoints int            `json:"checkpoints"` // that were compared
	NewestAt    *time.Time     `json:"newestCheckpointAt"`
	FirstBad    *FaultResponse `json:"firstBad"`
}

// FaultResponse is the first thing wrong in a log. When it cannot be said exactly, the first bad event
// is one of those from Index to LastIndex.
type FaultResponse struct {
	Index     uint64 `json:"index"`
	LastIndex uint64 `json:"lastIndex"`
	StreamID  string `json:"streamId,omitempty"`
	ChainSeq  uint64 `json:"chainSeq,omitempty"`
	Problem   string `json:"problem"`
}

func logResponse(r *app.LogReport) LogResponse {
	out := LogResponse{Size: r.Size, RootHash: r.Root, Waiting: r.Waiting, Checkpoints: r.Checkpoints}
	if r.Checkpoints > 0 {
		out.NewestAt = &r.Newest
	}
	if f := r.Bad; f != nil {
		out.FirstBad = &FaultResponse{f.Index, f.Last, f.Stream, f.Seq, f.Problem}
	}
	return out
}
