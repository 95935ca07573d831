package app_test

import (
	"context"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
)

// engines are the databases on which the fault injection runs; each call of one makes an empty database.
func engines(t *testing.T) map[string]func(t *testing.T) database {
	uri, engine := mongoURI(t)
	return map[string]func(t *testing.T) database{"SQLite": onSQLite, engine: onMongo(uri)}
}

func onSQLite(t *testing.T) database {
	dir := t.TempDir()
	return func() app.Store {
		s, err := sqlitestore.Open(context.Background(), dir, clockwork.NewRealClock())
		require.NoError(t, err)
		return s
	}
}
