package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// SetMode changes what the till's screen is in. It fails with WrongStatus or problem.Invalid.
func (a *App) SetMode(ctx context.Context, id identity.Terminal, mode string) (terminal.Terminal, error) {
	var now terminal.Terminal
	err := a.command(ctx, id, func(_ context.Context, s *scene) error {
		events, err := s.till().SetMode(mode, s.Now())
		now = *s.till()
		if err != nil || len(events) == 0 {
			return err
		}
		return s.record(events)
	})
	return now, err
}
