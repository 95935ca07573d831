package outbox

import (
	"context"
	"fmt"
	"hash/fnv"

	"github.com/tillroll/tillroll/pkg/state"
)

// laneCount keeps streams that have nothing to do with each other out of each other's lane, mostly.
const laneCount = 256

// lanes let things of one stream follow each other inside this process. They save writes that would
// be outrun and decide nothing: the ETags hold, whatever another replica does.
type lanes []chan struct{}

func newLanes() lanes {
	l := make(lanes, laneCount)
	for i := range l {
		l[i] = make(chan struct{}, 1)
	}
	return l
}

// enter waits for the stream's lane; leave gives it to the next. It fails with state.ErrUnavailable when
// ctx ends first.
func (l lanes) enter(ctx context.Context, stream string) (leave func(), err error) {
	h := fnv.New32a()
	h.Write([]byte(stream))
	lane := l[h.Sum32()%laneCount]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", state.ErrUnavailable, ctx.Err())
	}
}
