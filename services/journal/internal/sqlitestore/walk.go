package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// linkColumns are everything that belongs to a link. An event's content lies in the log of its topic,
// whichever that is.
const linkColumns = `e.chain_version, e.prev_hash, e.chain_seq, e.event_id, e.content_hash, e.entry_hash, e.hash,
	e.topic, e.producer, e.sequence,
	coalesce(t.content, v.content, c.content, o.content, s.content, d.content, ''),
	j.store_code, j.terminal_no, j.transaction_no, j.transaction_type, j.business_date, j.open_counter,
	j.business_counter, j.receipt_no, j.amount_whole, j.amount_micros, j.quantity, j.staff_id, j.user_id,
	j.generate_date_time, j.journal_text, j.receipt_text, j.generated_at, j.transaction_number,
	CASE WHEN coalesce(t.id, v.id, c.id, o.id, s.id, d.id) IS NULL THEN ` + inArchive + ` END`

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
		c := &chainWalk{ctx: ctx, tx: tx, tenant: tenant, w: w, seen: map[string]int{}}
		for i, state := range states {
			if err := app.Visited(w.Stream(state)); err != nil {
				return err
			}
			if err := c.chain(state.Stream.ID(), ids[i]); err != nil {
				return err
			}
		}
		return c.strays()
	})
}

// scanStored reads a row of linkColumns, behind columns that go where before says.
func scanStored(rows *sql.Rows, tenant string, before ...any) (*journal.Stored, error) {
	s := &journal.Stored{}
	var prev, content, entry, hash []byte
	var store, date, generated, text sql.NullString
	var terminal, kind, whole, rest, instant sql.NullInt64
	var archived sql.NullBool
	e := &journal.Entry{TenantID: tenant}
	err := rows.Scan(append(before, &s.Version, &prev, &s.Seq, &s.EventID, &content, &entry, &hash,
		&s.Topic, &s.Producer, &s.Sequence, &s.Content,
		&store, &terminal, &e.TransactionNo, &kind, &date, &e.OpenCounter,
		&e.BusinessCounter, &e.ReceiptNo, &whole, &rest, &e.Quantity, &e.StaffID, &e.UserID,
		&generated, &text, &e.ReceiptText, &instant, &s.Number, &archived)...)
	if err != nil {
		return nil, err
	}
	copy(s.Prev[:], prev)
	copy(s.ContentHash[:], content)
	copy(s.EntryHash[:], entry)
	copy(s.Hash[:], hash)
	s.Archived = archived.Bool
	if !store.Valid {
		return s, nil
	}
	e.StoreCode, e.TerminalNo, e.TransactionType = store.String, int(terminal.Int64), journal.Type(kind.Int64)
	e.BusinessDate, e.GenerateDateTime, e.JournalText = date.String, generated.String, text.String
	s.Entry, s.Generated = e, time.UnixMicro(instant.Int64).UTC()
	e.Amount, err = journal.Join(whole.Int64, rest.Int64)
	return s, app.Damaged(err)
}

// logOf is the log of each topic.
var logOf = map[string]string{
	event.TopicTranLog: "log_tran", event.TopicCashLog: "log_cash_in_out", event.TopicOpenCloseLog: "log_open_close",
	event.TopicEvents: "log_event", event.TopicTerminal: "log_snapshot", journal.TopicDirect: "log_direct",
}

// strays finds what of a table no link covers: rows that somebody put in, and events whose stream is gone.
func strays(ctx context.Context, tx *sql.Tx, table string, w app.Walker) error {
	cover := "event_ids e WHERE e.id = t.id"
	if table == "event_ids" {
		cover = "chain_heads h WHERE h.stream_id = t.stream_id"
	}
	for topic, log := range logOf {
		if log == table {
			cover += " AND e.topic = '" + topic + "'"
		}
	}
	return each(ctx, tx, func(rows *sql.Rows) error {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		return app.Visited(w.Stray(table, id))
	}, fmt.Sprintf(`SELECT t.id FROM %s t WHERE NOT EXISTS (SELECT 1 FROM %s) LIMIT 100`, table, cover))
}
