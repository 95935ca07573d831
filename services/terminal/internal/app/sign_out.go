package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// SignOut takes whoever is signed in off the till; by names the user who does it from elsewhere.
func (a *App) SignOut(ctx context.Context, id identity.Terminal, by string) (terminal.Terminal, error) {
	var now terminal.Terminal
	err := a.command(ctx, id, func(_ context.Context, s *scene) error {
		err := s.signOut(by)
		now = *s.till()
		return err
	})
	return now, err
}

func (s *scene) signOut(by string) error {
	events, err := s.till().SignOut(by, s.Now())
	if err != nil || len(events) == 0 {
		return err
	}
	return s.record(events)
}

// signOutStaff is SignOut if it is this staff member who is at the till.
func (a *App) signOutStaff(ctx context.Context, id identity.Terminal, staffID, by string) error {
	return a.command(ctx, id, func(_ context.Context, s *scene) error {
		if at := s.till().Staff; at == nil || at.ID != staffID {
			return nil
		}
		return s.signOut(by)
	})
}
