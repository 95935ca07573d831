package app

import (
	"sync"
)

// poisonAfter is how often handling an event may fail by its own fault before it is set aside.
const poisonAfter = 5

// poisonKept bounds the memory; when it is full everything counts from the beginning again, which
// only makes a poisonous event come a few times more.
const poisonKept = 10_000

// poison counts events whose handling panics or whose storing is refused for good. Passing faults,
// such as a database that is away, are never counted.
type poison struct {
	mu    sync.Mutex
	times map[string]int
}

func newPoison() *poison { return &poison{times: map[string]int{}} }

// strike counts one more failure and tells whether the event has used up its chances.
func (p *poison) strike(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.times) >= poisonKept {
		clear(p.times)
	}
	p.times[key]++
	if p.times[key] < poisonAfter {
		return false
	}
	delete(p.times, key)
	return true
}
