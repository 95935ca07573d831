package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// Reprint asks for the receipt of one of the terminal's own transactions once more.
type Reprint struct {
	Till          Till
	TransactionNo int64
	Repeat        *idempotency.Request
}

// Reprinted is the copy. ReceiptID is its own, not that of the first print.
type Reprinted struct {
	ReceiptID     string
	TransactionNo int64
	ReceiptNo     int64
	ReceiptText   string
}

// printed is what is kept of a request with an Idempotency-Key.
type printed struct {
	ReceiptID string `json:"receipt_id"`
}

// Reprint gives a copy of a receipt and records that it was printed: a receipt in two hands is worth
// money twice. It fails with problem.NotFound and cart.NobodySignedIn.
func (a *App) Reprint(ctx context.Context, in Reprint) (Reprinted, error) {
	var copied Reprinted
	_, err := a.upToDate(ctx, in.Till, func(till Till) (cart.Cart, error) {
		in.Till = till
		return cart.Cart{}, a.do(ctx, identity.TerminalStream(till.Terminal), func(ctx context.Context, u *outbox.Unit) (err error) {
			copied, err = a.reprint(ctx, u, in)
			return err
		}, in.keys()...)
	})
	return copied, err
}

func (in *Reprint) keys() []string {
	t := in.Till.Terminal
	keys := []string{transactionKey(t.ID(), in.TransactionNo), storeCopyKey(t.TenantID, t.StoreCode)}
	if in.Repeat != nil {
		keys = append(keys, in.Repeat.StateKey(t.ID()))
	}
	return keys
}

func (a *App) reprint(ctx context.Context, u *outbox.Unit, in Reprint) (Reprinted, error) {
	items, err := u.Get(ctx, in.keys()...)
	if err != nil {
		return Reprinted{}, err
	}
	if !items[0].Exists() {
		return Reprinted{}, problem.NotFound.New("terminal %s has no transaction %d", in.Till.ID(), in.TransactionNo)
	}
	done, err := read[transaction](items[0])
	if err != nil {
		return Reprinted{}, err
	}
	store, err := read[storeCopy](items[1])
	if err != nil {
		return Reprinted{}, err
	}
	id, err := a.recordPrint(u, in, done.Log, items[2:])
	return Reprinted{
		ReceiptID: id, TransactionNo: done.Log.TransactionNo, ReceiptNo: done.Log.ReceiptNo,
		ReceiptText: cart.CopyText(done.Log.ReceiptText, store.State.Language, store.State.ReceiptWidth),
	}, err
}

// recordPrint gives the id of the copy. A request that was carried out before gets the id of that time.
// kept is what lies under the request's key, if it has one.
func (a *App) recordPrint(u *outbox.Unit, in Reprint, log *event.TranLog, kept []state.Item) (string, error) {
	fresh := printed{a.NewID()}
	if in.Repeat != nil {
		var before printed
		if repeated, err := in.Repeat.Repeat(kept[0], &before); err != nil || repeated {
			return before.ReceiptID, err
		}
	}
	if err := in.Till.mustBeAttended(); err != nil {
		return "", err
	}
	e, err := event.NewBusiness(in.Till.Staff.ID, log.CartID, event.ReceiptPrinted{OrderID: log.CartID, ReceiptID: fresh.ReceiptID})
	if err != nil {
		return "", err
	}
	if err := u.Emit(e); err != nil || in.Repeat == nil {
		return fresh.ReceiptID, err
	}
	op, err := in.Repeat.Remember(kept[0], fresh)
	if err == nil {
		u.Add(op)
	}
	return fresh.ReceiptID, err
}
