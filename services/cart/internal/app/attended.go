package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// attended runs a command that takes money, for which somebody must be signed in at the till. What was
// entered before they signed out stays, and can be cancelled by anybody.
func (a *App) attended(ctx context.Context, in Command, do func(ctx context.Context, in Command) (cart.Cart, error)) (cart.Cart, error) {
	return a.upToDate(ctx, in.Till, func(till Till) (cart.Cart, error) {
		in.Till = till
		return do(ctx, in)
	})
}

// upToDate runs do, and again when a newer copy of the terminal comes in, while do fails because the
// terminal seems closed or without staff.
func (a *App) upToDate(ctx context.Context, till Till, do func(till Till) (cart.Cart, error)) (cart.Cart, error) {
	c, err := do(till)
	for problem.Is(err, cart.TerminalNotOpened) || problem.Is(err, cart.NobodySignedIn) {
		newer, ok := a.catchUp(ctx, till)
		if !ok {
			break
		}
		till = newer
		c, err = do(till)
	}
	return c, err
}

// mustBeAttended fails with cart.NobodySignedIn.
func (t Till) mustBeAttended() error {
	if t.Staff == nil {
		return cart.NobodySignedIn.New("somebody must be responsible for the money")
	}
	return nil
}
