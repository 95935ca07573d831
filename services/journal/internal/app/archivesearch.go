package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// finder is where entries are searched: the live journal, which is a Store, or the archive.
type finder interface {
	Search(ctx context.Context, tenant string, q journal.Query) (journal.Page, error)
	Each(ctx context.Context, tenant string, q journal.Query, visit func(*journal.Listed) bool) error
}

// archiveFinder searches the archive as stores search the live journal: the same filters, orders and pages.
// No index goes over all segments, so it looks through those of some days: what can be known of each event
// without its text stands close together, and texts are read only where keywords ask for them.
type archiveFinder struct {
	store Archive
	blobs archive.Blobs
}

// Bounds of a search in the archive.
const (
	archiveDays = 31      // business dates
	archiveHits = 200_000 // entries that are put in order
)

// checkArchived makes sure that a search of the archive says where to look.
func (s *Search) checkArchived(q *journal.Query) error {
	if s.archive == nil {
		return badParameter("archived", "archive", "this journal has no archive")
	}
	from, to := q.BusinessDate.From, q.BusinessDate.To
	numbers := func(n journal.Span[int64]) bool { return n.From != nil && n.To != nil }
	if q.StoreCode != "" && q.Terminals.Len() == 1 && (numbers(q.TransactionNo) || numbers(q.ReceiptNo)) {
		return nil
	}
	if from != nil && to != nil {
		first, err := time.Parse(journal.DateForm, *from)
		last, failed := time.Parse(journal.DateForm, *to)
		if err == nil && failed == nil && last.Before(first.AddDate(0, 0, archiveDays)) {
			return nil
		}
	}
	const message = "must be given with businessDateTo, at most 31 days from one to the other, when archived=true"
	return BadSearch.New("businessDateFrom: %s", message).WithFields(problem.Field{Name: "businessDateFrom", Rule: "archive", Message: message}).
		WithHint("Say which days to look through with businessDateFrom and businessDateTo, at most 31 of them; or name a store, one terminal, " +
			"and the numbers: transactionNoFrom and transactionNoTo, or receiptNoFrom and receiptNoTo.")
}

// archivedUntil is the newest business date in the archive that a search of the live journal asks for, too;
// "" when there is none.
func (s *Search) archivedUntil(ctx context.Context, tenant string, q *journal.Query) (string, error) {
	if s.archive == nil {
		return "", nil
	}
	rows, err := s.archive.store.Segments(ctx, tenant, SegmentQuery{StoreCode: q.StoreCode, Date: q.BusinessDate, Newest: true, Limit: 1})
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].BusinessDate, nil
}

// hit is an entry that a search found: what it is sorted by, and where it stands.
type hit struct {
	archive.Member
	row    *Segment
	at     int
	amount money.Decimal
}

// Search implements finder. It fails with ErrTooWide when there are too many hits to put them in order.
func (a *archiveFinder) Search(ctx context.Context, tenant string, q journal.Query) (journal.Page, error) {
	shelf := newShelf(a.store, a.blobs, tenant)
	defer shelf.close()
	hits, err := a.find(ctx, shelf, &q)
	if err != nil {
		return journal.Page{}, err
	}
	page := journal.Page{Total: len(hits)}
	from := q.Skip
	if q.After != "" {
		at := slices.IndexFunc(hits, func(h hit) bool { return h.EventID == q.After })
		if at < 0 {
			return page, ErrNotFound
		}
		from += at + 1
	}
	from = min(from, len(hits))
	to := min(from+q.Limit, len(hits))
	page.More = to < len(hits)
	for i := range hits[from:to] {
		l, err := shelf.entry(ctx, &hits[from+i])
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, *l)
	}
	return page, nil
}

// Each implements finder.
func (a *archiveFinder) Each(ctx context.Context, tenant string, q journal.Query, visit func(*journal.Listed) bool) error {
	shelf := newShelf(a.store, a.blobs, tenant)
	defer shelf.close()
	hits, err := a.find(ctx, shelf, &q)
	if err != nil {
		return err
	}
	for i := range hits {
		l, err := shelf.entry(ctx, &hits[i])
		if err != nil {
			return err
		}
		if !visit(l) {
			break
		}
	}
	return nil
}

// entry reads what a hit is of.
func (s *shelf) entry(ctx context.Context, h *hit) (*journal.Listed, error) {
	v, err := s.volume(ctx, h.row)
	if err != nil {
		return nil, err
	}
	stored, err := s.read(ctx, v, h.at, &h.Member)
	if err != nil {
		return nil, err
	}
	if stored.Entry == nil {
		return nil, fmt.Errorf("%w: segment %s says of link %d of %s that there is an entry", ErrDamaged, h.row.Name(), h.ChainSeq, h.Stream)
	}
	l := listedOf(stored)
	return &l, nil
}

// find gives all that fulfils q, in order.
func (a *archiveFinder) find(ctx context.Context, shelf *shelf, q *journal.Query) ([]hit, error) {
	rows, err := a.store.Segments(ctx, shelf.tenant, SegmentQuery{StoreCode: q.StoreCode, Date: q.BusinessDate})
	if err != nil {
		return nil, err
	}
	var hits []hit
	for _, row := range rows {
		if !mayHold(row, q) {
			continue
		}
		err := shelf.each(ctx, []*Segment{row}, func(v *volume, at int, m *archive.Member) (bool, error) {
			h := hit{Member: *m, row: row, at: at}
			ok, err := shelf.fulfils(ctx, v, &h, q)
			if ok {
				hits = append(hits, h)
			}
			if len(hits) > archiveHits {
				err = fmt.Errorf("%w: more than %d hits to put in order", ErrTooWide, archiveHits)
			}
			return true, err
		})
		if err != nil {
			return nil, err
		}
	}
	sortHits(hits, q.Sort)
	return hits, nil
}

