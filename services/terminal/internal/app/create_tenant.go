package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// CreateTenant is the request for a new tenant.
type CreateTenant struct {
	TenantID string
	Name     string
	Tags     []string
	Policy   terminal.Policy
}

// CreateTenant makes a tenant. It fails with TenantExists or problem.Invalid.
func (a *App) CreateTenant(ctx context.Context, cmd CreateTenant) (terminal.Tenant, error) {
	var made terminal.Tenant
	err := a.onTenant(ctx, cmd.TenantID, func(ctx context.Context, u *outbox.Unit) error {
		doc, err := documents.Get[terminal.Tenant](ctx, u, documents.TenantKey(cmd.TenantID))
		if err != nil {
			return err
		}
		if doc.Exists() {
			return terminal.TenantExists.New("there is a tenant %s", cmd.TenantID)
		}
		tenant, events, err := terminal.NewTenant(cmd.TenantID, cmd.Name, cmd.Tags, cmd.Policy, u.Now())
		if err != nil {
			return err
		}
		doc.Body, made = *tenant, *tenant
		if err := documents.Tenants().Add(ctx, u, documents.Entry{Sort: cmd.TenantID, Key: documents.TenantKey(cmd.TenantID)}); err != nil {
			return err
		}
		if err := emit(u, events); err != nil {
			return err
		}
		return doc.Put(u)
	})
	return made, err
}
