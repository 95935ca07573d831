package command_test

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// theReadmeRuns: what the README says about profiles and the tab key is typed into a shell as it stands.
func theReadmeRuns(t *testing.T, env []string) {
	t.Helper()
	raw, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)<!-- test: (\\w+) -->\n```sh\n(.*?)```").FindAllStringSubmatch(string(raw), -1)
	seen := map[string]string{}
	for _, block := range blocks {
		cmd := exec.Command("bash", "-euc", block[2]) //nolint:gosec // our own text
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", block[1], out)
		seen[block[1]] = string(out)
	}
	require.Len(t, seen, 2)
	assert.Contains(t, seen["profiles"], "*  hq", "it is in use")
	assert.Contains(t, seen["profiles"], "/srv/lab/.tillroll")
	assert.Contains(t, seen["profiles"], "Removed lab.")
	assert.Empty(t, seen["completion"])
}
