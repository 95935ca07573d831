// Package pin hashes the PINs of staff with Argon2id (RFC 9106). A PIN has few digits, so the hash
// only slows down whoever holds a copy of the state; the limit of tries at the till is the domain's.
package pin

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of one hash. Each hash keeps its own, so that a change holds for new ones only.
type Cost struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// DefaultCost is the least that OWASP's password storage sheet recommends: about 30 ms and 19 MiB,
// which a store's machine can spare at a sign-in.
var DefaultCost = Cost{MemoryKiB: 19 * 1024, Passes: 2, Lanes: 1}

const (
	saltBytes = 16
	hashBytes = 32
	// maxCost keeps a hash from elsewhere from asking for all memory.
	maxMemoryKiB, maxPasses = 1 << 20, 64
	// atOnce bounds the memory of sign-ins at the same time; the rest wait their turn.
	atOnce = 4
)

// ErrFormat says that a stored hash is none of ours.
var ErrFormat = errors.New("pin: not an argon2id hash")

// Hasher hashes and compares PINs. It is safe for concurrent use.
type Hasher struct {
	cost   Cost
	random io.Reader
	turns  chan struct{}
}

// New makes a hasher that takes salt from random.
func New(cost Cost, random io.Reader) *Hasher {
	return &Hasher{cost: cost, random: random, turns: make(chan struct{}, atOnce)}
}

// Hash of a PIN in the PHC string format: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (h *Hasher) Hash(pin string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(h.random, salt); err != nil {
		return "", fmt.Errorf("pin: no randomness: %w", err)
	}
	sum := h.derive(pin, salt, h.cost, hashBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.MemoryKiB, h.cost.Passes, h.cost.Lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// Match tells whether pin has this hash. It fails with ErrFormat.
func (h *Hasher) Match(pin, hash string) (bool, error) {
	cost, salt, want, err := parse(hash)
	if err != nil {
		return false, err
	}
	got := h.derive(pin, salt, cost, uint32(len(want))) //nolint:gosec // checked by parse
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (h *Hasher) derive(pin string, salt []byte, cost Cost, length uint32) []byte {
	h.turns <- struct{}{}
	defer func() { <-h.turns }()
	return argon2.IDKey([]byte(pin), salt, cost.Passes, cost.MemoryKiB, cost.Lanes, length)
}

func parse(hash string) (cost Cost, salt, sum []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return cost, nil, nil, ErrFormat
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &cost.MemoryKiB, &cost.Passes, &cost.Lanes); err != nil {
		return cost, nil, nil, ErrFormat
	}
	if cost.MemoryKiB > maxMemoryKiB || cost.Passes > maxPasses || cost.Passes == 0 || cost.Lanes == 0 {
		return cost, nil, nil, ErrFormat
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	sum, sumErr := base64.RawStdEncoding.DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || len(sum) != hashBytes {
		return cost, nil, nil, ErrFormat
	}
	return cost, salt, sum, nil
}
