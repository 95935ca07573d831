package sqlitestore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// listed are the columns of one entry of a list, in the order of scanListed.
const listed = `j.store_code, j.terminal_no, j.transaction_no, j.transaction_type, j.business_date, j.open_counter,
	j.business_counter, j.receipt_no, j.amount_whole, j.amount_micros, j.quantity, j.staff_id, j.user_id,
	j.generate_date_time, j.journal_text, j.receipt_text, e.event_id, e.chain_seq, e.hash`

// withEvent looks up what an entry does not have itself: CROSS JOIN keeps the planner from turning
// it round.
const withEvent = ` CROSS JOIN event_ids e ON e.id = j.id`

// conditions are the parts of a WHERE, all of which must hold, and their parameters.
type conditions struct {
	parts []string
	args  []any
}

func (c *conditions) add(part string, args ...any) {
	c.parts, c.args = append(c.parts, part), append(c.args, args...)
}

func (c *conditions) where() string {
	if len(c.parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.parts, " AND ")
}

func (c *conditions) and(other conditions) conditions {
	return conditions{append(c.parts[:len(c.parts):len(c.parts)], other.parts...), append(c.args[:len(c.args):len(c.args)], other.args...)}
}

func orderBy(order []term) string {
	keys := make([]string, len(order))
	for i, t := range order {
		keys[i] = t.column + t.direction()
	}
	return ` ORDER BY ` + strings.Join(keys, ", ")
}

// filters turns a query into conditions.
func filters(q *journal.Query) conditions {
	var c conditions
	if q.StoreCode != "" {
		c.add("j.store_code = ?", q.StoreCode)
	}
	c.terminals(q)
	if len(q.Types) > 0 {
		c.add("j.transaction_type IN ("+marks(len(q.Types))+")", anys(q.Types)...)
	}
	span(&c, "j.business_date", q.BusinessDate)
	if q.Generated.From != nil {
		c.add("j.generated_at >= ?", micros(*q.Generated.From))
	}
	if q.Generated.To != nil {
		c.add("j.generated_at < ?", micros(*q.Generated.To))
	}
	span(&c, "j.receipt_no", q.ReceiptNo)
	span(&c, "j.transaction_number", q.TransactionNo)
	if q.Amount.From != nil {
		whole, rest := journal.Split(*q.Amount.From)
		c.add("(j.amount_whole, j.amount_micros) >= (?, ?)", whole, rest)
	}
	if q.Amount.To != nil {
		whole, rest := journal.Split(*q.Amount.To)
		c.add("(j.amount_whole, j.amount_micros) <= (?, ?)", whole, rest)
	}
	if q.StaffID != "" {
		c.add("j.staff_id = ?", q.StaffID)
	}
	return c
}

// span adds a range. A range of one value is an equality, which an index serves best.
func span[T comparable](c *conditions, column string, s journal.Span[T]) {
	if s.From != nil && s.To != nil && *s.From == *s.To {
		c.add(column+" = ?", *s.From)
		return
	}
	if s.From != nil {
		c.add(column+" >= ?", *s.From)
	}
	if s.To != nil {
		c.add(column+" <= ?", *s.To)
	}
}

func (c *conditions) terminals(q *journal.Query) {
	if len(q.Terminals) == 0 {
		return
	}
	if q.Terminals.Len() <= journal.ListedTerminals {
		c.add("j.terminal_no IN ("+marks(int(q.Terminals.Len()))+")", anys(q.Terminals.Numbers(journal.ListedTerminals))...)
		return
	}
	var parts []string
	var args []any
	for _, r := range q.Terminals {
		parts, args = append(parts, "j.terminal_no BETWEEN ? AND ?"), append(args, r.First, r.Last)
	}
	c.add("("+strings.Join(parts, " OR ")+")", args...)
}

// term is one column of an ORDER BY.
type term struct {
	column     string
	descending bool
	nullable   bool
}

func (t term) direction() string {
	if t.descending {
		return " DESC"
	}
	return ""
}

