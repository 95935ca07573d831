package app

import (
	"context"

	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// Span is the part of a list that is asked for.
type Span struct{ Skip, Limit int }

// Tenant reads a tenant. It fails with TenantNotFound.
func (a *App) Tenant(ctx context.Context, tenantID string) (terminal.Tenant, error) {
	d, err := getTenant(ctx, a.reader(), tenantID)
	return d.Body, err
}

// Tenants lists the tenants by code.
func (a *App) Tenants(ctx context.Context, span Span) (documents.Page[terminal.Tenant], error) {
	return documents.List[terminal.Tenant](ctx, a.reader(), documents.Tenants(), span.Skip, span.Limit)
}

// StoreOf reads a store. It fails with StoreNotFound.
func (a *App) StoreOf(ctx context.Context, tenantID, storeCode string) (terminal.Store, error) {
	d, err := getStore(ctx, a.reader(), tenantID, storeCode)
	return d.Body, err
}

// Stores lists a tenant's stores by code. It fails with TenantNotFound.
func (a *App) Stores(ctx context.Context, tenantID string, span Span) (documents.Page[terminal.Store], error) {
	if _, err := getTenant(ctx, a.reader(), tenantID); err != nil {
		return documents.Page[terminal.Store]{}, err
	}
	return documents.List[terminal.Store](ctx, a.reader(), documents.Stores(tenantID), span.Skip, span.Limit)
}

// Staff reads a staff member. It fails with StaffNotFound.
func (a *App) Staff(ctx context.Context, tenantID, storeCode, staffID string) (terminal.Staff, error) {
	d, err := getStaff(ctx, a.reader(), tenantID, storeCode, staffID)
	return d.Body, err
}

// StaffOf lists a store's staff by id. It fails with StoreNotFound.
func (a *App) StaffOf(ctx context.Context, tenantID, storeCode string, span Span) (documents.Page[terminal.Staff], error) {
	if _, err := getStore(ctx, a.reader(), tenantID, storeCode); err != nil {
		return documents.Page[terminal.Staff]{}, err
	}
	return documents.List[terminal.Staff](ctx, a.reader(), documents.Staff(tenantID, storeCode), span.Skip, span.Limit)
}

// TerminalByID reads a terminal. It fails with TerminalNotFound.
func (a *App) TerminalByID(ctx context.Context, id string) (terminal.Terminal, error) {
	d, err := getTerminal(ctx, a.reader(), id)
	return d.Body, err
}

// TerminalsOf lists a store's terminals by number. It fails with StoreNotFound.
func (a *App) TerminalsOf(ctx context.Context, tenantID, storeCode string, span Span) (documents.Page[terminal.Terminal], error) {
	if _, err := getStore(ctx, a.reader(), tenantID, storeCode); err != nil {
		return documents.Page[terminal.Terminal]{}, err
	}
	return documents.List[terminal.Terminal](ctx, a.reader(), documents.Terminals(tenantID, storeCode), span.Skip, span.Limit)
}
