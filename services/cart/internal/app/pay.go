package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// PaymentEntry is a payment as the till enters it. Detail is a reference such as an approval code.
type PaymentEntry struct {
	Code   string
	Amount money.Decimal
	Detail string
}

// Subtotal ends item entry; see cart.Subtotal.
func (a *App) Subtotal(ctx context.Context, in Command) (cart.Cart, error) {
	return a.change(ctx, in, func(_ context.Context, c cart.Cart) (cart.Decision, error) { return c.Subtotal() })
}

// ResumeItemEntry goes back to entering items and releases the payments; see cart.ResumeItemEntry.
func (a *App) ResumeItemEntry(ctx context.Context, in Command) (cart.Cart, error) {
	return a.change(ctx, in, func(_ context.Context, c cart.Cart) (cart.Decision, error) { return c.ResumeItemEntry() })
}

// Pay takes payments, all or none. Beside what cart.Pay fails with, it fails with cart.NotFound,
// cart.NobodySignedIn and cart.PaymentUnknown.
func (a *App) Pay(ctx context.Context, in Command, entries []PaymentEntry) (cart.Cart, error) {
	return a.attended(ctx, in, func(ctx context.Context, in Command) (cart.Cart, error) { return a.pay(ctx, in, entries) })
}

func (a *App) pay(ctx context.Context, in Command, entries []PaymentEntry) (cart.Cart, error) {
	return a.change(ctx, in, func(ctx context.Context, c cart.Cart) (cart.Decision, error) {
		if err := in.Till.mustBeAttended(); err != nil {
			return cart.Decision{}, err
		}
		tenders := make([]cart.Tender, len(entries))
		for i, e := range entries {
			method, err := a.Catalogue.Method(ctx, shopOf(c), e.Code)
			if problem.Is(err, cart.PaymentUnknown) && cart.HoldsCardNumber(e.Code) {
				err = cart.PaymentUnknown.New("what was entered looks like a card's number") // which must not get into a log
			}
			if err != nil {
				return cart.Decision{}, cart.InEntry(i, "paymentCode", err)
			}
			tenders[i] = cart.Tender{Method: method, Deposit: e.Amount, Detail: e.Detail}
		}
		return c.Pay(tenders)
	})
}
