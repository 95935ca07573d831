package sqlitestore

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func newStore(t *testing.T) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, err = s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	return s, dir
}

// edit opens a closed database as anybody with a shell could.
func edit(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, statement := range statements {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, db.Close())
}

func TestASecondProcessIsRefusedWithAClearMessage(t *testing.T) {
	s, dir := newStore(t)
	_, err := Open(t.Context(), dir, clockwork.NewRealClock())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "another journal process")
	assert.Contains(t, err.Error(), "stop it first")
	require.NoError(t, s.Close())
	again, err := Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestWhatIsStoredCanNeitherBeChangedNorRemovedNorReplaced(t *testing.T) {
	s, dir := newStore(t)
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", filepath.Join(dir, "acme.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, table := range immutable {
		for _, statement := range []string{
			"UPDATE " + table + " SET id = id",
			"DELETE FROM " + table,
			"INSERT OR REPLACE INTO " + table + " SELECT * FROM " + table,
			"REPLACE INTO " + table + " SELECT * FROM " + table + " LIMIT 1",
		} {
			_, err := db.Exec(statement)
			require.Error(t, err, statement)
			assert.Contains(t, err.Error(), "append-only", statement)
		}
	}
	for _, statement := range []string{"UPDATE chain_heads SET chain_seq = chain_seq - 1", "UPDATE chain_heads SET hash = zeroblob(32)", "DELETE FROM chain_heads"} {
		_, err := db.Exec(statement)
		require.Error(t, err, statement)
		assert.Contains(t, err.Error(), "a chain only grows")
	}
}

func TestWhoeverGetsRoundTheTriggersIsFound(t *testing.T) {
	for what, c := range map[string]struct{ statement, says string }{
		"an amount":               {"UPDATE journal SET amount_whole = 1 WHERE transaction_type = 101", "entry was changed"},
		"a text":                  {"UPDATE journal SET journal_text = 'nothing' WHERE transaction_type = 401", "entry was changed"},
		"a log":                   {"UPDATE log_tran SET content = replace(content, '108', '10')", "content was changed"},
		"a search field":          {"UPDATE journal SET generated_at = 0 WHERE transaction_type = 101", "by which the journal entry is found"},
		"an entry removed":        {"DELETE FROM journal WHERE transaction_type = 301", "entry is missing"},
		"an entry added":          {"INSERT INTO journal SELECT id + 1000, store_code, terminal_no, transaction_no, transaction_number, transaction_type, business_date, open_counter, business_counter, receipt_no, amount_whole, amount_micros, quantity, staff_id, user_id, generate_date_time, generated_at, journal_text, receipt_text FROM journal LIMIT 1", "journal"},
		"a log added":             {"INSERT INTO log_event SELECT id + 1000, store_code, terminal_no, event_type, correlation_id, occurred_at, content FROM log_event", "log_event"},
		"an event removed":        {"DELETE FROM log_event; DELETE FROM event_ids WHERE topic = 'topic-events'", "missing"},
		"the newest event gone":   {"DELETE FROM event_ids WHERE id = (SELECT max(id) FROM event_ids)", "its head is at"},
		"a whole stream gone":     {"DELETE FROM progress; DELETE FROM chain_heads WHERE stream = 'acme-s1-2'", "event_ids"},
		"a hash":                  {"UPDATE event_ids SET hash = zeroblob(32) WHERE topic = 'topic-cashlog'", "hash does not hold"},
		"an event of another one": {"UPDATE event_ids SET event_id = '0' WHERE topic = 'topic-cashlog'", "hash does not hold"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s, dir := newStore(t)
			_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
			require.NoError(t, err)
			require.NoError(t, s.Close())
			var drop []string
			for _, table := range immutable {
				for _, guard := range []string{"update", "delete", "replace"} {
					drop = append(drop, "DROP TRIGGER "+table+"_no_"+guard)
				}
			}
			edit(t, filepath.Join(dir, "acme.db"), append(drop, "DROP TRIGGER chain_heads_no_delete", c.statement)...)

			s, err = Open(t.Context(), dir, clockwork.NewRealClock())
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			proof, err := app.New(app.Config{Store: s, Clock: clockwork.NewRealClock(), Log: nop, Metrics: newRegistry()}).Proof.Verify(t.Context(), "acme")
			require.NoError(t, err)
			assert.False(t, proof.Holds())
			found := []string{}
			for _, r := range proof.Streams {
				if r.Bad != nil {
					found = append(found, r.Bad.Problem)
				}
			}
			for _, stray := range proof.Strays {
				found = append(found, stray.Where)
			}
			assert.Contains(t, strings.Join(found, "; "), c.says)
		})
	}
}

func TestALostFileIsNotReplacedByAnEmptyOne(t *testing.T) {
	s, dir := newStore(t)
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, tilltest.New("acme", "s1", 1).Sale("1")))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "acme.db")))
	s, err = Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, tilltest.New("acme", "s1", 1).Sale("1")))
	require.ErrorIs(t, err, app.ErrUnavailable)
	assert.Contains(t, err.Error(), "restore it from its backup")
	_, err = s.Provision(t.Context(), "acme")
	require.ErrorIs(t, err, app.ErrUnavailable)
	assert.NoFileExists(t, filepath.Join(dir, "acme.db"))
}

func TestVersionsOfTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	first := &schema{kind: "test", steps: []string{"CREATE TABLE a (x)"}, ensure: "CREATE INDEX IF NOT EXISTS a_x ON a (x)"}
	second := &schema{kind: "test", steps: append(first.steps, "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x"), ensure: first.ensure}
	openAs := func(s *schema) error {
		db, err := openDatabase(t.Context(), path, s, true)
		if err == nil {
			err = db.close()
		}
		return err
	}
	require.NoError(t, openAs(first))
	edit(t, path, "INSERT INTO a VALUES (7)", "DROP INDEX a_x")
	require.NoError(t, openAs(first), "an index that somebody removed is made again")
	edit(t, path, "DROP INDEX a_x")
	require.NoError(t, openAs(second), "an older one is upgraded")
	edit(t, path, "UPDATE a SET y = 8 WHERE y = 7")
	err := openAs(first)
	require.Error(t, err, "a newer one is refused")
	assert.Contains(t, err.Error(), "version 2, this program reads up to 1")
	other := &schema{kind: "other", steps: second.steps}
	err = openAs(other)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "mixed up files")
}

func TestAFailedUpgradeLeavesTheOldVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	first := &schema{kind: "test", steps: []string{"CREATE TABLE a (x)"}}
	broken := &schema{kind: "test", steps: append(first.steps, "CREATE TABLE b (x); CREATE TABLE a (x)")}
	for _, c := range []struct {
		schema *schema
		fails  bool
	}{{first, false}, {broken, true}, {first, false}} {
		db, err := openDatabase(t.Context(), path, c.schema, true)
		assert.Equal(t, c.fails, err != nil)
		if err == nil {
			require.NoError(t, db.close())
		}
	}
}

func TestTheDatabaseIsFullySyncedAndLoggedAhead(t *testing.T) {
	s, _ := newStore(t)
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000", "recursive_triggers": "1"} {
		for _, db := range []*database{s.platform, s.tenants["acme"]} {
			for _, pool := range []*sql.DB{db.writer, db.reader} {
				got, err := column[string](t.Context(), pool, "PRAGMA "+pragma)
				require.NoError(t, err)
				assert.Equal(t, []string{want}, got, pragma)
			}
		}
	}
}

func TestNobodyElseCanReadTheFiles(t *testing.T) {
	s, dir := newStore(t)
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, tilltest.New("acme", "s1", 1).Sale("1")))
	require.NoError(t, err)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Greater(t, len(files), 4)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, "%s", f.Name())
	}
}

func TestDamageIsToldAndNeverTheEventsFault(t *testing.T) {
	s, dir := newStore(t)
	till := tilltest.New("acme", "s1", 1)
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, till.Sale("1"), till.TerminalSnapshot(1, "")))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	edit(t, filepath.Join(dir, "acme.db"), "UPDATE progress SET received = 'x'", "UPDATE copies SET content = '{'")
	s, err = Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Terminal(t.Context(), "acme-s1-1")
	assert.ErrorIs(t, err, app.ErrDamaged)
	_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, till.Sale("2")))
	assert.ErrorIs(t, err, app.ErrDamaged)
	assert.NotErrorIs(t, err, app.ErrRefused)
}

// Every query that the API makes walks an index; those that an index can order are not sorted.
// Business events are walked by an index that gives them in order; what an order has is few and sorted.
func TestEventsWalkIndexes(t *testing.T) {
	s, _ := newStore(t)
	at := time.Now()
	for index, q := range map[string]journal.EventQuery{
		"log_event_instant":  {Occurred: journal.Span[time.Time]{From: &at, To: &at}, StoreCode: "s1", UserID: "u", After: "x"},
		"log_event_type":     {Type: "Sales.OrderCompleted", Occurred: journal.Span[time.Time]{From: &at}, After: "x", OldestFirst: true},
		"log_event_terminal": {StoreCode: "s1", TerminalNo: 1, Type: "Sales.OrderCompleted", After: "x"},
		"log_event_order":    {CorrelationID: "o", StoreCode: "s1", TerminalNo: 1},
	} {
		query, args := eventWalk(&q)
		if q.After != "" {
			args = append(args, 1)
		}
		plan := planOf(t, s.tenants["acme"].reader, query, args...)
		assert.Contains(t, plan, "SEARCH v USING INDEX "+index, plan)
		if q.CorrelationID == "" {
			assert.NotContains(t, plan, "ORDER BY", plan)
		}
	}
}

