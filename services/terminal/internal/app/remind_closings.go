package app

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// remindPause is how often the closings are looked through.
const remindPause = 5 * time.Second

// RemindClosings says Closing again for terminals whose session was not reported, until ctx ends.
// When to say it is kept with the terminal, so several replicas say it no more often than one.
func (a *App) RemindClosings(ctx context.Context) error {
	for {
		a.remindAll(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-a.Clock.After(remindPause):
		}
	}
}

func (a *App) remindAll(ctx context.Context) {
	entries, err := documents.Closings().Entries(ctx, a.reader())
	if err != nil {
		a.warn(ctx, "closings cannot be read; trying again", err)
		return
	}
	for _, e := range entries {
		if err := a.remind(ctx, e); err != nil {
			a.warn(ctx, "a closing cannot be repeated; trying again", err, zap.String("terminal", e.Sort))
		}
	}
}

func (a *App) remind(ctx context.Context, e documents.Entry) error {
	doc, err := documents.Get[terminal.Terminal](ctx, a.reader(), e.Key)
	if err != nil || len(doc.Body.Remind(a.Clock.Now())) == 0 {
		return err
	}
	return a.command(ctx, doc.Body.Identity, func(_ context.Context, s *scene) error {
		events := s.till().Remind(s.Now())
		if len(events) == 0 { // settled meanwhile, or another replica was faster
			return nil
		}
		return s.record(events)
	})
}

func (a *App) warn(ctx context.Context, message string, err error, fields ...zap.Field) {
	if ctx.Err() == nil {
		a.Log.Warn(message, append(fields, zap.Error(err))...)
	}
}
