package app

import (
	"context"

	"github.com/google/uuid"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

// Command is what every change of a cart needs: who asks, which cart, and, when the request carries
// an Idempotency-Key, by what a repeat of it is recognised.
type Command struct {
	Till   Till
	CartID string
	Repeat *idempotency.Request
	ahead  []string // other state that the command is sure to look at; it is read together with the cart
}

// keys of the state that the command begins with: the cart, what is kept under its key, and the rest.
func (in *Command) keys() []string {
	keys := []string{cartKey(in.CartID)}
	if in.Repeat != nil {
		keys = append(keys, in.Repeat.StateKey(in.Till.ID()))
	}
	return append(keys, in.ahead...)
}

// answer is what is kept of a request with an Idempotency-Key: which cart it was about. A repeat is
// answered with that cart as it is now, so that keys cost a few bytes and not a cart each.
type answer struct {
	CartID string `json:"cart_id"`
}

// change does a command on a cart that is there. decide sees the cart and decides; everything else is
// the same for all commands.
func (a *App) change(ctx context.Context, in Command, decide func(ctx context.Context, c cart.Cart) (cart.Decision, error)) (cart.Cart, error) {
	return a.command(ctx, in, func(ctx context.Context, w *work) error {
		if err := w.mustExist(); err != nil {
			return err
		}
		d, err := decide(ctx, w.cart)
		if err != nil {
			return err
		}
		return w.record(d)
	})
}

// command runs fn as one outbox command and gives the cart as it is afterwards. fn runs again when
// somebody else was faster, always on what was read last.
func (a *App) command(ctx context.Context, in Command, fn func(ctx context.Context, w *work) error) (cart.Cart, error) {
	var after cart.Cart
	if err := checkCartID(in.CartID); err != nil {
		return after, err
	}
	id := a.NewID()
	err := a.do(ctx, identity.TerminalStream(in.Till.Terminal), func(ctx context.Context, u *outbox.Unit) error {
		w, err := a.begin(ctx, u, in)
		if err != nil {
			return err
		}
		if !w.repeated && w.last != id {
			if err := fn(ctx, w); err != nil {
				return err
			}
		}
		after = w.cart
		return w.finish(id)
	}, in.keys()...)
	return after, err
}

// work is one command while it is worked on: what was read and what will be written.
type work struct {
	app      *App
	unit     *outbox.Unit
	in       Command
	item     state.Item // the cart as it was read
	last     string     // the command that wrote it
	cart     cart.Cart  // as it was read, then as it was decided
	decided  bool
	keyItem  state.Item // what is kept under the Idempotency-Key
	repeated bool       // the request was carried out before
	book     *register.Book
}

// begin reads the cart, and what is kept under the request's Idempotency-Key.
func (a *App) begin(ctx context.Context, u *outbox.Unit, in Command) (*work, error) {
	w := &work{app: a, unit: u, in: in}
	items, err := u.Get(ctx, in.keys()...)
	if err != nil {
		return nil, err
	}
	if in.Repeat != nil {
		w.keyItem = items[1]
		var kept answer
		if w.repeated, err = in.Repeat.Repeat(w.keyItem, &kept); err != nil {
			return nil, err
		}
		if w.repeated && kept.CartID != in.CartID { // a creation: it made another id this time
			if items, err = u.Get(ctx, cartKey(kept.CartID)); err != nil {
				return nil, err
			}
		}
	}
	w.item = items[0]
	doc, err := read[cartDocument](w.item)
	w.cart, w.last = doc.Cart, doc.LastCommand
	if err == nil && w.repeated {
		err = w.mustExist()
	}
	return w, err
}

// mustExist fails with cart.NotFound unless the cart is there and belongs to the terminal that asks.
func (w *work) mustExist() error { return own(w.item, w.cart, w.in.Till, w.in.CartID) }

func own(item state.Item, c cart.Cart, till Till, cartID string) error {
	if !item.Exists() || c.Terminal != till.Terminal {
		return cart.NotFound.New("this terminal has no cart %s", cartID)
	}
	return nil
}

// checkCartID keeps whatever else a path may hold out of the state store's keys.
func checkCartID(cartID string) error {
	if id, err := uuid.Parse(cartID); err != nil || id.String() != cartID {
		return cart.NotFound.New("a cart id is a UUID, which this is not")
	}
	return nil
}

// record takes a decision: its events go out, its cart is written.
func (w *work) record(d cart.Decision) error {
	for _, payload := range d.Events {
		e, err := event.NewBusiness(w.staffID(d.Cart), d.Cart.ID, payload)
		if err != nil {
			return err
		}
		if err := w.unit.Emit(e); err != nil {
			return err
		}
	}
	w.cart, w.decided = d.Cart, true
	return nil
}

// staffID is who acts: whoever is signed in now, else whoever made the cart.
func (w *work) staffID(c cart.Cart) string {
	switch {
	case w.in.Till.Staff != nil:
		return w.in.Till.Staff.ID
	case c.Staff != nil:
		return c.Staff.ID
	}
	return ""
}

// register gives the terminal's book; what is done to it is written with the rest.
func (w *work) register() (*register.Book, error) {
	book, err := readBook(w.unit)
	w.book = &book
	return w.book, err
}

// finish puts everything that was decided into the unit. A command that decided nothing writes
// nothing.
func (w *work) finish(commandID string) error {
	if !w.decided {
		return nil
	}
	op, err := state.Put(w.item, cartDocument{schema: current, LastCommand: commandID, Cart: w.cart})
	if err != nil {
		return err
	}
	if w.cart.Status.Ended() {
		op.Expire = keepEnded
	}
	w.unit.Add(op)
	if w.book != nil {
		if err := w.unit.SetCounters(w.book); err != nil {
			return err
		}
	}
	if w.in.Repeat == nil {
		return nil
	}
	if op, err = w.in.Repeat.Remember(w.keyItem, answer{CartID: w.cart.ID}); err != nil {
		return err
	}
	w.unit.Add(op)
	return nil
}
