package shopday

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// ofBooks is what a faultless journal has of the books.
func ofBooks(b *Books) []client.Entry {
	var entries []client.Entry
	for i, l := range b.Lines {
		entries = append(entries, client.Entry{
			JournalID: strconv.Itoa(i), TransactionType: l.Type, TransactionNo: l.TransactionNo, Amount: l.Amount,
		})
	}
	return entries
}

func someBooks() *Books {
	b := newBooks(client.Session{TerminalNo: 1})
	b.opened(money.FromInt(100))
	b.sold(client.Cart{TransactionNo: 1, TotalAmountWithTax: money.MustParse("6.01")}, money.MustParse("6.01"))
	b.sold(client.Cart{TransactionNo: 2, TotalAmountWithTax: money.MustParse("6.01")}, money.Zero)
	b.cancelled(client.Cart{TransactionNo: 3})
	b.moved(money.FromInt(-20))
	count, moves, drawer := int64(3), int64(2), money.MustParse("86.010")
	b.closed(client.Closing{CartTransactionCount: &count, CashInOutCount: &moves, ExpectedAmount: &drawer})
	return b
}

func TestAFaultlessJournalMatchesTheBooks(t *testing.T) {
	b := someBooks()
	assert.Equal(t, "86.01", b.Drawer.String())
	assert.Empty(t, b.Compare(ofBooks(b)))
}

func TestEveryLineThatIsMissingDoubledOrChangedIsFound(t *testing.T) {
	b := someBooks()
	for i := range b.Lines {
		missing := append(ofBooks(b)[:i:i], ofBooks(b)[i+1:]...)
		assert.Len(t, b.Compare(missing), 1, "without line %d", i)
		doubled := append(ofBooks(b), ofBooks(b)[i])
		assert.Len(t, b.Compare(doubled), 1, "line %d twice", i)
		changed := ofBooks(b)
		changed[i].Amount = changed[i].Amount.Add(money.MustParse("0.01"))
		assert.Len(t, b.Compare(changed), 2, "another amount in line %d", i)
	}
}

func TestACloseThatCountsOtherwiseIsFound(t *testing.T) {
	b := newBooks(client.Session{TerminalNo: 2})
	b.opened(money.FromInt(100))
	b.closed(client.Closing{IsProvisional: true})
	assert.Equal(t, []string{
		"till 2: the till counted no transactions, there were 0",
		"till 2: the till counted no cash moves, there were 1",
		"till 2: the till expected no in the drawer, there are 100",
		"till 2: the till was closed provisionally",
	}, b.Compare(ofBooks(b)))
}

func TestCustomersPayWithTheSmallestNoteThatIsEnough(t *testing.T) {
	s := shops["en"]
	for how, want := range map[string]string{note: "10", exact: "5.01", "3": "3"} {
		assert.Equal(t, want, s.handOver(tender{cash, how}, money.MustParse("5.01")).String())
	}
	assert.Equal(t, "900", s.handOver(tender{cash, note}, money.FromInt(900)).String(), "more than any note")
}

func TestEveryShopCanBePlayed(t *testing.T) {
	for _, language := range Languages {
		s := shops[language]
		assert.True(t, s.store.Currency.Valid(), language)
		for _, sold := range s.sales {
			assert.Less(t, sold.till, len(s.staff), language)
			assert.NotEmpty(t, sold.pay, language)
			assert.LessOrEqual(t, sold.drop, len(sold.items), language)
		}
	}
}
