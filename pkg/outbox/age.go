package outbox

import (
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
)

// marksKept bounds what is remembered of one stream.
const marksKept = 64

// mark says that event first, and whatever came after it, is at most as old as recordedAt.
type mark struct {
	first      uint64
	recordedAt time.Time
}

// ages knows how long the oldest unconfirmed event of each stream has waited, from what the relay reads
// anyway: at most a batch too long, and nothing until the relay has first read an event of the stream.
type ages struct {
	mu    sync.Mutex
	clock clockwork.Clock
	open  map[string][]mark // in order of first
}

func newAges() *ages { return &ages{clock: clockwork.NewRealClock(), open: map[string][]mark{}} }

// saw that a batch begins with an event.
func (a *ages) saw(stream string, first uint64, recordedAt time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	marks := a.open[stream]
	switch {
	case len(marks) == 0 || first > marks[len(marks)-1].first && len(marks) < marksKept:
		a.open[stream] = append(marks, mark{first, recordedAt})
	case first < marks[0].first: // a redelivery, or what another replica left
		a.open[stream] = append([]mark{{first, recordedAt}}, marks...)
	}
}

// unconfirmedFrom forgets what is older than the first unconfirmed event; 0 means that there is none.
func (a *ages) unconfirmedFrom(stream string, first uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if first == 0 {
		delete(a.open, stream)
		return
	}
	marks := a.open[stream]
	for len(marks) > 1 && marks[1].first <= first {
		marks = marks[1:]
	}
	if len(marks) > 0 {
		a.open[stream] = marks
	}
}

// oldest of all streams, in seconds; 0 when nothing is unconfirmed.
func (a *ages) oldest() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, longest := a.clock.Now(), time.Duration(0)
	for _, marks := range a.open {
		longest = max(longest, now.Sub(marks[0].recordedAt))
	}
	return longest.Seconds()
}
