package sqlitestore

import (
	"context"
	"database/sql"
	"time"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// accessTables hold who read what. They are only ever added to.
const accessTables = `
CREATE TABLE IF NOT EXISTS log_access (
	no       INTEGER PRIMARY KEY,
	id       TEXT NOT NULL UNIQUE,
	at       INTEGER NOT NULL,
	subject  TEXT NOT NULL,
	role     TEXT NOT NULL,
	method   TEXT NOT NULL,
	route    TEXT NOT NULL,
	path     TEXT NOT NULL,
	query    TEXT NOT NULL,
	status   INTEGER NOT NULL,
	items    INTEGER NOT NULL,
	trace_id TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS log_access_at ON log_access (at);
CREATE INDEX IF NOT EXISTS log_access_subject ON log_access (subject, at);
CREATE TRIGGER IF NOT EXISTS log_access_no_update BEFORE UPDATE ON log_access
	BEGIN SELECT RAISE(ABORT, 'log_access is append-only: no update'); END;
CREATE TRIGGER IF NOT EXISTS log_access_no_delete BEFORE DELETE ON log_access
	BEGIN SELECT RAISE(ABORT, 'log_access is append-only: no delete'); END;
CREATE TRIGGER IF NOT EXISTS log_access_no_replace BEFORE INSERT ON log_access WHEN EXISTS (SELECT 1 FROM log_access WHERE no = NEW.no OR id = NEW.id)
	BEGIN SELECT RAISE(ABORT, 'log_access is append-only: no replace'); END;
`

// RecordAccess implements app.AccessLog.
func (s *Store) RecordAccess(ctx context.Context, tenant string, a *journal.Access) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.WithoutCancel(ctx), `INSERT INTO log_access (id, at, subject, role, method, route, path, query, status, items, trace_id)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.ID, micros(a.At), a.Subject, a.Role, a.Method, a.Route, a.Path, a.Query, a.Status, a.Items, a.TraceID)
		return err
	})
}

// Accesses implements app.AccessLog.
func (s *Store) Accesses(ctx context.Context, tenant string, q app.AccessQuery) (items []*journal.Access, total int, err error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, 0, err
	}
	var c conditions
	if q.Subject != "" {
		c.add("subject = ?", q.Subject)
	}
	if q.At.From != nil {
		c.add("at >= ?", micros(*q.At.From))
	}
	if q.At.To != nil {
		c.add("at < ?", micros(*q.At.To))
	}
	err = db.read(ctx, func(tx *sql.Tx) error {
		totals, err := column[int](ctx, tx, `SELECT count(*) FROM log_access`+c.where(), c.args...)
		if err != nil {
			return err
		}
		total = totals[0]
		return each(ctx, tx, func(rows *sql.Rows) error {
			a := &journal.Access{}
			items = append(items, a)
			var at int64
			err := rows.Scan(&a.ID, &at, &a.Subject, &a.Role, &a.Method, &a.Route, &a.Path, &a.Query, &a.Status, &a.Items, &a.TraceID)
			a.At = time.UnixMicro(at).UTC()
			return err
		}, `SELECT id, at, subject, role, method, route, path, query, status, items, trace_id FROM log_access`+c.where()+` ORDER BY at DESC, no DESC LIMIT ? OFFSET ?`,
			append(c.args, q.Limit, q.Skip)...)
	})
	return items, total, err
}
