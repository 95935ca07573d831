package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/tillroll/tillroll/pkg/proof"
)

// Checkpoint is what the journal signed; Note is the signed text, and the only thing to be trusted.
type Checkpoint struct {
	Size  uint64 `json:"size"`
	Short string `json:"short"`
	Note  string `json:"note"`
}

// Checkpoint has the journal sign everything that it has now.
func (j Journals) Checkpoint(ctx context.Context, tenant string) (Answer[Checkpoint], error) {
	var c Answer[Checkpoint]
	return c, j.get(ctx, path("tenants", tenant, "checkpoints", "latest"), nil, &c)
}

// PublicKey is what the journal says that its signatures are to be checked with.
func (j Journals) PublicKey(ctx context.Context) (string, error) {
	var key struct {
		PublicKey string `json:"publicKey"`
	}
	return key.PublicKey, j.get(ctx, path("checkpoint-key"), nil, &key)
}

// Consistency proves that what one checkpoint has is the beginning of what another has.
type Consistency struct {
	From *struct {
		RootHash proof.Hash `json:"rootHash"`
	} `json:"from"`
	To    Checkpoint   `json:"to"`
	Proof []proof.Hash `json:"proof"`
}

// Consistency from the log of that size to the newest checkpoint.
func (j Journals) Consistency(ctx context.Context, tenant string, from uint64) (Consistency, error) {
	var c Consistency
	query := url.Values{"from": {strconv.FormatUint(from, 10)}}
	return c, j.get(ctx, path("tenants", tenant, "consistency"), query, &c)
}

// Proof of one event.
type Proof struct {
	EventID    string          `json:"eventId"`
	Line       json.RawMessage `json:"line"`
	Checkpoint Checkpoint      `json:"checkpoint"`
	PublicKey  string          `json:"publicKey"`
}

// Proof that an event is in the journal.
func (j Journals) Proof(ctx context.Context, tenant, id string) (Answer[Proof], error) {
	var p Answer[Proof]
	return p, j.get(ctx, path("tenants", tenant, "journals", id, "proof"), nil, &p)
}

// exportPage is how many events are asked for at a time.
const exportPage = 1000

// Export gives lines of an export of the first size events, from the one at index from.
func (j Journals) Export(ctx context.Context, tenant string, size, from uint64) ([]byte, error) {
	var lines []byte
	query := url.Values{"size": {strconv.FormatUint(size, 10)}, "from": {strconv.FormatUint(from, 10)}, "limit": {strconv.Itoa(exportPage)}}
	return lines, j.get(ctx, path("tenants", tenant, "export"), query, &lines)
}
