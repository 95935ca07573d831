package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// links reads a chain with everything that belongs to each link. An event's content lies in the log
// of its topic, whichever that is.
const links = `SELECT ` + linkColumns + `
FROM event_ids e` + linkJoins + `
WHERE e.stream_id = ? ORDER BY e.chain_seq`

const linkColumns = `e.chain_version, e.prev_hash, e.chain_seq, e.event_id, e.content_hash, e.entry_hash, e.hash,
	e.topic, e.producer, e.sequence,
	coalesce(t.content, v.content, c.content, o.content, s.content, d.content, ''),
	j.store_code, j.terminal_no, j.transaction_no, j.transaction_type, j.business_date, j.open_counter,
	j.business_counter, j.receipt_no, j.amount_whole, j.amount_micros, j.quantity, j.staff_id, j.user_id,
	j.generate_date_time, j.journal_text, j.receipt_text, j.generated_at, j.transaction_number`

const linkJoins = `
	LEFT JOIN log_event v ON v.id = e.id
	LEFT JOIN log_tran t ON t.id = e.id
	LEFT JOIN log_cash_in_out c ON c.id = e.id
	LEFT JOIN log_open_close o ON o.id = e.id
	LEFT JOIN log_snapshot s ON s.id = e.id
	LEFT JOIN log_direct d ON d.id = e.id
	LEFT JOIN journal j ON j.id = e.id`

// Walk implements app.Reader.
func (s *Store) Walk(ctx context.Context, tenant string, w app.Walker) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	return db.read(ctx, func(tx *sql.Tx) error {
		states, ids, err := streams(ctx, tx, tenant)
		if err != nil {
			return err
		}
		for i, state := range states {
			if err := app.Visited(w.Stream(state)); err != nil {
				return err
			}
			if err := walkChain(ctx, tx, tenant, state, ids[i], w); err != nil {
				return err
			}
		}
		return strays(ctx, tx, w)
	})
}

func walkChain(ctx context.Context, tx *sql.Tx, tenant string, state journal.StreamState, id int64, w app.Walker) error {
	return each(ctx, tx, func(rows *sql.Rows) error {
		stored, err := scanStored(rows, tenant)
		if err != nil {
			return err
		}
		stored.Stream = state.Stream.ID()
		return app.Visited(w.Link(stored))
	}, links, id)
}

// scanStored reads a row of linkColumns, behind columns that go where before says.
func scanStored(rows *sql.Rows, tenant string, before ...any) (*journal.Stored, error) {
	s := &journal.Stored{}
	var prev, content, entry, hash []byte
	var store, date, generated, text sql.NullString
	var terminal, kind, whole, rest, instant sql.NullInt64
	e := &journal.Entry{TenantID: tenant}
	err := rows.Scan(append(before, &s.Version, &prev, &s.Seq, &s.EventID, &content, &entry, &hash,
		&s.Topic, &s.Producer, &s.Sequence, &s.Content,
		&store, &terminal, &e.TransactionNo, &kind, &date, &e.OpenCounter,
		&e.BusinessCounter, &e.ReceiptNo, &whole, &rest, &e.Quantity, &e.StaffID, &e.UserID,
		&generated, &text, &e.ReceiptText, &instant, &s.Number)...)
	if err != nil {
		return nil, err
	}
	copy(s.Prev[:], prev)
	copy(s.ContentHash[:], content)
	copy(s.EntryHash[:], entry)
	copy(s.Hash[:], hash)
	if !store.Valid {
		return s, nil
	}
	e.StoreCode, e.TerminalNo, e.TransactionType = store.String, int(terminal.Int64), journal.Type(kind.Int64)
	e.BusinessDate, e.GenerateDateTime, e.JournalText = date.String, generated.String, text.String
	s.Entry, s.Generated = e, time.UnixMicro(instant.Int64).UTC()
	e.Amount, err = journal.Join(whole.Int64, rest.Int64)
	return s, app.Damaged(err)
}

// strays finds what no link covers: rows that somebody put in, and events whose stream is gone.
func strays(ctx context.Context, tx *sql.Tx, w app.Walker) error {
	covers := map[string]string{
		"event_ids": "chain_heads h WHERE h.stream_id = t.stream_id",
		"journal":   "event_ids e WHERE e.id = t.id",
		"log_tran":  "event_ids e WHERE e.id = t.id AND e.topic = 'topic-tranlog'", "log_cash_in_out": "event_ids e WHERE e.id = t.id AND e.topic = 'topic-cashlog'",
		"log_open_close": "event_ids e WHERE e.id = t.id AND e.topic = 'topic-opencloselog'", "log_event": "event_ids e WHERE e.id = t.id AND e.topic = 'topic-events'",
		"log_snapshot": "event_ids e WHERE e.id = t.id AND e.topic = 'topic-terminal'",
		"log_direct":   "event_ids e WHERE e.id = t.id AND e.topic = 'direct'",
	}
	for _, table := range immutable {
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			return app.Visited(w.Stray(table, id))
		}, fmt.Sprintf(`SELECT t.id FROM %s t WHERE NOT EXISTS (SELECT 1 FROM %s) LIMIT 100`, table, covers[table]))
		if err != nil {
			return err
		}
	}
	return nil
}
