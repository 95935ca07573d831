package integration_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Days that tillctl generates come in through the journal's own deliveries, in two runs at once and once more,
// and leave nothing that verification, examination or reconciliation finds wrong.
func TestGeneratedDaysAreAsSoundAsRealOnes(t *testing.T) {
	do := func(args ...string) string {
		t.Helper()
		out, err := running.Tillctl(append(args, "--tenant", "generated")...)
		require.NoError(t, err, "%v: %s", args, out)
		return out
	}
	plan := []string{"generate", "--entries", "300", "--stores", "1", "--tills", "2"}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			out, err := running.Tillctl(append(plan, "--tenant", "generated")...)
			assert.NoError(t, err, out)
			assert.Contains(t, out, "entries a second")
		})
	}
	both.Wait()
	assert.Contains(t, do(plan...), "Nothing to do:", "all of it is there")
	do(append(plan, "--seed", "2")...) // another plan in the same tenant has tills of its own

	assert.Contains(t, do("verify"), "Nothing was changed")
	assert.Equal(t, "No discrepancy is open.\n", do("discrepancies", "list"))
	days := map[string]bool{}
	for _, id := range strings.Fields(do("search", "--type", "301", "--all", "--output", "csv")) {
		if cells := strings.Split(id, ","); len(cells) > 2 && cells[0] != "businessDate" {
			days[cells[2]+" "+cells[0]] = true
		}
	}
	require.Greater(t, len(days), 2)
	for day := range days {
		store, date, _ := strings.Cut(day, " ")
		sessions := do("reconcile", "--store", store, "--date", date, "--output", "csv")
		assert.Equal(t, 2, strings.Count(sessions, ",matches\n"), fmt.Sprint(day, sessions))
	}
	out, err := running.Tillctl("tenants", "show", "generated")
	require.NoError(t, err, out)
	assert.Contains(t, out, "Nothing is wrong.")
}
