package sqlitestore

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
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

// archiveOnce registers a segment of the day of s1, unless there is one, and removes its originals.
func archiveOnce(ctx context.Context, s *Store) (err error) {
	a := NewArchiver(s)
	defer func() { err = errors.Join(err, a.Close()) }()
	day, err := a.Day(ctx, "acme", journal.StoreDay{StoreCode: "s1", BusinessDate: tilltest.BusinessDate})
	if err != nil {
		return err
	}
	segment := &app.Segment{
		Manifest: archive.Manifest{Header: archive.Header{Format: archive.Format, Version: 1, TenantID: "acme", StoreCode: "s1", BusinessDate: tilltest.BusinessDate, Part: 1}},
		Parts:    journal.PartsOf(day.Links), RegisteredAt: time.Now(),
	}
	if len(day.Links) > 0 {
		if err := a.Register(ctx, "acme", segment); err != nil {
			return err
		}
	}
	_, err = a.Remove(ctx, "acme", segment.Name())
	return err
}

// Wherever the process dies while it archives, every event is wholly live or wholly archived, and the next
// run ends what was begun.
func TestNothingIsHalfArchivedWhereverTheProcessDies(t *testing.T) {
	t.Setenv(victimArchives, "1")
	steps := 1
	for step := 0; step <= steps; step++ {
		dir := t.TempDir()
		s, err := Open(t.Context(), dir, clockwork.NewRealClock())
		require.NoError(t, err)
		_, err = s.Provision(t.Context(), "acme")
		require.NoError(t, err)
		_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
		require.NoError(t, err)
		_, err = logAll(t.Context(), s)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		killAt := step
		if step == 0 {
			killAt = 1 << 20 // never
		}
		out := startVictim(t, dir, killAt, 0)
		if step == 0 {
			steps, err = strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(out, "steps ")))
			require.NoError(t, err, out)
			require.Greater(t, steps, 12)
			continue
		}
		require.Empty(t, out, "it was killed")
		s, err = Open(t.Context(), dir, clockwork.NewRealClock())
		require.NoError(t, err)
		live, archived := places(t, s)
		assert.Equal(t, len(storetest.Everything()), live+archived, "step %d of %d", step, steps)
		require.NoError(t, archiveOnce(t.Context(), s))
		_, archived = places(t, s)
		assert.Positive(t, archived)
		page, err := s.Search(t.Context(), "acme", journal.Query{StoreCode: "s1", Keywords: journal.Keywords("おにぎり"), Limit: 10})
		require.NoError(t, err)
		assert.Empty(t, page.Items)
		assert.Zero(t, page.Total)
		require.NoError(t, s.Close())
		edit(t, filepath.Join(dir, "acme.db"), "PRAGMA integrity_check", "INSERT INTO journal_words (journal_words) VALUES ('integrity-check')")
	}
}

// places counts events that are live, and that are archived; none is both, none half.
func places(t *testing.T, s *Store) (live, archived int) {
	t.Helper()
	require.NoError(t, s.Walk(t.Context(), "acme", app.Walker{
		Stream: func(journal.StreamState) error { return nil },
		Link: func(l *journal.Stored) error {
			if l.Archived {
				archived++
				assert.Empty(t, l.Content)
				assert.Nil(t, l.Entry)
				return nil
			}
			live++
			assert.Equal(t, journal.HashOf(l.Content), l.ContentHash)
			assert.Equal(t, l.EntryHash != journal.Hash{}, l.Entry != nil)
			return nil
		},
		Stray: func(where, id string) error { t.Errorf("a stray in %s: %s", where, id); return nil },
	}))
	return live, archived
}
