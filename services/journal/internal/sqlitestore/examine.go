package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// examineTables hold how far each stream was held against the rules, and what was found. They are
// derived: an examination that is lost is made again from the first link.
const examineTables = `
CREATE TABLE IF NOT EXISTS examinations (
	stream_id INTEGER PRIMARY KEY REFERENCES chain_heads,
	chain_seq INTEGER NOT NULL, -- examined through this link
	due_at    INTEGER NOT NULL, -- when to look again, 0: when something new comes
	turn      INTEGER NOT NULL,
	state     BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS discrepancies (
	no            INTEGER PRIMARY KEY,
	id            TEXT NOT NULL UNIQUE,
	stream        TEXT NOT NULL,
	store_code    TEXT NOT NULL,
	terminal_no   INTEGER NOT NULL,
	kind          TEXT NOT NULL,
	key           TEXT NOT NULL,
	occurrence    INTEGER NOT NULL,
	business_date TEXT NOT NULL,
	open_counter  INTEGER NOT NULL,
	state         TEXT NOT NULL,
	finding       TEXT NOT NULL, -- JSON
	opened_at     INTEGER NOT NULL,
	changed_at    INTEGER NOT NULL,
	resolved_at   INTEGER NOT NULL,
	resolved_by   TEXT NOT NULL,
	resolution    TEXT NOT NULL,
	UNIQUE (stream, kind, key, occurrence)
);
CREATE TABLE IF NOT EXISTS discrepancy_debts ( -- people are owed an alert
	no INTEGER PRIMARY KEY REFERENCES discrepancies
);
CREATE INDEX IF NOT EXISTS examinations_due ON examinations (due_at) WHERE due_at > 0;
CREATE INDEX IF NOT EXISTS discrepancies_open ON discrepancies (stream) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS discrepancies_state ON discrepancies (state, kind);
CREATE INDEX IF NOT EXISTS discrepancies_terminal ON discrepancies (store_code, terminal_no, business_date);
CREATE INDEX IF NOT EXISTS discrepancies_date ON discrepancies (business_date);
DROP INDEX IF EXISTS journal_receipt; -- which the next one replaces
CREATE INDEX IF NOT EXISTS journal_receipt_scope ON journal (receipt_no, terminal_no, store_code, business_date) WHERE receipt_no IS NOT NULL;
CREATE TRIGGER IF NOT EXISTS discrepancies_no_delete BEFORE DELETE ON discrepancies
	BEGIN SELECT RAISE(ABORT, 'discrepancies stay on record'); END;
CREATE TRIGGER IF NOT EXISTS discrepancies_resolved BEFORE UPDATE ON discrepancies WHEN OLD.state <> 'open'
	BEGIN SELECT RAISE(ABORT, 'a resolved discrepancy stays as it is'); END;
`

// Unexamined implements app.Examiner.
func (s *Store) Unexamined(ctx context.Context, tenant string, now time.Time) ([]identity.Stream, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var out []identity.Stream
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		stream := identity.Stream{TenantID: tenant}
		err := rows.Scan(&stream.StoreCode, &stream.TerminalNo)
		out = append(out, stream)
		return err
	}, `SELECT h.store_code, h.terminal_no FROM chain_heads h LEFT JOIN examinations x ON x.stream_id = h.stream_id
		WHERE h.chain_seq > coalesce(x.chain_seq, 0) OR x.due_at BETWEEN 1 AND ? ORDER BY h.stream`, micros(now))
	return out, err
}

// Examination implements app.Examiner.
func (s *Store) Examination(ctx context.Context, stream identity.Stream) (app.Saved, error) {
	var saved app.Saved
	db, err := s.tenant(ctx, stream.TenantID)
	if err != nil {
		return saved, err
	}
	err = db.read(ctx, func(tx *sql.Tx) error {
		err := each(ctx, tx, func(rows *sql.Rows) error { return rows.Scan(&saved.Turn, &saved.State) },
			`SELECT x.turn, x.state FROM chain_heads h CROSS JOIN examinations x ON x.stream_id = h.stream_id WHERE h.stream = ?`, stream.ID())
		if err != nil {
			return err
		}
		saved.Open, err = discrepancies(ctx, tx, stream.TenantID, ` WHERE stream = ? AND state = 'open' ORDER BY no`, stream.ID())
		return err
	})
	return saved, err
}