// sortColumns are the columns of each field.
var sortColumns = map[journal.Field][]term{
	journal.ByStore:           {{column: "j.store_code"}},
	journal.ByTerminal:        {{column: "j.terminal_no"}},
	journal.ByType:            {{column: "j.transaction_type"}},
	journal.ByBusinessDate:    {{column: "j.business_date"}},
	journal.ByGenerated:       {{column: "j.generated_at"}},
	journal.ByTransactionNo:   {{column: "j.transaction_number", nullable: true}, {column: "j.transaction_no", nullable: true}},
	journal.ByReceiptNo:       {{column: "j.receipt_no", nullable: true}},
	journal.ByAmount:          {{column: "j.amount_whole"}, {column: "j.amount_micros"}},
	journal.ByOpenCounter:     {{column: "j.open_counter", nullable: true}},
	journal.ByBusinessCounter: {{column: "j.business_counter", nullable: true}},
	journal.ByStaff:           {{column: "j.staff_id", nullable: true}},
}

// orderOf gives the order of a query; it always ends with id, so that no two entries are equal.
func orderOf(q *journal.Query) []term {
	sort := q.Sort
	if len(sort) == 0 {
		sort = []journal.Order{{Field: journal.ByGenerated, Descending: true}}
	}
	var order []term
	for _, o := range sort {
		for _, t := range sortColumns[o.Field] {
			t.descending = o.Descending
			order = append(order, t)
		}
	}
	return append(order, term{column: "j.id", descending: sort[0].Descending})
}

// after gives the conditions for standing behind one entry, wherever that stands: it costs the same on
// every page. id and at are that entry's.
func after(ctx context.Context, tx querier, order []term, eventID string) (c conditions, id int64, at time.Time, err error) {
	columns := make([]string, len(order), len(order)+1)
	values := make([]any, len(order))
	targets := make([]any, len(order), len(order)+1)
	for i, t := range order {
		columns[i], targets[i] = t.column, &values[i]
	}
	var instant int64
	columns, targets = append(columns, "j.generated_at"), append(targets, &instant)
	found := false
	err = each(ctx, tx, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(targets...)
	}, `SELECT `+strings.Join(columns, ", ")+` FROM event_ids e CROSS JOIN journal j ON j.id = e.id WHERE e.event_id = ?`, eventID)
	if err != nil {
		return c, 0, at, err
	}
	if !found {
		return c, 0, at, app.ErrNotFound
	}
	var alternatives, equal []string
	var args, equalArgs []any
	for i, t := range order {
		if beyond, arg := t.beyond(values[i]); beyond != "" {
			alternatives = append(alternatives, "("+strings.Join(append(equal, beyond), " AND ")+")")
			args = append(append(args, equalArgs...), arg...)
		}
		equal, equalArgs = append(equal[:len(equal):len(equal)], t.column+" IS ?"), append(equalArgs[:len(equalArgs):len(equalArgs)], values[i])
	}
	c.add("("+strings.Join(alternatives, " OR ")+")", args...)
	id, _ = values[len(values)-1].(int64) // the last one of every order
	return c, id, time.UnixMicro(instant), nil
}

// beyond is the condition for coming after v in this column. Nothing stands before everything, as
// SQLite has it.
func (t term) beyond(v any) (string, []any) {
	switch {
	case v == nil && t.descending:
		return "", nil
	case v == nil:
		return t.column + " IS NOT NULL", nil
	case t.descending && t.nullable:
		return "(" + t.column + " < ? OR " + t.column + " IS NULL)", []any{v}
	case t.descending:
		return t.column + " < ?", []any{v}
	}
	return t.column + " > ?", []any{v}
}

func scanListed(rows *sql.Rows, tenant string, more ...any) (*journal.Listed, error) {
	l := &journal.Listed{Entry: journal.Entry{TenantID: tenant}}
	var whole, rest int64
	var hash []byte
	err := rows.Scan(append([]any{&l.StoreCode, &l.TerminalNo, &l.TransactionNo, &l.TransactionType, &l.BusinessDate, &l.OpenCounter,
		&l.BusinessCounter, &l.ReceiptNo, &whole, &rest, &l.Quantity, &l.StaffID, &l.UserID,
		&l.GenerateDateTime, &l.JournalText, &l.ReceiptText, &l.EventID, &l.ChainSeq, &hash}, more...)...)
	if err != nil {
		return nil, err
	}
	copy(l.Hash[:], hash)
	l.Amount, err = journal.Join(whole, rest)
	return l, app.Damaged(err)
}
