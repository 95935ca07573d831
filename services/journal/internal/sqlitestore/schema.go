package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A schema is the statements that make a database of one kind. Step n takes a database from version
// n to n+1; a database of a newer version than there are steps is refused. Every statement of ensure
// is repeatable and runs at every opening: it mends indexes and triggers that somebody removed.
type schema struct {
	kind   string
	steps  []string
	ensure string
}

// version that this program makes and reads.
func (s *schema) version() int { return len(s.steps) }

// prepare brings a database up to date, in one transaction.
func (s *schema) prepare(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, kind TEXT NOT NULL)`); err != nil {
		return err
	}
	found, kind := 0, s.kind
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0), coalesce(max(kind), ?) FROM schema_version`, s.kind).Scan(&found, &kind); err != nil {
		return err
	}
	switch {
	case kind != s.kind:
		return fmt.Errorf("it is a %s database, not a %s one: somebody mixed up files", kind, s.kind)
	case found > s.version():
		return fmt.Errorf("it has version %d, this program reads up to %d: run the newer program that wrote it, or restore a backup from before", found, s.version())
	}
	for v := found; v < s.version(); v++ {
		if _, err := tx.ExecContext(ctx, s.steps[v]); err != nil {
			return fmt.Errorf("upgrade from version %d: %w", v, err)
		}
	}
	if found != s.version() {
		if _, err := tx.ExecContext(ctx, `DELETE FROM schema_version`); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO schema_version (version, kind) VALUES (?, ?)`, s.version(), s.kind); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, s.ensure); err != nil {
		return err
	}
	return tx.Commit()
}

// immutable are the tables that are only ever added to.
var immutable = []string{"event_ids", "log_tran", "log_cash_in_out", "log_open_close", "log_event", "log_snapshot", "log_direct", "journal"}

// guards are triggers that abort every change of what was stored. The insert guard is for INSERT OR
// REPLACE, which removes a row without asking the delete trigger.
func guards() string {
	var b strings.Builder
	for _, table := range immutable {
		taken := "id = NEW.id"
		if table == "event_ids" {
			taken = "id = NEW.id OR event_id = NEW.event_id"
		}
		b.WriteString(unchanged(table, taken))
		if !slices.Contains(archived, table) { // archiveGuards has them
			b.WriteString(unremoved(table))
		}
	}
	for _, table := range slices.Sorted(maps.Keys(merkleKeys)) {
		b.WriteString(guard(table, merkleKeys[table]))
	}
	return b.String()
}

// guard gives the triggers of one table; taken tells whether there is a row that a new one would replace.
func guard(table, taken string) string { return unchanged(table, taken) + unremoved(table) }

func unchanged(table, taken string) string {
	return fmt.Sprintf(`
CREATE TRIGGER IF NOT EXISTS %[1]s_no_update BEFORE UPDATE ON %[1]s
	BEGIN SELECT RAISE(ABORT, '%[1]s is append-only: no update'); END;
CREATE TRIGGER IF NOT EXISTS %[1]s_no_replace BEFORE INSERT ON %[1]s WHEN EXISTS (SELECT 1 FROM %[1]s WHERE %[2]s)
	BEGIN SELECT RAISE(ABORT, '%[1]s is append-only: no replace'); END;`, table, taken)
}

func unremoved(table string) string {
	return fmt.Sprintf(`
CREATE TRIGGER IF NOT EXISTS %[1]s_no_delete BEFORE DELETE ON %[1]s
	BEGIN SELECT RAISE(ABORT, '%[1]s is append-only: no delete'); END;`, table)
}

// tenantTables are made when they are missing, at every opening: a table that somebody dropped comes
// back empty, so that the journal goes on, and verifying names what is gone.
const tenantTables = `
CREATE TABLE IF NOT EXISTS chain_heads (
	stream_id   INTEGER PRIMARY KEY,
	stream      TEXT NOT NULL UNIQUE,
	store_code  TEXT NOT NULL,
	terminal_no INTEGER NOT NULL,
	chain_seq   INTEGER NOT NULL,
	hash        BLOB NOT NULL CHECK (length(hash) = 32)
);
CREATE TABLE IF NOT EXISTS progress (
	stream_id  INTEGER NOT NULL REFERENCES chain_heads,
	producer   TEXT NOT NULL,
	received   TEXT NOT NULL, -- JSON: closed ranges [[first,last],…]
	generation INTEGER NOT NULL,
	PRIMARY KEY (stream_id, producer)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event_ids (
	id            INTEGER PRIMARY KEY,
	event_id      TEXT NOT NULL UNIQUE,
	topic         TEXT NOT NULL,
	stream_id     INTEGER NOT NULL REFERENCES chain_heads,
	producer      TEXT NOT NULL,
	sequence      INTEGER NOT NULL,
	content_hash  BLOB NOT NULL CHECK (length(content_hash) = 32),
	entry_hash    BLOB CHECK (length(entry_hash) = 32),
	chain_version INTEGER NOT NULL,
	chain_seq     INTEGER NOT NULL,
	prev_hash     BLOB NOT NULL CHECK (length(prev_hash) = 32),
	hash          BLOB NOT NULL CHECK (length(hash) = 32),
	traceparent   TEXT,
	committed_at  INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS log_tran (
	id             INTEGER PRIMARY KEY REFERENCES event_ids,
	store_code     TEXT NOT NULL,
	terminal_no    INTEGER NOT NULL,
	business_date  TEXT NOT NULL,
	open_counter   INTEGER NOT NULL,
	transaction_no INTEGER NOT NULL,
	cart_id        TEXT NOT NULL,
	content        TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS log_cash_in_out (
	id            INTEGER PRIMARY KEY REFERENCES event_ids,
	store_code    TEXT NOT NULL,
	terminal_no   INTEGER NOT NULL,
	business_date TEXT NOT NULL,
	open_counter  INTEGER NOT NULL,
	amount_whole  INTEGER NOT NULL,
	amount_micros INTEGER NOT NULL CHECK (amount_micros BETWEEN 0 AND 999999),
	content       TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS log_open_close (
	id            INTEGER PRIMARY KEY REFERENCES event_ids,
	store_code    TEXT NOT NULL,
	terminal_no   INTEGER NOT NULL,
	business_date TEXT NOT NULL,
	open_counter  INTEGER NOT NULL,
	operation     TEXT NOT NULL,
	content       TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS log_event (
	id             INTEGER PRIMARY KEY REFERENCES event_ids,
	store_code     TEXT NOT NULL,
	terminal_no    INTEGER NOT NULL,
	event_type     TEXT NOT NULL,
	correlation_id TEXT,
	occurred_at    INTEGER NOT NULL,
	content        TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS log_snapshot (
	id      INTEGER PRIMARY KEY REFERENCES event_ids,
	kind    TEXT NOT NULL,
	code    TEXT NOT NULL,
	version INTEGER NOT NULL,
	content TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS log_direct ( -- entries that a request made
	id            INTEGER PRIMARY KEY REFERENCES event_ids,
	store_code    TEXT NOT NULL,
	terminal_no   INTEGER NOT NULL,
	business_date TEXT NOT NULL,
	kind          TEXT NOT NULL,
	content       TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS journal (
	id                 INTEGER PRIMARY KEY REFERENCES event_ids,
	store_code         TEXT NOT NULL,
	terminal_no        INTEGER NOT NULL,
	transaction_no     TEXT,
	transaction_number INTEGER, -- derived
	transaction_type   INTEGER NOT NULL,
	business_date      TEXT NOT NULL,
	open_counter       INTEGER,
	business_counter   INTEGER,
	receipt_no         INTEGER,
	amount_whole       INTEGER NOT NULL,
	amount_micros      INTEGER NOT NULL CHECK (amount_micros BETWEEN 0 AND 999999),
	quantity           INTEGER,
	staff_id           TEXT,
	user_id            TEXT,
	generate_date_time TEXT NOT NULL,
	generated_at       INTEGER NOT NULL, -- derived
	journal_text       TEXT NOT NULL,
	receipt_text       TEXT
);
CREATE TABLE IF NOT EXISTS copies ( -- the newest snapshot of each thing: derived from log_snapshot, replaceable
	kind    TEXT NOT NULL,
	code    TEXT NOT NULL,
	version INTEGER NOT NULL,
	content TEXT NOT NULL,
	PRIMARY KEY (kind, code)
) WITHOUT ROWID;
`

// tenantSchema is a tenant's journal.
//
// id orders what was stored: it is given in commit order, and an event's rows share it in event_ids,
// in the log of its topic and in journal. Amounts are whole part (rounded down) and millionths, which
// order and add up exactly. Instants are microseconds since 1970 UTC.
var tenantSchema = schema{
	kind:  "journal",
	steps: []string{tenantTables, `-- log_direct, examinations and what else ensure makes: older programs do not know them`, wordsStep, daysStep, archiveStep()},
	ensure: tenantTables + `
CREATE UNIQUE INDEX IF NOT EXISTS event_ids_chain ON event_ids (stream_id, chain_seq);
CREATE INDEX IF NOT EXISTS log_tran_session ON log_tran (store_code, terminal_no, business_date, open_counter);
CREATE INDEX IF NOT EXISTS log_tran_cart ON log_tran (cart_id);
CREATE INDEX IF NOT EXISTS log_cash_in_out_session ON log_cash_in_out (store_code, terminal_no, business_date, open_counter);
CREATE INDEX IF NOT EXISTS log_cash_in_out_amount ON log_cash_in_out (amount_whole, amount_micros);
CREATE INDEX IF NOT EXISTS log_open_close_session ON log_open_close (store_code, terminal_no, business_date, open_counter);
CREATE INDEX IF NOT EXISTS log_event_order ON log_event (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS journal_instant ON journal (generated_at);
CREATE INDEX IF NOT EXISTS journal_date ON journal (business_date, generated_at);
CREATE INDEX IF NOT EXISTS journal_type ON journal (transaction_type, generated_at);
CREATE INDEX IF NOT EXISTS journal_transaction ON journal (transaction_number) WHERE transaction_number IS NOT NULL;
CREATE INDEX IF NOT EXISTS journal_store_instant ON journal (store_code, generated_at);
DROP INDEX IF EXISTS journal_store_date; -- which the next but one replaces: what else is filtered by, and all orders, are looked at in it
DROP INDEX IF EXISTS journal_store_day;
CREATE INDEX IF NOT EXISTS journal_store_sheet ON journal (store_code, business_date, generated_at, transaction_type, terminal_no, staff_id, amount_whole, amount_micros,
	receipt_no, transaction_number, transaction_no, open_counter, business_counter);
CREATE INDEX IF NOT EXISTS journal_store_type ON journal (store_code, transaction_type, generated_at);
CREATE INDEX IF NOT EXISTS journal_terminal_date ON journal (store_code, terminal_no, business_date, generated_at);
CREATE INDEX IF NOT EXISTS journal_terminal_instant ON journal (store_code, terminal_no, generated_at);
CREATE INDEX IF NOT EXISTS journal_terminal_type ON journal (store_code, terminal_no, transaction_type, generated_at);
CREATE TRIGGER IF NOT EXISTS chain_heads_forward BEFORE UPDATE ON chain_heads
	WHEN NEW.chain_seq <= OLD.chain_seq OR NEW.stream <> OLD.stream
	BEGIN SELECT RAISE(ABORT, 'a chain only grows'); END;
CREATE TRIGGER IF NOT EXISTS chain_heads_no_delete BEFORE DELETE ON chain_heads
	BEGIN SELECT RAISE(ABORT, 'a chain only grows'); END;
` + merkleTables + todoTable + examineTables + accessTables + archiveTables + eventIndexes + documentViews() + guards() + archiveGuards(),
}

const platformTables = `
CREATE TABLE IF NOT EXISTS tenants (
	tenant_id      TEXT PRIMARY KEY,
	provisioned_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS terminals ( -- in whose journal the copy of a terminal is
	terminal_id TEXT PRIMARY KEY,
	tenant_id   TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
	no           INTEGER PRIMARY KEY,
	id           TEXT NOT NULL UNIQUE,
	tenant_id    TEXT NOT NULL,
	event_id     TEXT NOT NULL,
	content_hash BLOB NOT NULL CHECK (length(content_hash) = 32),
	topic        TEXT NOT NULL,
	store_code   TEXT NOT NULL,
	terminal_no  INTEGER NOT NULL,
	producer     TEXT NOT NULL,
	sequence     INTEGER NOT NULL,
	reason       TEXT NOT NULL,
	detail       TEXT NOT NULL,
	cloud_event  BLOB NOT NULL,
	traceparent  TEXT NOT NULL,
	generation   INTEGER NOT NULL,
	first_seen   INTEGER NOT NULL,
	last_seen    INTEGER NOT NULL,
	times        INTEGER NOT NULL,
	state        TEXT NOT NULL,
	resolved_at  INTEGER NOT NULL DEFAULT 0,
	resolved_by  TEXT NOT NULL DEFAULT '',
	resolution   TEXT NOT NULL DEFAULT '',
	UNIQUE (tenant_id, event_id, content_hash)
);
CREATE TABLE IF NOT EXISTS quarantine_debts ( -- word that somebody is owed of an item
	debt TEXT NOT NULL,
	no   INTEGER NOT NULL REFERENCES quarantine,
	PRIMARY KEY (debt, no)
) WITHOUT ROWID;
`

// platformSchema is what stands above the tenants: which there are, whose each terminal is, and what
// could not be stored.
var platformSchema = schema{
	kind:  "platform",
	steps: []string{platformTables},
	ensure: platformTables + retentionTables + guard("retention", "no = NEW.no") + `
CREATE INDEX IF NOT EXISTS quarantine_list ON quarantine (tenant_id, state, no);
CREATE INDEX IF NOT EXISTS quarantine_waiting ON quarantine (state, reason, tenant_id, no);
CREATE INDEX IF NOT EXISTS quarantine_stream ON quarantine (tenant_id, store_code, terminal_no, producer, state);
CREATE TRIGGER IF NOT EXISTS quarantine_no_delete BEFORE DELETE ON quarantine
	BEGIN SELECT RAISE(ABORT, 'quarantine keeps what it has'); END;
`,
}
