package scenario

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/shop"
	"github.com/tillroll/tillroll/test/stack"
)

// Victim is one thing that is killed with kill -9, and how.
type Victim struct {
	Name string
	Kill func() error
}

// Processes are victims among the processes of a stack, by name: cart, cart.daprd, broker …
func Processes(s *stack.Stack, names ...string) []Victim {
	var all []Victim
	for _, name := range names {
		all = append(all, Victim{name, func() error { return s.Kill(name) }})
	}
	return all
}

// KillInTurn kills the victims one after the other while three tills sell, waits after each until the
// stack is ready again, and audits: nothing is lost, nothing doubled, outboxes are empty, chain and
// sequences have no gaps.
func KillInTurn(t *testing.T, s *stack.Stack, tenant string, victims []Victim) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	day, tills := open(ctx, t, s, tenant, 3)
	stop := sellers(ctx, t, tills)
	for _, victim := range victims {
		time.Sleep(700 * time.Millisecond)
		require.NoError(t, victim.Kill(), victim.Name)
		require.NoError(t, s.Ready(30*time.Second), "after kill -9 of %s", victim.Name)
	}
	time.Sleep(500 * time.Millisecond)
	sold := stop()
	for no, sales := range sold {
		t.Logf("till %d made %d sales", no, len(sales))
		require.NotEmpty(t, sales)
	}
	audit, done := context.WithTimeout(t.Context(), 2*time.Minute)
	defer done()
	require.NoError(t, day.Audit(audit, sold))
	for _, till := range tills {
		closed, err := till.Close(audit, "10000")
		require.NoError(t, err)
		require.EqualValues(t, len(sold[till.No]), closed.CartTransactionCount)
	}
	require.NoError(t, day.Audit(audit, sold))
}

// sellers keeps tills selling in the background until stop, which returns what they sold.
func sellers(ctx context.Context, t *testing.T, tills []*shop.Till) (stop func() map[int][]shop.Sale) {
	t.Helper()
	sold, done := map[int][]shop.Sale{}, make(chan struct{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, till := range tills {
		wg.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
				}
				sale, err := till.Sell(ctx, 100_000, item(0, 1+n%3), item(1, 1))
				if err != nil {
					t.Errorf("till %d: %v", till.No, err)
					return
				}
				mu.Lock()
				sold[till.No] = append(sold[till.No], sale)
				mu.Unlock()
			}
		})
	}
	return func() map[int][]shop.Sale { close(done); wg.Wait(); return sold }
}
