package sqlitestore

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// BenchmarkCommit stores sales, one or several in a transaction, each synced to the disk.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{1, 50} {
		b.Run(fmt.Sprintf("batch-%d", size), func(b *testing.B) {
			ctx := b.Context()
			s, err := Open(ctx, b.TempDir(), clockwork.NewRealClock())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = s.Close() })
			if _, err := s.Provision(ctx, "acme"); err != nil {
				b.Fatal(err)
			}
			till := tilltest.New("acme", "s1", 1)
			batches := make([][]*journal.Record, b.N)
			for i := range batches {
				for range size {
					batches[i] = append(batches[i], tilltest.Record(b, till.Sale("108")))
				}
			}
			b.ResetTimer()
			for _, batch := range batches {
				if _, err := s.Commit(ctx, "acme", batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkBare sends the same rows to the same schema by the bare driver, in transactions of as many
// events: what a commit could cost at best. The keyword index, which only its own table can fill, is
// left out, which is to our disadvantage.
func BenchmarkBare(b *testing.B) {
	for _, size := range []int{1, 50} {
		b.Run(fmt.Sprintf("batch-%d", size), func(b *testing.B) {
			ctx := b.Context()
			from, to := benched(b), benched(b)
			till := tilltest.New("acme", "s1", 1)
			for range b.N {
				var batch []*journal.Record
				for range size {
					batch = append(batch, tilltest.Record(b, till.Sale("108")))
				}
				if _, err := from.Commit(ctx, "acme", batch); err != nil {
					b.Fatal(err)
				}
			}
			inserts := rowsOf(b, from.tenants["acme"].writer)
			writer := to.tenants["acme"].writer
			if _, err := writer.ExecContext(ctx, `PRAGMA foreign_keys = OFF`); err != nil { // each table is sorted in its own way
				b.Fatal(err)
			}
			b.ResetTimer()
			for i := range b.N {
				tx, err := writer.BeginTx(ctx, nil)
				if err != nil {
					b.Fatal(err)
				}
				for _, t := range inserts {
					for _, row := range t.rows[len(t.rows)*i/b.N : len(t.rows)*(i+1)/b.N] {
						if _, err := tx.ExecContext(ctx, t.insert, row...); err != nil {
							b.Fatal(t.insert, err)
						}
					}
				}
				if err := tx.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func benched(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.Context(), b.TempDir(), clockwork.NewRealClock())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if _, err := s.Provision(b.Context(), "acme"); err != nil {
		b.Fatal(err)
	}
	if _, err := s.Commit(b.Context(), "acme", nil); err != nil {
		b.Fatal(err)
	}
	return s
}

type tableRows struct {
	insert string
	rows   [][]any
}

// rowsOf reads every ordinary table of a database, but what it was made with.
func rowsOf(b *testing.B, db *sql.DB) []tableRows {
	b.Helper()
	var names []string
	found, err := db.QueryContext(b.Context(), `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('schema_version')`)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			b.Fatal(err)
		}
		names = append(names, name)
	}
	if err := found.Err(); err != nil {
		b.Fatal(err)
	}
	var all []tableRows
	for _, name := range names {
		all = append(all, rowsOfTable(b, db, name))
	}
	return all
}

func rowsOfTable(b *testing.B, db *sql.DB, name string) tableRows {
	b.Helper()
	rows, err := db.QueryContext(b.Context(), `SELECT * FROM `+name)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		b.Fatal(err)
	}
	t := tableRows{insert: `INSERT OR REPLACE INTO ` + name + ` VALUES (?` + strings.Repeat(", ?", len(columns)-1) + `)`}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			b.Fatal(err)
		}
		t.rows = append(t.rows, row)
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return t
}
