package shopday

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

const (
	// closePatience is how long a till waits for a close that goes on by itself.
	closePatience = 60 * time.Second
	closePoll     = time.Second
)

// till is a terminal of the shop with its drawer and its books. It holds a token as a real one does:
// the token tells the cart service at once that the till was opened, however late events are.
type till struct {
	no     int
	id     string
	shop   shop
	clock  clockwork.Clock
	newKey func() string

	stack client.Stack
	token string
	books *Books
}

// logIn buys the token for the till's API key.
func (t *till) logIn(ctx context.Context, stack client.Stack, apiKey string) (err error) {
	t.stack = stack
	t.token, err = stack.As(client.APIKey(apiKey)).Terminals.BuyToken(ctx)
	return err
}

func (t *till) terminals() client.Terminals { return t.stack.As(client.Bearer(t.token)).Terminals }

func (t *till) carts() client.Carts { return t.stack.As(client.Bearer(t.token)).Carts }

// command is a new command of the till, which keeps the token that comes with the answer.
func (t *till) command() client.Command { return client.Command{Key: t.newKey(), Token: &t.token} }

// open lets staff sign in and open the till.
func (t *till) open(ctx context.Context, staff client.NewStaff, float money.Decimal) error {
	if err := t.terminals().SignIn(ctx, t.id, staff.StaffID, staff.PIN, t.command()); err != nil {
		return err
	}
	slip, err := t.terminals().Open(ctx, t.id, float, t.command())
	if err != nil {
		return err
	}
	t.books = newBooks(client.Session{Store: storeCode, TerminalNo: t.no, BusinessDate: slip.BusinessDate, OpenCounter: slip.OpenCounter})
	t.books.opened(float)
	return nil
}

// ringUp makes a cart and enters what the customer brings to the till.
func (t *till) ringUp(ctx context.Context, s sale) (client.Cart, error) {
	cart, err := t.carts().Create(ctx, t.newKey())
	if err != nil {
		return cart, err
	}
	if cart, err = t.carts().Add(ctx, cart.CartID, s.items, t.newKey()); err != nil {
		return cart, err
	}
	for _, line := range slices.Sorted(maps.Keys(s.change)) {
		if cart, err = t.carts().ChangeQuantity(ctx, cart.CartID, line, money.MustParse(s.change[line])); err != nil {
			return cart, err
		}
	}
	if s.drop > 0 {
		cart, err = t.carts().CancelLine(ctx, cart.CartID, s.drop)
	}
	return cart, err
}

// sell serves one customer.
func (t *till) sell(ctx context.Context, s sale) (client.Cart, error) {
	cart, err := t.ringUp(ctx, s)
	if err != nil {
		return cart, err
	}
	if cart, err = t.carts().Subtotal(ctx, cart.CartID); err != nil {
		return cart, err
	}
	inCash := money.Zero
	for _, p := range s.pay {
		given := t.shop.handOver(p, cart.BalanceAmount)
		if p.code == cash {
			inCash = inCash.Add(given)
		}
		tenders := []client.Tender{{PaymentCode: p.code, Amount: given}}
		if cart, err = t.carts().Pay(ctx, cart.CartID, tenders, t.newKey()); err != nil {
			return cart, err
		}
	}
	if cart, err = t.carts().Bill(ctx, cart.CartID, t.newKey()); err != nil {
		return cart, err
	}
	t.books.sold(cart, inCash.Sub(cart.ChangeAmount))
	return cart, nil
}

// cancel ends a cart without a sale.
func (t *till) cancel(ctx context.Context, cart client.Cart) error {
	cancelled, err := t.carts().Cancel(ctx, cart.CartID)
	if err == nil {
		t.books.cancelled(cancelled)
	}
	return err
}

func (t *till) cashOut(ctx context.Context, m client.CashMove) (client.Slip, error) {
	slip, err := t.terminals().CashOut(ctx, t.id, m, t.command())
	if err == nil {
		t.books.moved(m.Amount.Neg())
	}
	return slip, err
}

// mustNotClose makes sure that the till cannot be closed while that cart is in progress.
func (t *till) mustNotClose(ctx context.Context, cartID string) error {
	_, err := t.closeCounted(ctx, nil)
	var p *client.Problem
	switch {
	case err == nil:
		return fmt.Errorf("till %d was closed while the cart %s was in progress", t.no, cartID)
	case !errors.As(err, &p) || !p.IsKind(client.CartsInProgress):
		return err
	}
	for _, field := range p.Errors {
		if field.Name == cartID {
			return nil
		}
	}
	return fmt.Errorf("till %d could not be closed, but the reason does not name the cart %s: %w", t.no, cartID, err)
}

// close counts the drawer and closes the till.
func (t *till) close(ctx context.Context) (client.Closing, error) {
	counted := t.books.Drawer
	closing, err := t.closeCounted(ctx, &counted)
	if err == nil {
		t.books.closed(closing)
		err = t.terminals().SignOut(ctx, t.id, t.command())
	}
	return closing, err
}

// closeCounted closes the till, and waits when the close goes on by itself.
func (t *till) closeCounted(ctx context.Context, counted *money.Decimal) (client.Closing, error) {
	command := t.command()
	for start := t.clock.Now(); ; {
		closing, err := t.terminals().Close(ctx, t.id, counted, command)
		if err != nil || closing.Done {
			return closing, err
		}
		if t.clock.Since(start) > closePatience {
			return closing, fmt.Errorf("till %d is still closing after %s: the cart service has not answered. Look at its log, then run the demo again with the same --tenant",
				t.no, closePatience)
		}
		select {
		case <-ctx.Done():
			return closing, ctx.Err()
		case <-t.clock.After(closePoll):
		}
	}
}
