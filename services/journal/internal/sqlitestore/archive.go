package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// archived are the tables whose rows leave for the archive.
var archived = []string{"log_tran", "log_cash_in_out", "log_open_close", "log_event", "log_direct", "journal"}

// archiverFunction stands in the triggers that guard what only an archiver may do. SQLite looks for it
// when a statement is compiled, and it exists on an archiver's connections alone (archiver.go): on the
// journal's own, and in every other program, such a statement fails before it does anything. Its name is
// what the error says: no such function.
const archiverFunction = "append_only_but_for_the_archiver"

// archiveTables are the catalogue: which segments there are, exactly which links each holds, and what
// became of it. archive_parts never overlap, so the part that holds a link is the last one that begins
// at or before it.
const archiveTables = `
CREATE TABLE IF NOT EXISTS archive_segment (
	no            INTEGER PRIMARY KEY,
	name          TEXT NOT NULL UNIQUE,
	store_code    TEXT NOT NULL,
	business_date TEXT NOT NULL,
	part          INTEGER NOT NULL,
	keep_until    TEXT NOT NULL, -- '': for ever
	sha256        BLOB NOT NULL CHECK (length(sha256) = 32),
	manifest      TEXT NOT NULL, -- JSON
	parts         TEXT NOT NULL, -- JSON, what stands in archive_parts
	registered_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS archive_parts (
	stream_id INTEGER NOT NULL REFERENCES chain_heads,
	first_seq INTEGER NOT NULL,
	last_seq  INTEGER NOT NULL CHECK (last_seq >= first_seq),
	segment   INTEGER NOT NULL REFERENCES archive_segment,
	PRIMARY KEY (stream_id, first_seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archive_removed ( -- whose originals are gone
	segment    INTEGER PRIMARY KEY REFERENCES archive_segment,
	removed_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS archive_hold (
	no      INTEGER PRIMARY KEY,
	segment INTEGER NOT NULL REFERENCES archive_segment,
	until   TEXT NOT NULL, -- '': for ever
	held_by TEXT NOT NULL,
	why     TEXT NOT NULL,
	held_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS archive_purge (
	segment   INTEGER PRIMARY KEY REFERENCES archive_segment,
	sha256    BLOB NOT NULL CHECK (length(sha256) = 32),
	purged_by TEXT NOT NULL,
	why       TEXT NOT NULL,
	purged_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS archive_erased (
	segment   INTEGER PRIMARY KEY REFERENCES archive_segment,
	erased_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS archive_run (
	no     INTEGER PRIMARY KEY,
	report TEXT NOT NULL -- JSON
);
CREATE INDEX IF NOT EXISTS archive_segment_date ON archive_segment (business_date, store_code, part);
CREATE INDEX IF NOT EXISTS archive_segment_store ON archive_segment (store_code, business_date, part);
CREATE INDEX IF NOT EXISTS archive_hold_segment ON archive_hold (segment);
CREATE TRIGGER IF NOT EXISTS archive_parts_apart BEFORE INSERT ON archive_parts
	WHEN NEW.first_seq <= (SELECT last_seq FROM archive_parts WHERE stream_id = NEW.stream_id AND first_seq <= NEW.last_seq ORDER BY first_seq DESC LIMIT 1)
	BEGIN SELECT RAISE(ABORT, 'archive_parts never overlap'); END;
`

// catalogueKeys are the tables of the catalogue, which are only ever added to, with what tells whether a
// new row would take the place of another; anybody adds to the second.
var (
	catalogueKeys = map[string]string{
		"archive_segment": "no = NEW.no OR name = NEW.name", "archive_parts": "stream_id = NEW.stream_id AND first_seq = NEW.first_seq",
		"archive_removed": "segment = NEW.segment", "archive_purge": "segment = NEW.segment", "archive_erased": "segment = NEW.segment",
		"archive_run": "no = NEW.no",
	}
	openKeys = map[string]string{"archive_hold": "no = NEW.no"}
)

