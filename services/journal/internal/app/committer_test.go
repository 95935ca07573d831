package app_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// atOnce delivers sales one by one, all at the same time.
func (b *bench) atOnce(n int) {
	till := tilltest.New("acme", "s1", 1)
	var all sync.WaitGroup
	for range n {
		sale := till.Sale("1")
		all.Go(func() { assert.Equal(b.t, []app.Result{stored}, results(b.deliver([]event.Event{sale}...))) })
	}
	all.Wait()
}

func TestATransactionGathersUpToItsBatch(t *testing.T) {
	b := newBench(t)
	app.Gather(b.app, 3, 0)
	b.provision("acme")
	b.atOnce(20)
	for _, size := range b.store.sizes() {
		assert.LessOrEqual(t, size, 3)
	}
	assert.Equal(t, 20, b.entries("acme"))
	till := tilltest.New("acme", "s1", 2)
	b.deliver(till.Sale("1"), till.Sale("1"), till.Sale("1"), till.Sale("1"))
	sizes := b.store.sizes()
	assert.Equal(t, 4, sizes[len(sizes)-1], "one delivery is not split")
}

func TestATransactionLingersForMoreUntilItIsFull(t *testing.T) {
	b := newBench(t)
	app.Gather(b.app, 8, 5*time.Second)
	b.provision("acme")
	start := time.Now()
	b.atOnce(16)
	assert.Equal(t, []int{8, 8}, b.store.sizes())
	require.Less(t, time.Since(start), 4*time.Second, "a full one waits no longer")

	app.Gather(b.app, 100, 30*time.Millisecond)
	start = time.Now()
	b.deliver(tilltest.New("acme", "s1", 3).Sale("1"))
	assert.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
}
