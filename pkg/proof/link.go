package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

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
	var room [512]byte
	b := append(room[:0], "tillroll-chain\n"...)
	b = append(strconv.AppendInt(b, int64(l.Version), 10), '\n')
	b = append(hex.AppendEncode(b, l.Prev[:]), '\n')
	b = append(strconv.AppendUint(b, l.Seq, 10), '\n')
	b = append(append(b, l.Stream...), '\n')
	b = append(append(b, l.EventID...), '\n')
	b = append(hex.AppendEncode(b, l.ContentHash[:]), '\n')
	b = append(hex.AppendEncode(b, l.EntryHash[:]), '\n')
	return sha256.Sum256(b)
}
