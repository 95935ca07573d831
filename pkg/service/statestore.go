package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/pkg/state/daprstate"
	"github.com/tillroll/tillroll/pkg/state/gather"
)

// storeRetry is the pause while a state store is not there yet.
const storeRetry = 500 * time.Millisecond

// AtomicStore gives the state component of that name once it answers and has proven that its
// transactions are atomic: what a command decides and the events that tell of it are written together
// or not at all. A store that cannot promise that is refused. Readiness follows the store.
func (s *Service) AtomicStore(ctx context.Context, component string) (state.Store, error) {
	store := daprstate.New(s.Dapr, component)
	for waiting := false; ; waiting = true {
		err := store.Check(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, state.ErrUnavailable) {
			return nil, err
		}
		if !waiting {
			s.Log.Info("waiting for the state store", zap.String("component", component), zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("stopped while waiting for the state store: %w", err)
		case <-time.After(storeRetry):
		}
	}
	s.Ready("state store", func(ctx context.Context) error {
		_, err := state.Get(ctx, store, "readiness")
		return err
	})
	if s.Settings.StateWriters > 0 {
		return gather.New(store, s.Settings.StateWriters), nil
	}
	return store, nil
}
