package sqlitestore_test

import (
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
)

func open(t *testing.T, dir string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) app.Store {
		s := open(t, t.TempDir())
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	})
}

// With few entries to spare, searches walk along indexes and go through the keyword index block by
// block, as they do in large journals.
func TestSearchesOfLargeJournals(t *testing.T) {
	t.Parallel()
	storetest.RunSearch(t, func(t *testing.T) app.Store {
		s := open(t, t.TempDir())
		s.Limit(app.SearchLimits{Few: 3})
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	})
}
