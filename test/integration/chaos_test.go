package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/scenario"
	"github.com/tillroll/tillroll/test/shop"
)

// kill -9 of each process in turn while sales run.
func TestKillEverythingWhileSalesRun(t *testing.T) {
	scenario.KillInTurn(t, running, "chaos", scenario.Processes(running,
		"journal", "cart", "terminal", "journal.daprd", "cart.daprd", "terminal.daprd", "till.daprd", "broker", "journal", "cart"))
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
