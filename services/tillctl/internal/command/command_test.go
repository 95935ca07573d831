package command_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/tillctl/internal/command"
)

// world is a command.World that remembers what was printed.
type world struct {
	out, err bytes.Buffer
	clock    *clockwork.FakeClock
	config   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{config: t.TempDir(), clock: clockwork.NewFakeClockAt(time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC))}
}

func (w *world) run(args ...string) int {
	return command.Run(context.Background(), args, command.World{Program: "tillctl", Out: &w.out, Err: &w.err, Clock: w.clock, Random: rand.Reader, Config: w.config})
}

func TestTheExitCodeTellsWrongUse(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"nothing":                         {nil, "tillctl --help"},
		"unknown verb":                    {[]string{"fly"}, "fly"},
		"unknown flag":                    {[]string{"init", "--fast"}, "--fast"},
		"unknown role":                    {[]string{"token", "--role", "cashier"}, "administrator"},
		"auditor of nothing":              {[]string{"token", "--role", "auditor"}, "--tenant"},
		"tenant that cannot be":           {[]string{"token", "--role", "auditor", "--tenant", "A-1"}, "must match"},
		"token that never holds":          {[]string{"token", "--role", "platform", "--life", "0s"}, "--life"},
		"token that holds for too long":   {[]string{"token", "--role", "platform", "--life", "721h"}, "--life"},
		"argument where none is expected": {[]string{"init", "here"}, "here"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			assert.Equal(t, 2, w.run(test.args...))
			assert.Contains(t, w.err.String(), test.says)
			assert.Empty(t, w.out.String())
		})
	}
}

func TestHelpNamesTheExitCodes(t *testing.T) {
	w := newWorld(t)
	assert.Equal(t, 0, w.run("--help"))
	assert.Contains(t, strings.Join(strings.Fields(w.out.String()), " "), "2 wrong use, 3 something wrong was found")
}

func TestInitSaysWhatItMadeAndIsSilentAfterwards(t *testing.T) {
	w, data := newWorld(t), t.TempDir()
	require.Equal(t, 0, w.run("init", "--data", data))
	assert.Contains(t, w.out.String(), "issuer.jwk")
	w.out.Reset()
	require.Equal(t, 0, w.run("init", "--data", data))
	assert.Empty(t, w.out.String()+w.err.String())
}

func TestEnvPrintsTheSharedTokensAndNothingElse(t *testing.T) {
	w, data := newWorld(t), t.TempDir()
	require.Equal(t, 0, w.run("env", "--data", data, "--redis", "10.0.0.1:7000"), &w.err)
	first := w.out.String()
	assert.Regexp(t, `^export APP_API_TOKEN='[\w-]{43}'\nexport DAPR_API_TOKEN='[\w-]{43}'\nexport TILLROLL_REDIS='10.0.0.1:7000'\n$`, first)
	assert.Contains(t, w.err.String(), "issuer.jwk", "what it made is no assignment")
	assert.DirExists(t, filepath.Join(data, "state"))
	w.out.Reset()
	require.Equal(t, 0, w.run("env", "--data", data, "--redis", "10.0.0.1:7000"))
	assert.Equal(t, first, w.out.String(), "every shell gets the same")
	assert.Equal(t, 2, w.run("env", "--data", data, "--redis", "x'; rm -rf '"), "a shell executes it")
}

func TestInitRefusesUnsafeSecrets(t *testing.T) {
	w, data := newWorld(t), t.TempDir()
	require.Equal(t, 0, w.run("init", "--data", data))
	require.NoError(t, os.Chmod(filepath.Join(data, "secrets", "cart.json"), 0o644))
	assert.Equal(t, 3, w.run("init", "--data", data))
	assert.Contains(t, w.err.String(), "chmod 600")
}

func TestTheDataFolderIsTheNearestOneUpwards(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	deep := filepath.Join(root, "services", "cart")
	require.NoError(t, os.MkdirAll(deep, 0o755))
	t.Chdir(root)
	w := newWorld(t)
	require.Equal(t, 0, w.run("init"), &w.err)
	assert.FileExists(t, filepath.Join(root, ".tillroll", "keys", "issuer.jwk"))
	t.Chdir(deep)
	assert.Equal(t, 0, w.run("token", "--role", "platform"), &w.err)
}

func TestTheEnvironmentNamesTheDataFolder(t *testing.T) {
	data := filepath.Join(t.TempDir(), "d")
	t.Setenv("TILLROLL_DATA", data)
	w := newWorld(t)
	require.Equal(t, 0, w.run("init"), &w.err)
	assert.FileExists(t, filepath.Join(data, "secrets", "broker.json"))
}
