package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// ItemEntry is an item as the till enters it: a code or a barcode, how many or how much, and a price
// when it is not the catalogue's.
type ItemEntry struct {
	Code      string
	Quantity  money.Decimal
	UnitPrice *money.Decimal
}

// AddItems adds items to a cart, all or none. Beside what cart.AddItems fails with, it fails with
// cart.NotFound and cart.ItemNotFound.
func (a *App) AddItems(ctx context.Context, in Command, entries []ItemEntry) (cart.Cart, error) {
	return a.change(ctx, in, func(ctx context.Context, c cart.Cart) (cart.Decision, error) {
		additions := make([]cart.Addition, len(entries))
		for i, e := range entries {
			item, err := a.Catalogue.Item(ctx, shopOf(c), e.Code)
			if problem.Is(err, cart.ItemNotFound) && cart.HoldsCardNumber(e.Code) {
				err = cart.ItemNotFound.New("what was entered looks like a card's number") // which must not get into a log
			}
			if err != nil {
				return cart.Decision{}, cart.InEntry(i, "itemCode", err)
			}
			additions[i] = cart.Addition{Item: item, Quantity: e.Quantity, UnitPrice: e.UnitPrice}
		}
		return c.AddItems(additions)
	})
}
