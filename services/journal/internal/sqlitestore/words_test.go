package sqlitestore

import (
	"path/filepath"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

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
