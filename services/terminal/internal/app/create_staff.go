package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// CreateStaff is the request for a new staff member.
type CreateStaff struct {
	TenantID  string
	StoreCode string
	StaffID   string
	Name      string
	Roles     []string
	PIN       string
}

// CreateStaff makes a staff member of a store. It fails with StoreNotFound, StaffExists or
// problem.Invalid.
func (a *App) CreateStaff(ctx context.Context, cmd CreateStaff) (terminal.Staff, error) {
	if !terminal.ValidStaffID(cmd.StaffID) {
		return terminal.Staff{}, problem.Invalid.New("staffId: must match %s", terminal.StaffIDPattern).WithFields(
			problem.Field{Name: "staffId", Rule: "code", Message: "must match " + terminal.StaffIDPattern})
	}
	hash, err := a.PINs.Hash(cmd.PIN)
	if err != nil {
		return terminal.Staff{}, err
	}
	var made terminal.Staff
	err = a.onTenant(ctx, cmd.TenantID, func(ctx context.Context, u *outbox.Unit) error {
		if _, err := getStore(ctx, u, cmd.TenantID, cmd.StoreCode); err != nil {
			return err
		}
		key := documents.StaffKey(cmd.TenantID, cmd.StoreCode, cmd.StaffID)
		doc, err := documents.Get[terminal.Staff](ctx, u, key)
		if err != nil {
			return err
		}
		if doc.Exists() {
			return terminal.StaffExists.New("there is a staff member %s", cmd.StaffID)
		}
		made = terminal.Staff{
			TenantID: cmd.TenantID, StoreCode: cmd.StoreCode, StaffID: cmd.StaffID, Name: cmd.Name, Roles: cmd.Roles,
			PINHash: hash, IsActive: true, CreatedAt: u.Now(), UpdatedAt: u.Now(),
		}
		doc.Body = made
		if err := documents.Staff(cmd.TenantID, cmd.StoreCode).Add(ctx, u, documents.Entry{Sort: cmd.StaffID, Key: key}); err != nil {
			return err
		}
		return doc.Put(u)
	})
	return made, err
}
