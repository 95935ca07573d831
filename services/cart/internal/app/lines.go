package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// CancelLine takes a line out of the sale; see cart.CancelLine.
func (a *App) CancelLine(ctx context.Context, in Command, line int) (cart.Cart, error) {
	return a.change(ctx, in, func(_ context.Context, c cart.Cart) (cart.Decision, error) { return c.CancelLine(line) })
}

// ChangePrice sells a line at another unit price; see cart.ChangePrice.
func (a *App) ChangePrice(ctx context.Context, in Command, line int, price money.Decimal) (cart.Cart, error) {
	return a.change(ctx, in, func(_ context.Context, c cart.Cart) (cart.Decision, error) { return c.ChangePrice(line, price) })
}

// ChangeQuantity gives a line another quantity; see cart.ChangeQuantity.
func (a *App) ChangeQuantity(ctx context.Context, in Command, line int, quantity money.Decimal) (cart.Cart, error) {
	return a.change(ctx, in, func(_ context.Context, c cart.Cart) (cart.Decision, error) {
		return c.ChangeQuantity(line, quantity)
	})
}
