package sqlitestore

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// What the archive has costs a walk no second look: neither is its row read again column by column, nor are
// whole tables searched for strays. What is read at once is what the columns say.
func TestWhatIsArchivedIsWalkedAtOnce(t *testing.T) {
	s, _ := newStore(t)
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
	require.NoError(t, err)
	_, err = logAll(t.Context(), s)
	require.NoError(t, err)
	a := NewArchiver(s)
	defer func() { require.NoError(t, a.Close()) }()
	day, err := a.Day(t.Context(), "acme", journal.StoreDay{StoreCode: "s1", BusinessDate: tilltest.BusinessDate})
	require.NoError(t, err)
	gone := day.Links[:len(day.Links)-1] // the last one stays where it is
	require.Greater(t, len(gone), 2)
	segment := &app.Segment{
		Manifest: archive.Manifest{Header: archive.Header{Format: archive.Format, Version: 1, TenantID: "acme", StoreCode: "s1", BusinessDate: tilltest.BusinessDate, Part: 1}},
		Parts:    journal.PartsOf(gone), RegisteredAt: time.Now(),
	}
	require.NoError(t, a.Register(t.Context(), "acme", segment))
	n, err := a.Remove(t.Context(), "acme", segment.Name())
	require.NoError(t, err)
	require.Equal(t, len(gone), n)

	ordinary := map[string]*journal.Stored{} // read column by column
	require.NoError(t, s.Logged(t.Context(), "acme", 0, 1000, func(_ uint64, l *journal.Stored) error {
		if len(l.Content) == 0 {
			l.Content = nil
		}
		ordinary[l.EventID] = l
		return nil
	}))
	db, err := s.tenant(t.Context(), "acme")
	require.NoError(t, err)
	walked, archivedLinks := 0, 0
	require.NoError(t, db.read(t.Context(), func(tx *sql.Tx) error {
		states, ids, err := streams(t.Context(), tx, "acme")
		require.NoError(t, err)
		c := &chainWalk{ctx: t.Context(), tx: tx, tenant: "acme", seen: map[string]int{}, w: app.Walker{
			Link: func(l *journal.Stored) error {
				walked++
				if l.Archived {
					archivedLinks++
					assert.Equal(t, ordinary[l.EventID], l)
				}
				assert.Equal(t, ordinary[l.EventID].Archived, l.Archived, l.EventID)
				return nil
			},
			Stray: func(where, id string) error { t.Errorf("%s %s", where, id); return nil },
		}}
		for i, state := range states {
			require.NoError(t, c.chain(state.Stream.ID(), ids[i]))
		}
		assert.False(t, c.odd, "a row was read again")
		for _, table := range immutable {
			rows, err := column[int](t.Context(), tx, "SELECT count(*) FROM "+table)
			require.NoError(t, err)
			assert.Equal(t, rows[0], c.seen[table], "%s is searched for strays", table)
		}
		return c.strays()
	}))
	assert.Equal(t, len(gone), archivedLinks)
	assert.Equal(t, len(ordinary), walked)
}
