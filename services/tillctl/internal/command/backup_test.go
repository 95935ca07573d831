//go:build unix

package command_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/problem"
)

func TestABackupIsMadeCheckedAndPutBack(t *testing.T) {
	w, folder := newWorld(t), t.TempDir()
	data, to, keys := filepath.Join(folder, "data"), filepath.Join(folder, "b"), filepath.Join(folder, "k")
	require.Equal(t, 0, w.run("init", "--data", data), &w.err)
	require.Equal(t, 1, w.run("backup", "--data", data, to), "no stack was ever here")
	assert.Contains(t, w.err.String(), "has no folder state")
	require.NoError(t, os.MkdirAll(filepath.Join(data, "state"), 0o700))

	require.Equal(t, 0, w.run("backup", "--data", data, to, "--keys-to", keys), &w.err)
	assert.Contains(t, w.out.String(), "files, ")
	assert.Contains(t, w.out.String(), "The keys are in "+keys)
	assert.Contains(t, w.out.String(), "mongodump", "there is no journal in it")

	require.Equal(t, 0, w.run("restore", "--check", to), &w.err)
	assert.Contains(t, w.out.String(), "were not checked")
	require.Equal(t, 0, w.run("restore", "--check", "--keys-from", keys, to), &w.err)
	require.Equal(t, 1, w.run("restore", "--data", data, "--keys-from", keys, to))
	assert.Contains(t, w.err.String(), "is not empty")
	require.Equal(t, 0, w.run("restore", "--data", data+"2", "--keys-from", keys, to), &w.err)
	assert.FileExists(t, filepath.Join(data+"2", "keys", "issuer.jwk"))
	require.Equal(t, 2, w.run("restore", "--journal-only", "--new-keys", to))

	require.NoError(t, os.WriteFile(filepath.Join(keys, "keys", "issuer.jwk"), []byte("another"), 0o600))
	require.Equal(t, 1, w.run("restore", "--data", data+"3", "--keys-from", keys, to))
	assert.Contains(t, w.err.String(), "keys/issuer.jwk was changed")
}

func TestAJournalIsNotPutBackUnderARunningStack(t *testing.T) {
	w, folder := newWorld(t), t.TempDir()
	data, to := filepath.Join(folder, "data"), filepath.Join(folder, "b")
	for _, name := range []string{"state", "journal"} {
		require.NoError(t, os.MkdirAll(filepath.Join(data, name), 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(data, "journal", "acme.db"), nil, 0o600)) // an empty database
	require.Equal(t, 0, w.run("backup", "--data", data, to), &w.err)
	require.NoError(t, os.RemoveAll(filepath.Join(data, "journal")))
	lock, err := os.Create(filepath.Join(data, "lock"))
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	require.Equal(t, 1, w.run("restore", "--data", data, "--journal-only", to))
	assert.Contains(t, w.err.String(), "a stack runs in "+data)
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_UN))
	require.Equal(t, 0, w.run("restore", "--data", data, "--journal-only", to), &w.err)
	assert.Contains(t, w.out.String(), "redeliver --tenant acme --missing")
}

// Of each stream and producer, everything after what the journal has without a gap.
func TestRedeliverMissingAsksForWhatTheJournalLacks(t *testing.T) {
	outboxes := map[string]any{"items": []any{
		map[string]any{"streamId": "acme-main-1", "lastSequence": 9},
		map[string]any{"streamId": "acme-main-2", "lastSequence": 4},
		map[string]any{"streamId": "acme-main-3", "lastSequence": 8, "sweptThrough": 3},
		map[string]any{"streamId": "acme-main-4", "lastSequence": 0},
	}}
	streams := map[string]any{"items": []any{
		map[string]any{"streamId": "acme-main-1", "producers": []any{map[string]any{"producer": "cart", "completeThrough": 5}}},
		map[string]any{"streamId": "acme-main-2", "producers": []any{map[string]any{"producer": "cart", "completeThrough": 4}}},
	}}
	for name, test := range map[string]struct {
		journal func(http.ResponseWriter, *http.Request)
		args    []string
		code    int
		asked   map[string]float64
	}{
		"what is newer":          {answer(streams), nil, 3, map[string]float64{"acme-main-1": 6, "acme-main-3": 4}},
		"of one terminal":        {answer(streams), []string{"--terminal", "acme-main-1"}, 0, map[string]float64{"acme-main-1": 6}},
		"a tenant it never knew": {refuse((&problem.Kind{Code: 410008, Status: 404}).New("")), []string{"--terminal", "acme-main-2"}, 0, map[string]float64{"acme-main-2": 1}},
		"the journal is away":    {refuse(problem.Unavailable.New("")), nil, 1, map[string]float64{}},
	} {
		t.Run(name, func(t *testing.T) {
			w, asked := newWorld(t), map[string]float64{}
			code := w.against(t, services{
				"GET /api/v1/tenants/acme/streams":    test.journal,
				"GET /api/v1/tenants/acme/deliveries": answer(outboxes),
				"POST /api/v1/tenants/acme/redeliver": func(rw http.ResponseWriter, r *http.Request) {
					b := body(t, r)
					asked[b["terminalId"].(string)] = b["fromSequence"].(float64)
					_ = json.NewEncoder(rw).Encode(map[string]any{"items": []any{map[string]any{"streamId": b["terminalId"], "fromSequence": b["fromSequence"]}}})
				},
			}, append([]string{"redeliver", "--tenant", "acme", "--service", "cart", "--missing"}, test.args...)...)
			assert.Equal(t, test.code, code, &w.err)
			assert.Equal(t, test.asked, asked)
			if test.code == 3 {
				assert.Contains(t, w.err.String(), "acme-main-3 of cart: 1 to 3")
			}
		})
	}
}

func answer(v any) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(v) }
}
