package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// logAll adds everything to the log of acme as the service does, and keeps a checkpoint.
func logAll(ctx context.Context, s *Store) (proof.Checkpoint, error) {
	size, err := s.LogSize(ctx, "acme")
	if err != nil {
		return proof.Checkpoint{}, err
	}
	edge, err := proof.LoadEdge(size, tree{ctx, s})
	if err != nil {
		return proof.Checkpoint{}, err
	}
	leaves, err := s.Unlogged(ctx, "acme", 10_000)
	if err != nil {
		return proof.Checkpoint{}, err
	}
	var tiles []proof.Tile
	for i := range leaves {
		edge.Append(leaves[i].Hash(), func(t proof.Tile) { tiles = append(tiles, t) })
	}
	if err := s.Extend(ctx, "acme", size, leaves, tiles); err != nil {
		return proof.Checkpoint{}, err
	}
	c, err := testSigner().Sign(proof.Checkpoint{Tenant: "acme", Size: edge.Size(), Root: edge.Root(), Time: tilltest.Start})
	if err != nil {
		return c, err
	}
	return c, s.PutCheckpoint(ctx, c)
}

type tree struct {
	ctx context.Context
	s   *Store
}

func (t tree) Row(level int, begin, end uint64) ([]proof.Hash, error) {
	return t.s.Row(t.ctx, "acme", level, begin, end)
}

// The key of these tests; it signs nothing else.
const testKey = "PRIVATE+KEY+tillroll-journal+a75b206b+AVL9/AchgmVPFj9fD5piHXKVZsdNEAN8TXu7BAfR4sZJ"

func testSigner() *proof.Signer {
	s, _, err := proof.NewSigner(testKey)
	must(err)
	return s
}

func TestTheLogCanNeitherBeChangedNorRemovedNorReplaced(t *testing.T) {
	s, dir := newStore(t)
	till := tilltest.New("acme", "s1", 1)
	var events []event.Event
	for range 260 {
		events = append(events, till.Sale("1"))
	}
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, events...))
	require.NoError(t, err)
	_, err = logAll(t.Context(), s)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", filepath.Join(dir, "acme.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for table := range merkleKeys {
		var rows int
		require.NoError(t, db.QueryRow("SELECT count(*) FROM "+table).Scan(&rows))
		require.NotZero(t, rows, table)
		for _, statement := range []string{
			"UPDATE " + table + " SET rowid = rowid",
			"DELETE FROM " + table,
			"INSERT OR REPLACE INTO " + table + " SELECT * FROM " + table,
			"REPLACE INTO " + table + " SELECT * FROM " + table + " LIMIT 1",
		} {
			_, err := db.Exec(statement)
			require.Error(t, err, statement)
			assert.Contains(t, err.Error(), "append-only", statement)
		}
	}
	for _, statement := range []string{
		"INSERT INTO merkle_leaves SELECT 300, 999, stream_id, chain_seq, hash FROM merkle_leaves LIMIT 1",
		"REPLACE INTO merkle_tiles SELECT 99, level, idx, root, hashes FROM merkle_tiles",
	} {
		_, err := db.Exec(statement)
		require.Error(t, err, statement)
		assert.Contains(t, err.Error(), "append-only", statement)
	}
}

func TestReadsOfTheLogWalkIndexes(t *testing.T) {
	s, _ := newStore(t)
	db := s.tenants["acme"].reader
	for name, c := range map[string]struct {
		query string
		args  []any
	}{
		"unlogged":  {unlogged, []any{1}},
		"leaf of":   {leafOf, []any{"x"}},
		"each leaf": {eachLeaf, []any{0, 1}},
		"logged":    {logged, []any{0, 1}},
		"tile":      {`SELECT hashes FROM merkle_tiles WHERE level = ? AND idx = ?`, []any{0, 1}},
		"roots":     {`SELECT root FROM merkle_tiles WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx`, []any{0, 1, 2}},
	} {
		plan := planOf(t, db, c.query, c.args...)
		assert.NotContains(t, plan, "SCAN", "%s: %s", name, plan)
		assert.NotContains(t, plan, "TEMP B-TREE", "%s: %s", name, plan)
	}
}

