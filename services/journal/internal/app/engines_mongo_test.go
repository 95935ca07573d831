package app_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/mongostore"
	"github.com/tillroll/tillroll/services/journal/internal/mongotest"
)

// mongoURI is a server that is there, or that lives as long as the test.
func mongoURI(t testing.TB) (uri, engine string) {
	t.Helper()
	server, err := mongotest.Find()
	require.NoError(t, err)
	t.Cleanup(func() { server.Stop(); mongotest.Clean() })
	return server.URI, server.Engine
}

var namespaces atomic.Int64

// onMongo makes databases that no other test has. They are not removed: the server goes, or is told
// by their names whose they were.
func onMongo(uri string) func(t *testing.T) database {
	return func(t *testing.T) database {
		base := fmt.Sprintf("f%d_%d_", time.Now().UnixNano()%1_000_000_000, namespaces.Add(1))
		return func() app.Store {
			s, err := mongostore.Open(context.Background(), mongostore.Config{
				URI: uri, AnyRights: true, Clock: clockwork.NewRealClock(), Namespace: base,
			})
			require.NoError(t, err)
			return s
		}
	}
}
