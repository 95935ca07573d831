package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/shop"
)

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

// kill -9 of each process in turn while sales run. Nothing is lost, nothing doubled, the outboxes
// are empty, chain and sequences have no gaps.
func TestKillEverythingWhileSalesRun(t *testing.T) {
	s, tills := open(t, "chaos", 3)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	stop := sellers(ctx, t, tills)
	for _, victim := range []string{"journal", "cart", "terminal", "journal.daprd", "cart.daprd", "terminal.daprd", "till.daprd", "broker", "journal", "cart"} {
		time.Sleep(700 * time.Millisecond)
		require.NoError(t, running.Kill(victim))
		require.NoError(t, running.Ready(30*time.Second), "after kill -9 of %s", victim)
	}
	time.Sleep(500 * time.Millisecond)
	sold := stop()
	for no, sales := range sold {
		t.Logf("till %d made %d sales", no, len(sales))
		require.NotEmpty(t, sales)
	}
	audit, done := context.WithTimeout(t.Context(), 2*time.Minute)
	defer done()
	require.NoError(t, s.Audit(audit, sold))
	for _, till := range tills {
		closed, err := till.Close(audit, "10000")
		require.NoError(t, err)
		require.EqualValues(t, len(sold[till.No]), closed.CartTransactionCount)
	}
	require.NoError(t, s.Audit(audit, sold))
}

// The journal is away for a while, and the broker loses everything meanwhile: sales go on, and all of
// them arrive afterwards.
func TestSalesGoOnWithoutTheJournalAndSurviveTheBroker(t *testing.T) {
	s, tills := open(t, "away", 2)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	require.NoError(t, s.Drained(ctx))
	require.NoError(t, running.Down())
	require.NoError(t, running.Up("journal"))
	sales := map[int][]shop.Sale{}
	sell := func(n int) {
		for range n {
			for _, till := range tills {
				sale, err := till.Sell(ctx, 100_000, item(0, 1))
				require.NoError(t, err)
				sales[till.No] = append(sales[till.No], sale)
			}
		}
	}
	sell(5)
	require.NoError(t, running.Down())
	require.NoError(t, os.RemoveAll(filepath.Join(running.Data, "broker")), "the broker's disk is gone")
	require.NoError(t, running.Up("journal"))
	sell(5)
	require.NoError(t, running.Down())
	require.NoError(t, running.Up())
	sell(1)
	require.NoError(t, s.Audit(ctx, sales))
}
