package cart_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

var d = money.MustParse

func ptr[T any](v T) *T { return &v }

// The tax rules of the peer.
var (
	exempt     = event.OrderTax{Code: "00", Type: cart.TaxExempt, Name: "非課税", Rounding: money.Floor}
	external10 = event.OrderTax{Code: "01", Type: cart.TaxExternal, Name: "外税10%", Rate: d("10"), Rounding: money.Floor}
	internal10 = event.OrderTax{Code: "02", Type: cart.TaxInternal, Name: "内税10%", Rate: d("10"), Rounding: money.Floor}
	external8  = event.OrderTax{Code: "11", Type: cart.TaxExternal, Name: "外税 8%", Rate: d("8"), Rounding: money.Floor}
	internal8  = event.OrderTax{Code: "12", Type: cart.TaxInternal, Name: "内税 8%", Rate: d("8"), Rounding: money.Floor}
)

var (
	cash     = cart.Method{Code: "01", Type: cart.PaymentCash, Name: "現金"}
	cashless = cart.Method{Code: "11", Type: cart.PaymentCashless, Name: "クレジット"}
	other    = cart.Method{Code: "12", Type: cart.PaymentOther, Name: "商品券"}
)

func item(code, price string, tax event.OrderTax) cart.Item {
	return cart.Item{Code: code, Name: "item " + code, Price: ptr(d(price)), Tax: tax}
}

func opening(currency money.Currency, language string) cart.Opening {
	return cart.Opening{
		ID:       "0192f0c1-2345-7abc-8def-0123456789ab",
		Terminal: identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 9},
		Session:  cart.Session{BusinessDate: "20260329", OpenCounter: 1}, BusinessCounter: 7,
		Currency: currency, TransactionType: event.TypeSale,
		Staff: &event.Person{ID: "S001", Name: "Ann"},
		Store: event.OrderStore{Name: "テスト店舗", TimeZone: "Asia/Tokyo", Language: language, InvoiceRegistrationNumber: "T1234567890123"},
	}
}

// sale is a cart under test with the events that made it.
type sale struct {
	t *testing.T
	cart.Cart
	events []event.Payload
}

func newSale(t *testing.T, currency money.Currency) *sale {
	t.Helper()
	s := &sale{t: t}
	return s.do(cart.Create(opening(currency, "ja")))
}

// do takes a decision that must have succeeded.
func (s *sale) do(dec cart.Decision, err error) *sale {
	s.t.Helper()
	require.NoError(s.t, err)
	s.Cart, s.events = dec.Cart, append(s.events, dec.Events...)
	return s
}

func (s *sale) add(i cart.Item, quantity string) *sale {
	s.t.Helper()
	return s.do(s.AddItems([]cart.Addition{{Item: i, Quantity: d(quantity)}}))
}

func (s *sale) pay(m cart.Method, amount string) *sale {
	s.t.Helper()
	return s.do(s.Pay([]cart.Tender{{Method: m, Deposit: d(amount)}}))
}

func (s *sale) subtotal() *sale {
	s.t.Helper()
	return s.do(s.Subtotal())
}

var numbers = cart.Numbers{TransactionNo: 11, ReceiptNo: 111122, GeneratedAt: "2026-03-29T18:08:00.000+09:00"}

func (s *sale) bill() *sale {
	s.t.Helper()
	return s.do(s.Bill(numbers, "0192f0c1-2345-7abc-8def-00000000f00d"))
}

// business wraps the events as they go out, with payloads as JSON.
func business(t require.TestingT, terminal identity.Terminal, events []event.Payload) []*event.Business {
	out := make([]*event.Business, len(events))
	for i, p := range events {
		b, err := event.NewBusiness("S001", "order", p)
		require.NoError(t, err)
		b.Envelope = event.Envelope{TenantID: terminal.TenantID, StoreCode: terminal.StoreCode, TerminalNo: terminal.TerminalNo, OccurredAt: time.Unix(0, 0)}
		out[i] = b
	}
	return out
}
