//go:build measure

package sqlitestore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/shopdays"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Bytes per entry by part, of the journal in JOURNAL_SMALL: those of a large one are the same, and take
// ten times as long to look through.
func TestStorageByPart(t *testing.T) {
	folder := os.Getenv("JOURNAL_SMALL")
	if folder == "" {
		t.Skip("JOURNAL_SMALL names no journal: run make measure-search")
	}
	s, err := Open(t.Context(), filepath.Join(folder, "journal"), clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { _ = s.Close() }()
	db, err := s.tenant(t.Context(), "acme")
	require.NoError(t, err)
	report(t, db)
}

// What the keyword index costs a commit: shop days with it, and with a view in its place that takes
// everything and keeps nothing. The shortest of three runs counts.
func TestWhatTheKeywordIndexCosts(t *testing.T) {
	plan := shopdays.Plan{Tenant: "acme", Entries: 2000, Seed: 1, Stores: 5, Tills: 4}
	for _, size := range []int{1, 50, 250} {
		with, without := time.Hour, time.Hour
		for range 3 {
			with, without = min(with, commits(t, plan, size)), min(without, commits(t, plan, size,
				`DROP TABLE journal_words`, `CREATE VIEW journal_words AS SELECT 0 AS rowid, '' AS terms`,
				`CREATE TRIGGER journal_words_nowhere INSTEAD OF INSERT ON journal_words BEGIN SELECT 1; END`))
		}
		fmt.Printf("%3d events in a commit: %6.0f us each with the keyword index, %6.0f us without: %.2f times\n", size,
			float64(with.Nanoseconds())/1000, float64(without.Nanoseconds())/1000, float64(with)/float64(without))
	}
}

// commits gives the time of one event.
func commits(t *testing.T, plan shopdays.Plan, size int, statements ...string) time.Duration {
	t.Helper()
	s, err := Open(t.Context(), t.TempDir(), clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { _ = s.Close() }()
	_, err = s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	for _, statement := range statements {
		_, err := s.tenants["acme"].writer.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	var took time.Duration
	n := 0
	plan.Days(func(day []event.Event) bool {
		for part := range slices.Chunk(day, size) {
			records := make([]*journal.Record, len(part))
			for i, e := range part {
				raw, err := json.Marshal(e)
				require.NoError(t, err)
				records[i], err = journal.Decode(e.Topic(), raw)
				require.NoError(t, err)
			}
			start := time.Now()
			_, err := s.Commit(t.Context(), "acme", records)
			took += time.Since(start)
			require.NoError(t, err)
			n += len(part)
		}
		return size > 1 || n < 500
	})
	return took / time.Duration(n)
}

func report(t *testing.T, db *database) (words, text float64) {
	t.Helper()
	n, err := column[float64](t.Context(), db.reader, `SELECT count(*) FROM journal`)
	require.NoError(t, err)
	texts, err := column[float64](t.Context(), db.reader, `SELECT sum(length(CAST(journal_text AS BLOB))) FROM journal`)
	require.NoError(t, err)
	text = texts[0] / n[0]
	require.NoError(t, each(t.Context(), db.reader, func(rows *sql.Rows) error {
		var name string
		var size float64
		err := rows.Scan(&name, &size)
		if size/n[0] >= 1 {
			fmt.Printf("%9.1f bytes per entry: %s\n", size/n[0], name)
		}
		if strings.HasPrefix(name, "journal_words") || name == "journal_blocks" {
			words += size / n[0]
		}
		return err
	}, `SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC`))
	fmt.Printf("%.0f entries; keyword index %.1f bytes per entry, the text that it indexes %.1f\n", n[0], words, text)
	require.LessOrEqual(t, words, text)
	return words, text
}