// behind reads links with what of their events is looked at.
const behind = `SELECT e.chain_seq, e.event_id, e.topic, e.producer, e.sequence,
	coalesce(t.content, c.content, o.content, s.content, d.content, CASE WHEN v.event_type = 'Terminal.SignedIn' THEN v.content END, ''),
	coalesce(coalesce(t.id, v.id, c.id, o.id, s.id, d.id) IS NULL AND ` + inArchive + `, 0)
FROM chain_heads h CROSS JOIN event_ids e ON e.stream_id = h.stream_id
	LEFT JOIN log_event v ON v.id = e.id
	LEFT JOIN log_tran t ON t.id = e.id
	LEFT JOIN log_cash_in_out c ON c.id = e.id
	LEFT JOIN log_open_close o ON o.id = e.id
	LEFT JOIN log_snapshot s ON s.id = e.id
	LEFT JOIN log_direct d ON d.id = e.id
WHERE h.stream = ? AND e.chain_seq > ? ORDER BY e.chain_seq LIMIT ?`

// Behind implements app.Examiner.
func (s *Store) Behind(ctx context.Context, stream identity.Stream, seq uint64, limit int) ([]*journal.Examined, error) {
	db, err := s.tenant(ctx, stream.TenantID)
	if err != nil {
		return nil, err
	}
	var out []*journal.Examined
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		l := &journal.Examined{}
		out = append(out, l)
		return rows.Scan(&l.Seq, &l.EventID, &l.Topic, &l.Producer, &l.Sequence, &l.Content, &l.Archived)
	}, behind, stream.ID(), seq, limit)
	return out, err
}

