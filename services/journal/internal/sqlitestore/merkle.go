package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// merkleTables hold the tenant's Merkle log. The order of its leaves is that of the commits.
const merkleTables = `
CREATE TABLE IF NOT EXISTS merkle_leaves (
	idx       INTEGER PRIMARY KEY,
	id        INTEGER NOT NULL UNIQUE REFERENCES event_ids,
	stream_id INTEGER NOT NULL REFERENCES chain_heads,
	chain_seq INTEGER NOT NULL,
	hash      BLOB NOT NULL CHECK (length(hash) = 32)
);
CREATE TABLE IF NOT EXISTS merkle_tiles ( -- full ones only; the root stands before what is large
	no     INTEGER PRIMARY KEY,
	level  INTEGER NOT NULL,
	idx    INTEGER NOT NULL,
	root   BLOB NOT NULL CHECK (length(root) = 32),
	hashes BLOB NOT NULL CHECK (length(hashes) = 8192),
	UNIQUE (level, idx)
);
CREATE TABLE IF NOT EXISTS checkpoints (
	size      INTEGER PRIMARY KEY,
	root      BLOB NOT NULL CHECK (length(root) = 32),
	signed_at INTEGER NOT NULL,
	note      TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS merkle_leaves_gapless BEFORE INSERT ON merkle_leaves
	WHEN NEW.idx <> (SELECT coalesce(max(idx) + 1, 0) FROM merkle_leaves)
	BEGIN SELECT RAISE(ABORT, 'merkle_leaves is append-only: no replace, no gap'); END;
`

// merkleKeys are the tables of the log, which are only ever added to, with what tells whether a new
// row would take the place of another.
var merkleKeys = map[string]string{
	"merkle_leaves": "idx = NEW.idx OR id = NEW.id",
	"merkle_tiles":  "no = NEW.no OR level = NEW.level AND idx = NEW.idx",
	"checkpoints":   "size = NEW.size",
}

// Lease implements app.Log: no other process has the file open.
func (s *Store) Lease(ctx context.Context, tenant, _ string, _ time.Duration) (bool, error) {
	_, err := s.tenant(ctx, tenant)
	return err == nil, err
}

// LogSize implements app.Log.
func (s *Store) LogSize(ctx context.Context, tenant string) (uint64, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return 0, err
	}
	return logSize(ctx, db.reader)
}

func logSize(ctx context.Context, q querier) (uint64, error) {
	sizes, err := column[uint64](ctx, q, `SELECT coalesce(max(idx) + 1, 0) FROM merkle_leaves`)
	if err != nil {
		return 0, err
	}
	return sizes[0], nil
}

// Unlogged implements app.Log.
func (s *Store) Unlogged(ctx context.Context, tenant string, limit int) ([]proof.Leaf, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var leaves []proof.Leaf
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var l proof.Leaf
		var hash []byte
		err := rows.Scan(&l.EventID, &l.Stream, &l.Seq, &hash)
		copy(l.Link[:], hash)
		leaves = append(leaves, l)
		return err
	}, unlogged, limit)
	return leaves, err
}

const unlogged = `SELECT e.event_id, h.stream, e.chain_seq, e.hash FROM event_ids e CROSS JOIN chain_heads h ON h.stream_id = e.stream_id
	WHERE e.id > (SELECT coalesce(max(id), 0) FROM merkle_leaves) ORDER BY e.id LIMIT ?`

