package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// ChangeTenant changes a tenant; its tills are disabled while it is not active. It fails with
// TenantNotFound or problem.Invalid.
func (a *App) ChangeTenant(ctx context.Context, tenantID string, change terminal.TenantChange) (terminal.Tenant, error) {
	var now terminal.Tenant
	err := a.onTenant(ctx, tenantID, func(ctx context.Context, u *outbox.Unit) error {
		doc, err := getTenant(ctx, u, tenantID)
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
