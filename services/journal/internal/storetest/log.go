package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

var logCases = map[string]func(t *testing.T, s app.Store){
	"a log begins empty": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		assert.Zero(t, logSize(t, s))
		unlogged, err := s.Unlogged(t.Context(), "acme", 10)
		require.NoError(t, err)
		assert.Empty(t, unlogged)
		_, err = s.LeafOf(t.Context(), "acme", "x")
		require.ErrorIs(t, err, app.ErrNotFound)
		list, err := s.Checkpoints(t.Context(), "acme", app.CheckpointQuery{Limit: 5})
		require.NoError(t, err)
		assert.Empty(t, list)
		row, err := s.Row(t.Context(), "acme", 0, 0, 0)
		require.NoError(t, err)
		assert.Empty(t, row)
		require.NoError(t, s.Extend(t.Context(), "acme", 0, nil, nil))
	},
	"what is committed waits for the log, each chain in its order": func(t *testing.T, s app.Store) {
		provision(t, s, "acme", "bolt")
		a, b := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2)
		for range 3 {
			commit(t, s, "acme", a.Sale("1"), b.Sale("2"), a.Cash("3"), tilltest.NewTenant("acme").StoreSnapshot("s1", "UTC", 1))
		}
		commit(t, s, "bolt", tilltest.New("bolt", "s1", 1).Sale("1"))
		want := links(t, s)
		got := map[string][]proof.Hash{}
		for size := uint64(0); ; {
			leaves, err := s.Unlogged(t.Context(), "acme", 5)
			require.NoError(t, err)
			if len(leaves) == 0 {
				break
			}
			assert.LessOrEqual(t, len(leaves), 5)
			for _, l := range leaves {
				got[l.Stream] = append(got[l.Stream], l.Link)
				assert.Equal(t, uint64(len(got[l.Stream])), l.Seq)
			}
			require.NoError(t, s.Extend(t.Context(), "acme", size, leaves, nil))
			size += uint64(len(leaves))
			assert.Equal(t, size, logSize(t, s))
		}
		assert.Equal(t, want, got)
		commit(t, s, "acme", a.Sale("4"))
		assert.Len(t, extend(t, s), 1, "what comes later is added later")
	},
	"of two who extend at the same place one is refused": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		commit(t, s, "acme", till.Sale("1"), till.Sale("2"))
		leaves, err := s.Unlogged(t.Context(), "acme", 10)
		require.NoError(t, err)
		require.ErrorIs(t, s.Extend(t.Context(), "acme", 1, leaves, nil), app.ErrMoved)
		assert.Zero(t, logSize(t, s))
		require.NoError(t, s.Extend(t.Context(), "acme", 0, leaves, nil))
		require.ErrorIs(t, s.Extend(t.Context(), "acme", 0, leaves, nil), app.ErrMoved)
		assert.Equal(t, uint64(2), logSize(t, s))
		assert.Empty(t, extend(t, s))
	},
	"many who extend at once make one log": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		for range 20 {
			commit(t, s, "acme", till.Sale("1"), till.Sale("2"))
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for {
					size, err := s.LogSize(t.Context(), "acme")
					if !assert.NoError(t, err) {
						return
					}
					leaves, err := s.Unlogged(t.Context(), "acme", 3)
					if !assert.NoError(t, err) || len(leaves) == 0 {
						return
					}
					if err := s.Extend(t.Context(), "acme", size, leaves, nil); err != nil {
						// Who read its leaves before another added them is refused, or finds them taken.
						assert.ErrorIs(t, err, app.ErrMoved)
					}
				}
			})
		}
		all.Wait()
		assert.Equal(t, uint64(40), logSize(t, s))
		next := uint64(0)
		require.NoError(t, s.EachLeaf(t.Context(), "acme", 0, 40, func(l proof.Leaf, link proof.Hash) error {
			assert.Equal(t, next, l.Index)
			assert.Equal(t, next+1, l.Seq)
			assert.Equal(t, l.Link, link)
			next++
			return nil
		}))
		assert.Equal(t, uint64(40), next)
	},
	"the tree is read back from tiles and leaves": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		var edge proof.Edge
		var want []proof.Hash
		for range 3 {
			for range 100 {
				commit(t, s, "acme", till.Sale("1"), till.Sale("2"), till.Sale("3"))
			}
			for _, l := range extend(t, s) {
				edge.Append(l.Hash(), nil)
				want = append(want, l.Hash())
			}
			again, err := proof.LoadEdge(uint64(len(want)), rows{t, s})
			require.NoError(t, err)
			assert.Equal(t, edge.Root(), again.Root())
		}
		require.Len(t, want, 900)
		for _, r := range [][2]uint64{{0, 1}, {0, 256}, {256, 512}, {768, 900}, {300, 310}} {
			row, err := s.Row(t.Context(), "acme", 0, r[0], r[1])
			require.NoError(t, err)
			assert.Equal(t, want[r[0]:r[1]], row)
		}
		prover := proof.NewProver(900, rows{t, s})
		for _, i := range []uint64{0, 255, 256, 800, 899} {
			path, err := prover.Inclusion(i, 900)
			require.NoError(t, err)
			assert.NoError(t, proof.CheckInclusion(want[i], i, 900, path, edge.Root()))
		}
	},
	"an event is found in the log, with all that is stored of it": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		sale, detail := till.Sale("1"), till.Business("c", event.OrderSubtotalled{})
		commit(t, s, "acme", till.Open(), sale, detail)
		_, err := s.LeafOf(t.Context(), "acme", sale.EventID)
		require.ErrorIs(t, err, app.ErrNotFound, "it is not in the log yet")
		leaves := extend(t, s)
		for _, want := range leaves {
			got, err := s.LeafOf(t.Context(), "acme", want.EventID)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
		var found []*journal.Stored
		require.NoError(t, s.Logged(t.Context(), "acme", 1, 3, func(i uint64, st *journal.Stored) error {
			assert.Equal(t, uint64(len(found)+1), i)
			found = append(found, st)
			return nil
		}))
		require.Len(t, found, 2)
		assert.Equal(t, sale.EventID, found[0].EventID)
		assert.Equal(t, leaves[1].Link, found[0].Hash)
		assert.Equal(t, leaves[1].Link, found[0].Link.Hash())
		assert.NotNil(t, found[0].Entry)
		assert.Equal(t, journal.HashOf(found[0].Content), found[0].ContentHash)
		enough := fmt.Errorf("enough")
		require.ErrorIs(t, s.Logged(t.Context(), "acme", 0, 3, func(uint64, *journal.Stored) error { return enough }), enough)
		require.ErrorIs(t, s.EachLeaf(t.Context(), "acme", 0, 3, func(proof.Leaf, proof.Hash) error { return enough }), enough)
	},
	"the first checkpoint of a size stays": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		var want []proof.Checkpoint
		for i := range 5 {
			c := proof.Checkpoint{Tenant: "acme", Size: uint64(i * 10), Root: proof.Hash{byte(i)}, Time: at.Add(time.Duration(i) * time.Second), Note: fmt.Sprint("note ", i)}
			require.NoError(t, s.PutCheckpoint(t.Context(), c))
			want = append(want, c)
			c.Note, c.Root = "another", proof.Hash{99}
			require.NoError(t, s.PutCheckpoint(t.Context(), c))
		}
		for _, c := range []struct {
			query app.CheckpointQuery
			want  []proof.Checkpoint
		}{
			{app.CheckpointQuery{Limit: 9}, want},
			{app.CheckpointQuery{Limit: 2}, want[:2]},
			{app.CheckpointQuery{Limit: 1, LargestFirst: true}, want[4:]},
			{app.CheckpointQuery{Limit: 9, From: 10, To: 30}, want[1:4]},
			{app.CheckpointQuery{Limit: 1, To: 25, LargestFirst: true}, want[2:3]},
		} {
			got, err := s.Checkpoints(t.Context(), "acme", c.query)
			require.NoError(t, err)
			assert.Equal(t, c.want, got, "%+v", c.query)
		}
	},
	"the right to extend the log is one holder's, until it ends": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		for range 2 {
			held, err := s.Lease(t.Context(), "acme", "a", time.Hour)
			require.NoError(t, err)
			assert.True(t, held)
		}
		till := tilltest.New("acme", "s1", 1)
		commit(t, s, "acme", till.Sale("1"))
		assert.Len(t, extend(t, s), 1, "a lease is no lock")
		held, err := s.Lease(t.Context(), "acme", "a", time.Hour)
		require.NoError(t, err)
		assert.True(t, held)
		assert.Equal(t, uint64(1), logSize(t, s), "a lease leaves the log as it is")
	},
}

