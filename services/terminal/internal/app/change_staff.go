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
	By        string // the user who does it
}

// ChangeStaff changes a staff member. A new PIN ends a lock. Who is made inactive is signed out wherever
// they are signed in; when that fails halfway, the same request again goes on. It fails with
// StaffNotFound.
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
	if err == nil && !now.IsActive && cmd.IsActive != nil {
		err = a.signOutEverywhere(ctx, cmd)
	}
	return now, err
}

// signOutEverywhere takes a staff member off every till of the store.
func (a *App) signOutEverywhere(ctx context.Context, cmd ChangeStaff) error {
	const page = 100
	for skip := 0; ; skip += page {
		tills, err := a.TerminalsOf(ctx, cmd.TenantID, cmd.StoreCode, Span{Skip: skip, Limit: page})
		if err != nil {
			return err
		}
		for _, t := range tills.Items {
			if t.Staff == nil || t.Staff.ID != cmd.StaffID {
				continue
			}
			if err := a.signOutStaff(ctx, t.Identity, cmd.StaffID, cmd.By); err != nil {
				return err
			}
		}
		if skip+page >= tills.Total {
			return nil
		}
	}
}
