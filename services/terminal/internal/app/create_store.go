package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// CreateStore is the request for a new store.
type CreateStore struct {
	TenantID  string
	StoreCode string
	Settings  terminal.StoreSettings
}

// CreateStore makes a store. It fails with TenantNotFound, StoreExists or problem.Invalid.
func (a *App) CreateStore(ctx context.Context, cmd CreateStore) (terminal.Store, error) {
	var made terminal.Store
	err := a.onTenant(ctx, cmd.TenantID, func(ctx context.Context, u *outbox.Unit) error {
		if _, err := getTenant(ctx, u, cmd.TenantID); err != nil {
			return err
		}
		key := documents.StoreKey(cmd.TenantID, cmd.StoreCode)
		doc, err := documents.Get[terminal.Store](ctx, u, key)
		if err != nil {
			return err
		}
		if doc.Exists() {
			return terminal.StoreExists.New("there is a store %s", cmd.StoreCode)
		}
		store, events, err := terminal.NewStore(cmd.TenantID, cmd.StoreCode, cmd.Settings, u.Now())
		if err != nil {
			return err
		}
		doc.Body, made = *store, *store
		if err := documents.Stores(cmd.TenantID).Add(ctx, u, documents.Entry{Sort: cmd.StoreCode, Key: key}); err != nil {
			return err
		}
		if err := emit(u, events); err != nil {
			return err
		}
		return doc.Put(u)
	})
	return made, err
}
