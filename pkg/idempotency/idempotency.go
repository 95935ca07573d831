// Package idempotency makes a command's answer repeatable: the same Idempotency-Key gives the answer
// of the first time, whatever happened to the reply, and a key used for another request is refused.
//
// The answer is stored in the command's own state transaction, so it exists exactly when the command
// took place. (The header follows the IETF draft draft-ietf-httpapi-idempotency-key-header.)
package idempotency

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
)

// Header that carries the key.
const Header = "Idempotency-Key"

// MaxKeyLength of a key, in bytes; keys are printable ASCII.
const MaxKeyLength = 200

// Keep is how long an answer can be repeated: longer than the longest time a terminal is offline.
const Keep = 14 * 24 * time.Hour

// Request is one keyed request.
type Request struct {
	Key         string
	Fingerprint string // of what was asked: operation and body
}

// NewRequest checks the key; operation and body are what the key must not be reused for anything
// else than. It fails with problem.BadRequest.
func NewRequest(key, operation string, body []byte) (Request, error) {
	if key == "" {
		return Request{}, problem.BadRequest.New("the %s header is missing", Header).
			WithHint("Send a fresh random key with every new request, and the same key when you repeat it.")
	}
	if len(key) > MaxKeyLength {
		return Request{}, problem.BadRequest.New("the %s header is longer than %d bytes", Header, MaxKeyLength)
	}
	for _, c := range []byte(key) {
		if c < 0x21 || c > 0x7e {
			return Request{}, problem.BadRequest.New("the %s header has other than printable ASCII characters", Header)
		}
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", operation)
	h.Write(body)
	return Request{Key: key, Fingerprint: hex.EncodeToString(h.Sum(nil))}, nil
}

// record is the stored answer.
type record struct {
	SchemaVersion int             `json:"schema_version"`
	Fingerprint   string          `json:"fingerprint"`
	Answer        json.RawMessage `json:"answer"`
}

// StateKey under which the answer of a stream's request lies.
func (r Request) StateKey(stream string) string {
	sum := sha256.Sum256([]byte(r.Key))
	return "idempotency/" + stream + "/" + hex.EncodeToString(sum[:16])
}

// Repeat looks into what was read under StateKey. It decodes the stored answer into v and returns
// true when the request was carried out before. It fails with problem.IdempotencyReuse when the key
// belongs to another request.
func (r Request) Repeat(stored state.Item, v any) (bool, error) {
	if !stored.Exists() {
		return false, nil
	}
	var rec record
	if err := stored.Decode(&rec); err != nil {
		return false, err
	}
	if rec.Fingerprint != r.Fingerprint {
		return false, problem.IdempotencyReuse.New("the key was used for another operation or another body")
	}
	return true, json.Unmarshal(rec.Answer, v)
}

// Remember makes the op that stores the answer; it goes into the command's transaction.
func (r Request) Remember(stored state.Item, answer any) (state.Op, error) {
	raw, err := json.Marshal(answer)
	if err != nil {
		return state.Op{}, err
	}
	op, err := state.Put(stored, record{SchemaVersion: 1, Fingerprint: r.Fingerprint, Answer: raw})
	op.Expire = Keep
	return op, err
}
