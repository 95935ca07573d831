package cart

import (
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
)

// Opening is what a new cart starts with.
type Opening struct {
	ID              string
	Terminal        identity.Terminal
	Session         Session
	BusinessCounter int
	Currency        money.Currency
	TransactionType int
	Staff, User     *event.Person
	Store           event.OrderStore
}

// Create makes a cart. It fails with NotCreated when the store is not set up for selling, and with
// problem.Invalid when the user is none.
func Create(o Opening) (Decision, error) {
	if !o.Currency.Valid() {
		return Decision{}, NotCreated.New("the store's currency %q is unknown", o.Currency)
	}
	if _, err := time.LoadLocation(o.Store.TimeZone); err != nil || o.Store.TimeZone == "" {
		return Decision{}, NotCreated.New("the store's time zone %q is unknown", o.Store.TimeZone)
	}
	if o.User != nil && (HoldsCardNumber(o.User.ID) || HoldsCardNumber(o.User.Name)) {
		return Decision{}, invalid("userId", "card-number", "must not hold a card number, and neither must userName")
	}
	o.Store.Name = clip(o.Store.Name)
	o.Store.InvoiceRegistrationNumber = clip(o.Store.InvoiceRegistrationNumber)
	o.Store.ReceiptHeaders = printable(o.Store.ReceiptHeaders)
	o.Store.ReceiptFooters = printable(o.Store.ReceiptFooters)
	return Cart{Terminal: o.Terminal}.decide(event.OrderCreated{
		OrderID: o.ID, TransactionType: o.TransactionType, Currency: o.Currency,
		BusinessDate: o.Session.BusinessDate, OpenCounter: o.Session.OpenCounter, BusinessCounter: o.BusinessCounter,
		Staff: o.Staff, User: o.User, Store: &o.Store,
	})
}

// printable cuts what a store prints around its receipts to the limits: a slogan must never make a
// sale too large to be told.
func printable(lines []string) []string {
	var cut []string
	for _, l := range lines[:min(len(lines), maxReceiptLines)] {
		cut = append(cut, clip(l))
	}
	return cut
}

func clip(line string) string {
	runes := []rune(line)
	return string(runes[:min(len(runes), maxReceiptRunes)])
}
