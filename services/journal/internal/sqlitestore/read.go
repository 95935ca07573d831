package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Entry implements app.Reader.
func (s *Store) Entry(ctx context.Context, tenant, eventID string) (*journal.Listed, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	found, err := entries(ctx, db.reader, tenant,
		`SELECT `+listed+` FROM event_ids e CROSS JOIN journal j ON j.id = e.id WHERE e.event_id = ?`, eventID)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, app.ErrNotFound
	}
	return &found[0], nil
}

func entries(ctx context.Context, q querier, tenant, query string, args ...any) ([]journal.Listed, error) {
	var found []journal.Listed
	err := each(ctx, q, func(rows *sql.Rows) error {
		l, err := scanListed(rows, tenant)
		if err == nil {
			found = append(found, *l)
		}
		return err
	}, query, args...)
	return found, err
}

// Direct implements app.Reader.
func (s *Store) Direct(ctx context.Context, tenant, eventID string) (*journal.Direct, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	found, err := contents[journal.Direct](ctx, db.reader, `SELECT d.content FROM event_ids e CROSS JOIN log_direct d ON d.id = e.id WHERE e.event_id = ?`, eventID)
	if err == nil && len(found) == 0 {
		err = app.ErrNotFound
	}
	return first(found), err
}

// Order implements app.Reader.
func (s *Store) Order(ctx context.Context, tenant, orderID string) ([]*event.Business, []journal.Listed, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, nil, err
	}
	var events []*event.Business
	var found []journal.Listed
	err = db.read(ctx, func(tx *sql.Tx) (err error) {
		events, err = contents[event.Business](ctx, tx,
			`SELECT content FROM log_event WHERE correlation_id = ? ORDER BY occurred_at, id`, orderID)
		if err != nil {
			return err
		}
		found, err = entries(ctx, tx, tenant, `SELECT `+listed+` FROM log_tran t CROSS JOIN journal j ON j.id = t.id
			CROSS JOIN event_ids e ON e.id = t.id WHERE t.cart_id = ? ORDER BY j.generated_at, j.id`, orderID)
		return err
	})
	// One instant can hold several events of a command: their sequence tells which came first.
	slices.SortStableFunc(events, func(a, b *event.Business) int {
		if c := a.OccurredAt.Compare(b.OccurredAt); c != 0 || a.Stream() != b.Stream() || a.Producer != b.Producer {
			return c
		}
		return int(a.Sequence) - int(b.Sequence)
	})
	return events, found, err
}

// contents decodes the first column of every row.
func contents[T any](ctx context.Context, q querier, query string, args ...any) ([]*T, error) {
	var out []*T
	err := each(ctx, q, func(rows *sql.Rows) error {
		var content sql.RawBytes
		if err := rows.Scan(&content); err != nil {
			return err
		}
		v := new(T)
		out = append(out, v)
		return app.Damaged(json.Unmarshal(content, v))
	}, query, args...)
	return out, err
}

// Session implements app.Reader.
func (s *Store) Session(ctx context.Context, tenant string, k journal.SessionKey) (*journal.Session, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	session := &journal.Session{}
	err = db.read(ctx, func(tx *sql.Tx) (err error) {
		if session.Transactions, err = sessionLogs[event.TranLog](ctx, tx, "log_tran", k); err != nil {
			return err
		}
		if session.Cash, err = sessionLogs[event.CashLog](ctx, tx, "log_cash_in_out", k); err != nil {
			return err
		}
		session.OpenClose, err = sessionLogs[event.OpenCloseLog](ctx, tx, "log_open_close", k)
		return err
	})
	return session, err
}

func sessionLogs[T any](ctx context.Context, tx *sql.Tx, table string, k journal.SessionKey) ([]*T, error) {
	return contents[T](ctx, tx, fmt.Sprintf(`SELECT l.content FROM %s l CROSS JOIN event_ids e ON e.id = l.id
		WHERE l.store_code = ? AND l.terminal_no = ? AND l.business_date = ? AND l.open_counter = ? ORDER BY e.sequence, e.id`, table),
		k.Terminal.StoreCode, k.Terminal.TerminalNo, k.BusinessDate, k.OpenCounter)
}

// Progress implements app.Reader.
func (s *Store) Progress(ctx context.Context, stream identity.Stream, producer string) (journal.Progress, error) {
	p := journal.Progress{Producer: producer}
	db, err := s.tenant(ctx, stream.TenantID)
	if err != nil {
		return p, err
	}
	err = each(ctx, db.reader, func(rows *sql.Rows) (err error) {
		p, err = scanProgress(rows)
		return err
	}, `SELECT p.producer, p.received, p.generation FROM chain_heads h CROSS JOIN progress p ON p.stream_id = h.stream_id
		WHERE h.stream = ? AND p.producer = ?`, stream.ID(), producer)
	return p, err
}

// Streams implements app.Reader.
func (s *Store) Streams(ctx context.Context, tenant string) ([]journal.StreamState, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var out []journal.StreamState
	err = db.read(ctx, func(tx *sql.Tx) error {
		out, _, err = streams(ctx, tx, tenant)
		return err
	})
	return out, err
}

// streams reads all heads with their progress, and their ids beside them.
func streams(ctx context.Context, tx *sql.Tx, tenant string) (states []journal.StreamState, ids []int64, err error) {
	err = each(ctx, tx, func(rows *sql.Rows) error {
		state := journal.StreamState{Head: journal.Head{Stream: identity.Stream{TenantID: tenant}}}
		var id int64
		var hash []byte
		err := rows.Scan(&id, &state.Stream.StoreCode, &state.Stream.TerminalNo, &state.Seq, &hash)
		copy(state.Hash[:], hash)
		states, ids = append(states, state), append(ids, id)
		return err
	}, `SELECT stream_id, store_code, terminal_no, chain_seq, hash FROM chain_heads ORDER BY stream`)
	for i := 0; err == nil && i < len(states); i++ {
		err = each(ctx, tx, func(rows *sql.Rows) error {
			p, err := scanProgress(rows)
			states[i].Progress = append(states[i].Progress, p)
			return err
		}, `SELECT producer, received, generation FROM progress WHERE stream_id = ? ORDER BY producer`, ids[i])
	}
	return states, ids, err
}

// Terminal implements app.Reader.
func (s *Store) Terminal(ctx context.Context, terminalID string) (*event.Snapshot, error) {
	owner, err := column[string](ctx, s.platform.reader, `SELECT tenant_id FROM terminals WHERE terminal_id = ?`, terminalID)
	if err != nil {
		return nil, err
	}
	if len(owner) == 0 {
		return nil, app.ErrNotFound
	}
	db, err := s.tenant(ctx, owner[0])
	if err != nil {
		return nil, err
	}
	found, err := contents[event.Snapshot](ctx, db.reader, `SELECT content FROM copies WHERE kind = ? AND code = ?`, event.KindTerminal, terminalID)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, app.ErrNotFound
	}
	return found[0], nil
}

// Stores implements app.Reader.
func (s *Store) Stores(ctx context.Context, tenant string) ([]*event.Snapshot, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return contents[event.Snapshot](ctx, db.reader, `SELECT content FROM copies WHERE kind = ? ORDER BY code`, event.KindStore)
}
