package shopday

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// Books are what the people of one till would write down in one session, without any machine.
type Books struct {
	Session      client.Session
	Drawer       money.Decimal // what must lie in it
	Transactions int64         // sales and cancelled carts
	CashMoves    int64
	Lines        []Line

	complaints []string
}

// Line is one thing that the journal must have, and how often it happened does matter.
type Line struct {
	Type          int
	TransactionNo string // "" where there is none
	Amount        money.Decimal
}

// Types of journal entries.
const (
	typeSale      = 101
	typeCancelled = -101
	typeOpen      = 301
	typeClose     = 302
	typeCashIn    = 401
	typeCashOut   = 402
)

func newBooks(s client.Session) *Books { return &Books{Session: s} }

func (b *Books) opened(float money.Decimal) {
	b.Lines = append(b.Lines, Line{Type: typeOpen})
	b.moved(float)
}

func (b *Books) moved(amount money.Decimal) {
	line := Line{Type: typeCashIn, Amount: amount}
	if amount.Sign() < 0 {
		line.Type = typeCashOut
	}
	b.Lines = append(b.Lines, line)
	b.Drawer = b.Drawer.Add(amount)
	b.CashMoves++
}

func (b *Books) sold(cart client.Cart, inCash money.Decimal) {
	b.Lines = append(b.Lines, Line{typeSale, strconv.FormatInt(cart.TransactionNo, 10), cart.TotalAmountWithTax})
	b.Drawer = b.Drawer.Add(inCash)
	b.Transactions++
}

func (b *Books) cancelled(cart client.Cart) {
	b.Lines = append(b.Lines, Line{Type: typeCancelled, TransactionNo: strconv.FormatInt(cart.TransactionNo, 10)})
	b.Transactions++
}

// closed holds the close against the books at once: both ends of it are known only here.
func (b *Books) closed(c client.Closing) {
	b.Lines = append(b.Lines, Line{Type: typeClose})
	if c.CartTransactionCount == nil || *c.CartTransactionCount != b.Transactions {
		b.complain("the till counted %s transactions, there were %d", orNone(c.CartTransactionCount), b.Transactions)
	}
	if c.CashInOutCount == nil || *c.CashInOutCount != b.CashMoves {
		b.complain("the till counted %s cash moves, there were %d", orNone(c.CashInOutCount), b.CashMoves)
	}
	if c.ExpectedAmount == nil || !c.ExpectedAmount.Equal(b.Drawer) {
		b.complain("the till expected %s in the drawer, there are %s", orNone(c.ExpectedAmount), b.Drawer)
	}
	if c.IsProvisional {
		b.complain("the till was closed provisionally")
	}
}

// Compare holds journal entries of the session against the books and says what differs.
func (b *Books) Compare(entries []client.Entry) []string {
	differences := slices.Clone(b.complaints)
	missing := slices.Clone(b.Lines)
	for _, e := range entries {
		i := slices.IndexFunc(missing, func(l Line) bool { return l.is(e) })
		if i < 0 {
			differences = append(differences, b.says("the journal has %s, which nobody did: %s", Line{e.TransactionType, e.TransactionNo, e.Amount}, e.JournalID))
			continue
		}
		missing = slices.Delete(missing, i, i+1)
	}
	for _, l := range missing {
		differences = append(differences, b.says("the journal lacks %s", l))
	}
	return differences
}

func (l Line) is(e client.Entry) bool {
	return l.Type == e.TransactionType && l.TransactionNo == e.TransactionNo && l.Amount.Equal(e.Amount)
}

func (l Line) String() string {
	if l.TransactionNo == "" {
		return fmt.Sprintf("type %d, %s", l.Type, l.Amount)
	}
	return fmt.Sprintf("type %d, transaction %s, %s", l.Type, l.TransactionNo, l.Amount)
}

func (b *Books) complain(format string, args ...any) {
	b.complaints = append(b.complaints, b.says(format, args...))
}

func (b *Books) says(format string, args ...any) string {
	return fmt.Sprintf("till %d: ", b.Session.TerminalNo) + fmt.Sprintf(format, args...)
}

func orNone[T any](v *T) string {
	if v == nil {
		return "no"
	}
	return fmt.Sprint(*v)
}
