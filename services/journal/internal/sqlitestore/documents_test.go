package sqlitestore

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// Every field of the journal model can be read by its own name, from the views of the documents.
func TestTheDocumentsHaveEveryFieldOfTheModel(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), clockwork.NewRealClock())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	storetest.CheckModel(t, s, func(collection, eventID string) map[string]any {
		rows, err := s.tenants["acme"].reader.QueryContext(t.Context(), "SELECT * FROM doc_"+collection+" WHERE _id = ?", eventID) //nolint:gosec // a name of the model
		require.NoError(t, err)
		defer func() { require.NoError(t, rows.Close()) }()
		columns, err := rows.Columns()
		require.NoError(t, err)
		require.True(t, rows.Next(), "%s has no document of %s", collection, eventID)
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		require.NoError(t, rows.Scan(targets...))
		require.NoError(t, rows.Err())
		doc := map[string]any{}
		for i, c := range columns {
			doc[c] = values[i]
		}
		return doc
	})
}

func TestAmountsOfTheDocumentsAreExact(t *testing.T) {
	s, _ := newStore(t)
	till := tilltest.New("acme", "s1", 1)
	for _, amount := range []string{"-999999999999999", "-1.000001", "-1", "-0.5", "-0.000001", "0", "0.000001", "0.3", "10.9", "123456789.123456"} {
		cash := till.Cash(amount)
		_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, cash))
		require.NoError(t, err)
		got, err := column[string](t.Context(), s.tenants["acme"].reader, "SELECT amount FROM doc_journal WHERE _id = ?", cash.EventID)
		require.NoError(t, err)
		assert.Equal(t, []string{amount}, got)
	}
}

// Whatever table, index, view or trigger somebody drops by hand comes back by provisioning.
func TestWhateverIsDroppedIsMendedByProvisioning(t *testing.T) {
	s, dir := newStore(t)
	all := func() map[string]string {
		found := map[string]string{}
		require.NoError(t, each(t.Context(), s.tenants["acme"].reader, func(rows *sql.Rows) error {
			var kind, name, text string
			err := rows.Scan(&kind, &name, &text)
			found[name] = kind
			return err
		}, `SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'schema_version'`))
		return found
	}
	whole := all()
	require.Greater(t, len(whole), 60)
	for name, kind := range whole {
		require.NoError(t, s.Close())
		edit(t, filepath.Join(dir, "acme.db"), "PRAGMA foreign_keys = OFF", fmt.Sprintf("DROP %s %s", kind, name))
		var err error
		s, err = Open(t.Context(), dir, clockwork.NewRealClock())
		require.NoError(t, err)
		created, err := s.Provision(t.Context(), "acme")
		require.NoError(t, err, "%s %s", kind, name)
		assert.False(t, created)
		assert.Equal(t, whole, all(), "%s %s", kind, name)
	}
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
	require.NoError(t, err)
}
