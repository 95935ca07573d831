package proof_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/proof"
)

// memory keeps a log as a store does: leaves, and full tiles.
type memory struct {
	leaves []proof.Hash
	tiles  map[int][]proof.Tile
	edge   proof.Edge
}

func grow(n int) *memory {
	m := &memory{tiles: map[int][]proof.Tile{}}
	for i := range n {
		var link proof.Hash
		binary.BigEndian.PutUint64(link[:], uint64(i))
		m.append(proof.LeafHash(link))
	}
	return m
}

func (m *memory) append(leaf proof.Hash) {
	m.leaves = append(m.leaves, leaf)
	m.edge.Append(leaf, func(t proof.Tile) { m.tiles[t.Level] = append(m.tiles[t.Level], t) })
}

func (m *memory) Row(level int, begin, end uint64) ([]proof.Hash, error) {
	if level == 0 {
		return m.leaves[begin:end], nil
	}
	var out []proof.Hash
	for _, t := range m.tiles[level-1][begin:end] {
		out = append(out, t.Root)
	}
	return out, nil
}

func (m *memory) root(size uint64) proof.Hash {
	e := proof.Edge{}
	for _, l := range m.leaves[:size] {
		e.Append(l, nil)
	}
	return e.Root()
}

func TestTheTreeIsThatOfRFC6962(t *testing.T) {
	assert.Equal(t, rfc6962.DefaultHasher.EmptyRoot(), slice(proof.EmptyRoot()))
	assert.Equal(t, slice(proof.EmptyRoot()), slice((&proof.Edge{}).Root()))
	m := &memory{tiles: map[int][]proof.Tile{}}
	want := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for i := range 70_000 {
		var link proof.Hash
		binary.BigEndian.PutUint64(link[:], uint64(i))
		leaf := rfc6962.DefaultHasher.HashLeaf(link[:])
		require.NoError(t, want.Append(leaf, nil))
		m.append(proof.LeafHash(link))
		if i < 1000 || i%977 == 0 || i > 65_530 && i < 65_540 {
			root, err := want.GetRootHash(nil)
			require.NoError(t, err)
			require.Equal(t, root, slice(m.edge.Root()), "%d leaves", i+1)
			again, err := proof.LoadEdge(uint64(i+1), m)
			require.NoError(t, err)
			require.Equal(t, m.edge.Root(), again.Root(), "the edge is read again")
		}
	}
	require.Len(t, m.tiles[1], 1)
	for level, tiles := range m.tiles {
		for i, tile := range tiles {
			assert.Equal(t, level, tile.Level)
			assert.Equal(t, uint64(i), tile.Index)
			assert.Len(t, tile.Hashes, proof.TileWidth)
		}
	}
}

func slice(h proof.Hash) []byte { return h[:] }

func TestEveryLeafIsProvenInEveryTree(t *testing.T) {
	m := grow(66_000)
	rapid.Check(t, func(t *rapid.T) {
		// What is stored may be more than the tree that the proof is about.
		size := rapid.OneOf(rapid.Uint64Range(1, 600), rapid.Uint64Range(1, 66_000)).Draw(t, "size")
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		root := m.root(size)
		path, err := proof.NewProver(66_000, m).Inclusion(index, size)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.CheckInclusion(m.leaves[index], index, size, path, root); err != nil {
			t.Fatal(err)
		}
		other := m.leaves[index]
		other[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		if proof.CheckInclusion(other, index, size, path, root) == nil {
			t.Fatal("another leaf is proven")
		}
		if size > 1 && proof.CheckInclusion(m.leaves[index], (index+1)%size, size, path, root) == nil {
			t.Fatal("another place is proven")
		}
	})
}

func TestEveryTreeIsTheBeginningOfEveryLargerOne(t *testing.T) {
	m := grow(3_000)
	prover := proof.NewProver(3_000, m)
	rapid.Check(t, func(t *rapid.T) {
		to := rapid.Uint64Range(0, 3_000).Draw(t, "to")
		from := rapid.Uint64Range(0, to).Draw(t, "from")
		path, err := prover.Consistency(from, to)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.CheckConsistency(from, to, path, m.root(from), m.root(to)); err != nil {
			t.Fatal(err)
		}
		if other := m.root((from + 1) % 3_000); from > 0 && proof.CheckConsistency(from, to, path, other, m.root(to)) == nil {
			t.Fatal("another beginning is proven")
		}
	})
	_, err := prover.Consistency(5, 4)
	require.Error(t, err)
	_, err = prover.Inclusion(5, 5)
	require.Error(t, err)
	require.Error(t, proof.CheckConsistency(0, 4, []proof.Hash{{}}, proof.EmptyRoot(), m.root(4)))
}

func TestATreeThatLacksSomethingGivesNoProof(t *testing.T) {
	m := grow(700)
	m.leaves = m.leaves[:600]
	_, err := proof.LoadEdge(700, short{m})
	require.Error(t, err)
	_, err = proof.NewProver(700, short{m}).Inclusion(650, 700)
	require.Error(t, err)
}

// short gives what there is, however much was asked for.
type short struct{ *memory }

func (s short) Row(level int, begin, end uint64) ([]proof.Hash, error) {
	if level == 0 {
		end = min(end, uint64(len(s.leaves)))
	}
	return s.memory.Row(level, begin, end)
}