// archiveGuards let nobody but an archiver write the catalogue, and remove only what a registered segment
// holds.
func archiveGuards() (out string) {
	for table, taken := range openKeys {
		out += guard(table, taken)
	}
	for table, taken := range catalogueKeys {
		out += guard(table, taken) + fmt.Sprintf(`
CREATE TRIGGER IF NOT EXISTS %[1]s_archiver BEFORE INSERT ON %[1]s WHEN NOT %[2]s()
	BEGIN SELECT RAISE(ABORT, '%[1]s is the archiver''s'); END;`, table, archiverFunction)
	}
	for _, table := range archived {
		out += fmt.Sprintf(`
CREATE TRIGGER IF NOT EXISTS %[1]s_no_delete BEFORE DELETE ON %[1]s WHEN NOT (%[2]s() AND EXISTS (SELECT 1 FROM event_ids e WHERE e.id = OLD.id AND %[3]s))
	BEGIN SELECT RAISE(ABORT, '%[1]s is append-only: no delete of what no segment of the archive holds'); END;`, table, archiverFunction, inArchive)
	}
	return out
}

// inArchive tells whether a segment holds the link e.
const inArchive = `e.chain_seq <= (SELECT a.last_seq FROM archive_parts a WHERE a.stream_id = e.stream_id AND a.first_seq <= e.chain_seq ORDER BY a.first_seq DESC LIMIT 1)`

// archiveStep takes away the triggers that let nobody remove anything; archiveGuards has those in their
// place. An older program would take what is in the archive for lost.
func archiveStep() (out string) {
	for _, table := range archived {
		out += "DROP TRIGGER IF EXISTS " + table + "_no_delete;\n"
	}
	return out
}

const retentionTables = `
CREATE TABLE IF NOT EXISTS retention (
	no        INTEGER PRIMARY KEY,
	tenant_id TEXT NOT NULL,
	live_days INTEGER NOT NULL,
	keep_days INTEGER NOT NULL,
	at        TEXT NOT NULL,
	set_by    TEXT NOT NULL,
	set_at    INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS retention_tenant ON retention (tenant_id, no);
`

// Retentions implements app.Archive.
func (s *Store) Retentions(ctx context.Context, tenant string, limit int) ([]journal.Retention, error) {
	if _, err := s.tenant(ctx, tenant); err != nil {
		return nil, err
	}
	var out []journal.Retention
	err := each(ctx, s.platform.reader, func(rows *sql.Rows) error {
		var r journal.Retention
		var at int64
		err := rows.Scan(&r.LiveDays, &r.KeepDays, &r.At, &r.SetBy, &at)
		r.SetAt = time.UnixMicro(at).UTC()
		out = append(out, r)
		return err
	}, `SELECT live_days, keep_days, at, set_by, set_at FROM retention WHERE tenant_id = ? ORDER BY no DESC LIMIT ?`, tenant, limit)
	return out, err
}

// SetRetention implements app.Archive.
func (s *Store) SetRetention(ctx context.Context, tenant string, r journal.Retention) error {
	if _, err := s.tenant(ctx, tenant); err != nil {
		return err
	}
	return s.platform.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.WithoutCancel(ctx), `INSERT INTO retention (tenant_id, live_days, keep_days, at, set_by, set_at) VALUES (?, ?, ?, ?, ?, ?)`,
			tenant, r.LiveDays, r.KeepDays, r.At, r.SetBy, micros(r.SetAt))
		return err
	})
}

// segments reads rows of the catalogue. What a segment is kept until is what it was registered with, or
// the longest hold; ” is for ever and counts as longest.
const segments = `SELECT s.manifest, s.parts, s.registered_at, r.segment IS NOT NULL,
	CASE WHEN s.keep_until = '' OR EXISTS (SELECT 1 FROM archive_hold h WHERE h.segment = s.no AND h.until = '') THEN ''
		ELSE max(s.keep_until, coalesce((SELECT max(h.until) FROM archive_hold h WHERE h.segment = s.no), '')) END AS kept,
	p.purged_by, p.why, p.purged_at, p.sha256
FROM archive_segment s LEFT JOIN archive_removed r ON r.segment = s.no LEFT JOIN archive_purge p ON p.segment = s.no`

func eachSegment(ctx context.Context, q querier, query string, args ...any) (out []*app.Segment, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		s := &app.Segment{}
		var manifest, parts, hash []byte
		var registered int64
		var by, why sql.NullString
		var purged sql.NullInt64
		if err := rows.Scan(&manifest, &parts, &registered, &s.Removed, &s.KeepUntil, &by, &why, &purged, &hash); err != nil {
			return err
		}
		s.RegisteredAt = time.UnixMicro(registered).UTC()
		if purged.Valid {
			s.Purge = &app.Purge{By: by.String, Why: why.String, At: time.UnixMicro(purged.Int64).UTC()}
			copy(s.Purge.SHA256[:], hash)
		}
		out = append(out, s)
		if err := json.Unmarshal(manifest, &s.Manifest); err != nil {
			return app.Damaged(err)
		}
		return app.Damaged(json.Unmarshal(parts, &s.Parts))
	}, query, args...)
	return out, err
}

