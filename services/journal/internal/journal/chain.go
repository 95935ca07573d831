package journal

import (
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/proof"
)

// What is hashed and how, is everybody's to check: pkg/proof says it.
type (
	// Hash is a SHA-256.
	Hash = proof.Hash
	// Link is one link of a stream's chain.
	Link = proof.Link
)

// ChainVersion of the links that this code makes.
const ChainVersion = proof.ChainVersion

// HashOf hashes a text that is canonical already.
func HashOf(form []byte) Hash { return proof.HashOf(form) }

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
