package app

import (
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
)

// pauseBetween is the least time between two snapshots of one thing that were asked for.
const pauseBetween = time.Second

// manyRecent is when what is not recent any more is forgotten.
const manyRecent = 4096

// recent remembers what was done a moment ago, so that many who ask for the same get it once.
type recent struct {
	clock clockwork.Clock
	mu    sync.Mutex
	since map[string]time.Time
}

func newRecent(clock clockwork.Clock) *recent {
	return &recent{clock: clock, since: map[string]time.Time{}}
}

// first tells whether key was not seen for pauseBetween, and takes it as seen.
func (r *recent) first(key string) bool {
	now := r.clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.since[key]) < pauseBetween {
		return false
	}
	if len(r.since) >= manyRecent {
		for k, at := range r.since {
			if now.Sub(at) >= pauseBetween {
				delete(r.since, k)
			}
		}
	}
	r.since[key] = now
	return true
}

// forget makes the next call for key the first again: what it stood for has failed.
func (r *recent) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.since, key)
}
