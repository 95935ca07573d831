package integration_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the httpapi tests hold against the document is held here by the running programs: they serve it, with
// the routes that every service has, and a page to read it.
func TestEveryServiceDescribesItself(t *testing.T) {
	for _, service := range []string{"terminal", "cart", "journal"} {
		doc := description(t, running.URL(service))
		assert.Equal(t, "3.1.0", doc["openapi"], service)
		paths, _ := doc["paths"].(map[string]any)
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/problems"} {
			assert.Contains(t, paths, path, service)
			res, err := http.Get(running.URL(service) + path) //nolint:noctx // a test
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			assert.Equal(t, http.StatusOK, res.StatusCode, "%s%s", service, path)
		}
	}
}

// tail is a tillctl that reads along.
type tail struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func follow(t *testing.T, args ...string) *tail {
	t.Helper()
	args = append([]string{"events", "tail", "--data", running.Data, "--output", "json"}, args...)
	cmd := exec.CommandContext(t.Context(), filepath.Join(running.Root, "bin", "tillctl"), args...) //nolint:gosec // our own program
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<22)
	return &tail{cmd, lines}
}

// A tail shows what is sold while the journal gets all of it, none of it twice.
func TestATailOfEventsTakesNothingFromAnybody(t *testing.T) {
	s, tills := open(t, "tailed", 1)
	const sales = 3
	tranlogs := follow(t, "--topic", "tranlog", "--tenant", "tailed", "--terminal", tills[0].ID, "--count", fmt.Sprint(sales), "--all")
	others := follow(t, "--type", "Sales.OrderC*", "--tenant", "nobody_here")
	var sold []int64
	for range sales {
		sale, err := tills[0].Sell(t.Context(), 1000, item(0, 1))
		require.NoError(t, err)
		sold = append(sold, sale.TransactionNo)
	}
	var seen []int64
	for tranlogs.lines.Scan() {
		var line struct {
			Topic string
			Event struct {
				Data struct {
					TransactionNo int64 `json:"transaction_no"`
				}
			}
		}
		require.NoError(t, json.Unmarshal(tranlogs.lines.Bytes(), &line))
		assert.Equal(t, "topic-tranlog", line.Topic)
		seen = append(seen, line.Event.Data.TransactionNo)
	}
	require.NoError(t, tranlogs.cmd.Wait(), "it ends by itself after --count")
	assert.Equal(t, sold, seen)
	require.NoError(t, others.cmd.Process.Signal(syscall.SIGINT))
	assert.False(t, others.lines.Scan(), "nothing of that tenant: %s", others.lines.Text())
	assert.NoError(t, others.cmd.Wait(), "Ctrl-C is how a tail ends")
	require.Eventually(t, func() bool {
		entries, err := s.Search(t.Context(), "transactionType=sales")
		return err == nil && len(entries) == sales
	}, time.Minute, 100*time.Millisecond)
}
