// Package cart is the domain of a sale: what a cart is, what may be done to it in which state, what it
// costs, and what is said of it afterwards.
//
// A cart is the fold of its Sales.* events. A command looks at the cart, decides and gives the
// events that it makes; Apply is the only thing that changes a cart. So the events of a cart, replayed
// anywhere, give the same cart and the same transaction log to the last digit.
//
// The package knows no storage, no HTTP, no clock and no other cart. Numbers, times and items come
// in as values.
package cart

import (
	"slices"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
)

// Cart is one sale in the making or made. It is a value: a command and Apply give a new one.
type Cart struct {
	ID              string            `json:"id"`
	Terminal        identity.Terminal `json:"terminal"`
	Status          Status            `json:"status"`
	TransactionType int               `json:"transaction_type"`
	Currency        money.Currency    `json:"currency"`
	// Session, BusinessCounter, Staff and Store are those of the moment in which the cart was made,
	// whatever happens to the terminal and the store meanwhile.
	Session         Session          `json:"session"`
	BusinessCounter int              `json:"business_counter"`
	Staff           *event.Person    `json:"staff,omitempty"`
	User            *event.Person    `json:"user,omitempty"`
	Store           event.OrderStore `json:"store"`
	Lines           []Line           `json:"lines,omitempty"`
	Payments        []Payment        `json:"payments,omitempty"`
	Totals          Totals           `json:"totals"`
	// Numbers and ReceiptID are there once the cart is completed or cancelled.
	Numbers   Numbers `json:"numbers"`
	ReceiptID string  `json:"receipt_id,omitempty"`
}

// Session is one opening of a terminal: its business date and how often it was opened on it.
type Session struct {
	BusinessDate string `json:"business_date"`
	OpenCounter  int    `json:"open_counter"`
}

// Line is one line of a cart. A cancelled line stays where it is and costs nothing.
type Line struct {
	No                 int            `json:"no"`
	ItemCode           string         `json:"item_code"`
	Description        string         `json:"description"`
	CategoryCode       string         `json:"category_code,omitempty"`
	Unit               string         `json:"unit,omitempty"` // of what is weighed or measured; "" for pieces
	UnitPrice          money.Decimal  `json:"unit_price"`
	OriginalPrice      money.Decimal  `json:"original_price"`
	Quantity           money.Decimal  `json:"quantity"`
	Amount             money.Decimal  `json:"amount"`
	Tax                event.OrderTax `json:"tax"`
	DiscountRestricted bool           `json:"discount_restricted,omitempty"`
	Cancelled          bool           `json:"cancelled,omitempty"`
}

// PriceChanged tells whether the line is sold at another price than the catalogue's.
func (l Line) PriceChanged() bool { return !l.UnitPrice.Equal(l.OriginalPrice) }

// Weighed tells whether the quantity is a weight or a measure, not a number of pieces.
func (l Line) Weighed() bool { return l.Unit != "" }

// Pieces is how many items the line counts for: what is weighed counts for one.
func (l Line) Pieces() int64 {
	if l.Weighed() {
		return 1
	}
	n, _ := l.Quantity.Int64()
	return n
}

// Payment is one tender. Deposit was handed over, Amount of it pays for the cart.
type Payment struct {
	No          int           `json:"no"`
	Code        string        `json:"code"`
	Type        string        `json:"type"`
	Deposit     money.Decimal `json:"deposit"`
	Amount      money.Decimal `json:"amount"`
	Description string        `json:"description,omitempty"`
	Detail      string        `json:"detail,omitempty"`
}

// Numbers are what a cart gets when it ends. GeneratedAt is RFC 3339 with the store's offset.
type Numbers struct {
	TransactionNo int64  `json:"transaction_no"`
	ReceiptNo     int64  `json:"receipt_no"`
	GeneratedAt   string `json:"generated_at"`
}

// LiveLines are the lines that are not cancelled.
func (c Cart) LiveLines() []Line {
	return slices.DeleteFunc(slices.Clone(c.Lines), func(l Line) bool { return l.Cancelled })
}

// Cash is what the cart puts into the drawer: what was handed over in cash less the change.
func (c Cart) Cash() money.Decimal {
	cash := money.Zero
	for _, p := range c.Payments {
		if p.Type == PaymentCash {
			cash = cash.Add(p.Amount)
		}
	}
	return cash
}

// Decision is what a command decided: its events, and the cart with them applied.
type Decision struct {
	Cart   Cart
	Events []event.Payload
}

// decide applies events to c. It fails when the cart would become one that cannot be.
func (c Cart) decide(events ...event.Payload) (Decision, error) {
	for _, e := range events {
		var err error
		if c, err = c.Apply(e); err != nil {
			return Decision{}, err
		}
	}
	return Decision{Cart: c, Events: events}, c.check()
}

// check holds what is true of every cart, whatever was done to it.
func (c Cart) check() error {
	if c.Totals.AmountWithTax.Cmp(maxTotal) > 0 {
		return CartFull.New("the cart would cost %s, at most %s is possible", c.Totals.AmountWithTax, maxTotal)
	}
	if c.Totals.Balance.Sign() < 0 {
		return BalanceNegative.New("%s is paid already, and the cart would cost %s only", c.Totals.Paid, c.Totals.AmountWithTax)
	}
	return nil
}
