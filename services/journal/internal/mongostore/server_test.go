package mongostore

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/mongotest"
)

// server is what the tests run on.
var server *mongotest.Server

func TestMain(m *testing.M) {
	if os.Getenv("JOURNAL_SELLER_URI") != "" {
		seller()
		os.Exit(0)
	}
	var err error
	server, err = mongotest.Find()
	must(err)
	fmt.Println("engine:", server.Engine)
	if server.Unproven != "" {
		fmt.Println(server.Unproven)
	}
	code := m.Run()
	server.Stop()
	mongotest.Clean()
	os.Exit(code)
}

var namespaces atomic.Int64

// databases gives names that no other test and no other run has.
func databases() Config {
	own := fmt.Sprintf("t%d_%d_", time.Now().UnixNano()%1_000_000_000, namespaces.Add(1))
	return Config{URI: server.URI, AnyRights: true, Clock: clockwork.NewRealClock(), Namespace: own}
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
