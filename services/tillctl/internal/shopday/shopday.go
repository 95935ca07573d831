// Package shopday plays one small day of a shop against a running stack: tills are opened, goods are
// sold, money is taken out, tills are closed and counted. It keeps books of its own while it plays,
// so that what the journal says at the end can be held against what really happened.
//
// It knows the services by package client only, and nothing of how the day is shown.
package shopday

import (
	"context"
	"errors"
	"fmt"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// Stage is where the day is shown.
type Stage interface {
	// Scene begins a part of the day.
	Scene(title string)
	// Say tells one thing that happened.
	Say(format string, args ...any)
	// Slip shows a slip of paper that comes out of a till.
	Slip(text string)
}

// Cast is the stack as it is asked by those who have a part in the day. The tills make their own
// credentials.
type Cast struct {
	Operator      client.Stack // of the platform: makes the tenant
	Administrator client.Stack // of the tenant: makes store, staff and tills
	Auditor       client.Stack // of the tenant: looks at the journal
}

// Day is one day of a shop.
type Day struct {
	Tenant string
	Cast   Cast
	Stage  Stage
	Clock  clockwork.Clock
	NewKey func() string // makes Idempotency-Keys

	shop  shop
	tills []*till
}

// New prepares a day in the shop of that language.
func New(tenant, language string, cast Cast, stage Stage, clock clockwork.Clock, newKey func() string) *Day {
	return &Day{Tenant: tenant, Cast: cast, Stage: stage, Clock: clock, NewKey: newKey, shop: shops[language]}
}

// Languages of the shops that there are.
var Languages = []string{"en", "ja"}

// Play plays the day to its end. When a part of it goes wrong, the rest is left out.
func (d *Day) Play(ctx context.Context) error {
	for _, part := range []func(context.Context) error{d.setUp, d.morning, d.sell, d.evening} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// morning: staff come in and open the tills.
func (d *Day) morning(ctx context.Context) error {
	d.Stage.Scene("Morning")
	for i, t := range d.tills {
		staff := d.shop.staff[i]
		if err := t.open(ctx, staff, d.shop.float); err != nil {
			return err
		}
		d.Stage.Say("till %d   %s opens with %s in the drawer: business date %s, opening %d",
			t.no, staff.Name, d.amount(d.shop.float), t.books.Session.BusinessDate, t.books.Session.OpenCounter)
	}
	return nil
}

// sell: customers come and go, and somebody has to be paid in cash.
func (d *Day) sell(ctx context.Context) error {
	d.Stage.Scene("Sales")
	for _, s := range d.shop.sales {
		t := d.tills[s.till]
		done, err := t.sell(ctx, s)
		if err != nil {
			return fmt.Errorf("a sale at till %d: %w", t.no, err)
		}
		d.Stage.Say("till %d   %s: %s", t.no, s.about, d.amount(done.TotalAmountWithTax))
		d.Stage.Slip(done.ReceiptText)
	}
	t := d.tills[0]
	slip, err := t.cashOut(ctx, d.shop.cashOut)
	if err != nil {
		return fmt.Errorf("cash out of till %d: %w", t.no, err)
	}
	d.Stage.Say("till %d   %s is paid from the drawer: %s", t.no, d.shop.cashOut.Description, d.amount(d.shop.cashOut.Amount))
	d.Stage.Slip(slip.ReceiptText)
	return nil
}

// evening: a customer has left a full basket behind, which keeps the first till from being closed.
func (d *Day) evening(ctx context.Context) error {
	d.Stage.Scene("Evening")
	first := d.tills[0]
	left, err := first.ringUp(ctx, d.shop.left)
	if err != nil {
		return err
	}
	d.Stage.Say("till %d   a customer goes to fetch a purse, and does not come back", first.no)
	if err := first.mustNotClose(ctx, left.CartID); err != nil {
		return err
	}
	d.Stage.Say("till %d   closing is refused while that cart is in progress", first.no)
	if err := first.cancel(ctx, left); err != nil {
		return err
	}
	d.Stage.Say("till %d   the cart is cancelled; it takes a number all the same, so that nothing disappears", first.no)
	for _, t := range d.tills {
		closing, err := t.close(ctx)
		if err != nil {
			return fmt.Errorf("closing till %d: %w", t.no, err)
		}
		d.Stage.Say("till %d   is closed and counted", t.no)
		d.Stage.Slip(closing.ReceiptText)
	}
	return nil
}

// Books of the day's sessions, as the tills' own people would keep them.
func (d *Day) Books() []*Books {
	books := make([]*Books, len(d.tills))
	for i, t := range d.tills {
		books[i] = t.books
	}
	return books
}

// Sessions of the day, till by till.
func (d *Day) Sessions() []client.Session {
	sessions := make([]client.Session, len(d.tills))
	for i, t := range d.tills {
		sessions[i] = t.books.Session
	}
	return sessions
}

// Word that stands on one of the day's receipts.
func (d *Day) Word() string { return d.shop.word }

func (d *Day) amount(a money.Decimal) string {
	return string(d.shop.store.Currency) + " " + a.Fixed(d.shop.store.Currency.Digits())
}

// isProblem tells whether err is a service's problem of one of these codes.
func isProblem(err error, codes ...int) bool {
	var p *client.Problem
	if !errors.As(err, &p) {
		return false
	}
	for _, code := range codes {
		if p.Code == code {
			return true
		}
	}
	return false
}