// attack is a way in which somebody with the file changes it, triggers dropped. It gives the place in
// the log of the first event that is not what it was, or -1 when no event is touched.
type attack struct {
	name   string
	change func(a *attacker) int
}

// attacker is somebody with a shell and a database.
type attacker struct {
	t  *testing.T
	db *sql.DB
	r  *rand.Rand
	n  int // events
}

func (a *attacker) do(statement string, args ...any) {
	a.t.Helper()
	_, err := a.db.Exec(statement, args...)
	require.NoError(a.t, err, statement)
}

// one draws an event; its row is one further than its place.
func (a *attacker) one() int { return a.r.IntN(a.n) }

func at(statement string) func(a *attacker) int {
	return func(a *attacker) int {
		i := a.one()
		a.do(statement, i+1)
		return i
	}
}

var attacks = []attack{
	{"an event's content edited", at(`UPDATE log_tran SET content = replace(content, '"receipt_no":', '"receipt_no":9') WHERE id = ?`)},
	{"a total changed", at(`UPDATE journal SET amount_whole = amount_whole + 1 WHERE id = ?`)},
	{"a text edited", at(`UPDATE journal SET journal_text = journal_text || '!' WHERE id = ?`)},
	{"back-dated", at(`UPDATE journal SET business_date = '19990101' WHERE id = ?`)},
	{"made to be found elsewhere", at(`UPDATE journal SET generated_at = generated_at + 1 WHERE id = ?`)},
	{"moved to another store", at(`UPDATE journal SET store_code = 's9' WHERE id = ?`)},
	{"filed under another id", at(`UPDATE event_ids SET event_id = 'x' WHERE id = ?`)},
	{"a text with a byte 0 put in", at(`UPDATE journal SET journal_text = journal_text || x'00' || 'x' WHERE id = ?`)},
	{"a byte moved from one hash to the next", func(a *attacker) int {
		i := a.one()
		a.do(`PRAGMA ignore_check_constraints = ON`)
		a.do(`UPDATE event_ids SET prev_hash = prev_hash || substr(content_hash, 1, 1), content_hash = substr(content_hash, 2) WHERE id = ?`, i+1)
		return i
	}},
	{"an entry deleted", at(`DELETE FROM journal WHERE id = ?`)},
	{"a log row deleted", at(`DELETE FROM log_tran WHERE id = ?`)},
	{"an event deleted", func(a *attacker) int {
		i := a.one()
		for _, table := range []string{"journal", "log_tran", "event_ids"} {
			a.do("DELETE FROM "+table+" WHERE id = ?", i+1)
		}
		return i
	}},
	{"two events swapped", func(a *attacker) int {
		i := a.r.IntN(a.n - 1)
		j := i + 1 + a.r.IntN(a.n-1-i)
		a.do(`UPDATE event_ids SET chain_seq = -1 WHERE id = ?`, i+1)
		a.do(`UPDATE event_ids SET chain_seq = ? WHERE id = ?`, i+1, j+1)
		a.do(`UPDATE event_ids SET chain_seq = ? WHERE id = ?`, j+1, i+1)
		return i
	}},
	{"an event duplicated behind the end", func(a *attacker) int {
		a.do(`INSERT INTO event_ids SELECT ?, 'again', topic, stream_id, producer, sequence, content_hash, entry_hash, chain_version, ?, prev_hash, hash, traceparent, committed_at
			FROM event_ids WHERE id = ?`, a.n+1, a.n+1, a.one()+1)
		return a.n
	}},
	{"an entry without a chain", func(a *attacker) int {
		a.do(`CREATE TEMP TABLE j AS SELECT * FROM journal WHERE id = ?`, a.one()+1)
		a.do(`UPDATE j SET id = 99999`)
		a.do(`INSERT INTO journal SELECT * FROM j`)
		return -1
	}},
	{"a log row without a chain", func(a *attacker) int {
		a.do(`INSERT INTO log_event SELECT 99999, store_code, terminal_no, 'x', NULL, 0, content FROM log_tran WHERE id = ?`, a.one()+1)
		return -1
	}},
	{"the end cut off, and the head set back", func(a *attacker) int {
		i := 1 + a.r.IntN(a.n-1)
		a.cut(i)
		return i
	}},
	{"the end cut off, in the log as well", func(a *attacker) int {
		i := 1 + a.r.IntN(a.n-1)
		a.cut(i)
		a.do(`DELETE FROM merkle_leaves WHERE idx >= ?`, i)
		a.do(`DELETE FROM merkle_tiles WHERE ? < 256`, i)
		return i
	}},
	{"a leaf changed", func(a *attacker) int {
		i := a.one()
		a.do(`UPDATE merkle_leaves SET hash = randomblob(32) WHERE idx = ?`, i)
		return i
	}},
	{"a leaf deleted", func(a *attacker) int {
		i := a.one()
		a.do(`DELETE FROM merkle_leaves WHERE idx = ?`, i)
		return i
	}},
	{"a tile changed", func(a *attacker) int {
		a.do(`UPDATE merkle_tiles SET hashes = randomblob(8192)`)
		return a.r.IntN(256)
	}},
	{"a tile's root changed", func(a *attacker) int {
		a.do(`UPDATE merkle_tiles SET root = randomblob(32)`)
		return -1
	}},
	{"a checkpoint changed", func(a *attacker) int {
		a.do(`UPDATE checkpoints SET root = randomblob(32) WHERE size = (SELECT max(size) FROM checkpoints)`)
		return -1
	}},
	{"a checkpoint forged", func(a *attacker) int {
		a.do(`UPDATE checkpoints SET note = replace(note, 'acme', 'acmf')`)
		return -1
	}},
	{"the chain rebuilt", func(a *attacker) int {
		i := a.one()
		a.rebuildChain(i)
		return i
	}},
	{"chain and log rebuilt", func(a *attacker) int {
		i := a.one()
		a.rebuildChain(i)
		a.rebuildLog()
		return i
	}},
}

