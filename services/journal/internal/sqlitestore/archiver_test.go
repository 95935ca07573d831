package sqlitestore

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func TestArchiverContract(t *testing.T) {
	storetest.RunArchiver(t, func(t *testing.T) app.Archiver {
		s, err := Open(t.Context(), t.TempDir(), clockwork.NewRealClock())
		require.NoError(t, err)
		a := NewArchiver(s)
		t.Cleanup(func() {
			require.NoError(t, a.Close())
			require.NoError(t, s.Close())
		})
		return a
	})
}

// Whoever is no archiver removes nothing, and the archiver nothing that no segment has.
func TestOnlyTheArchiverRemovesAndOnlyWhatIsArchived(t *testing.T) {
	s, dir := newStore(t)
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
	require.NoError(t, err)
	a := NewArchiver(s)
	defer func() { require.NoError(t, a.Close()) }()
	own, err := a.file("acme")
	require.NoError(t, err)
	db, err := s.tenant(t.Context(), "acme")
	require.NoError(t, err)
	shell, err := sql.Open(plainDriver, filepath.Join(dir, "acme.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, shell.Close()) }()
	refused := func(who string, db *sql.DB, statement, says string) {
		t.Helper()
		_, err := db.Exec(statement)
		require.Error(t, err, "%s: %s", who, statement)
		assert.Contains(t, err.Error(), says, "%s: %s", who, statement)
	}
	catalogue := []string{
		"INSERT INTO archive_segment (name, store_code, business_date, part, keep_until, sha256, manifest, parts, registered_at) VALUES ('x', 's1', '20260101', 1, '', zeroblob(32), '{}', '[]', 0)",
		"INSERT INTO archive_parts (stream_id, first_seq, last_seq, segment) VALUES (1, 1, 99, 1)",
		"INSERT INTO archive_purge (segment, sha256, purged_by, why, purged_at) VALUES (1, zeroblob(32), '', '', 0)",
	}
	for who, db := range map[string]*sql.DB{"the service": db.writer, "a shell": shell} {
		for _, table := range archived {
			refused(who, db, "DELETE FROM "+table, archiverFunction)
			refused(who, db, "DELETE FROM "+table+" WHERE id = 1", archiverFunction)
		}
		for _, statement := range catalogue {
			refused(who, db, statement, archiverFunction)
		}
	}
	for _, table := range archived {
		refused("the archiver, of what is not archived", own, "DELETE FROM "+table, "append-only")
	}
	for _, table := range []string{"event_ids", "log_snapshot"} {
		refused("the archiver, of what never moves", own, "DELETE FROM "+table, "append-only")
	}

	// One sale is archived: it can go, by the archiver alone, and nothing beside it.
	_, err = logAll(t.Context(), s)
	require.NoError(t, err)
	day, err := a.Day(t.Context(), "acme", journal.StoreDay{StoreCode: "s1", BusinessDate: tilltest.BusinessDate})
	require.NoError(t, err)
	require.Greater(t, len(day.Links), 2)
	segment := &app.Segment{
		Manifest: archive.Manifest{Header: archive.Header{Format: archive.Format, Version: 1, TenantID: "acme", StoreCode: "s1", BusinessDate: tilltest.BusinessDate, Part: 1}},
		Parts:    journal.PartsOf(day.Links[:1]), RegisteredAt: time.Now(),
	}
	require.NoError(t, a.Register(t.Context(), "acme", segment))
	for _, table := range archived {
		refused("the service, of what is archived", db.writer, "DELETE FROM "+table, archiverFunction)
		refused("the archiver, of everything", own, "DELETE FROM "+table, "append-only")
	}
	for _, table := range []string{"archive_segment", "archive_parts"} {
		refused("the archiver", own, "DELETE FROM "+table, "append-only")
		refused("the archiver", own, "UPDATE "+table+" SET segment = segment, no = no", "")
	}
	n, err := a.Remove(t.Context(), "acme", segment.Name())
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	rest, err := a.Day(t.Context(), "acme", day.StoreDay)
	require.NoError(t, err)
	assert.Len(t, rest.Links, len(day.Links)-1)
}

// A file whose triggers an earlier program made is opened, and lets its archiver work.
func TestAnEarlierFileIsUpgradedForTheArchive(t *testing.T) {
	s, dir := newStore(t)
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	earlier := []string{"UPDATE schema_version SET version = 4"}
	for _, table := range archived {
		earlier = append(earlier, "DROP TRIGGER "+table+"_no_delete", unremoved(table))
	}
	edit(t, filepath.Join(dir, "acme.db"), earlier...)
	s, err = Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	a := NewArchiver(s)
	defer func() { require.NoError(t, a.Close()); require.NoError(t, s.Close()) }()
	_, err = logAll(t.Context(), s)
	require.NoError(t, err)
	day, err := a.Day(t.Context(), "acme", journal.StoreDay{StoreCode: "s1", BusinessDate: tilltest.BusinessDate})
	require.NoError(t, err)
	segment := &app.Segment{
		Manifest: archive.Manifest{Header: archive.Header{Format: archive.Format, Version: 1, TenantID: "acme", StoreCode: "s1", BusinessDate: tilltest.BusinessDate, Part: 1}},
		Parts:    journal.PartsOf(day.Links), RegisteredAt: time.Now(),
	}
	require.NoError(t, a.Register(t.Context(), "acme", segment))
	n, err := a.Remove(t.Context(), "acme", segment.Name())
	require.NoError(t, err)
	assert.Equal(t, len(day.Links), n)
}
