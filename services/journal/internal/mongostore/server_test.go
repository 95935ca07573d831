package mongostore

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"
)

// server is what the tests run on, as the program finder of test/standin found or started it. Its
// credential may do everything.
var server found

type found struct{ URI, Engine, Unproven string }

func TestMain(m *testing.M) {
	if os.Getenv("JOURNAL_SELLER_URI") != "" {
		seller()
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "mongostore")
	must(err)
	finder = filepath.Join(dir, "finder")
	build := exec.Command("go", "build", "-C", "../../../../test/standin", "-o", finder, "./cmd/finder")
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		must(fmt.Errorf("build the finder: %w\n%s", err, out))
	}
	var stop func()
	server, stop, err = start()
	must(err)
	fmt.Println("engine:", server.Engine)
	if server.Unproven != "" {
		fmt.Println(server.Unproven)
	}
	code := m.Run()
	stop()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// finder is the program.
var finder string

// start gives a server: the first that is there, or with flags a stand-in.
func start(flags ...string) (f found, stop func(), err error) {
	cmd := exec.Command(finder, flags...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // it ends when this closes, even if this process is killed
	if err != nil {
		return f, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return f, nil, err
	}
	if err := cmd.Start(); err != nil {
		return f, nil, err
	}
	stop = func() { _ = in.Close(); _ = cmd.Wait() }
	if err := json.NewDecoder(out).Decode(&f); err != nil {
		stop()
		return f, nil, fmt.Errorf("no MongoDB was found: %w", err)
	}
	return f, stop, nil
}

var namespaces atomic.Int64

// databases gives names that no other test and no other run has.
func databases() Config {
	base := fmt.Sprintf("t%d_%d_", time.Now().UnixNano()%1_000_000_000, namespaces.Add(1))
	return Config{URI: server.URI, AnyRights: true, Clock: clockwork.NewRealClock(), Platform: base + "p", TenantPrefix: base + "j_"}
}

// open gives an empty store; its databases go with it.
func open(t testing.TB) *Store { return openAs(t, databases()) }

func openAs(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		tenants, _ := s.Tenants(ctx)
		for _, tenant := range tenants {
			_ = s.database(tenant).Drop(ctx)
		}
		_ = s.platform.Drop(ctx)
		require.NoError(t, s.Close())
	})
	return s
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
