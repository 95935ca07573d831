package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// ChangeStore changes a store; its tills are disabled while it is not active. It fails with
// StoreNotFound or problem.Invalid.
func (a *App) ChangeStore(ctx context.Context, tenantID, storeCode string, change terminal.StoreChange) (terminal.Store, error) {
	var now terminal.Store
	err := a.onTenant(ctx, tenantID, func(ctx context.Context, u *outbox.Unit) error {
		doc, err := getStore(ctx, u, tenantID, storeCode)
		if err != nil {
			return err
		}
		events, err := doc.Body.Change(change, u.Now())
		now = doc.Body
		if err != nil || len(events) == 0 {
			return err
		}
		if err := emit(u, events); err != nil {
			return err
		}
		return doc.Put(u)
	})
	return now, err
}
