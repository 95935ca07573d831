package integration_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/shop"
)

// readiness of a service: whether it is ready, and what each of its checks says.
func readiness(ctx context.Context, app string) (ready bool, checks map[string]string) {
	res, _ := shop.NewClient(running.URL(app)).Do(ctx, http.MethodGet, "/readyz", nil)
	if res == nil {
		return false, nil
	}
	var answer struct {
		Checks map[string]string `json:"checks"`
	}
	_ = json.Unmarshal(res.Body, &answer)
	return res.Status == http.StatusOK, answer.Checks
}

func becomes(t *testing.T, app string, ready bool, check string) {
	t.Helper()
	var said map[string]string
	require.Eventually(t, func() bool {
		is, checks := readiness(t.Context(), app)
		said = checks
		return is == ready && (check == "" || (checks[check] == "ok") == ready)
	}, time.Minute, 100*time.Millisecond, "%s ready: %v by %s", app, ready, check)
	if ready {
		return
	}
	for name, word := range said {
		// The state store is behind the sidecar, so it is away with it.
		if name != check && (check != "sidecar" || name != "state store") {
			assert.Equal(t, "ok", word, "%s: only %s is away", app, check)
		}
	}
	res, err := shop.NewClient(running.URL(app)).Do(t.Context(), http.MethodGet, "/healthz", nil)
	require.NoError(t, err, "%s lives, and is not started anew for what others lack", app)
	assert.Equal(t, http.StatusOK, res.Status)
}

// isUnwell holds /health to what /readyz says.
func isUnwell(t *testing.T) {
	t.Helper()
	res, err := shop.NewClient(running.URL("journal")).Do(t.Context(), http.MethodGet, "/health", nil)
	require.Error(t, err)
	require.NotNil(t, res)
	assert.Equal(t, http.StatusServiceUnavailable, res.Status, "%s", res.Body)
	assert.Contains(t, string(res.Body), `"status":"unhealthy"`)
}

// lockSQLite keeps everybody else from using a database, as one that hangs does, until release.
func lockSQLite(t *testing.T, path string) (release func()) {
	t.Helper()
	f, err := os.OpenFile(path+"-shm", os.O_RDWR, 0) //nolint:gosec // our own
	require.NoError(t, err)
	// The locks of a database in write-ahead mode: writing, checkpoints, recovery and five readers.
	lock := func(kind int16) error {
		return syscall.FcntlFlock(f.Fd(), syscall.F_SETLKW, &syscall.Flock_t{Type: kind, Whence: 0, Start: 120, Len: 8})
	}
	require.NoError(t, lock(syscall.F_WRLCK))
	return func() { assert.NoError(t, lock(syscall.F_UNLCK)); _ = f.Close() }
}

// Each dependency is taken away in turn: the services say so, and nothing that is not so.
func TestReadinessTellsTheTruthWithEachDependencyAway(t *testing.T) {
	s, tills := open(t, "healthy", 1)
	ctx := t.Context()
	require.NoError(t, s.Drained(ctx))
	for _, app := range []string{"terminal", "cart", "journal"} {
		becomes(t, app, true, "sidecar")
	}

	// Its sidecar: nothing goes without it.
	for _, app := range []string{"journal", "cart", "terminal"} {
		require.NoError(t, running.Signal(app+".daprd", syscall.SIGSTOP))
		becomes(t, app, false, "sidecar")
		if app == "journal" {
			isUnwell(t)
		}
		require.NoError(t, running.Signal(app+".daprd", syscall.SIGCONT))
		becomes(t, app, true, "sidecar")
	}

	// The broker: tills sell without it, so nobody may take the services out of use.
	require.NoError(t, running.Signal("broker", syscall.SIGSTOP))
	sold, err := tills[0].Sell(ctx, 10_000, item(0, 1))
	require.NoError(t, err)
	for _, app := range []string{"terminal", "cart", "journal"} {
		becomes(t, app, true, "sidecar")
	}
	require.Eventually(t, func() bool {
		res, err := shop.NewClient(running.URL("journal")).Do(ctx, http.MethodGet, "/health", nil)
		return err == nil && strings.Contains(string(res.Body), `"status":"degraded"`) && strings.Contains(string(res.Body), `{"name":"broker","status":"down"`)
	}, time.Minute, time.Second, "/health tells of it")
	require.NoError(t, running.Signal("broker", syscall.SIGCONT))
	sales := map[int][]shop.Sale{1: {sold}}
	require.NoError(t, s.Audit(ctx, sales))

	// The database: what comes meanwhile is stored afterwards, and none of it is quarantined.
	needsSQLite(t)
	folder := filepath.Join(running.Data, "journal")
	release := lockSQLite(t, filepath.Join(folder, "_platform.db"))
	releaseTenant := lockSQLite(t, filepath.Join(folder, "healthy.db"))
	becomes(t, "journal", false, "database")
	isUnwell(t)
	sold, err = tills[0].Sell(ctx, 10_000, item(0, 1))
	require.NoError(t, err, "a till needs no journal")
	sales[1] = append(sales[1], sold)
	becomes(t, "cart", true, "state store")
	releaseTenant()
	release()
	becomes(t, "journal", true, "database")
	require.NoError(t, s.Audit(ctx, sales))
	var aside struct {
		Total int `json:"total"`
	}
	token, err := running.Token("administrator", "healthy")
	require.NoError(t, err)
	require.NoError(t, shop.NewClient(running.URL("journal"), "Authorization", "Bearer "+token).Call(ctx, http.MethodGet, "/api/v1/tenants/healthy/quarantine", nil, &aside))
	assert.Zero(t, aside.Total)

	// The state store of the cart.
	release = lockSQLite(t, filepath.Join(running.Data, "state", "cart.db"))
	becomes(t, "cart", false, "state store")
	becomes(t, "terminal", true, "state store")
	release()
	becomes(t, "cart", true, "state store")
}
