package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/identity"
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
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return fmt.Errorf("%q is not a SHA-256 in hex", text)
	}
	copy(h[:], b)
	return nil
}

// HashOf hashes a text that is canonical already; it equals canonical.Hash of whatever the text was
// made from.
func HashOf(form []byte) Hash {
	h := sha256.New()
	fmt.Fprintf(h, "tillroll-canonical-%d\n", canonical.Version)
	h.Write(form)
	return Hash(h.Sum(nil))
}

// ChainVersion of the links that this code makes. It is in every link, so that a later encoding can
// follow an older one in the same chain.
const ChainVersion = 1

// Link is one link of a stream's chain: what was stored, at which place, after what.
//
// Its hash is the SHA-256 of these lines, each ended by a line feed (0x0A), in UTF-8:
//
//	tillroll-chain
//	version        decimal
//	prev_hash      hex; 64 zeros for the first link
//	chain_seq      decimal, 1 for the first link
//	stream         stream id: terminal_id, or the tenant code
//	event_id
//	content_hash   hex
//	entry_hash     hex; 64 zeros for an event without an entry
//
// None of the values can hold a line feed, so no two links share an encoding.
type Link struct {
	Version     int
	Prev        Hash
	Seq         uint64
	Stream      string
	EventID     string
	ContentHash Hash
	EntryHash   Hash
}

// Hash of the link.
func (l *Link) Hash() Hash {
	h := sha256.New()
	fmt.Fprintf(h, "tillroll-chain\n%d\n%s\n%d\n%s\n%s\n%s\n%s\n",
		l.Version, l.Prev, l.Seq, l.Stream, l.EventID, l.ContentHash, l.EntryHash)
	return Hash(h.Sum(nil))
}

// Head is where a stream's chain ends: the last link's place and hash, or zero values before the
// first.
type Head struct {
	Stream identity.Stream
	Seq    uint64
	Hash   Hash
}

// Append makes the link that follows for record and moves the head onto it.
func (h *Head) Append(r *Record) (Link, Hash) {
	link := Link{
		Version: ChainVersion, Prev: h.Hash, Seq: h.Seq + 1, Stream: h.Stream.ID(),
		EventID: r.Envelope().EventID, ContentHash: r.ContentHash, EntryHash: r.EntryHash,
	}
	h.Seq, h.Hash = link.Seq, link.Hash()
	return link, h.Hash
}