// Segments implements app.Archive.
func (s *Store) Segments(ctx context.Context, tenant string, q app.SegmentQuery) ([]*app.Segment, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var c conditions
	if q.StoreCode != "" {
		c.add("s.store_code = ?", q.StoreCode)
	}
	if q.Date.From != nil {
		c.add("s.business_date >= ?", *q.Date.From)
	}
	if q.Date.To != nil {
		c.add("s.business_date <= ?", *q.Date.To)
	}
	if q.Name != "" {
		c.add("s.name = ?", q.Name)
	}
	if q.Remaining {
		c.add("r.segment IS NULL")
	}
	if q.Ended != "" {
		c.add("p.segment IS NULL AND kept <> '' AND kept < ?", q.Ended)
	}
	if q.Erasing {
		c.add("p.segment IS NOT NULL AND NOT EXISTS (SELECT 1 FROM archive_erased x WHERE x.segment = s.no)")
	}
	compare, direction := ">", ""
	if q.Newest {
		compare, direction = "<", " DESC"
	}
	if q.After != "" {
		c.add(fmt.Sprintf("(s.business_date, s.store_code, s.part) %s (SELECT business_date, store_code, part FROM archive_segment WHERE name = ?)", compare), q.After)
	}
	limit := -1
	if q.Limit > 0 {
		limit = q.Limit
	}
	var out []*app.Segment
	err = db.read(ctx, func(tx *sql.Tx) error {
		if q.After != "" {
			if _, err := segmentNo(ctx, tx, q.After); err != nil {
				return err
			}
		}
		out, err = eachSegment(ctx, tx, fmt.Sprintf(`%s%s ORDER BY s.business_date%[3]s, s.store_code%[3]s, s.part%[3]s LIMIT ?`, segments, c.where(), direction), append(c.args, limit)...)
		return err
	})
	return out, err
}

// segmentNo finds a segment by its name.
func segmentNo(ctx context.Context, q querier, name string) (int64, error) {
	found, err := column[int64](ctx, q, `SELECT no FROM archive_segment WHERE name = ?`, name)
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		return 0, app.ErrNotFound
	}
	return found[0], nil
}

// SegmentAt implements app.Archive.
func (s *Store) SegmentAt(ctx context.Context, tenant, stream string, seq uint64) (*app.Segment, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	found, err := eachSegment(ctx, db.reader, segments+` WHERE s.no = (SELECT iif(a.last_seq >= ?2, a.segment, NULL)
		FROM chain_heads h CROSS JOIN archive_parts a ON a.stream_id = h.stream_id AND a.first_seq <= ?2
		WHERE h.stream = ?1 ORDER BY a.first_seq DESC LIMIT 1)`, stream, seq)
	if err == nil && len(found) == 0 {
		err = app.ErrNotFound
	}
	return first(found), err
}

// movedOf are the links of a chain that segments have.
func movedOf(ctx context.Context, q querier, streamID int64) (moved sequence.Set, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		var r sequence.Range
		err := rows.Scan(&r.First, &r.Last)
		moved = append(moved, r)
		return err
	}, `SELECT first_seq, last_seq FROM archive_parts WHERE stream_id = ? ORDER BY first_seq`, streamID)
	return moved, err
}

// Hold implements app.Archive.
func (s *Store) Hold(ctx context.Context, tenant, name string, h app.Hold) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		if err := s.step("insert hold"); err != nil {
			return err
		}
		found, err := eachSegment(ctx, tx, segments+` WHERE s.name = ?`, name)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return app.ErrNotFound
		case found[0].Purge != nil || !app.KeptLonger(found[0].KeepUntil, h.Until):
			return app.ErrRefused
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO archive_hold (segment, until, held_by, why, held_at) SELECT no, ?, ?, ?, ? FROM archive_segment WHERE name = ?`,
			h.Until, h.By, h.Why, micros(h.At), name)
		return err
	})
}

// ArchiveRuns implements app.Archive.
func (s *Store) ArchiveRuns(ctx context.Context, tenant string, limit int) ([]*app.ArchiveRun, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return contents[app.ArchiveRun](ctx, db.reader, `SELECT report FROM archive_run ORDER BY no DESC LIMIT ?`, limit)
}
