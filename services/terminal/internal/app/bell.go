package app

import "sync"

// bell wakes the requests of this process that wait for something to be settled. What happens in
// another replica is not heard here, so whoever listens looks by itself too.
type bell struct {
	mu      sync.Mutex
	waiting map[string]chan struct{} // at most one for each terminal that was ever waited for
}

func newBell() *bell { return &bell{waiting: map[string]chan struct{}{}} }

// listen gives a channel that is closed by the next ring for id.
func (b *bell) listen(id string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	ch, ok := b.waiting[id]
	if !ok {
		ch = make(chan struct{})
		b.waiting[id] = ch
	}
	return ch
}

func (b *bell) ring(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ch, ok := b.waiting[id]; ok {
		close(ch)
		delete(b.waiting, id)
	}
}
