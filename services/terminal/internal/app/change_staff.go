package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// ChangeStaff is what a request wants changed; nil stays as it is.
type ChangeStaff struct {
	TenantID  string
	StoreCode string
	StaffID   string
	Name      *string
	Roles     *[]string
	PIN       *string
	IsActive  *bool
}

// ChangeStaff changes a staff member. A new PIN ends a lock. It fails with StaffNotFound.
func (a *App) ChangeStaff(ctx context.Context, cmd ChangeStaff) (terminal.Staff, error) {
	change := terminal.StaffChange{Name: cmd.Name, Roles: cmd.Roles, IsActive: cmd.IsActive}
	if cmd.PIN != nil {
		hash, err := a.PINs.Hash(*cmd.PIN)
		if err != nil {
			return terminal.Staff{}, err
		}
		change.PINHash = &hash
	}
	var now terminal.Staff
	err := a.onTenant(ctx, cmd.TenantID, func(ctx context.Context, u *outbox.Unit) error {
		doc, err := getStaff(ctx, u, cmd.TenantID, cmd.StoreCode, cmd.StaffID)
		if err != nil {
			return err
		}
		changed := doc.Body.Change(change, u.Now())
		now = doc.Body
		if !changed {
			return nil
		}
		if change.PINHash != nil {
			u.Add(state.Delete(documents.PINTriesKey(cmd.TenantID, cmd.StoreCode, cmd.StaffID)))
		}
		return doc.Put(u)
	})
	return now, err
}