// cut removes everything from an event on and sets the chain's head back.
func (a *attacker) cut(i int) {
	for _, table := range []string{"journal", "log_tran", "event_ids"} {
		a.do("DELETE FROM "+table+" WHERE id > ?", i)
	}
	a.do(`UPDATE chain_heads SET chain_seq = ?1, hash = (SELECT hash FROM event_ids WHERE id = ?1)`, i)
}

// rebuildChain changes what an event says and computes every hash from there on, as somebody does who
// has read this code.
func (a *attacker) rebuildChain(from int) {
	a.do(`UPDATE log_tran SET content = replace(content, '"cart_id":"', '"cart_id":"x') WHERE id = ?`, from+1)
	rows, err := a.db.Query(`SELECT e.id, e.event_id, e.chain_seq, e.entry_hash, t.content FROM event_ids e JOIN log_tran t ON t.id = e.id ORDER BY e.id`)
	require.NoError(a.t, err)
	defer func() { require.NoError(a.t, rows.Close()) }()
	head := journal.Hash{}
	var moves [][]any
	for rows.Next() {
		var id int
		var entry, content []byte
		l := journal.Link{Version: 1, Stream: "acme-s1-1", Prev: head}
		require.NoError(a.t, rows.Scan(&id, &l.EventID, &l.Seq, &entry, &content))
		copy(l.EntryHash[:], entry)
		l.ContentHash = journal.HashOf(content)
		head = l.Hash()
		moves = append(moves, []any{l.ContentHash[:], l.Prev[:], append([]byte{}, head[:]...), id})
	}
	require.NoError(a.t, rows.Err())
	for _, m := range moves[from:] {
		a.do(`UPDATE event_ids SET content_hash = ?, prev_hash = ?, hash = ? WHERE id = ?`, m...)
	}
	a.do(`UPDATE chain_heads SET hash = ?`, head[:])
}

// rebuildLog makes leaves and tiles of what the chain has now.
func (a *attacker) rebuildLog() {
	a.do(`UPDATE merkle_leaves SET hash = (SELECT hash FROM event_ids e WHERE e.id = merkle_leaves.id)`)
	rows, err := a.db.Query(`SELECT hash FROM merkle_leaves ORDER BY idx`)
	require.NoError(a.t, err)
	defer func() { require.NoError(a.t, rows.Close()) }()
	var edge proof.Edge
	var tiles []proof.Tile
	for rows.Next() {
		var hash []byte
		require.NoError(a.t, rows.Scan(&hash))
		edge.Append(proof.LeafHash(proof.Hash(hash)), func(t proof.Tile) { tiles = append(tiles, t) })
	}
	require.NoError(a.t, rows.Err())
	for _, t := range tiles {
		a.do(`UPDATE merkle_tiles SET root = ?, hashes = ? WHERE level = ? AND idx = ?`, t.Root[:], journal.PackHashes(t.Hashes), t.Level, t.Index)
	}
}

