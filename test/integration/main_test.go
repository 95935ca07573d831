// Package integration_test drives the real stack as people and tills do: our daprd, the broker, the
// three services, each a process of its own.
package integration_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/collector"
	"github.com/tillroll/tillroll/test/shop"
	"github.com/tillroll/tillroll/test/stack"
)

// One stack serves all tests, one after the other; each test has a tenant of its own.
var (
	running *stack.Stack
	spans   *collector.Collector
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	spans = collector.Start()
	defer spans.Close()
	began := time.Now()
	var err error
	running, err = stack.Start(os.Stderr, "TILLROLL_KEY_REFRESH=200ms", "TILLROLL_LOG_LEVEL=debug", "OTEL_EXPORTER_OTLP_ENDPOINT="+spans.Endpoint())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintf(os.Stderr, "integration: daprd, NATS JetStream and SQLite, all real; journal in %s; stack ready in %s; data in %s\n", running.Journal, time.Since(began).Round(100*time.Millisecond), running.Data)
	code := m.Run()
	if code != 0 {
		fmt.Fprintln(os.Stderr, running.Tail())
	}
	if err := running.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, "the stack did not stop in order:", err)
		code = 1
	}
	return code
}

// open makes a shop for a test, with tills 1…n signed in and open with a float of 10000.
func open(t *testing.T, tenant string, tills int) (*shop.Shop, []*shop.Till) {
	t.Helper()
	s, err := shop.Open(t.Context(), running, tenant)
	require.NoError(t, err)
	var all []*shop.Till
	for no := 1; no <= tills; no++ {
		till, err := s.AddTill(t.Context(), no)
		require.NoError(t, err)
		require.NoError(t, till.SignInAndOpen(t.Context(), "10000"))
		all = append(all, till)
	}
	return s, all
}
