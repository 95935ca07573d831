package sqlitestore

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// fillAll makes all that a database lacks, and tells in how many parts.
func fillAll(t *testing.T, s *Store) (parts int) {
	t.Helper()
	for ; ; parts++ {
		done, err := s.Backfill(t.Context(), "acme")
		require.NoError(t, err)
		if done.All == 0 {
			return parts
		}
		require.Less(t, parts, 99, "it has no end")
	}
}

// A database from before there was a keyword index, one whose index was made by other rules, and one that
// was left in the middle: it opens at once, every search finds what there is, commits go on, and so does
// the index after every crash. In the end it serves.
func TestTheKeywordIndexOfAnOldDatabaseIsMadeBesideEverythingElse(t *testing.T) {
	const old = 2*indexedAtOnce + 77
	parts := 3
	for name, c := range map[string]struct {
		age   []string
		parts int
	}{
		"before there was one": {[]string{"DROP TABLE journal_words", "DROP TABLE journal_blocks", "DROP TABLE journal_words_rules",
			"DROP TABLE journal_words_todo", "UPDATE schema_version SET version = 2"}, parts},
		"by other rules": {[]string{"UPDATE journal_words_rules SET rules = 0"}, parts},
		"left in the middle by an older program": {[]string{"INSERT INTO journal_words (journal_words) VALUES ('delete-all')", "DELETE FROM journal_blocks",
			"DELETE FROM journal_words_rules", fmt.Sprintf("INSERT INTO journal_words_rules VALUES (%d)", wordRules)}, parts},
		"being made, but nobody knows how far": {[]string{fmt.Sprintf("UPDATE journal_words_rules SET rules = %d", beingMade)}, parts},
		"as it should be":                      {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStore(t)
			till := tilltest.New("acme", "s1", 1)
			var events []event.Event
			for i := range old {
				l := till.Sale("1")
				if i%100 == 0 {
					l.JournalText = "コーヒー"
				}
				events = append(events, l)
			}
			_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, events...))
			require.NoError(t, err)
			require.NoError(t, s.Close())
			edit(t, filepath.Join(dir, "acme.db"), c.age...)
			reopen := func(s *Store) *Store {
				require.NoError(t, s.Close())
				s, err := Open(t.Context(), dir, clockwork.NewRealClock())
				require.NoError(t, err)
				return s
			}
			s, err = Open(t.Context(), dir, clockwork.NewRealClock())
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			coffees, all := 11, old
			finds := func() {
				t.Helper()
				for keyword, want := range map[string]int{"コーヒー": coffees, "コー": coffees, "おにぎり": all - coffees} {
					page, err := s.Search(t.Context(), "acme", journal.Query{Keywords: journal.Keywords(keyword), Limit: 5, Counting: journal.CountAll})
					require.NoError(t, err)
					assert.Equal(t, want, page.Total, keyword)
					assert.Len(t, page.Items, 5)
				}
			}
			for part := range c.parts {
				finds()
				sale := till.Sale("1")
				sale.JournalText = "コーヒー"
				_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, sale))
				require.NoError(t, err)
				coffees, all = coffees+1, all+1
				for _, step := range []string{"insert into journal_words", "move the list on"} {
					s.step = func(name string) error {
						if name == step {
							return errors.New("crashed at " + step)
						}
						return nil
					}
					_, err = s.Backfill(t.Context(), "acme")
					require.Error(t, err)
					s = reopen(s)
				}
				done, err := s.Backfill(t.Context(), "acme")
				require.NoError(t, err)
				assert.Equal(t, app.Backlog{Done: int64(min(old, (part+1)*indexedAtOnce)), All: old}, done, "what was committed meanwhile has its index")
				s = reopen(s)
			}
			assert.Zero(t, fillAll(t, s), "it is done")
			finds()
			s.Limit(app.SearchLimits{Few: 1, Read: 20})
			finds() // so narrow that only the index can
			indexed, err := column[int](t.Context(), s.tenants["acme"].reader, `SELECT count(*) FROM journal_words WHERE journal_words MATCH '"§ss1"'`)
			require.NoError(t, err)
			assert.Equal(t, all, indexed[0], "every entry once")
		})
	}
}

// As long as the index lacks something it is not asked, and a search that is too wide without it says why.
func TestASearchSaysThatTheIndexIsBeingMade(t *testing.T) {
	s, dir := newStore(t)
	till := tilltest.New("acme", "s1", 1)
	var events []event.Event
	for range indexedAtOnce + 50 {
		events = append(events, till.Sale("1"))
	}
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, events...))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	edit(t, filepath.Join(dir, "acme.db"), "UPDATE journal_words_rules SET rules = 0")
	s, err = Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	s.Limit(app.SearchLimits{Few: 1, Read: 20})
	_, err = s.Backfill(t.Context(), "acme")
	require.NoError(t, err)
	rare := journal.Query{Keywords: []string{"No. 540"}, Limit: 5}
	_, err = s.Search(t.Context(), "acme", rare)
	require.ErrorIs(t, err, app.ErrTooWide)
	assert.ErrorContains(t, err, "no keyword index yet: it is being made, 500 of 550 events are done")
	_, err = s.Search(t.Context(), "acme", journal.Query{Limit: 5})
	require.NoError(t, err, "who asks for no keyword does not wait for it")
	fillAll(t, s)
	page, err := s.Search(t.Context(), "acme", rare)
	require.NoError(t, err)
	assert.Len(t, page.Items, 1)
}