// TestWhateverIsDoneToTheFileIsFound changes real database files, each in its own copy. A few of each
// kind by default, a thousand with TAMPER=1000 (make tamper); exports take a thousand always.
func TestWhateverIsDoneToTheFileIsFound(t *testing.T) {
	t.Parallel()
	times := 4
	if n, err := strconv.Atoi(os.Getenv("TAMPER")); err == nil {
		times = n
	} else {
		t.Logf("SAMPLE: %d of each kind of change; make tamper makes a thousand", times)
	}
	const events = 280
	s, dir := newStore(t)
	till := tilltest.New("acme", "s1", 1)
	for _, n := range []int{100, 160, events - 260} {
		var all []event.Event
		for range n {
			all = append(all, till.Sale("10"))
		}
		_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, all...))
		require.NoError(t, err)
		_, err = logAll(t.Context(), s)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	original, err := os.ReadFile(filepath.Join(dir, "acme.db"))
	require.NoError(t, err)
	platform, err := os.ReadFile(filepath.Join(dir, platformFile))
	require.NoError(t, err)
	whole := verifyCopy(t, original, platform, func(*attacker) {})
	require.True(t, whole.Holds(), "%+v", whole)
	require.Equal(t, 3, whole.Log.Checkpoints)
	for _, c := range attacks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(3, 4))
			for range times {
				first := -1
				v := verifyCopy(t, original, platform, func(a *attacker) {
					a.r, a.n = r, events
					first = c.change(a)
				})
				require.False(t, v.Holds())
				require.True(t, names(v, first), "event %d: %s", first, found(v))
			}
		})
	}
}

// verifyCopy verifies a copy of a database that somebody had for a moment.
func verifyCopy(t *testing.T, original, platform []byte, change func(*attacker)) *app.Verification {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "acme.db")
	require.NoError(t, os.WriteFile(path, original, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, platformFile), platform, 0o600))
	db, err := sql.Open("sqlite", path+"?_pragma=synchronous(OFF)&_pragma=journal_mode(MEMORY)")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	a := &attacker{t: t, db: db}
	triggers, err := column[string](t.Context(), db, `SELECT name FROM sqlite_master WHERE type = 'trigger'`)
	require.NoError(t, err)
	for _, trigger := range triggers {
		a.do("DROP TRIGGER " + trigger)
	}
	change(a)
	require.NoError(t, db.Close())
	s, err := Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, public, err := proof.NewSigner(testKey)
	require.NoError(t, err)
	v, err := app.New(app.Config{Store: s, Clock: clockwork.NewRealClock(), Log: nop, Metrics: newRegistry(), PublicKey: public}).Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	return v
}

// names tells whether what was found is the event that was changed first, or the range that is told has
// it; where no event was changed anything that is found will do.
func names(v *app.Verification, first int) bool {
	if first < 0 {
		return true
	}
	for _, s := range v.Streams {
		if s.Bad != nil && (s.Bad.Seq == uint64(first)+1 || s.Bad.Seq == uint64(first)+2 && s.Bad.Problem == missingOne(first)) {
			return true
		}
	}
	bad := v.Log.Bad
	return bad != nil && bad.Index <= uint64(first) && uint64(first) <= bad.Last
}

// missingOne is what is said of the link behind one that is gone.
func missingOne(first int) string {
	return fmt.Sprintf("the links from %d to %d are missing", first+1, first+1)
}

func found(v *app.Verification) string {
	text := ""
	for _, s := range v.Streams {
		if s.Bad != nil {
			text += fmt.Sprintf("link %d: %s; ", s.Bad.Seq, s.Bad.Problem)
		}
	}
	if v.Log.Bad != nil {
		text += v.Log.Bad.String()
	}
	return fmt.Sprint(text, v.Strays)
}
