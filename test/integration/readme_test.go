package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	block     = regexp.MustCompile("(?s)<!-- test: ([a-z]+) -->\n```sh\n(.*?)```")
	localPort = regexp.MustCompile(`127\.0\.0\.1:(\d+)`)
)

// The README's commands are run as they stand there; only the ports and the data folder are those of
// the running stack.
func TestTheReadmeWorks(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(running.Root, "README.md"))
	require.NoError(t, err)
	blocks := block.FindAllStringSubmatch(string(raw), -1)
	require.Len(t, blocks, 6, "setup, sale, sidecar, audit, export, close")
	script := "set -euo pipefail\n"
	for _, b := range blocks {
		script += "echo; echo '=== " + b[1] + "'\n" + b[2]
	}
	script = localPort.ReplaceAllStringFunc(script, func(address string) string {
		port, err := strconv.Atoi(strings.TrimPrefix(address, "127.0.0.1:"))
		require.NoError(t, err)
		return "127.0.0.1:" + strconv.Itoa(port+running.Offset)
	})
	script = strings.ReplaceAll(script, ".tillroll/", running.Data+"/")
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script) //nolint:gosec // our own README
	cmd.Dir, cmd.Env = running.Root, append(os.Environ(), "TILLROLL_DATA="+running.Data)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, want := range []string{`"receiptText"`, `"transactionNo":1`, `"transactionNo":2`, `"holds":true`, "Nothing was changed", "The journal has all ", "are the same.", `"cartTransactionCount":2`} {
		assert.Contains(t, string(out), want)
	}
}

// Links lead somewhere.
func TestTheReadmesLinksLeadSomewhere(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(running.Root, "README.md"))
	require.NoError(t, err)
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(raw), -1)
	require.NotEmpty(t, links)
	for _, link := range links {
		if strings.HasPrefix(link[1], "http") {
			continue
		}
		to, heading, _ := strings.Cut(link[1], "#")
		_, err := os.Stat(filepath.Join(running.Root, to))
		if assert.NoError(t, err) && heading != "" { // of the README in that folder
			text, err := os.ReadFile(filepath.Join(running.Root, to, "README.md"))
			require.NoError(t, err)
			assert.Regexp(t, `(?mi)^#+ `+strings.ReplaceAll(heading, "-", " ")+`$`, string(text))
		}
	}
}
