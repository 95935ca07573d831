//go:build measure

package sqlitestore

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"
)

// Bytes per entry by part, of the journal in JOURNAL_LARGE.
func TestStorageByPart(t *testing.T) {
	folder := os.Getenv("JOURNAL_LARGE")
	if folder == "" {
		t.Skip("JOURNAL_LARGE names no journal: run make measure-search")
	}
	s, err := Open(t.Context(), filepath.Join(folder, "journal"), clockwork.NewRealClock())
	require.NoError(t, err)
	defer func() { _ = s.Close() }()
	db, err := s.tenant(t.Context(), "acme")
	require.NoError(t, err)
	report(t, db)
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