// mayHold tells by a segment's manifest whether there is any use in opening it.
func mayHold(row *Segment, q *journal.Query) bool {
	return row.Purge == nil && slices.ContainsFunc(row.Terminals, func(t archive.Terminal) bool {
		return (len(q.Terminals) == 0 || q.Terminals.Contains(uint64(t.No))) && //nolint:gosec // a terminal's number
			meets(q.TransactionNo, t.FirstTransaction, t.LastTransaction) && meets(q.ReceiptNo, t.FirstReceipt, t.LastReceipt)
	})
}

// meets tells whether a span has something in common with the numbers from first to last.
func meets(s journal.Span[int64], first, last int64) bool {
	return (s.From == nil || last >= *s.From) && (s.To == nil || first <= *s.To)
}

// fulfils tells whether an event is an entry that is asked for. The text is read last.
func (s *shelf) fulfils(ctx context.Context, v *volume, h *hit, q *journal.Query) (bool, error) {
	m := &h.Member
	if !m.Entry {
		return false, nil
	}
	var err error
	if h.amount, err = money.Parse(m.Amount); err != nil {
		return false, Damaged(err)
	}
	at, number := m.At(), numberOf(m)
	within := func(n *int64, s journal.Span[int64]) bool {
		return s.Open() || n != nil && (s.From == nil || *n >= *s.From) && (s.To == nil || *n <= *s.To)
	}
	if len(q.Terminals) > 0 && !q.Terminals.Contains(uint64(m.TerminalNo)) || //nolint:gosec // a terminal's number
		len(q.Types) > 0 && !slices.Contains(q.Types, journal.Type(m.TransactionType)) ||
		q.Generated.From != nil && at.Before(*q.Generated.From) || q.Generated.To != nil && !at.Before(*q.Generated.To) ||
		!within(m.ReceiptNo, q.ReceiptNo) || !within(number, q.TransactionNo) ||
		q.Amount.From != nil && h.amount.Cmp(*q.Amount.From) < 0 || q.Amount.To != nil && h.amount.Cmp(*q.Amount.To) > 0 ||
		q.StaffID != "" && m.StaffID != q.StaffID {
		return false, nil
	}
	if len(q.Keywords) == 0 {
		return true, nil
	}
	l, err := v.Line(ctx, h.at)
	if err != nil {
		return false, s.classify(ctx, v.row, err)
	}
	return journal.Holds(journalText(l), q.Keywords), ctx.Err()
}

// journalText reads only the text of a line's entry.
func journalText(l *proof.Line) string {
	for o := canonical.Members(l.Entry); o.Next(); {
		if string(o.Name) == "journal_text" {
			text, _ := canonical.Text(o.Value)
			return text
		}
	}
	return ""
}

func numberOf(m *archive.Member) *int64 {
	if n, ok := m.TransactionNumber(); ok {
		return &n
	}
	return nil
}

// sortHits puts hits, which come in the order of the log within each segment, in order as stores do: the
// order of the log decides between equals, in the direction of the first key.
func sortHits(hits []hit, sort []journal.Order) {
	if len(sort) == 0 {
		sort = []journal.Order{{Field: journal.ByGenerated, Descending: true}}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		for _, o := range sort {
			c := compareHits(&a, &b, o.Field)
			if o.Descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		if c := cmp.Compare(a.Index, b.Index); !sort[0].Descending {
			return c
		}
		return cmp.Compare(b.Index, a.Index)
	})
}

func compareHits(a, b *hit, f journal.Field) int {
	switch f {
	case journal.ByStore:
		return cmp.Compare(a.row.StoreCode, b.row.StoreCode)
	case journal.ByTerminal:
		return cmp.Compare(a.TerminalNo, b.TerminalNo)
	case journal.ByType:
		return cmp.Compare(a.TransactionType, b.TransactionType)
	case journal.ByBusinessDate:
		return cmp.Compare(a.row.BusinessDate, b.row.BusinessDate)
	case journal.ByGenerated:
		return cmp.Compare(a.GeneratedAt, b.GeneratedAt)
	case journal.ByTransactionNo:
		return cmp.Or(nothingFirst(numberOf(&a.Member), numberOf(&b.Member)), cmp.Compare(a.TransactionNo, b.TransactionNo))
	case journal.ByReceiptNo:
		return nothingFirst(a.ReceiptNo, b.ReceiptNo)
	case journal.ByAmount:
		return a.amount.Cmp(b.amount)
	case journal.ByOpenCounter:
		return nothingFirst(a.OpenCounter, b.OpenCounter)
	case journal.ByBusinessCounter:
		return nothingFirst(a.BusinessCounter, b.BusinessCounter)
	case journal.ByStaff:
		return cmp.Compare(a.StaffID, b.StaffID)
	case journal.ByRelevance: // is no field of an entry
	}
	panic(fmt.Sprintf("no order by %s", f))
}

// nothingFirst compares numbers that may be absent.
func nothingFirst(a, b *int64) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}
