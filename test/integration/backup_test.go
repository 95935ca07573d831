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

// A backup is made while tills sell. Then the journal is lost: the one of the backup comes back, and
// the outboxes bring what it lacks. A tenant that the backup has never heard of comes back whole.
func TestARestoredJournalGetsBackWhatItLacks(t *testing.T) {
	needsSQLite(t)
	s, tills := open(t, "backup", 2)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	stop := sellWhile(ctx, t, tills)
	time.Sleep(500 * time.Millisecond)
	to := filepath.Join(t.TempDir(), "monday")
	tillctl(t, "backup", to)
	time.Sleep(500 * time.Millisecond)
	sold := stop()
	young, youngTills := open(t, "younger", 1)
	sale, err := youngTills[0].Sell(ctx, 100_000, item(0, 1))
	require.NoError(t, err)
	require.NoError(t, s.Audit(ctx, sold))
	require.NoError(t, young.Drained(ctx))

	require.NoError(t, running.Down())
	require.NoError(t, os.RemoveAll(filepath.Join(running.Data, "journal")))
	tillctl(t, "restore", "--check", to)
	tillctl(t, "restore", "--journal-only", to)
	require.NoError(t, running.Up())
	require.Error(t, s.Audit(ctx, sold), "without what is newer the journal is not complete")

	for _, tenant := range []string{s.Tenant, young.Tenant} {
		tillctl(t, "redeliver", "--tenant", tenant, "--missing")
	}
	require.NoError(t, s.Audit(ctx, sold))
	require.NoError(t, young.Audit(ctx, map[int][]shop.Sale{1: {sale}}))
	tillctl(t, "verify", "--tenant", s.Tenant)
}

// The machine is lost with everything that was sold after the backup. What is restored fits together:
// tills go on where they were then, with the numbers of then, and nothing is missing or there twice.
func TestARestoredStackGoesOnAsAfterAPowerCut(t *testing.T) {
	needsSQLite(t)
	s, tills := open(t, "powercut", 2)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	sales := map[int][]shop.Sale{}
	sell := func(keep bool) {
		for _, till := range tills {
			sale, err := till.Sell(ctx, 100_000, item(0, 1))
			require.NoError(t, err)
			if keep {
				sales[till.No] = append(sales[till.No], sale)
			}
		}
	}
	sell(true)
	sell(true) // perhaps not yet in the journal
	to := filepath.Join(t.TempDir(), "monday")
	tillctl(t, "backup", to)
	sell(false)
	require.NoError(t, running.Down())
	require.NoError(t, os.RemoveAll(running.Data))
	tillctl(t, "restore", to)
	require.NoError(t, running.Up())
	sell(true)
	require.NoError(t, s.Audit(ctx, sales))
}

// sellWhile keeps tills selling until stop, which gives what they sold.
func sellWhile(ctx context.Context, t *testing.T, tills []*shop.Till) (stop func() map[int][]shop.Sale) {
	t.Helper()
	sold, done := make([][]shop.Sale, len(tills)), make(chan struct{})
	var selling sync.WaitGroup
	for i, till := range tills {
		selling.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				sale, err := till.Sell(ctx, 100_000, item(0, 1))
				if err != nil {
					t.Errorf("till %d: %v", till.No, err)
					return
				}
				sold[i] = append(sold[i], sale)
			}
		})
	}
	return func() map[int][]shop.Sale {
		close(done)
		selling.Wait()
		byTill := map[int][]shop.Sale{}
		for i, till := range tills {
			byTill[till.No] = sold[i]
		}
		return byTill
	}
}

// needsSQLite skips a test of tillctl backup where the journal is in MongoDB, which it leaves out.
func needsSQLite(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(running.Data, "journal")); err != nil {
		t.Skipf("SKIPPED: the journal is in %s; tillctl backup copies the embedded stack", running.Journal)
	}
}

func tillctl(t *testing.T, args ...string) {
	t.Helper()
	out, err := running.Tillctl(args...)
	require.NoError(t, err, "%v: %s", args, out)
	t.Logf("tillctl %v\n%s", args, out)
}
