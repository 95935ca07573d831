package app_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/mongostore"
)

// mongoURI is MONGODB_URI, or a stand-in that lives as long as the test.
func mongoURI(t testing.TB) (uri, engine string) {
	t.Helper()
	if uri := os.Getenv("MONGODB_URI"); uri != "" {
		return uri, "MongoDB"
	}
	binary := filepath.Join(t.TempDir(), "standin")
	build := exec.Command("go", "build", "-C", "../../../../test/standin", "-o", binary, "./cmd/standin") //nolint:gosec // our own program
	build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.Command(binary) //nolint:gosec // our own program
	in, err := cmd.StdinPipe()  // it ends when this closes
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if _, found, ok := strings.Cut(lines.Text(), "mongodb://"); ok {
			return "mongodb://" + strings.Fields(found)[0], "MongoDB stand-in"
		}
	}
	require.Fail(t, "the stand-in ended")
	return "", ""
}

var namespaces atomic.Int64

// onMongo makes databases that no other test has. They are not removed: the server goes, or is told
// by their names whose they were.
func onMongo(uri string) func(t *testing.T) database {
	return func(t *testing.T) database {
		base := fmt.Sprintf("f%d_%d_", time.Now().UnixNano()%1_000_000_000, namespaces.Add(1))
		return func() app.Store {
			s, err := mongostore.Open(context.Background(), mongostore.Config{
				URI: uri, AnyRights: true, Clock: clockwork.NewRealClock(), Platform: base + "p", TenantPrefix: base + "j_",
			})
			require.NoError(t, err)
			return s
		}
	}
}
