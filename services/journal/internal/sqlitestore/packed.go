package sqlitestore

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Verifying reads every row of a tenant. What a column costs on its way out of the database is more
// than what is done with it then: so a row comes as few values, each of them many columns with a byte 0
// between them. A value in a column that has this byte itself, a hash of another length, and anything else
// that cannot be taken apart for certain makes too many or too few: then that one row is read in the
// ordinary way, column by column.

// walked reads a chain: everything that belongs to each link in one value, and the event's content.
var walked = `SELECT ` + packedRow + `, ` + eventContent + `
FROM event_ids e LEFT JOIN journal j ON j.id = e.id` + eventJoins + `
WHERE e.stream_id = ? ORDER BY e.chain_seq`

// walkedAgain reads one row of a chain in the ordinary way.
const walkedAgain = `SELECT ` + linkColumns + ` FROM event_ids e` + linkJoins + ` WHERE e.id = ?`

const noHash = `x'0000000000000000000000000000000000000000000000000000000000000000'`

var (
	// packedRow begins with the row's id, whatever else is wrong with it.
	packedRow = "CAST(coalesce(" + packed("e.id", "e.chain_version", "e.chain_seq", "e.event_id", "e.topic", "e.producer", "e.sequence",
		"length(e.prev_hash) = 32 AND length(e.content_hash) = 32 AND length(coalesce(e.entry_hash, "+noHash+")) = 32",
		"iif(j.id IS NULL, '', coalesce("+packedEntry+", '!'))",
		"e.prev_hash || e.content_hash || coalesce(e.entry_hash, "+noHash+") || e.hash") + ", e.id || x'00') AS BLOB)"
	packedEntry = packed("'=' || j.store_code", "j.terminal_no", "j.transaction_type", "j.business_date", "j.generate_date_time", "j.generated_at",
		"j.amount_whole", "j.amount_micros", "j.journal_text",
		maybe("j.transaction_no"), maybe("j.staff_id"), maybe("j.user_id"), maybe("j.receipt_text"),
		maybe("j.open_counter"), maybe("j.business_counter"), maybe("j.receipt_no"), maybe("j.quantity"), maybe("j.transaction_number"))
	packedLeaf = "CAST(" + packed("l.idx", "l.stream_id", "l.chain_seq", "length(l.hash) = 32", "l.hash || coalesce(e.hash, "+noHash+")") + " AS BLOB)"
)

// eventContent is an event's content, which lies in the log of its topic. The logs of what comes often
// are joined: to look into one as a subquery opens it anew for every row. The row of another topic looks
// for no id there.
const (
	eventContent = `CAST(CASE e.topic
	WHEN 'topic-tranlog' THEN t.content
	WHEN 'topic-events' THEN v.content
	WHEN 'topic-cashlog' THEN (SELECT content FROM log_cash_in_out WHERE id = e.id)
	WHEN 'topic-opencloselog' THEN (SELECT content FROM log_open_close WHERE id = e.id)
	WHEN 'topic-terminal' THEN (SELECT content FROM log_snapshot WHERE id = e.id)
	WHEN 'direct' THEN (SELECT content FROM log_direct WHERE id = e.id) END AS BLOB)`
	eventJoins = `
	LEFT JOIN log_tran t ON t.id = iif(e.topic = 'topic-tranlog', e.id, NULL)
	LEFT JOIN log_event v ON v.id = iif(e.topic = 'topic-events', e.id, NULL)`
)

// packed puts columns into one value. It is NULL when one of them is.
func packed(columns ...string) string {
	return "(" + strings.Join(columns, ") || x'00' || (") + ")"
}

// maybe is a column that may be NULL, as part of a packed value: then it is empty, else = stands before it.
func maybe(column string) string { return "coalesce('=' || " + column + ", '')" }

// unpacker takes a packed value apart. What it gives shares one text.
type unpacker struct {
	rest   string
	failed bool
}

// text is the next value; behind the last one nothing may be left.
func (u *unpacker) text() string {
	value, rest, more := strings.Cut(u.rest, "\x00")
	u.failed = u.failed || !more
	u.rest = rest
	return value
}

func (u *unpacker) whole() int64 {
	n, err := strconv.ParseInt(u.text(), 10, 64)
	u.failed = u.failed || err != nil
	return n
}

// maybe is the next value of those that may be NULL; to is where it goes.
func (u *unpacker) maybe(to *string) *string {
	value := u.text()
	if value == "" {
		return nil
	}
	u.failed = u.failed || value[0] != '='
	*to = value[1:]
	return to
}

func (u *unpacker) maybeWhole(to *int64) *int64 {
	value := u.text()
	if value == "" {
		return nil
	}
	n, err := strconv.ParseInt(value[1:], 10, 64)
	u.failed = u.failed || value[0] != '=' || err != nil
	*to = n
	return to
}

func (u *unpacker) maybeInt(to *int) *int {
	var n int64
	if u.maybeWhole(&n) == nil {
		return nil
	}
	*to = int(n)
	return to
}

// hashes are what is left, one behind the other, and nothing else.
func (u *unpacker) hashes(to ...*journal.Hash) {
	if u.failed = u.failed || len(u.rest) != len(to)*len(journal.Hash{}); u.failed {
		return
	}
	for _, h := range to {
		u.rest = u.rest[copy(h[:], u.rest):]
	}
}

