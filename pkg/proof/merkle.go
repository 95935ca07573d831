package proof

import (
	"crypto/sha256"
	"fmt"
	"math/bits"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Leaf is one place of a tenant's log: which link stands there.
type Leaf struct {
	Index   uint64
	Stream  string
	Seq     uint64 // of the link in the stream's chain
	EventID string
	Link    Hash
}

// Hash is what the tree is built from: RFC 6962, section 2.1, over the link's hash.
func (l *Leaf) Hash() Hash { return LeafHash(l.Link) }

// LeafHash is SHA-256(0x00 || link).
func LeafHash(link Hash) Hash {
	var b [1 + len(link)]byte
	copy(b[1:], link[:])
	return sha256.Sum256(b[:])
}

// nodeHash is SHA-256(0x01 || left || right).
func nodeHash(left, right Hash) Hash {
	var b [1 + 2*len(left)]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+len(left):], right[:])
	return sha256.Sum256(b[:])
}

// EmptyRoot is the root of a log without leaves.
func EmptyRoot() Hash { return sha256.Sum256(nil) }

// perfect is the root of a perfect subtree; the number of hashes is a power of two, at least 1.
func perfect(hashes []Hash) Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	var room [TileWidth / 2]Hash
	row := room[:len(hashes)/2]
	for i := range row {
		row[i] = nodeHash(hashes[2*i], hashes[2*i+1])
	}
	for len(row) > 1 {
		for i := range len(row) / 2 {
			row[i] = nodeHash(row[2*i], row[2*i+1])
		}
		row = row[:len(row)/2]
	}
	return row[0]
}

// Tiles are the stored form of the tree. A tile of level 0 holds the hashes of 256 leaves that stand
// side by side; its root is one of the 256 hashes of a tile of level 1, and so on. Only full tiles are
// stored, so that they never change; what stands behind the last of them is the tree's edge.
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight
)

// Tile is one full tile.
type Tile struct {
	Level  int
	Index  uint64
	Hashes []Hash // TileWidth of them
	Root   Hash
}

// Edge is the right edge of a tree: the hashes of each level that fill no tile yet. It is all that is
// needed to let the tree grow and to compute its root. The zero Edge is that of an empty tree.
type Edge struct {
	size    uint64
	pending [][]Hash // by level of tiles
}

// Size of the tree in leaves.
func (e *Edge) Size() uint64 { return e.size }

// Append adds a leaf by its hash, and calls full with every tile that this fills, lower ones first.
// Tile.Hashes is the callee's to keep. full may be nil.
func (e *Edge) Append(leaf Hash, full func(Tile)) {
	e.size++
	for level := 0; ; level++ {
		if level == len(e.pending) {
			e.pending = append(e.pending, make([]Hash, 0, TileWidth))
		}
		e.pending[level] = append(e.pending[level], leaf)
		if len(e.pending[level]) < TileWidth {
			return
		}
		tile := Tile{Level: level, Index: (e.size >> (TileHeight * (level + 1))) - 1, Root: perfect(e.pending[level])}
		if full == nil {
			e.pending[level] = e.pending[level][:0]
		} else {
			tile.Hashes = e.pending[level]
			e.pending[level] = make([]Hash, 0, TileWidth)
			full(tile)
		}
		leaf = tile.Root
	}
}

// Root of the tree as it is now.
func (e *Edge) Root() Hash {
	if e.size == 0 {
		return EmptyRoot()
	}
	var root Hash
	none := true
	for _, row := range e.pending {
		// From right to left the perfect subtrees of a row grow, and each stands left of what there is.
		for end := len(row); end > 0; {
			width := 1 << bits.TrailingZeros(uint(end))
			sub := perfect(row[end-width : end])
			if end -= width; none {
				root, none = sub, false
			} else {
				root = nodeHash(sub, root)
			}
		}
	}
	return root
}

// Nodes gives the hashes of a row of tiles: those from begin to end of level, where level 0 are the
// leaves' hashes and level n > 0 the roots of the tiles of level n-1.
type Nodes interface {
	Row(level int, begin, end uint64) ([]Hash, error)
}

