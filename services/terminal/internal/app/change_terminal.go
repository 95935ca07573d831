package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// ChangeTerminal is what an administrator wants changed; nil stays as it is.
type ChangeTerminal struct {
	Terminal    identity.Terminal
	Description *string
	IsActive    *bool
}

// ChangeTerminal changes a terminal. An inactive one is refused at once, whatever it shows.
func (a *App) ChangeTerminal(ctx context.Context, cmd ChangeTerminal) (terminal.Terminal, error) {
	var now terminal.Terminal
	err := a.command(ctx, cmd.Terminal, func(_ context.Context, s *scene) error {
		events := s.till().Change(cmd.Description, cmd.IsActive, s.Now())
		now = *s.till()
		if len(events) == 0 {
			return nil
		}
		return s.record(events)
	})
	return now, err
}
