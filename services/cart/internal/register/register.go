// Package register is the cart service's own book of one terminal: the numbers that its transactions
// take, what its present session has sold, and which carts are open. It is the fence between selling
// and closing: a session that was sealed takes no more.
//
// The package knows no storage. Whoever keeps a Book writes it together with the carts that it tells
// of, so that a number is taken exactly when there is a transaction with it.
package register

import (
	"cmp"
	"slices"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// MaxOpenCarts of a terminal. The book is written with every sale, so it must stay small.
const MaxOpenCarts = 200

// maxCash keeps a session's cash inside the digits that survive any broker.
var maxCash = money.FromInt(999_999_999_999)

// View is what is known of a terminal at some version, from a snapshot or from its token.
type View struct {
	Version         uint64
	Status          string
	Session         cart.Session
	BusinessCounter int
	Staff           *event.Person
}

// Book of one terminal.
type Book struct {
	SchemaVersion int        `json:"schema_version"`
	TransactionNo int64      `json:"transaction_no"` // the last one taken
	ReceiptNo     int64      `json:"receipt_no"`     // the last one taken
	Session       Session    `json:"session"`
	OpenCarts     []OpenCart `json:"open_carts,omitempty"`
}

// Session is what one session has sold. Version and Status are those of the newest view that the
// session was judged by; SealedVersion is that of the view which sealed it, 0 while it is open.
type Session struct {
	cart.Session
	Version       uint64        `json:"version"`
	Status        string        `json:"status"`
	SealedVersion uint64        `json:"sealed_version,omitempty"`
	Count         int64         `json:"count"`
	LastNo        int64         `json:"last_no"`
	CashAmount    money.Decimal `json:"cash_amount"`
}

// Sealed tells whether the counts are final.
func (s Session) Sealed() bool { return s.SealedVersion > 0 }

// OpenCart is a cart that is neither completed nor cancelled.
type OpenCart struct {
	CartID string `json:"cart_id"`
	cart.Session
}

// Follow takes the word of a view for which session the terminal is in and whether that still sells. A
// view that is older than what the book has seen changes nothing.
//
// A terminal that is Closing seals its session once no cart of it is open; one that is Closed seals it
// in any case: it was closed by force and its carts can only be cancelled. A terminal that is Opened
// again in the same session, because its closing was abandoned, breaks the seal.
func (b *Book) Follow(v View) {
	if v.Version < b.Session.Version || v.Session.BusinessDate == "" {
		return
	}
	if v.Session != b.Session.Session {
		if v.Version == b.Session.Version {
			return
		}
		b.Session = Session{Session: v.Session}
	}
	b.Session.Version, b.Session.Status = v.Version, v.Status
	switch v.Status {
	case event.StatusOpened:
		b.Session.SealedVersion = 0
	case event.StatusClosing:
		if len(b.InProgress()) == 0 {
			b.Session.SealedVersion = v.Version
		}
	case event.StatusClosed:
		b.Session.SealedVersion = v.Version
	}
}

// InProgress are the open carts of the present session.
func (b *Book) InProgress() []string {
	var ids []string
	for _, c := range b.OpenCarts {
		if c.Session == b.Session.Session {
			ids = append(ids, c.CartID)
		}
	}
	return ids
}

// Open enters a new cart of the terminal as v sees it. It fails with cart.TerminalNotOpened,
// cart.NobodySignedIn, cart.SessionSealed, cart.NotCreated when too many are open, and
// problem.Conflict when v is out of date.
func (b *Book) Open(v View, cartID string) error {
	if v.Status != event.StatusOpened || v.Session.BusinessDate == "" {
		return notOpened(v.Status)
	}
	if v.Staff == nil {
		return cart.NobodySignedIn.New("a cart needs somebody who is responsible for it")
	}
	b.Follow(v)
	switch {
	case v.Session != b.Session.Session:
		return problem.Conflict.New("the terminal has just begun another session").After(time.Second)
	case b.Session.Sealed():
		return sealed(b.Session)
	case b.Session.Status != event.StatusOpened: // it has just begun to close
		return notOpened(b.Session.Status)
	}
	if len(b.OpenCarts) >= MaxOpenCarts {
		return cart.NotCreated.New("%d carts are open at this terminal", len(b.OpenCarts)).
			WithHint("Bill or cancel some of them; GET /api/v1/carts lists them.")
	}
	b.OpenCarts = append(slices.Clip(b.OpenCarts), OpenCart{CartID: cartID, Session: v.Session})
	return nil
}

// MayBill tells whether a cart of session s can be billed now. It fails with cart.SessionEnded or
// cart.SessionSealed.
func (b *Book) MayBill(v View, s cart.Session) error {
	b.Follow(v)
	if s != b.Session.Session {
		return cart.SessionEnded.New("the cart is of session %d of %s, the terminal is in session %d of %s",
			s.OpenCounter, s.BusinessDate, b.Session.OpenCounter, b.Session.BusinessDate)
	}
	if b.Session.Sealed() {
		return sealed(b.Session)
	}
	return nil
}

func notOpened(status string) error {
	return cart.TerminalNotOpened.New("the terminal is %s", cmp.Or(status, "not known to be open"))
}

func sealed(s Session) error {
	return cart.SessionSealed.New("session %d of %s was closed with %d transactions", s.OpenCounter, s.BusinessDate, s.Count)
}

// Range of receipt numbers; after Last comes First again.
type Range struct{ First, Last int64 }

// NextNumbers are those that the next transaction takes.
func (b *Book) NextNumbers(receipts Range) (transactionNo, receiptNo int64) {
	receiptNo = b.ReceiptNo + 1
	if receiptNo < receipts.First || receiptNo > receipts.Last {
		receiptNo = receipts.First
	}
	return b.TransactionNo + 1, receiptNo
}

// Enter books a cart that has ended: its numbers are taken, and its session has one more
// transaction. A cart of an earlier session, which can only have been cancelled, counts nowhere.
func (b *Book) Enter(c cart.Cart) error {
	b.TransactionNo, b.ReceiptNo = c.Numbers.TransactionNo, c.Numbers.ReceiptNo
	b.OpenCarts = slices.DeleteFunc(slices.Clone(b.OpenCarts), func(o OpenCart) bool { return o.CartID == c.ID })
	if c.Session != b.Session.Session {
		return nil
	}
	b.Session.Count++
	b.Session.LastNo = c.Numbers.TransactionNo
	b.Session.CashAmount = b.Session.CashAmount.Add(c.Cash())
	if b.Session.CashAmount.Cmp(maxCash) > 0 {
		return cart.CartFull.New("the session would have taken %s in cash, at most %s can be counted", b.Session.CashAmount, maxCash).
			WithHint("Close the terminal and open it again.")
	}
	return nil
}
