package app

import (
	"context"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// SettleClose takes the cart service's answer to a closing. An answer that the terminal does not
// wait for (repeated, outdated, of a session that was forced) changes nothing.
func (a *App) SettleClose(ctx context.Context, r *event.SessionReport) error {
	id := identity.Terminal(r.Stream())
	awaited := false
	err := a.command(ctx, id, func(ctx context.Context, s *scene) error {
		t := s.till()
		if awaited = t.Awaits(r); !awaited {
			return nil
		}
		version := t.Closing.Version
		s.site.Checkpoint = a.newestCheckpoint(ctx, id.TenantID)
		result, events, err := t.Settle(r, s.site)
		if err != nil {
			return err
		}
		return s.settle(ctx, version, result, events)
	})
	if err == nil {
		a.settled.ring(id.ID())
	}
	if problem.Is(err, terminal.TerminalNotFound) {
		err = nil
	}
	if err == nil && !awaited {
		a.Log.Info("a session report was not waited for", zap.String("terminal", id.ID()), zap.String("event_id", r.EventID),
			zap.Uint64("closing_version", r.ClosingVersion), zap.Bool("sealed", r.IsSealed))
	}
	return err
}
