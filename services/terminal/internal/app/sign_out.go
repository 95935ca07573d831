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
		events, err := s.till().SignOut(by, s.Now())
		now = *s.till()
		if err != nil || len(events) == 0 {
			return err
		}
		return s.record(events)
	})
	return now, err
}