// rows reads a tenant's tree.
type rows struct {
	t *testing.T
	s app.Store
}

func (r rows) Row(level int, begin, end uint64) ([]proof.Hash, error) {
	return r.s.Row(r.t.Context(), "acme", level, begin, end)
}

func logSize(t *testing.T, s app.Store) uint64 {
	t.Helper()
	n, err := s.LogSize(t.Context(), "acme")
	require.NoError(t, err)
	return n
}

// extend adds everything that waits to the log as the service does, and gives it.
func extend(t *testing.T, s app.Store) []proof.Leaf {
	t.Helper()
	size := logSize(t, s)
	edge, err := proof.LoadEdge(size, rows{t, s})
	require.NoError(t, err)
	leaves, err := s.Unlogged(t.Context(), "acme", 10_000)
	require.NoError(t, err)
	var tiles []proof.Tile
	for i := range leaves {
		leaves[i].Index = size + uint64(i)
		edge.Append(leaves[i].Hash(), func(tile proof.Tile) { tiles = append(tiles, tile) })
	}
	require.NoError(t, s.Extend(t.Context(), "acme", size, leaves, tiles))
	return leaves
}

// links are the hashes of every chain of a tenant.
func links(t *testing.T, s app.Store) map[string][]proof.Hash {
	t.Helper()
	out := map[string][]proof.Hash{}
	require.NoError(t, s.Walk(t.Context(), "acme", app.Walker{
		Stream: func(journal.StreamState) error { return nil },
		Link:   func(l *journal.Stored) error { out[l.Stream] = append(out[l.Stream], l.Hash); return nil },
		Stray:  func(string, string) error { return nil },
	}))
	return out
}