func TestEventsThatWouldBeTooManyToLookAtAreRefused(t *testing.T) {
	s, _ := newStore(t)
	till := tilltest.New("acme", "s1", 1)
	for range 8 {
		_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, till.Business("o", event.OrderSubtotalled{OrderID: "o"})))
		require.NoError(t, err)
	}
	s.Limit(app.SearchLimits{Examined: 5})
	_, _, err := s.Events(t.Context(), "acme", journal.EventQuery{UserID: "nobody", Limit: 1})
	require.ErrorIs(t, err, app.ErrTooWide)
	from := tilltest.Start.Add(5 * time.Second)
	found, _, err := s.Events(t.Context(), "acme", journal.EventQuery{UserID: "nobody", Limit: 1, Occurred: journal.Span[time.Time]{From: &from}})
	require.NoError(t, err)
	assert.Empty(t, found)
}

func TestASearchThatWouldLookAtTooMuchIsRefused(t *testing.T) {
	s, _ := newStore(t)
	till := tilltest.New("acme", "s1", 1)
	for range 6 {
		_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, till.Sale("1")))
		require.NoError(t, err)
	}
	till.BusinessDate = "20260330"
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, till.Sale("1")))
	require.NoError(t, err)
	s.Limit(app.SearchLimits{Examined: 5})
	byStaff, byAmount := journal.Query{StaffID: "s01", Limit: 10}, journal.Query{Sort: []journal.Order{{Field: journal.ByAmount}}, Limit: 10}
	byTerminal := journal.Query{Terminals: sequence.Of(1), Limit: 10}
	for _, q := range []journal.Query{byStaff, byAmount, byTerminal} {
		_, err := s.Search(t.Context(), "acme", q)
		require.ErrorIs(t, err, app.ErrTooWide)
		require.ErrorIs(t, s.Each(t.Context(), "acme", q, func(*journal.Listed) bool { return true }), app.ErrTooWide)
		q.BusinessDate.From = &till.BusinessDate
		page, err := s.Search(t.Context(), "acme", q)
		require.NoError(t, err)
		assert.Len(t, page.Items, 1)
	}
	page, err := s.Search(t.Context(), "acme", journal.Query{Limit: 10})
	require.NoError(t, err, "an index gives these in order, however many there are")
	assert.Len(t, page.Items, 7)
}

func TestReadsByKeyWalkIndexes(t *testing.T) {
	s, _ := newStore(t)
	tenant, platform := s.tenants["acme"].reader, s.platform.reader
	for _, c := range []struct {
		db    *sql.DB
		query string
	}{
		{tenant, `SELECT event_id, content_hash FROM event_ids WHERE event_id IN (?, ?)`},
		{tenant, walked},
		{tenant, `SELECT content FROM log_event WHERE correlation_id = ? ORDER BY occurred_at, id`},
		{tenant, `SELECT l.content FROM log_tran l CROSS JOIN event_ids e ON e.id = l.id WHERE l.store_code = ? AND l.terminal_no = ? AND l.business_date = ? AND l.open_counter = ?`},
		{tenant, `SELECT stream_id FROM chain_heads WHERE stream = ?`},
		{tenant, `SELECT coalesce(max(id), 0) FROM event_ids`},
		{platform, `SELECT id FROM quarantine WHERE tenant_id = ? AND state = ? ORDER BY no LIMIT 1`},
		{platform, `SELECT id FROM quarantine WHERE state = 'open' AND reason = ? AND tenant_id = ? AND no > ? ORDER BY no`},
		{platform, `SELECT event_id FROM quarantine WHERE tenant_id = ? AND store_code = ? AND terminal_no = ? AND producer = ? AND state IN ('open', 'discarded')`},
	} {
		plan := planOf(t, c.db, c.query, make([]any, strings.Count(c.query, "?"))...)
		assert.NotContains(t, plan, "SCAN", c.query)
	}
}

func planOf(t *testing.T, q querier, query string, args ...any) string {
	t.Helper()
	var lines []string
	require.NoError(t, each(t.Context(), q, func(rows *sql.Rows) error {
		var id, parent, unused int
		var detail string
		err := rows.Scan(&id, &parent, &unused, &detail)
		lines = append(lines, detail)
		return err
	}, "EXPLAIN QUERY PLAN "+query, args...))
	return strings.Join(lines, "\n")
}

func TestTheIndexThatIsMissingIsMendedByProvisioning(t *testing.T) {
	s, dir := newStore(t)
	require.NoError(t, s.Close())
	edit(t, filepath.Join(dir, "acme.db"), "DROP INDEX journal_receipt_scope", "DROP TRIGGER journal_no_update")
	s, err := Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	db, err := s.tenant(t.Context(), "acme")
	require.NoError(t, err)
	found, err := column[string](t.Context(), db.reader, `SELECT name FROM sqlite_master WHERE name IN ('journal_receipt_scope', 'journal_no_update') ORDER BY name`)
	require.NoError(t, err)
	assert.Equal(t, []string{"journal_no_update", "journal_receipt_scope"}, found)
}

func TestTerminalsAreFoundAgainAfterARestart(t *testing.T) {
	s, dir := newStore(t)
	till := tilltest.New("acme", "s1", 1)
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, till.TerminalSnapshot(1, "key")))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s, err = Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	got, err := s.Terminal(t.Context(), till.Terminal.ID())
	require.NoError(t, err)
	assert.Equal(t, event.KindTerminal, got.Kind)
}