// entryRoom is an entry with all that it points to.
type entryRoom struct {
	journal.Entry
	transactionNo, staff, user, receiptText string
	open, business                          int
	receiptNo, quantity, number             int64
}

// room is where one row after the other is taken apart.
type room struct {
	stored journal.Stored
	entry  entryRoom
}

// unpack reads a packedRow. Not ok says that it has to be read in the ordinary way.
func (r *room) unpack(value []byte, tenant string) (row int64, ok bool) {
	u := unpacker{rest: string(value)}
	row = u.whole()
	r.stored = journal.Stored{}
	s := &r.stored
	s.Version, s.Seq = int(u.whole()), uint64(u.whole()) //nolint:gosec // as the database has it
	s.EventID, s.Topic, s.Producer = u.text(), u.text(), u.text()
	s.Sequence = uint64(u.whole()) //nolint:gosec // as the database has it
	u.failed = u.text() != "1" || u.failed
	if store := u.text(); store != "" {
		u.failed = store[0] != '=' || u.failed
		r.entry = entryRoom{Entry: journal.Entry{TenantID: tenant, StoreCode: store[1:]}}
		s.Entry = &r.entry.Entry
		s.Generated, s.Number = r.entry.unpack(&u)
	}
	u.hashes(&s.Prev, &s.ContentHash, &s.EntryHash, &s.Hash)
	return row, !u.failed
}

func (r *entryRoom) unpack(u *unpacker) (generated time.Time, number *int64) {
	r.TerminalNo, r.TransactionType = int(u.whole()), journal.Type(u.whole())
	r.BusinessDate, r.GenerateDateTime = u.text(), u.text()
	generated = time.UnixMicro(u.whole()).UTC()
	whole, micros := u.whole(), u.whole()
	r.JournalText = u.text()
	r.TransactionNo, r.StaffID, r.UserID, r.ReceiptText = u.maybe(&r.transactionNo), u.maybe(&r.staff), u.maybe(&r.user), u.maybe(&r.receiptText)
	r.OpenCounter, r.BusinessCounter = u.maybeInt(&r.open), u.maybeInt(&r.business)
	r.ReceiptNo, r.Quantity = u.maybeWhole(&r.receiptNo), u.maybeWhole(&r.quantity)
	var err error
	r.Amount, err = journal.Join(whole, micros)
	u.failed = u.failed || err != nil
	return generated, u.maybeWhole(&r.number)
}

// chainWalk gives the links of chains, and counts what it has seen by table.
type chainWalk struct {
	ctx    context.Context
	tx     *sql.Tx
	tenant string
	w      app.Walker
	room   room
	seen   map[string]int
	odd    bool // some row had to be read in the ordinary way
}

func (c *chainWalk) chain(stream string, id int64) error {
	links, entries := 0, 0
	contents := map[string]int{}
	moved, err := movedOf(c.ctx, c.tx, id)
	if err != nil {
		return err
	}
	err = each(c.ctx, c.tx, func(rows *sql.Rows) error {
		var value, content sql.RawBytes
		if err := rows.Scan(&value, &content); err != nil {
			return err
		}
		s := &c.room.stored
		row, ok := c.room.unpack(value, c.tenant)
		switch {
		case ok && content != nil:
			s.Content = content
		case ok && s.Entry == nil && moved.Contains(s.Seq):
			links++
			s.Archived, s.Stream = true, stream
			return app.Visited(c.w.Link(s))
		default:
			var err error
			c.odd = true
			if s, err = storedAt(c.ctx, c.tx, c.tenant, row); err != nil {
				return err
			}
		}
		links++
		contents[s.Topic]++
		if s.Entry != nil {
			entries++
		}
		s.Stream = stream
		return app.Visited(c.w.Link(s))
	}, walked, id)
	c.seen["event_ids"] += links
	c.seen["journal"] += entries
	for topic, n := range contents {
		c.seen[logOf[topic]] += n
	}
	return err
}

// strays finds what no link covers. Where every row belongs to a link that was seen, the count of them
// says so; a look at each is for tables that have more.
func (c *chainWalk) strays() error {
	for _, table := range immutable {
		n, err := column[int](c.ctx, c.tx, "SELECT count(*) FROM "+table)
		if err == nil && (c.odd || n[0] != c.seen[table]) {
			err = strays(c.ctx, c.tx, table, c.w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// storedAt reads one row of a chain in the ordinary way.
func storedAt(ctx context.Context, tx *sql.Tx, tenant string, row int64) (s *journal.Stored, err error) {
	err = each(ctx, tx, func(rows *sql.Rows) error {
		s, err = scanStored(rows, tenant)
		return err
	}, walkedAgain, row)
	return s, err
}

// unpackLeaf reads a packedLeaf; link is what stands at its place now.
func unpackLeaf(value []byte, l *proof.Leaf, stream *int64, link *proof.Hash) (ok bool) {
	u := unpacker{rest: string(value)}
	l.Index, *stream, l.Seq = uint64(u.whole()), u.whole(), uint64(u.whole()) //nolint:gosec // as the database has it
	u.failed = u.text() != "1" || u.failed
	u.hashes(&l.Link, link)
	return !u.failed
}
