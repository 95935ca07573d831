package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/tillroll/tillroll/pkg/canonical"
)

// Hash is a SHA-256. The zero Hash stands before the first link of every chain, and in place of the
// entry hash of an event without an entry.
type Hash [sha256.Size]byte

// String is lower-case hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes lower-case hex.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads hex.
func (h *Hash) UnmarshalText(text []byte) error {
	var read Hash
	if len(text) != hex.EncodedLen(len(read)) {
		return fmt.Errorf("%.80q is not a SHA-256 in hex", text)
	}
	if _, err := hex.Decode(read[:], text); err != nil {
		return fmt.Errorf("%.80q is not a SHA-256 in hex", text)
	}
	*h = read
	return nil
}

// formPrefix is the line before every canonical text that is hashed.
var formPrefix = []byte("tillroll-canonical-" + strconv.Itoa(canonical.Version) + "\n")

// HashOf hashes a text that is canonical already; it equals canonical.Hash of whatever the text was
// made from.
func HashOf(form []byte) Hash {
	h := sha256.New()
	h.Write(formPrefix)
	h.Write(form)
	var sum Hash
	h.Sum(sum[:0])
	return sum
}