// Receipts implements app.Examiner. The index is chosen by hand: the planner would read the whole day.
func (s *Store) Receipts(ctx context.Context, t identity.Terminal, businessDate string, numbers []int64) ([]journal.ReceiptUse, error) {
	db, err := s.tenant(ctx, t.TenantID)
	if err != nil {
		return nil, err
	}
	var out []journal.ReceiptUse
	for start := 0; start < len(numbers); start += maxParameters / 2 {
		part := numbers[start:min(start+maxParameters/2, len(numbers))]
		err := each(ctx, db.reader, func(rows *sql.Rows) error {
			var u journal.ReceiptUse
			err := rows.Scan(&u.ReceiptNo, &u.EventID, &u.Seq)
			out = append(out, u)
			return err
		}, receiptUses(len(part)), append(anys(part), t.TerminalNo, t.StoreCode, businessDate)...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func receiptUses(numbers int) string {
	return `SELECT j.receipt_no, e.event_id, e.chain_seq FROM journal j INDEXED BY journal_receipt_scope CROSS JOIN event_ids e ON e.id = j.id
		WHERE j.receipt_no IN (` + marks(numbers) + `) AND j.terminal_no = ? AND j.store_code = ? AND j.business_date = ? ORDER BY j.id`
}

// Settle implements app.Examiner.
func (s *Store) Settle(ctx context.Context, st *app.Settlement) ([]*journal.Discrepancy, error) {
	db, err := s.tenant(ctx, st.Stream.TenantID)
	if err != nil {
		return nil, err
	}
	var changed []*journal.Discrepancy
	err = db.write(ctx, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		if err := s.step("save examination"); err != nil {
			return err
		}
		if err := saveExamination(ctx, tx, st); err != nil {
			return err
		}
		for key, found := range st.Findings {
			latest, err := discrepancies(ctx, tx, st.Stream.TenantID, ` WHERE stream = ? AND kind = ? AND key = ? ORDER BY occurrence DESC LIMIT 1`, st.Stream.ID(), key.Kind, key.Key)
			if err != nil {
				return err
			}
			d := journal.Settle(st.Stream, key, found, first(latest), st.Now)
			if d == nil {
				continue
			}
			if err := s.step("write discrepancy"); err != nil {
				return err
			}
			if err := writeDiscrepancy(ctx, tx, d); err != nil {
				return err
			}
			if err := oweAlert(ctx, tx, d, first(latest)); err != nil {
				return err
			}
			changed = append(changed, d)
		}
		return nil
	})
	if err == nil {
		err = classify(s.step("settled"))
	}
	if err != nil {
		return nil, err
	}
	return changed, nil
}

func first[T any](list []*T) *T {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// saveExamination replaces what was read, if it is still that.
func saveExamination(ctx context.Context, tx *sql.Tx, st *app.Settlement) error {
	var due int64
	if !st.Due.IsZero() {
		due = micros(st.Due)
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO examinations (stream_id, chain_seq, due_at, turn, state)
		SELECT stream_id, ?, ?, 1, ? FROM chain_heads WHERE stream = ?
		ON CONFLICT DO UPDATE SET chain_seq = excluded.chain_seq, due_at = excluded.due_at, state = excluded.state, turn = turn + 1
		WHERE turn = ?`, st.Seq, due, st.State, st.Stream.ID(), st.Turn)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return app.ErrMoved
	}
	return err
}

func writeDiscrepancy(ctx context.Context, tx *sql.Tx, d *journal.Discrepancy) error {
	finding, err := json.Marshal(&d.Finding)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO discrepancies (id, stream, store_code, terminal_no, kind, key, occurrence, business_date, open_counter,
			state, finding, opened_at, changed_at, resolved_at, resolved_by, resolution)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET business_date = excluded.business_date, open_counter = excluded.open_counter, state = excluded.state,
			finding = excluded.finding, changed_at = excluded.changed_at, resolved_at = excluded.resolved_at,
			resolved_by = excluded.resolved_by, resolution = excluded.resolution`,
		d.ID, d.Stream.ID(), d.Stream.StoreCode, d.Stream.TerminalNo, d.Kind, d.Key, d.Occurrence, d.BusinessDate, d.OpenCounter,
		d.State, string(finding), micros(d.OpenedAt), micros(d.ChangedAt), microsOrZero(d.ResolvedAt), d.ResolvedBy, d.Resolution)
	return err
}

func microsOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return micros(t)
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

func discrepancies(ctx context.Context, q querier, tenant, where string, args ...any) ([]*journal.Discrepancy, error) {
	var out []*journal.Discrepancy
	err := each(ctx, q, func(rows *sql.Rows) error {
		d := &journal.Discrepancy{Stream: identity.Stream{TenantID: tenant}}
		var finding []byte
		var opened, changed, resolved int64
		err := rows.Scan(&d.ID, &d.Stream.StoreCode, &d.Stream.TerminalNo, &d.Occurrence, &d.State, &finding, &opened, &changed, &resolved, &d.ResolvedBy, &d.Resolution)
		if err != nil {
			return err
		}
		d.OpenedAt, d.ChangedAt, d.ResolvedAt = fromMicros(opened), fromMicros(changed), fromMicros(resolved)
		if err := json.Unmarshal(finding, &d.Finding); err != nil {
			return app.Damaged(err)
		}
		out = append(out, d)
		return nil
	}, `SELECT id, store_code, terminal_no, occurrence, state, finding, opened_at, changed_at, resolved_at, resolved_by, resolution FROM discrepancies`+where, args...)
	return out, err
}

// Discrepancies implements app.Examiner.
func (s *Store) Discrepancies(ctx context.Context, tenant string, q app.DiscrepancyQuery) ([]*journal.Discrepancy, int, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, 0, err
	}
	var c conditions
	if q.StoreCode != "" {
		c.add("store_code = ?", q.StoreCode)
	}
	if q.TerminalNo != 0 {
		c.add("terminal_no = ?", q.TerminalNo)
	}
	if q.State != "" {
		c.add("state = ?", q.State)
	}
	if q.Kind != "" {
		c.add("kind = ?", q.Kind)
	}
	if q.BusinessDate != "" {
		c.add("business_date = ?", q.BusinessDate)
	}
	if q.Session != 0 {
		c.add("open_counter IN (0, ?)", q.Session)
	}
	var items []*journal.Discrepancy
	var totals []int
	err = db.read(ctx, func(tx *sql.Tx) (err error) {
		if totals, err = column[int](ctx, tx, `SELECT count(*) FROM discrepancies`+c.where(), c.args...); err != nil {
			return err
		}
		items, err = discrepancies(ctx, tx, tenant, c.where()+` ORDER BY no DESC LIMIT ? OFFSET ?`, append(c.args, q.Limit, q.Skip)...)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return items, totals[0], nil
}

// Discrepancy implements app.Examiner.
func (s *Store) Discrepancy(ctx context.Context, tenant, id string) (*journal.Discrepancy, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	found, err := discrepancies(ctx, db.reader, tenant, ` WHERE id = ?`, id)
	if err == nil && len(found) == 0 {
		err = app.ErrNotFound
	}
	return first(found), err
}

// Accept implements app.Examiner.
func (s *Store) Accept(ctx context.Context, tenant, id string, by, why string, at time.Time) (done bool, err error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return false, err
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(context.WithoutCancel(ctx), `UPDATE discrepancies SET state = ?, changed_at = ?, resolved_at = ?, resolved_by = ?, resolution = ?
			WHERE id = ? AND state = 'open'`, journal.DiscrepancyAccepted, micros(at), micros(at), by, why, id)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if done = n == 1; err != nil || !done {
			return err
		}
		return cancelAlert(ctx, tx, id)
	})
	return done && err == nil, err
}

// OpenDiscrepancies implements app.Examiner.
func (s *Store) OpenDiscrepancies(ctx context.Context, tenant string) (map[journal.Kind]int, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	open := map[journal.Kind]int{}
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var kind journal.Kind
		var n int
		err := rows.Scan(&kind, &n)
		open[kind] = n
		return err
	}, `SELECT kind, count(*) FROM discrepancies WHERE state = 'open' GROUP BY kind`)
	return open, err
}
