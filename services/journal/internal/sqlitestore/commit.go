package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Commit implements app.Recorder.
func (s *Store) Commit(ctx context.Context, tenant string, records []*journal.Record) ([]app.Outcome, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if err := s.registerTerminals(ctx, tenant, records); err != nil {
		return nil, err
	}
	var outcomes []app.Outcome
	err = db.write(ctx, func(tx *sql.Tx) error {
		b := &batch{ctx: context.WithoutCancel(ctx), tx: tx, step: s.step, now: micros(s.clock.Now()), rows: map[string][][]any{}}
		var err error
		outcomes, err = b.commit(records)
		return err
	})
	if err == nil {
		err = classify(s.step("committed"))
	}
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// registerTerminals lists whose the terminals are whose snapshots come for the first time. It goes
// before the commit: a terminal that is listed without a copy is merely not known yet.
func (s *Store) registerTerminals(ctx context.Context, tenant string, records []*journal.Record) error {
	for _, r := range records {
		snapshot, ok := r.Event.(*event.Snapshot)
		if !ok || snapshot.Kind != event.KindTerminal {
			continue
		}
		id := snapshot.Terminal.TerminalID
		s.mu.Lock()
		listed := s.terminals[id]
		s.mu.Unlock()
		if listed {
			continue
		}
		err := s.platform.write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO terminals (terminal_id, tenant_id) VALUES (?, ?)`, id, tenant)
			return err
		})
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.terminals[id] = true
		s.mu.Unlock()
	}
	return nil
}

// batch is one commit in the making.
type batch struct {
	ctx  context.Context
	tx   *sql.Tx
	step func(name string) error
	now  int64
	rows map[string][][]any // by table
}

// chain is a stream as this commit sees and moves it.
type chain struct {
	id int64
	journal.Head
	moved    bool
	progress map[string]*progress
}

type progress struct {
	journal.Progress
	changed bool
}

func (b *batch) commit(records []*journal.Record) ([]app.Outcome, error) {
	known, err := b.known(records)
	if err != nil {
		return nil, err
	}
	id, err := b.lastID()
	if err != nil {
		return nil, err
	}
	chains := map[string]*chain{}
	outcomes := make([]app.Outcome, len(records))
	for i, r := range records {
		h := r.Envelope()
		hash, found := known[h.EventID]
		if found && hash != r.ContentHash {
			outcomes[i] = app.Changed
			continue
		}
		c, err := b.chain(chains, r)
		if err != nil {
			return nil, err
		}
		c.note(r)
		if found {
			outcomes[i] = app.Repeat
			continue
		}
		if err := app.CheckSize(r); err != nil {
			return nil, err
		}
		id++
		b.add(id, c, r)
		known[h.EventID], outcomes[i] = r.ContentHash, app.Stored
	}
	return outcomes, b.write(chains)
}

// known finds which of the events are stored already.
func (b *batch) known(records []*journal.Record) (map[string]journal.Hash, error) {
	if err := b.step("look up event ids"); err != nil {
		return nil, err
	}
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.Envelope().EventID
	}
	return contentHashes(b.ctx, b.tx, ids)
}

// maxParameters of one statement. Compiling it and its triggers is shared by all its rows, so few are dear;
// but the driver looks through all parameters for each of them, so many are dearer.
const maxParameters = 400

func contentHashes(ctx context.Context, q querier, ids []string) (map[string]journal.Hash, error) {
	known := make(map[string]journal.Hash, len(ids))
	for start := 0; start < len(ids); start += maxParameters {
		part := ids[start:min(start+maxParameters, len(ids))]
		err := each(ctx, q, func(rows *sql.Rows) error {
			var id string
			var hash []byte
			if err := rows.Scan(&id, &hash); err != nil {
				return err
			}
			known[id] = journal.Hash(hash)
			return nil
		}, `SELECT event_id, content_hash FROM event_ids WHERE event_id IN (`+marks(len(part))+`)`, anys(part)...)
		if err != nil {
			return nil, err
		}
	}
	return known, nil
}

func (b *batch) lastID() (int64, error) {
	ids, err := column[int64](b.ctx, b.tx, `SELECT coalesce(max(id), 0) FROM event_ids`)
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// chain gives the record's stream, read at its first mention in this commit.
func (b *batch) chain(chains map[string]*chain, r *journal.Record) (*chain, error) {
	stream := r.Stream()
	if c, ok := chains[stream.ID()]; ok {
		return c, nil
	}
	if err := b.step("read chain head"); err != nil {
		return nil, err
	}
	c := &chain{Head: journal.Head{Stream: stream}, progress: map[string]*progress{}}
	chains[stream.ID()] = c
	err := each(b.ctx, b.tx, func(rows *sql.Rows) error {
		var hash []byte
		err := rows.Scan(&c.id, &c.Seq, &hash)
		copy(c.Hash[:], hash)
		return err
	}, `SELECT stream_id, chain_seq, hash FROM chain_heads WHERE stream = ?`, stream.ID())
	if err != nil {
		return nil, err
	}
	if c.id == 0 {
		return c, b.begin(c)
	}
	return c, each(b.ctx, b.tx, func(rows *sql.Rows) error {
		p, err := scanProgress(rows)
		c.progress[p.Producer] = &progress{Progress: p}
		return err
	}, `SELECT producer, received, generation FROM progress WHERE stream_id = ?`, c.id)
}

// begin gives a new stream its head.
func (b *batch) begin(c *chain) error {
	if err := b.step("insert chain head"); err != nil {
		return err
	}
	res, err := b.tx.ExecContext(b.ctx, `INSERT INTO chain_heads (stream, store_code, terminal_no, chain_seq, hash) VALUES (?, ?, ?, 0, ?)`,
		c.Stream.ID(), c.Stream.StoreCode, c.Stream.TerminalNo, c.Hash[:])
	if err != nil {
		return err
	}
	c.id, err = res.LastInsertId()
	return err
}

// note counts the record in its producer's sequence.
func (c *chain) note(r *journal.Record) {
	h := r.Envelope()
	if h.Sequence == 0 {
		return
	}
	p, ok := c.progress[h.Producer]
	if !ok {
		p = &progress{Progress: journal.Progress{Producer: h.Producer}}
		c.progress[h.Producer] = p
	}
	p.changed = p.Note(r) || p.changed
}

// add makes all rows of one new event.
func (b *batch) add(id int64, c *chain, r *journal.Record) {
	link, hash := c.Append(r)
	c.moved = true
	h := r.Envelope()
	var entryHash any
	if r.Entry != nil {
		entryHash = link.EntryHash[:]
	}
	b.row("event_ids", id, h.EventID, r.Event.Topic(), c.id, h.Producer, h.Sequence, link.ContentHash[:], entryHash,
		link.Version, link.Seq, link.Prev[:], hash[:], optional(r.TraceParent), b.now)
	b.addLog(id, r)
	if r.Entry != nil {
		b.addEntry(id, r.Entry, h.OccurredAt)
	}
}

func (b *batch) addLog(id int64, r *journal.Record) {
	content := string(r.Content)
	switch l := r.Event.(type) {
	case *event.TranLog:
		b.row("log_tran", id, l.StoreCode, l.TerminalNo, l.BusinessDate, l.OpenCounter, l.TransactionNo, l.CartID, content)
	case *event.CashLog:
		whole, rest := journal.Split(l.Amount)
		b.row("log_cash_in_out", id, l.StoreCode, l.TerminalNo, l.BusinessDate, l.OpenCounter, whole, rest, content)
	case *event.OpenCloseLog:
		b.row("log_open_close", id, l.StoreCode, l.TerminalNo, l.BusinessDate, l.OpenCounter, l.Operation, content)
	case *event.Business:
		b.row("log_event", id, l.StoreCode, l.TerminalNo, l.EventType, optional(l.CorrelationID), micros(l.OccurredAt), content)
	case *journal.Direct:
		b.row("log_direct", id, l.StoreCode, l.TerminalNo, l.BusinessDate, l.Kind, content)
	case *event.Snapshot:
		b.row("log_snapshot", id, l.Kind, l.Code(), l.Version, content)
		b.row("copies", l.Kind, l.Code(), l.Version, content)
	}
}

func (b *batch) addEntry(id int64, e *journal.Entry, occurred time.Time) {
	whole, rest := journal.Split(e.Amount)
	b.row("journal", id, e.StoreCode, e.TerminalNo, e.TransactionNo, e.TransactionNumber(), e.TransactionType,
		e.BusinessDate, e.OpenCounter, e.BusinessCounter, e.ReceiptNo, whole, rest, e.Quantity,
		e.StaffID, e.UserID, e.GenerateDateTime, micros(e.GeneratedAt(occurred)), e.JournalText, e.ReceiptText)
	b.addWords(id, &indexed{e.StoreCode, e.TerminalNo, e.TransactionType, e.BusinessDate, micros(e.GeneratedAt(occurred)), e.JournalText})
}

func (b *batch) row(table string, values ...any) { b.rows[table] = append(b.rows[table], values) }

// inserts are the tables in the order in which a commit fills them.
var inserts = []struct{ table, columns, conflict string }{
	{"event_ids", "id, event_id, topic, stream_id, producer, sequence, content_hash, entry_hash, chain_version, chain_seq, prev_hash, hash, traceparent, committed_at", ""},
	{"log_tran", "id, store_code, terminal_no, business_date, open_counter, transaction_no, cart_id, content", ""},
	{"log_cash_in_out", "id, store_code, terminal_no, business_date, open_counter, amount_whole, amount_micros, content", ""},
	{"log_open_close", "id, store_code, terminal_no, business_date, open_counter, operation, content", ""},
	{"log_event", "id, store_code, terminal_no, event_type, correlation_id, occurred_at, content", ""},
	{"log_snapshot", "id, kind, code, version, content", ""},
	{"log_direct", "id, store_code, terminal_no, business_date, kind, content", ""},
	{"journal", "id, store_code, terminal_no, transaction_no, transaction_number, transaction_type, business_date, open_counter, business_counter, receipt_no, amount_whole, amount_micros, quantity, staff_id, user_id, generate_date_time, generated_at, journal_text, receipt_text", ""},
	{"journal_words", "rowid, terms", ""},
	{"journal_blocks", "block, last, oldest, newest, first_day, last_day", `ON CONFLICT DO UPDATE SET last = max(last, excluded.last), oldest = min(oldest, excluded.oldest), newest = max(newest, excluded.newest),
		first_day = min(first_day, excluded.first_day), last_day = max(last_day, excluded.last_day)`},
	{"copies", "kind, code, version, content", "ON CONFLICT DO UPDATE SET version = excluded.version, content = excluded.content WHERE excluded.version >= version"},
}

// write sends everything to the database.
func (b *batch) write(chains map[string]*chain) error {
	for _, in := range inserts {
		if err := b.insert(in.table, in.columns, in.conflict); err != nil {
			return err
		}
	}
	for _, c := range chains {
		if err := b.moveHead(c); err != nil {
			return err
		}
	}
	return b.step("commit")
}

// insert writes the rows of one table, many in a statement: the driver compiles every statement anew.
func (b *batch) insert(table, columns, conflict string) error {
	rows := b.rows[table]
	if len(rows) == 0 {
		return nil
	}
	width := len(rows[0])
	for perStatement := maxParameters / width; len(rows) > 0; {
		part := rows[:min(perStatement, len(rows))]
		rows = rows[len(part):]
		if err := b.step("insert into " + table); err != nil {
			return err
		}
		args := make([]any, 0, len(part)*width)
		for _, r := range part {
			args = append(args, r...)
		}
		values := strings.Repeat("("+marks(width)+"),", len(part))
		query := fmt.Sprintf("INSERT INTO %s (%s) VALUES %s %s", table, columns, values[:len(values)-1], conflict) //nolint:gosec // the names come from the table above
		if _, err := b.tx.ExecContext(b.ctx, query, args...); err != nil {
			return fmt.Errorf("insert into %s: %w", table, err)
		}
	}
	return nil
}

func (b *batch) moveHead(c *chain) error {
	if c.moved {
		if err := b.step("move chain head"); err != nil {
			return err
		}
		if _, err := b.tx.ExecContext(b.ctx, `UPDATE chain_heads SET chain_seq = ?, hash = ? WHERE stream_id = ?`, c.Seq, c.Hash[:], c.id); err != nil {
			return err
		}
	}
	for _, p := range c.progress {
		if !p.changed {
			continue
		}
		if err := b.step("write progress"); err != nil {
			return err
		}
		received, err := json.Marshal(p.Received)
		if err != nil {
			return err
		}
		_, err = b.tx.ExecContext(b.ctx, `INSERT INTO progress (stream_id, producer, received, generation) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET received = excluded.received, generation = excluded.generation`, c.id, p.Producer, string(received), p.Generation)
		if err != nil {
			return err
		}
	}
	return nil
}

func scanProgress(rows *sql.Rows) (p journal.Progress, err error) {
	var received []byte
	if err := rows.Scan(&p.Producer, &received, &p.Generation); err != nil {
		return p, err
	}
	return p, app.Damaged(json.Unmarshal(received, &p.Received))
}

// Known implements app.Recorder.
func (s *Store) Known(ctx context.Context, tenant string, eventIDs []string) (map[string]journal.Hash, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return contentHashes(ctx, db.reader, eventIDs)
}

func micros(t time.Time) int64 { return t.UnixMicro() }

// marks is n placeholders.
func marks(n int) string { return string(bytes.TrimSuffix(bytes.Repeat([]byte("?,"), n), []byte(","))) }

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// optional stores "" as nothing.
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}
