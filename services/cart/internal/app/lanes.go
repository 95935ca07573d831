package app

import (
	"context"
	"hash/fnv"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
)

// laneCount keeps terminals that have nothing to do with each other out of each other's lane, mostly.
const laneCount = 512

// lanes let the commands of one terminal follow each other inside this process instead of outrunning
// each other's writes. They save repeated work and decide nothing: another replica knows nothing of
// them, and the ETags of the state store hold either way.
type lanes [laneCount]chan struct{}

func newLanes() *lanes {
	var l lanes
	for i := range l {
		l[i] = make(chan struct{}, 1)
	}
	return &l
}

// enter waits for the terminal's lane; leave gives it to the next.
func (l *lanes) enter(ctx context.Context, terminalID string) (leave func(), err error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(terminalID))
	lane := l[h.Sum32()%laneCount]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, problem.Unavailable.New("the terminal has too much to do at once").Because(ctx.Err()).After(copyRetry)
	}
}

// do is Box.Do in the lane of the stream.
func (a *App) do(ctx context.Context, stream identity.Stream, fn func(ctx context.Context, u *outbox.Unit) error, ahead ...string) error {
	leave, err := a.lanes.enter(ctx, stream.ID())
	if err != nil {
		return err
	}
	defer leave()
	return a.Box.Do(ctx, stream, fn, ahead...)
}
