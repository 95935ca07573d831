package app

import (
	"context"
	"time"

	"github.com/tillroll/tillroll/pkg/problem"
)

// catchUpEvery is how often the copy is looked at while a request waits for it.
const catchUpEvery = 20 * time.Millisecond

// catchUp waits, as long as the service's patience lasts, for a copy of the terminal that is newer
// than what the caller's credential and the present copy say. A till that opens and sells in one
// breath is faster than the snapshot of its opening, and should not be told that it is closed.
func (a *App) catchUp(ctx context.Context, till Till) (newer Till, ok bool) {
	began := a.Clock.Now()
	deadline := began.Add(a.Patience)
	for a.Clock.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return till, false
		case <-a.Clock.After(catchUpEvery):
		}
		if a.Clock.Since(began) > a.Patience/2 {
			a.doubt(ctx, till.Terminal)
		}
		known, exists, err := a.readCopy(ctx, till.ID())
		if problem.Is(err, problem.Unavailable) {
			return till, false
		}
		if err == nil && exists && known.Version > till.Version && known.State.IsActive {
			return TillOf(principalOf(known)), true
		}
	}
	return till, false
}
