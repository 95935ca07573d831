package sqlitestore

import (
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

// A database from before there was a keyword index has one after it was opened, and so has one whose
// index was made by other rules, or was left behind in the middle.
func TestTheKeywordIndexOfAnOldDatabaseIsMadeWhenItIsOpened(t *testing.T) {
	for name, age := range map[string][]string{
		"before there was one": {"DROP TABLE journal_words", "DROP TABLE journal_blocks", "DROP TABLE journal_words_rules", "UPDATE schema_version SET version = 2"},
		"by other rules":       {"UPDATE journal_words_rules SET rules = 0"},
		"left in the middle": {"INSERT INTO journal_words (journal_words) VALUES ('delete-all')", "DELETE FROM journal_blocks", "DELETE FROM journal_words_rules",
			fmt.Sprintf("INSERT INTO journal_words_rules VALUES (%d)", wordRules)},
		"as it should be": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStore(t)
			s.Limit(app.SearchLimits{Few: 1})
			till := tilltest.New("acme", "s1", 1)
			var events []event.Event
			for i := range blockSize + 10 {
				l := till.Sale("1")
				if i%100 == 0 {
					l.JournalText = "コーヒー"
				}
				events = append(events, l)
			}
			_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, events...))
			require.NoError(t, err)
			require.NoError(t, s.Close())
			edit(t, filepath.Join(dir, "acme.db"), age...)
			s, err = Open(t.Context(), dir, clockwork.NewRealClock())
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			s.Limit(app.SearchLimits{Few: 1})
			_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, till.Sale("1")))
			require.NoError(t, err)
			for keyword, want := range map[string]int{"コーヒー": 11, "コー": 11, "おにぎり": blockSize + 10 - 11 + 1} {
				page, err := s.Search(t.Context(), "acme", journal.Query{Keywords: journal.Keywords(keyword), Limit: 5, Counting: journal.CountAll})
				require.NoError(t, err)
				assert.Equal(t, want, page.Total, keyword)
				assert.Len(t, page.Items, 5)
			}
			blocks, err := column[int](t.Context(), s.tenants["acme"].reader, `SELECT count(*) FROM journal_blocks`)
			require.NoError(t, err)
			assert.Equal(t, 2, blocks[0])
		})
	}
}

// What the index says is only a proposal.
func TestWhatTheKeywordIndexSaysIsCompared(t *testing.T) {
	s, dir := newStore(t)
	till := tilltest.New("acme", "s1", 1)
	sale := till.Sale("1")
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, sale, till.Sale("2")))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	edit(t, filepath.Join(dir, "acme.db"), `INSERT INTO journal_words (rowid, terms) VALUES (1, 'forged')`, `INSERT INTO journal_words (rowid, terms) VALUES (77, 'forged')`)
	s, err = Open(t.Context(), dir, clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for _, few := range []int{1, 1000} {
		s.Limit(app.SearchLimits{Few: few})
		page, err := s.Search(t.Context(), "acme", journal.Query{Keywords: []string{"forged"}, Limit: 5})
		require.NoError(t, err)
		assert.Empty(t, page.Items)
	}
}