// LoadEdge reads the edge of a tree of size leaves.
func LoadEdge(size uint64, from Nodes) (*Edge, error) {
	e := &Edge{size: size}
	for level := 0; ; level++ {
		count := size >> (TileHeight * level)
		if count == 0 {
			return e, nil
		}
		row, err := from.Row(level, count&^(TileWidth-1), count)
		if err != nil {
			return nil, err
		}
		if want := count & (TileWidth - 1); uint64(len(row)) != want {
			return nil, fmt.Errorf("the log's row %d has %d hashes behind its last tile and not %d", level, len(row), want)
		}
		e.pending = append(e.pending, append(make([]Hash, 0, TileWidth), row...))
	}
}

// Prover makes proofs from what is stored of a log. It remembers what it read, so it is for one
// request or one page.
type Prover struct {
	size  uint64 // leaves that are stored: proofs may be about any smaller tree
	from  Nodes
	rows  map[tileID][]Hash
	nodes map[compact.NodeID]Hash
}

type tileID struct {
	level int
	index uint64
}

// NewProver of a log that has size leaves.
func NewProver(size uint64, from Nodes) *Prover {
	return &Prover{size, from, map[tileID][]Hash{}, map[compact.NodeID]Hash{}}
}

// Inclusion proves that the leaf at index is in the tree of the first size leaves.
func (p *Prover) Inclusion(index, size uint64) ([]Hash, error) {
	needed, err := proof.Inclusion(index, size)
	if err != nil {
		return nil, err
	}
	return p.path(needed)
}

// Consistency proves that the tree of the first from leaves is the beginning of that of the first to.
func (p *Prover) Consistency(from, to uint64) ([]Hash, error) {
	needed, err := proof.Consistency(from, to)
	if err != nil {
		return nil, err
	}
	return p.path(needed)
}

func (p *Prover) path(needed proof.Nodes) ([]Hash, error) {
	hashes := make([][]byte, len(needed.IDs))
	for i, id := range needed.IDs {
		h, err := p.node(id)
		if err != nil {
			return nil, err
		}
		hashes[i] = h[:]
	}
	hashes, err := needed.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
	if err != nil {
		return nil, err
	}
	out := make([]Hash, len(hashes))
	for i, h := range hashes {
		out[i] = Hash(h)
	}
	return out, nil
}

// node is the root of the perfect subtree with that id.
func (p *Prover) node(id compact.NodeID) (Hash, error) {
	if h, ok := p.nodes[id]; ok {
		return h, nil
	}
	level, height := int(id.Level)/TileHeight, int(id.Level)%TileHeight
	begin := id.Index << height
	row, err := p.row(tileID{level, begin / TileWidth})
	if err != nil {
		return Hash{}, err
	}
	offset, width := begin%TileWidth, uint64(1)<<height
	if offset+width > uint64(len(row)) {
		return Hash{}, fmt.Errorf("the log has no node %d of level %d", id.Index, id.Level)
	}
	h := perfect(row[offset : offset+width])
	p.nodes[id] = h
	return h, nil
}

func (p *Prover) row(id tileID) ([]Hash, error) {
	if row, ok := p.rows[id]; ok {
		return row, nil
	}
	begin := id.index * TileWidth
	row, err := p.from.Row(id.level, begin, min(begin+TileWidth, p.size>>(TileHeight*id.level)))
	if err == nil {
		p.rows[id] = row
	}
	return row, err
}

// CheckInclusion says whether path proves that the leaf with that hash stands at index in the tree of
// size leaves that has that root.
func CheckInclusion(leaf Hash, index, size uint64, path []Hash, root Hash) error {
	return proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leaf[:], slicesOf(path), root[:])
}

// CheckConsistency says whether path proves that the first tree is the beginning of the second.
func CheckConsistency(from, to uint64, path []Hash, fromRoot, toRoot Hash) error {
	if from == 0 {
		if len(path) > 0 {
			return fmt.Errorf("a proof of %d hashes where none is needed", len(path))
		}
		return nil // every tree begins with the empty one
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, from, to, slicesOf(path), fromRoot[:], toRoot[:])
}

func slicesOf(hashes []Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}
