package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// CreateCart asks for a new cart.
type CreateCart struct {
	Till            Till
	TransactionType int
	User            *event.Person
	Repeat          *idempotency.Request
}

// Create makes an empty cart in the terminal's present session, with staff, store and business date as
// they are now. It fails with cart.TerminalNotOpened, cart.NobodySignedIn, cart.SessionSealed or
// cart.NotCreated, and with problem.Unavailable while the store is not known here.
//
// A terminal that seems closed or without staff is looked at again for a moment (see catchUp).
func (a *App) Create(ctx context.Context, in CreateCart) (cart.Cart, error) {
	return a.upToDate(ctx, in.Till, func(till Till) (cart.Cart, error) {
		in.Till = till
		return a.create(ctx, in)
	})
}

func (a *App) create(ctx context.Context, in CreateCart) (cart.Cart, error) {
	command := Command{Till: in.Till, CartID: a.NewID(), Repeat: in.Repeat, ahead: placeKeys(in.Till.Terminal)}
	return a.command(ctx, command, func(ctx context.Context, w *work) error {
		book, err := w.register()
		if err != nil {
			return err
		}
		if err := book.Open(in.Till.View, command.CartID); err != nil {
			return err
		}
		store, err := w.store(ctx)
		if err != nil {
			return err
		}
		d, err := cart.Create(cart.Opening{
			ID: command.CartID, Terminal: in.Till.Terminal, TransactionType: in.TransactionType,
			Session: in.Till.Session, BusinessCounter: in.Till.BusinessCounter,
			Currency: store.Currency, Staff: in.Till.Staff, User: in.User,
			Store: event.OrderStore{
				Name: store.StoreName, TimeZone: store.TimeZone, Language: store.Language,
				InvoiceRegistrationNumber: store.InvoiceRegistrationNumber,
				ReceiptHeaders:            store.ReceiptHeaders, ReceiptFooters: store.ReceiptFooters,
				ReceiptWidth: store.ReceiptWidth,
			},
		})
		if err != nil {
			return err
		}
		return w.record(d)
	})
}

// placeKeys are where the copies of the terminal's store and tenant lie.
func placeKeys(t identity.Terminal) []string {
	return []string{storeCopyKey(t.TenantID, t.StoreCode), tenantCopyKey(t.TenantID)}
}

// store gives the copy of the terminal's store. A tenant that is not known here is taken for an
// active one: its snapshot may be late, and the terminal's credential has been proven.
func (w *work) store(ctx context.Context) (event.StoreState, error) {
	t := w.in.Till.Terminal
	items, err := w.unit.Get(ctx, placeKeys(t)...)
	if err != nil {
		return event.StoreState{}, err
	}
	store, err := read[storeCopy](items[0])
	if err != nil {
		return event.StoreState{}, err
	}
	tenant, err := read[tenantCopy](items[1])
	switch {
	case err != nil:
		return event.StoreState{}, err
	case !items[0].Exists():
		w.app.ask(ctx, t)
		return event.StoreState{}, problem.Unavailable.New("the store is not known here yet; a snapshot of it was asked for").After(copyRetry)
	case !store.State.IsActive:
		return event.StoreState{}, cart.NotCreated.New("the store is deactivated")
	case items[1].Exists() && !tenant.State.IsActive:
		return event.StoreState{}, cart.NotCreated.New("the tenant is deactivated")
	}
	return store.State, nil
}
