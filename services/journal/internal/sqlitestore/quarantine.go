package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// putItem keeps an item or counts it again. The reason that the journal found last stands; a sidecar's
// word never replaces it.
const putItem = `INSERT INTO quarantine (id, tenant_id, event_id, content_hash, topic, store_code, terminal_no, producer,
	sequence, reason, detail, cloud_event, traceparent, generation, first_seen, last_seen, times, state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 'open')
ON CONFLICT (tenant_id, event_id, content_hash) DO UPDATE SET
	last_seen = excluded.last_seen, times = times + 1, generation = excluded.generation,
	reason = CASE WHEN excluded.reason <> 'dead-letter' AND state <> 'discarded' THEN excluded.reason ELSE reason END,
	detail = CASE WHEN excluded.reason <> 'dead-letter' AND state <> 'discarded' THEN excluded.detail ELSE detail END,
	state = CASE WHEN state = 'replayed' THEN 'open' ELSE state END,
	resolved_at = CASE WHEN state = 'replayed' THEN 0 ELSE resolved_at END,
	resolved_by = CASE WHEN state = 'replayed' THEN '' ELSE resolved_by END,
	resolution = CASE WHEN state = 'replayed' THEN '' ELSE resolution END`

// Put implements app.Quarantine.
func (s *Store) Put(ctx context.Context, items []*journal.Quarantined) error {
	return s.platform.write(ctx, func(tx *sql.Tx) error {
		for _, q := range items {
			if err := s.step("insert into quarantine"); err != nil {
				return err
			}
			owed, err := alertOwed(ctx, tx, q)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(context.WithoutCancel(ctx), putItem, q.ID, q.TenantID, q.EventID, q.ContentHash[:], q.Topic,
				q.Stream.StoreCode, q.Stream.TerminalNo, q.Producer, q.Sequence, q.Reason, q.Detail,
				notNil(q.CloudEvent), q.TraceParent, q.Generation, micros(q.FirstSeen), micros(q.LastSeen))
			if err == nil && owed {
				_, err = tx.ExecContext(context.WithoutCancel(ctx), oweOfEvent, journal.OwesAlert, q.TenantID, q.EventID, q.ContentHash[:])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// itemColumns are the columns of one item, in the order of scanItem; the event itself comes last.
const itemColumns = `id, tenant_id, event_id, content_hash, topic, store_code, terminal_no, producer, sequence, reason, detail,
	traceparent, generation, first_seen, last_seen, times, state, resolved_at, resolved_by, resolution`

// Item implements app.Quarantine.
func (s *Store) Item(ctx context.Context, id string) (*journal.Quarantined, error) {
	found, err := s.items(ctx, `SELECT `+itemColumns+`, cloud_event FROM quarantine WHERE id = ?`, id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, app.ErrNotFound
	}
	return found[0], nil
}

// Items implements app.Quarantine.
func (s *Store) Items(ctx context.Context, q app.QuarantineQuery) (items []*journal.Quarantined, total int, err error) {
	where, args := ` FROM quarantine WHERE tenant_id = ? AND state = ?`, []any{q.TenantID, q.State}
	if q.Reason != "" {
		where, args = where+` AND reason = ?`, append(args, q.Reason)
	}
	totals, err := column[int](ctx, s.platform.reader, `SELECT count(*)`+where, args...)
	if err != nil {
		return nil, 0, err
	}
	items, err = s.items(ctx, `SELECT `+itemColumns+`, NULL`+where+` ORDER BY no LIMIT ? OFFSET ?`, append(args, q.Limit, q.Skip)...)
	return items, totals[0], err
}

// Waiting implements app.Quarantine.
func (s *Store) Waiting(ctx context.Context, tenant, after string, limit int) ([]*journal.Quarantined, error) {
	return s.items(ctx, `SELECT `+itemColumns+`, cloud_event FROM quarantine
		WHERE state = 'open' AND reason = ? AND tenant_id = ? AND no > coalesce((SELECT no FROM quarantine WHERE id = ?), 0)
		ORDER BY no LIMIT ?`, journal.UnknownTenant, tenant, after, limit)
}

// WaitingFor implements app.Quarantine.
func (s *Store) WaitingFor(ctx context.Context) ([]string, error) {
	return column[string](ctx, s.platform.reader,
		`SELECT DISTINCT tenant_id FROM quarantine WHERE state = 'open' AND reason = ? ORDER BY tenant_id`, journal.UnknownTenant)
}

// Resolve implements app.Quarantine.
func (s *Store) Resolve(ctx context.Context, id string, r app.Resolution) (closed bool, err error) {
	err = s.platform.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(context.WithoutCancel(ctx), `UPDATE quarantine SET state = ?, resolved_at = ?, resolved_by = ?, resolution = ?
			WHERE id = ? AND state = 'open'`, r.State, micros(r.At), r.By, r.Why, id)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if closed = n == 1; err != nil || !closed {
			return err
		}
		return exchange(ctx, tx, id, r.Owes)
	})
	return closed && err == nil, err
}

// fatesKept is how many events of one stream a status can tell of.
const fatesKept = 1000

// Fates implements app.Quarantine.
func (s *Store) Fates(ctx context.Context, stream identity.Stream, producer string) (open []event.FailedEvent, discarded []uint64, err error) {
	err = each(ctx, s.platform.reader, func(rows *sql.Rows) error {
		var f event.FailedEvent
		var reason, detail string
		var state journal.QuarantineState
		if err := rows.Scan(&f.EventID, &f.Sequence, &reason, &detail, &state); err != nil {
			return err
		}
		if state == journal.QuarantineDiscarded {
			discarded = append(discarded, f.Sequence)
			return nil
		}
		f.Reason = reason + ": " + detail
		open = append(open, f)
		return nil
	}, `SELECT event_id, sequence, reason, detail, state FROM quarantine
		WHERE tenant_id = ? AND store_code = ? AND terminal_no = ? AND producer = ? AND state IN ('open', 'discarded') AND sequence > 0
		ORDER BY no DESC LIMIT ?`, stream.TenantID, stream.StoreCode, stream.TerminalNo, producer, fatesKept)
	return open, discarded, err
}

// Depth implements app.Quarantine.
func (s *Store) Depth(ctx context.Context) (int, error) {
	n, err := column[int](ctx, s.platform.reader, `SELECT count(*) FROM quarantine WHERE state = 'open'`)
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

func (s *Store) items(ctx context.Context, query string, args ...any) ([]*journal.Quarantined, error) {
	var out []*journal.Quarantined
	err := each(ctx, s.platform.reader, func(rows *sql.Rows) error {
		q, err := scanItem(rows)
		if err == nil {
			out = append(out, q)
		}
		return err
	}, query, args...)
	return out, err
}

func scanItem(rows *sql.Rows) (*journal.Quarantined, error) {
	q := &journal.Quarantined{}
	var hash []byte
	var first, last, resolved int64
	err := rows.Scan(&q.ID, &q.TenantID, &q.EventID, &hash, &q.Topic, &q.Stream.StoreCode, &q.Stream.TerminalNo, &q.Producer,
		&q.Sequence, &q.Reason, &q.Detail, &q.TraceParent, &q.Generation, &first, &last, &q.Times, &q.State,
		&resolved, &q.ResolvedBy, &q.Resolution, &q.CloudEvent)
	if err != nil {
		return nil, err
	}
	if len(hash) != len(q.ContentHash) {
		return nil, app.Damaged(errors.New("content hash of the wrong length"))
	}
	copy(q.ContentHash[:], hash)
	q.Stream.TenantID = q.TenantID
	q.FirstSeen, q.LastSeen = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
	if resolved != 0 {
		q.ResolvedAt = time.UnixMicro(resolved).UTC()
	}
	return q, nil
}
