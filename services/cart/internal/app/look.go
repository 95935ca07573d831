package app

import (
	"context"
	"fmt"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

// Cart gives a cart of the terminal. It fails with cart.NotFound, also for another terminal's cart.
func (a *App) Cart(ctx context.Context, till Till, cartID string) (cart.Cart, error) {
	if err := checkCartID(cartID); err != nil {
		return cart.Cart{}, err
	}
	item, err := state.Get(ctx, a.Store, cartKey(cartID))
	if err != nil {
		return cart.Cart{}, state.Problem(err)
	}
	doc, err := read[cartDocument](item)
	if err != nil {
		return cart.Cart{}, err
	}
	return doc.Cart, own(item, doc.Cart, till, cartID)
}

// OpenCarts gives the carts of the terminal that are neither completed nor cancelled, oldest first:
// what a till that was restarted goes on with.
func (a *App) OpenCarts(ctx context.Context, till Till) ([]cart.Cart, error) {
	book, err := a.book(ctx, till.Terminal)
	if err != nil || len(book.OpenCarts) == 0 {
		return nil, err
	}
	keys := make([]string, len(book.OpenCarts))
	for i, o := range book.OpenCarts {
		keys[i] = cartKey(o.CartID)
	}
	items, err := a.Store.Get(ctx, keys...)
	if err != nil {
		return nil, state.Problem(err)
	}
	var open []cart.Cart
	for _, item := range items {
		doc, err := read[cartDocument](item)
		if err != nil {
			return nil, err
		}
		if item.Exists() && !doc.Cart.Status.Ended() { // it may have ended since the book was read
			open = append(open, doc.Cart)
		}
	}
	return open, nil
}

// book reads a terminal's book.
func (a *App) book(ctx context.Context, terminal identity.Terminal) (register.Book, error) {
	var book register.Book
	err := a.Box.Do(ctx, identity.TerminalStream(terminal), func(_ context.Context, u *outbox.Unit) (err error) {
		book, err = readBook(u)
		return err
	})
	return book, err
}

// readBook gives the book that a unit's head carries; a new one on the terminal's first command.
func readBook(u *outbox.Unit) (register.Book, error) {
	book := register.Book{SchemaVersion: documentVersion}
	if err := u.Counters(&book); err != nil {
		return book, err
	}
	if book.SchemaVersion > documentVersion {
		return book, fmt.Errorf("app: the book of a terminal has version %d, this program reads up to %d: run a newer one", book.SchemaVersion, documentVersion)
	}
	return book, nil
}
