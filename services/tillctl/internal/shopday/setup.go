package shopday

import (
	"context"
	"fmt"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// setUp makes the tenant, the store, its staff and its tills. What is there already stays, so that a
// second day can be played in the same shop.
func (d *Day) setUp(ctx context.Context) error {
	d.Stage.Scene("A shop")
	if _, err := d.Cast.Operator.Terminals.CreateTenant(ctx, client.NewTenant{TenantID: d.Tenant, TenantName: "Demo " + d.Tenant}); unless(err, client.TenantExists.Code) != nil {
		return err
	}
	if err := d.setUpStore(ctx); err != nil {
		return err
	}
	for i, staff := range d.shop.staff {
		if err := d.setUpStaff(ctx, staff); err != nil {
			return err
		}
		t, err := d.setUpTill(ctx, i+1)
		if err != nil {
			return err
		}
		d.tills = append(d.tills, t)
	}
	d.Stage.Say("tenant   %s", d.Tenant)
	d.Stage.Say("store    %s, %s, sells in %s", storeCode, d.shop.store.StoreName, d.shop.store.Currency)
	for i, t := range d.tills {
		d.Stage.Say("till %d   %s, with %s", t.no, t.id, d.shop.staff[i].Name)
	}
	return nil
}

func (d *Day) setUpStore(ctx context.Context) error {
	admin := d.Cast.Administrator.Terminals
	err := admin.CreateStore(ctx, d.Tenant, d.shop.store)
	if !isProblem(err, client.StoreExists.Code) {
		return err
	}
	// A store never changes its currency: a day in another language goes on in the store's own.
	there, err := admin.Store(ctx, d.Tenant, storeCode)
	if err != nil {
		return err
	}
	for _, s := range shops {
		if s.store.Currency == there.Currency {
			d.shop = s
			return nil
		}
	}
	return fmt.Errorf("the store %s of %s sells in %s, which the demo has no prices for: take another --tenant", storeCode, d.Tenant, there.Currency)
}

func (d *Day) setUpStaff(ctx context.Context, staff client.NewStaff) error {
	admin := d.Cast.Administrator.Terminals
	err := admin.CreateStaff(ctx, d.Tenant, storeCode, staff)
	if isProblem(err, client.StaffExists.Code) {
		return admin.ChangePIN(ctx, d.Tenant, storeCode, staff.StaffID, staff.PIN)
	}
	return err
}

func (d *Day) setUpTill(ctx context.Context, no int) (*till, error) {
	admin := d.Cast.Administrator
	id := identity.Terminal{TenantID: d.Tenant, StoreCode: storeCode, TerminalNo: no}.ID()
	made, err := admin.Terminals.CreateTill(ctx, d.Tenant, storeCode, client.NewTill{TerminalNo: no, Description: "Demo till"})
	isThere := isProblem(err, client.TerminalExists.Code)
	if err != nil && !isThere {
		return nil, err
	}
	key := made.APIKey
	if isThere { // nobody can tell its key any more
		if key, err = admin.Terminals.RotateKey(ctx, id); err != nil {
			return nil, err
		}
	}
	t := &till{no: no, id: id, shop: d.shop, clock: d.Clock, newKey: d.NewKey}
	if err := t.logIn(ctx, admin, key); err != nil {
		return nil, err
	}
	if isThere {
		return t, d.tidyUp(ctx, t)
	}
	return t, nil
}

// tidyUp ends what an earlier day, perhaps interrupted, has left at a till.
func (d *Day) tidyUp(ctx context.Context, t *till) error {
	now, err := d.Cast.Administrator.Terminals.Till(ctx, t.id)
	if err != nil {
		return err
	}
	if now.Status == event.StatusOpened || now.Status == event.StatusClosing {
		left, err := t.carts().Open(ctx)
		if err != nil {
			return err
		}
		for _, cart := range left.Values() {
			if _, err := t.carts().Cancel(ctx, cart.CartID); err != nil {
				return err
			}
		}
		if _, err := t.closeCounted(ctx, nil); err != nil {
			return err
		}
	}
	if now.Staff == nil {
		return nil
	}
	return t.terminals().SignOut(ctx, t.id, t.command())
}

// unless gives err, or nil when it is a problem with that code.
func unless(err error, code int) error {
	if isProblem(err, code) {
		return nil
	}
	return err
}
