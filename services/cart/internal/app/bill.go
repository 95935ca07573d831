package app

import (
	"context"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

// Bill completes a sale, once: billing a completed cart gives it as it is, with the numbers of the
// first time. Numbers, completed cart, transaction, session counts and events are one state
// transaction. It fails with cart.NotFound, cart.NobodySignedIn, cart.BalanceLeft, cart.SessionEnded,
// cart.SessionSealed and problem.InvalidOperation.
func (a *App) Bill(ctx context.Context, in Command) (cart.Cart, error) {
	return a.attended(ctx, in, a.bill)
}

func (a *App) bill(ctx context.Context, in Command) (cart.Cart, error) {
	return a.command(ctx, in, func(ctx context.Context, w *work) error {
		if err := w.mustExist(); err != nil {
			return err
		}
		if w.cart.Status == cart.Completed {
			return nil
		}
		if err := in.Till.mustBeAttended(); err != nil {
			return err
		}
		book, numbers, err := w.takeNumbers()
		if err != nil {
			return err
		}
		d, err := w.cart.Bill(numbers, a.NewID())
		if err != nil {
			return err
		}
		if err := book.MayBill(in.Till.View, w.cart.Session); err != nil {
			return err
		}
		return w.conclude(ctx, book, d)
	})
}

// Cancel ends a cart without a sale. It takes numbers and makes a transaction as a sale does, so that
// nothing that was rung up disappears. It fails with cart.NotFound and problem.InvalidOperation.
func (a *App) Cancel(ctx context.Context, in Command) (cart.Cart, error) {
	return a.command(ctx, in, func(ctx context.Context, w *work) error {
		if err := w.mustExist(); err != nil {
			return err
		}
		book, numbers, err := w.takeNumbers()
		if err != nil {
			return err
		}
		d, err := w.cart.Cancel(numbers)
		if err != nil {
			return err
		}
		return w.conclude(ctx, book, d)
	})
}

// takeNumbers gives the numbers of the next transaction and the time in the store. They are taken
// when conclude books them, and not before.
func (w *work) takeNumbers() (*register.Book, cart.Numbers, error) {
	book, err := w.register()
	if err != nil {
		return nil, cart.Numbers{}, err
	}
	zone, err := time.LoadLocation(w.cart.Store.TimeZone)
	if err != nil {
		return nil, cart.Numbers{}, fmt.Errorf("app: time zone of cart %s: %w", w.cart.ID, err)
	}
	n := cart.Numbers{GeneratedAt: w.unit.Now().In(zone).Format("2006-01-02T15:04:05.000Z07:00")}
	n.TransactionNo, n.ReceiptNo = book.NextNumbers(w.app.Receipts)
	return book, n, nil
}

// conclude books a cart that has ended: its last events, its transaction log, the transaction and its
// place in the index, the numbers and the session's counts.
func (w *work) conclude(ctx context.Context, book *register.Book, d cart.Decision) error {
	if err := w.record(d); err != nil {
		return err
	}
	if err := book.Enter(d.Cart); err != nil {
		return err
	}
	log := d.Cart.TranLog()
	if err := w.unit.Emit(log); err != nil {
		return err
	}
	terminalID := w.in.Till.ID()
	if err := w.unit.Put(state.Item{Key: transactionKey(terminalID, log.TransactionNo)}, transaction{current, log}); err != nil {
		return err
	}
	return w.indexTransaction(ctx, log)
}
