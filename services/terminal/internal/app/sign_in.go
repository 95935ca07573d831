package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// SignIn is the request of a staff member at a till.
type SignIn struct {
	Terminal identity.Terminal
	StaffID  string
	PIN      string
}

// SignIn puts a staff member at the till. The try is counted before the PIN is looked at, so however
// many arrive at once, no more than MaxPINTries are looked at before the lock. It fails with
// AlreadySignedIn, UnknownStaff, WrongPIN or PINLocked.
func (a *App) SignIn(ctx context.Context, cmd SignIn) (terminal.Terminal, error) {
	staff, tries, err := a.countTry(ctx, cmd)
	if err != nil {
		return terminal.Terminal{}, err
	}
	right, err := a.PINs.Match(cmd.PIN, staff.PINHash)
	if err != nil {
		return terminal.Terminal{}, err
	}
	if !right {
		return terminal.Terminal{}, tries.Wrong()
	}
	var now terminal.Terminal
	err = a.command(ctx, cmd.Terminal, func(ctx context.Context, s *scene) error {
		if staff, err = workingStaff(ctx, s, cmd); err != nil { // it took a moment to look at the PIN
			return err
		}
		events, err := s.till().SignIn(staff, s.Now())
		if err != nil {
			return err
		}
		now = *s.till()
		s.Add(state.Delete(triesKey(cmd)))
		return s.record(events)
	})
	return now, err
}

func (a *App) countTry(ctx context.Context, cmd SignIn) (staff terminal.Staff, tries terminal.PINTries, err error) {
	err = a.command(ctx, cmd.Terminal, func(ctx context.Context, s *scene) error {
		if err := s.till().CanSignIn(); err != nil {
			return err
		}
		found, err := workingStaff(ctx, s, cmd)
		if err != nil {
			return err
		}
		doc, err := documents.Get[terminal.PINTries](ctx, s, triesKey(cmd))
		if err != nil {
			return err
		}
		if err := doc.Body.Try(s.Now()); err != nil {
			return err
		}
		staff, tries = found, doc.Body
		return doc.Put(s)
	})
	return staff, tries, err
}

// workingStaff reads who wants to sign in. It fails with UnknownStaff, also for one who is inactive.
func workingStaff(ctx context.Context, s *scene, cmd SignIn) (terminal.Staff, error) {
	found, err := getStaff(ctx, s, cmd.Terminal.TenantID, cmd.Terminal.StoreCode, cmd.StaffID)
	if problem.Is(err, terminal.StaffNotFound) || err == nil && !found.Body.IsActive {
		return terminal.Staff{}, terminal.UnknownStaff.New("")
	}
	return found.Body, err
}

func triesKey(cmd SignIn) string {
	return documents.PINTriesKey(cmd.Terminal.TenantID, cmd.Terminal.StoreCode, cmd.StaffID)
}
