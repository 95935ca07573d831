package outbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/identity"
)

// A busy till's events go together, and its first one does not wait for the others.
func TestEventsOfABusyTillGoTogether(t *testing.T) {
	f := newFixture(t)
	f.cfg.ResendAfter, f.cfg.MarkAfter, f.cfg.Pace = time.Minute, time.Minute, 1500*time.Millisecond
	var sizes []int
	f.journal.refuse = func(_ string, n int) (int, error) { sizes = append(sizes, n); return n, nil }
	published := func() []int {
		f.journal.mu.Lock()
		defer f.journal.mu.Unlock()
		return append([]int(nil), sizes...)
	}
	defer f.relay()()
	began := time.Now()
	require.NoError(t, sell(t.Context(), f.box, till, "first", 1))
	f.eventually("the first goes at once", func() bool { return len(published()) == 1 })
	require.Less(t, time.Since(began), f.cfg.Pace)
	for i := range 4 {
		require.NoError(t, sell(t.Context(), f.box, till, fmt.Sprint("c", i), 2))
		time.Sleep(5 * time.Millisecond)
	}
	f.eventually("the rest goes", func() bool { return f.journal.sequences(till).Through() == 9 })
	assert.GreaterOrEqual(t, time.Since(began), f.cfg.Pace)
	assert.Equal(t, []int{1, 8}, published())
}

// One till's pace is its own.
func TestTillsDoNotWaitForEachOther(t *testing.T) {
	f := newFixture(t)
	f.cfg.ResendAfter, f.cfg.Pace = time.Minute, time.Minute
	defer f.relay()()
	for no := 1; no <= 5; no++ {
		stream := identity.TerminalStream(identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: no})
		require.NoError(t, sell(t.Context(), f.box, stream, fmt.Sprint("c", no), 1))
		f.eventually("published", func() bool { return f.journal.sequences(stream).Through() == 1 })
	}
}
