package journal

import (
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
)

// Span is a range whose ends may be open. Both ends are included unless a field says otherwise.
type Span[T any] struct{ From, To *T }

// Open tells whether the span excludes nothing.
func (s Span[T]) Open() bool { return s.From == nil && s.To == nil }

// Field that entries can be ordered by.
type Field string

// The fields of an order; the spelling is the wire's.
const (
	ByStore           Field = "storeCode"
	ByTerminal        Field = "terminalNo"
	ByType            Field = "transactionType"
	ByBusinessDate    Field = "businessDate"
	ByGenerated       Field = "generateDateTime"
	ByTransactionNo   Field = "transactionNo"
	ByReceiptNo       Field = "receiptNo"
	ByAmount          Field = "amount"
	ByOpenCounter     Field = "openCounter"
	ByBusinessCounter Field = "businessCounter"
	ByStaff           Field = "staffId"
	ByRelevance       Field = "relevance" // of keyword searches only, most relevant first; no store knows it
)

// Fields lists what entries can be ordered by.
var Fields = []Field{
	ByStore, ByTerminal, ByType, ByBusinessDate, ByGenerated, ByTransactionNo,
	ByReceiptNo, ByAmount, ByOpenCounter, ByBusinessCounter, ByStaff,
}

// Order is one key of a sort. Entries without the field come first, or last when descending; the
// order in which entries were stored decides between equals, in the direction of the first key.
type Order struct {
	Field      Field
	Descending bool
}

// Query says which entries are wanted and in what order. All filters that are given must hold.
type Query struct {
	StoreCode     string          // "": every store of the tenant
	Terminals     sequence.Set    // empty: all
	Types         []Type          // empty: all
	BusinessDate  Span[string]    // YYYYMMDD
	Generated     Span[time.Time] // From included, To excluded
	ReceiptNo     Span[int64]
	TransactionNo Span[int64]
	Amount        Span[money.Decimal]
	StaffID       string
	Keywords      []string // folded, as Keywords gives them; the journal text must hold all of them
	Sort          []Order  // empty: newest first
	Skip, Limit   int
	After         string // event id of the entry after which to go on; "" from the start
	Counting      Counting
}

// Counting is how far the total of a search is counted.
type Counting int

// The ways of counting.
const (
	CountUsual Counting = iota // up to ExactTotal
	CountAll                   // to the end
	CountNone                  // not at all: the total stays 0
)

// Listed is an entry as searches give it.
type Listed struct {
	Entry
	EventID  string // names the entry: its journal id
	ChainSeq uint64
	Hash     Hash
}

// Page is one page of a search.
type Page struct {
	Items             []Listed
	Total             int
	TotalIsLowerBound bool
	More              bool
}

// ExactTotal is up to where totals are counted.
const ExactTotal = 10_000

// Keywords takes a search phrase apart: words are separate keywords, what stands in quotes is one.
func Keywords(phrase string) []string {
	var words []string
	for i, part := range strings.Split(phrase, `"`) {
		fields := strings.Fields(part)
		if i%2 == 1 && len(fields) > 0 {
			fields = []string{strings.Join(fields, " ")}
		}
		for _, w := range fields {
			if k := strings.TrimSpace(fold(w)); k != "" {
				words = append(words, k)
			}
		}
	}
	return words
}

// Holds tells whether text holds all keywords, which are folded already: any part of a text in scripts
// without spaces, whole words in others.
func Holds(text string, keywords []string) bool {
	if len(keywords) == 0 {
		return true
	}
	folded := ""
	for _, k := range keywords {
		if plainly(text, k) {
			continue
		}
		if folded == "" {
			folded = fold(text)
		}
		if occurrences(folded, k, 1) == 0 {
			return false
		}
	}
	return true
}

// ByInstant tells whether the entries are wanted in the order of their instants.
func (q *Query) ByInstant() bool {
	return len(q.Sort) == 0 || len(q.Sort) == 1 && q.Sort[0].Field == ByGenerated
}

// Coarse tells whether no filter but store, terminals, types and dates is given: such filters leave
// much, evenly spread, so that whoever goes along by instant soon has a page.
func (q *Query) Coarse() bool {
	return q.StaffID == "" && q.Amount.Open() && q.ReceiptNo.Open() && q.TransactionNo.Open()
}
