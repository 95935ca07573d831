package sqlitestore

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// bigLog makes a log of so many leaves without their events.
func bigLog(b *testing.B, leaves int) (*Store, *proof.Edge) {
	b.Helper()
	s, err := Open(b.Context(), b.TempDir(), clockwork.NewRealClock())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	_, err = s.Provision(b.Context(), "acme")
	require.NoError(b, err)
	db := s.tenants["acme"]
	do := func(statement string, args ...any) {
		_, err := db.writer.ExecContext(b.Context(), statement, args...)
		require.NoError(b, err)
	}
	do(`PRAGMA foreign_keys = OFF`)
	do(`PRAGMA synchronous = OFF`)
	edge := &proof.Edge{}
	var tiles []proof.Tile
	const atOnce = 64 // the driver looks through all parameters for each of them
	for at := 0; at < leaves; at += atOnce {
		n := min(atOnce, leaves-at)
		args := make([]any, 0, 3*n)
		for i := at; i < at+n; i++ {
			var link proof.Hash
			binary.BigEndian.PutUint64(link[:], uint64(i)) //nolint:gosec // not negative
			link = journal.HashOf(link[:])
			args = append(args, i, i+1, link[:])
			edge.Append(proof.LeafHash(link), func(t proof.Tile) { tiles = append(tiles, t) })
		}
		do(`WITH new(idx, id, hash) AS (VALUES `+strings.TrimSuffix(strings.Repeat("(?,?,?),", n), ",")+`)
			INSERT INTO merkle_leaves (idx, id, stream_id, chain_seq, hash) SELECT idx, id, 1 + idx % 20, 1 + idx / 20, hash FROM new`, args...)
		for _, t := range tiles {
			do(`INSERT INTO merkle_tiles (level, idx, root, hashes) VALUES (?, ?, ?, ?)`, t.Level, t.Index, t.Root[:], journal.PackHashes(t.Hashes))
		}
		tiles = tiles[:0]
	}
	return s, edge
}

// BenchmarkLog says what proofs cost in a long log, and how much room a leaf takes in its file. LEAVES says how
// long (default 20 000).
func BenchmarkLog(b *testing.B) {
	leaves, err := strconv.Atoi(os.Getenv("LEAVES"))
	if err != nil {
		leaves = 20_000
	}
	s, edge := bigLog(b, leaves)
	size, from := uint64(leaves), tree{b.Context(), s} //nolint:gosec // not negative
	half := size / 2
	halfEdge, err := proof.LoadEdge(half, from)
	require.NoError(b, err)
	for name, prove := range map[string]func(i uint64) error{
		"inclusion": func(i uint64) error {
			index := i * 7919 % size
			path, err := proof.NewProver(size, from).Inclusion(index, size)
			if err != nil || index > 0 || i > 0 {
				return err
			}
			row, err := from.Row(0, 0, 1)
			if err != nil {
				return err
			}
			return proof.CheckInclusion(row[0], 0, size, path, edge.Root())
		},
		"consistency": func(uint64) error {
			path, err := proof.NewProver(size, from).Consistency(half, size)
			if err != nil {
				return err
			}
			return proof.CheckConsistency(half, size, path, halfEdge.Root(), edge.Root())
		},
		"edge": func(uint64) error {
			found, err := proof.LoadEdge(size, from)
			if err == nil && found.Root() != edge.Root() {
				err = fmt.Errorf("another root")
			}
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			i := uint64(0)
			for b.Loop() {
				require.NoError(b, prove(i))
				i++
			}
		})
	}
	pages := func(of string) float64 {
		n, err := column[int64](b.Context(), s.tenants["acme"].reader, `SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name LIKE ?`, of)
		require.NoError(b, err)
		return float64(n[0]) / float64(leaves)
	}
	b.Run("room", func(b *testing.B) {
		b.ReportMetric(pages("merkle_leaves"), "B/leaf")
		b.ReportMetric(pages("sqlite_autoindex_merkle_leaves%"), "B/leaf-of-index")
		b.ReportMetric(pages("merkle_tiles")+pages("sqlite_autoindex_merkle_tiles%"), "B/leaf-of-tiles")
	})
}