// Extend implements app.Log.
func (s *Store) Extend(ctx context.Context, tenant string, size uint64, leaves []proof.Leaf, tiles []proof.Tile) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		if err := s.step("read log size"); err != nil {
			return err
		}
		if now, err := logSize(ctx, tx); err != nil || now != size {
			return app.OrMoved(err)
		}
		if err := s.insertLeaves(ctx, tx, size, leaves); err != nil {
			return err
		}
		for _, t := range tiles {
			if err := s.step("insert tile"); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO merkle_tiles (level, idx, root, hashes) VALUES (?, ?, ?, ?)`,
				t.Level, t.Index, t.Root[:], journal.PackHashes(t.Hashes)); err != nil {
				return err
			}
		}
		return s.step("commit log")
	})
	if err != nil {
		return err
	}
	return classify(s.step("committed log"))
}

// insertLeaves gives all leaves to one statement in three parameters, of which the driver makes light: their
// ids as JSON, and their hashes one behind the other. An id is a UUID, so JSON is no other text.
func (s *Store) insertLeaves(ctx context.Context, tx *sql.Tx, first uint64, leaves []proof.Leaf) error {
	if len(leaves) == 0 {
		return nil
	}
	if err := s.step("insert leaves"); err != nil {
		return err
	}
	ids, hashes := make([]string, len(leaves)), make([]proof.Hash, len(leaves))
	for i := range leaves {
		ids[i], hashes[i] = leaves[i].EventID, leaves[i].Link
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, insertLeaves, first, journal.PackHashes(hashes), string(list))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != int64(len(leaves)) {
		return fmt.Errorf("%w: events went missing before they were in the log", app.ErrDamaged)
	}
	return nil
}

const insertLeaves = `INSERT INTO merkle_leaves (idx, id, stream_id, chain_seq, hash)
	SELECT ?1 + n.key, e.id, e.stream_id, e.chain_seq, substr(?2, 1 + 32 * n.key, 32)
	FROM json_each(?3) n CROSS JOIN event_ids e ON e.event_id = n.value ORDER BY n.key`

// Row implements app.Log.
func (s *Store) Row(ctx context.Context, tenant string, level int, begin, end uint64) ([]proof.Hash, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil || begin >= end {
		return nil, err
	}
	if begin%proof.TileWidth == 0 && end-begin == proof.TileWidth {
		found, err := column[[]byte](ctx, db.reader, `SELECT hashes FROM merkle_tiles WHERE level = ? AND idx = ?`, level, begin/proof.TileWidth)
		if err != nil {
			return nil, err
		}
		if len(found) == 1 {
			return journal.UnpackHashes(found[0]), nil
		}
	}
	query, args := `SELECT root FROM merkle_tiles WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx`, []any{level - 1, begin, end}
	if level == 0 {
		query, args = `SELECT hash FROM merkle_leaves WHERE idx >= ? AND idx < ? ORDER BY idx`, args[1:]
	}
	var row []proof.Hash
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var hash []byte
		err := rows.Scan(&hash)
		h := proof.Hash{}
		if copy(h[:], hash); level == 0 {
			h = proof.LeafHash(h)
		}
		row = append(row, h)
		return err
	}, query, args...)
	return row, err
}

// LeafOf implements app.Log.
func (s *Store) LeafOf(ctx context.Context, tenant, eventID string) (proof.Leaf, error) {
	leaf := proof.Leaf{EventID: eventID}
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return leaf, err
	}
	found := false
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var hash []byte
		err := rows.Scan(&leaf.Index, &leaf.Stream, &leaf.Seq, &hash)
		found = copy(leaf.Link[:], hash) == len(hash)
		return err
	}, leafOf, eventID)
	if err == nil && !found {
		err = app.ErrNotFound
	}
	return leaf, err
}

const leafOf = `SELECT l.idx, h.stream, l.chain_seq, l.hash FROM event_ids e CROSS JOIN merkle_leaves l ON l.id = e.id
	CROSS JOIN chain_heads h ON h.stream_id = l.stream_id WHERE e.event_id = ?`

// EachLeaf implements app.Log.
func (s *Store) EachLeaf(ctx context.Context, tenant string, begin, end uint64, visit func(proof.Leaf, proof.Hash) error) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	streams := map[int64]string{}
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var id int64
		var stream string
		err := rows.Scan(&id, &stream)
		streams[id] = stream
		return err
	}, `SELECT stream_id, stream FROM chain_heads`)
	if err != nil {
		return err
	}
	return each(ctx, db.reader, func(rows *sql.Rows) error {
		var value sql.RawBytes
		if err := rows.Scan(&value); err != nil {
			return err
		}
		var l proof.Leaf
		var stream int64
		var link proof.Hash
		if !unpackLeaf(value, &l, &stream, &link) {
			l.Link = proof.Hash{} // a hash of another length is as wrong as another one
		}
		l.Stream = streams[stream]
		return app.Visited(visit(l, link))
	}, eachLeaf, begin, end)
}

var eachLeaf = `SELECT ` + packedLeaf + ` FROM merkle_leaves l
	LEFT JOIN event_ids e ON e.id = l.id AND e.stream_id = l.stream_id AND e.chain_seq = l.chain_seq
	WHERE l.idx >= ? AND l.idx < ? ORDER BY l.idx`

// Logged implements app.Log.
func (s *Store) Logged(ctx context.Context, tenant string, begin, end uint64, visit func(uint64, *journal.Stored) error) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	return each(ctx, db.reader, func(rows *sql.Rows) error {
		var index uint64
		var stream string
		stored, err := scanStored(rows, tenant, &index, &stream)
		if err != nil {
			return err
		}
		stored.Stream = stream
		return app.Visited(visit(index, stored))
	}, logged, begin, end)
}

const logged = `SELECT l.idx, h.stream, ` + linkColumns + ` FROM merkle_leaves l CROSS JOIN event_ids e ON e.id = l.id
	CROSS JOIN chain_heads h ON h.stream_id = e.stream_id` + linkJoins + ` WHERE l.idx >= ? AND l.idx < ? ORDER BY l.idx`

// PutCheckpoint implements app.Log.
func (s *Store) PutCheckpoint(ctx context.Context, c proof.Checkpoint) error {
	db, err := s.tenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		if err := s.step("insert checkpoint"); err != nil {
			return err
		}
		_, err := tx.ExecContext(context.WithoutCancel(ctx), `INSERT INTO checkpoints (size, root, signed_at, note)
			SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM checkpoints WHERE size = ?1)`, c.Size, c.Root[:], micros(c.Time), c.Note)
		return err
	})
}

// Checkpoints implements app.Log.
func (s *Store) Checkpoints(ctx context.Context, tenant string, q app.CheckpointQuery) ([]proof.Checkpoint, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	where, args := []string{"size >= ?"}, []any{q.From}
	if q.To > 0 {
		where, args = append(where, "size <= ?"), append(args, q.To)
	}
	order := "size"
	if q.LargestFirst {
		order = "size DESC"
	}
	var out []proof.Checkpoint
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		c := proof.Checkpoint{Tenant: tenant}
		var root []byte
		var at int64
		err := rows.Scan(&c.Size, &root, &at, &c.Note)
		copy(c.Root[:], root)
		c.Time = time.UnixMicro(at).UTC()
		out = append(out, c)
		return err
	}, `SELECT size, root, signed_at, note FROM checkpoints WHERE `+strings.Join(where, " AND ")+` ORDER BY `+order+` LIMIT ?`, append(args, q.Limit)...)
	return out, err
}
