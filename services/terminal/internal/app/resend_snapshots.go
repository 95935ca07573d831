package app

import (
	"context"
	"errors"
	"slices"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// snapshotsAtOnce is how many snapshots one transaction writes.
const snapshotsAtOnce = 50

// ResendSnapshots publishes what somebody's copy lacks: a terminal with its store and tenant, or, in a
// while, a whole tenant. The snapshots are of now with their Version unchanged, in new events. What was sent
// less than a second ago is not sent again, and what is not there cannot be.
func (a *App) ResendSnapshots(ctx context.Context, wanted identity.Stream) error {
	if wanted.TerminalNo == 0 {
		return a.queueTenant(wanted.TenantID)
	}
	return errors.Join(a.resendTerminal(ctx, identity.Terminal(wanted)), a.resendStores(ctx, wanted.TenantID, wanted.StoreCode))
}

// resendTenant sends everything of a tenant.
func (a *App) resendTenant(ctx context.Context, tenantID string) error {
	return a.rarely("tenant/"+tenantID+"/all", func() error {
		stores, err := documents.Stores(tenantID).Entries(ctx, a.reader())
		if err != nil {
			return err
		}
		codes := make([]string, len(stores))
		for i, e := range stores {
			codes[i] = e.Sort
		}
		if err := a.resendStores(ctx, tenantID, codes...); err != nil {
			return err
		}
		for _, code := range codes {
			if err := a.resendTerminals(ctx, tenantID, code); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *App) resendTerminals(ctx context.Context, tenantID, storeCode string) error {
	entries, err := documents.Terminals(tenantID, storeCode).Entries(ctx, a.reader())
	if err != nil {
		return err
	}
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.Key
	}
	for part := range slices.Chunk(keys, snapshotsAtOnce) {
		terminals, err := documents.GetAll[terminal.Terminal](ctx, a.reader(), part)
		if err != nil {
			return err
		}
		for _, t := range terminals {
			if err := a.resendTerminal(ctx, t.Identity); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *App) resendTerminal(ctx context.Context, id identity.Terminal) error {
	return a.rarely("terminal/"+id.ID(), func() error {
		return a.command(ctx, id, func(_ context.Context, s *scene) error {
			return s.emit([]event.Event{s.till().Snapshot()})
		})
	})
}

// resendStores sends stores of a tenant and the tenant itself.
func (a *App) resendStores(ctx context.Context, tenantID string, codes ...string) error {
	err := a.rarely("tenant/"+tenantID, func() error {
		return a.onTenant(ctx, tenantID, func(ctx context.Context, u *outbox.Unit) error {
			doc, err := getTenant(ctx, u, tenantID)
			if err != nil {
				return err
			}
			return emit(u, []event.Event{doc.Body.Snapshot()})
		})
	})
	for part := range slices.Chunk(codes, snapshotsAtOnce) {
		err = errors.Join(err, a.resendSomeStores(ctx, tenantID, part))
	}
	return err
}

func (a *App) resendSomeStores(ctx context.Context, tenantID string, codes []string) error {
	var keys, names []string
	for _, code := range codes {
		if name := "store/" + tenantID + "/" + code; a.recent.first(name) {
			names, keys = append(names, name), append(keys, documents.StoreKey(tenantID, code))
		}
	}
	err := a.onTenant(ctx, tenantID, func(ctx context.Context, u *outbox.Unit) error {
		stores, err := documents.GetAll[terminal.Store](ctx, u, keys)
		if err != nil {
			return err
		}
		for _, s := range stores {
			if err := u.Emit(s.Snapshot()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, name := range names {
			a.recent.forget(name)
		}
	}
	return err
}

// rarely runs fn unless it was run for key a moment ago. One that failed does not count; one that
// found nothing to send does, and is no failure.
func (a *App) rarely(key string, fn func() error) error {
	if !a.recent.first(key) {
		return nil
	}
	err := fn()
	if problem.Is(err, terminal.TerminalNotFound) || problem.Is(err, terminal.TenantNotFound) {
		return nil
	}
	if err != nil {
		a.recent.forget(key)
	}
	return err
}
