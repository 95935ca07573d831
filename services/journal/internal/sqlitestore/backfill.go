package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tillroll/tillroll/services/journal/internal/app"
)

// A database that an older program wrote has no keyword index, or one by other rules, and its entries
// may be a million. Making it takes minutes, so it is made beside everything else, some entries at a
// time: what is committed meanwhile is indexed as always, and what was there before is on a list of one
// row, which says how far it has come. As long as there is such a row a search does without the index.

// todoTable says that entries up to an id are to be indexed, and up to which they are.
const todoTable = `
CREATE TABLE IF NOT EXISTS journal_words_todo (
	done    INTEGER NOT NULL,
	through INTEGER NOT NULL
);
`

// indexedAtOnce is how many entries one transaction indexes: for some tens of milliseconds nothing else
// is committed.
const indexedAtOnce = 500

// beingMade stands in place of the rules while the index is made: a program that knows nothing of the
// list then begins anew.
const beingMade = -wordRules

// prepareWords mends the tables of the keyword index, and lists what it lacks.
func (d *database) prepareWords(ctx context.Context) error {
	if err := d.mendWords(ctx); err != nil {
		return err
	}
	rules, err := column[int](ctx, d.reader, `SELECT rules FROM journal_words_rules`)
	if err != nil {
		return err
	}
	todo, err := todo(ctx, d.reader)
	switch known := len(rules) == 1; {
	case err != nil, known && rules[0] == beingMade && todo != nil:
		return err
	case known && rules[0] == wordRules && todo == nil:
		return d.write(ctx, resumeWords)
	}
	return d.write(ctx, forgetWords)
}

// resumeWords lists what a program left behind that made the index when it opened a database, and was
// interrupted.
func resumeWords(tx *sql.Tx) error {
	behind := fmt.Sprintf(`INSERT INTO journal_words_todo SELECT done, through FROM (
		SELECT (SELECT coalesce(max(last), 0) FROM journal_blocks) AS done, (SELECT coalesce(max(id), 0) FROM journal) AS through) WHERE done < through;
		UPDATE journal_words_rules SET rules = %d WHERE EXISTS (SELECT 1 FROM journal_words_todo)`, beingMade)
	_, err := tx.Exec(behind)
	return err
}

// forgetWords empties the index and lists everything. An empty journal has its index at once.
func forgetWords(tx *sql.Tx) error {
	for _, statement := range []string{
		`INSERT INTO journal_words (journal_words) VALUES ('delete-all')`,
		// A search that begins in the middle of a common term's ids goes through a whole page of them.
		`INSERT INTO journal_words (journal_words, rank) VALUES ('pgsz', 1000)`,
		`DELETE FROM journal_blocks`, `DELETE FROM journal_words_rules`, `DELETE FROM journal_words_todo`,
		`INSERT INTO journal_words_todo SELECT 0, max(id) FROM journal HAVING max(id) > 0`,
		fmt.Sprintf(`INSERT INTO journal_words_rules SELECT iif(EXISTS (SELECT 1 FROM journal_words_todo), %d, %d)`, beingMade, wordRules),
	} {
		if _, err := tx.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// wordsTodo is what the keyword index lacks.
type wordsTodo struct{ done, through int64 }

// explain says of a search that would have to look at too much that soon it will not.
func (t *wordsTodo) explain(err error) error {
	if !errors.Is(err, app.ErrTooWide) {
		return err
	}
	return fmt.Errorf("%w, and no keyword index yet: it is being made, %d of %d events are done", err, t.done, t.through)
}

// todo gives what the keyword index lacks, or nil.
func todo(ctx context.Context, q querier) (t *wordsTodo, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		t = &wordsTodo{}
		return rows.Scan(&t.done, &t.through)
	}, `SELECT done, through FROM journal_words_todo`)
	return t, err
}

// Backfill implements app.Recorder.
func (s *Store) Backfill(ctx context.Context, tenant string) (app.Backlog, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return app.Backlog{}, err
	}
	t, err := todo(ctx, db.reader)
	if err != nil || t == nil {
		return app.Backlog{}, err
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		if t, err = todo(ctx, tx); err != nil || t == nil {
			return err // somebody else was first
		}
		if err := s.step("index what was there before"); err != nil {
			return err
		}
		return s.indexMore(context.WithoutCancel(ctx), tx, t)
	})
	if err != nil || t == nil {
		return app.Backlog{}, err
	}
	return app.Backlog{Done: t.done, All: t.through}, classify(s.step("indexed what was there before"))
}

// indexMore indexes the next entries of the list, and moves it on.
func (s *Store) indexMore(ctx context.Context, tx *sql.Tx, t *wordsTodo) error {
	b := &batch{ctx: ctx, tx: tx, step: s.step, rows: map[string][][]any{}}
	found := 0
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var e indexed
		err := rows.Scan(&t.done, &e.store, &e.terminal, &e.kind, &e.day, &e.generated, &e.text)
		b.addWords(t.done, &e)
		found++
		return err
	}, `SELECT id, store_code, terminal_no, transaction_type, business_date, generated_at, journal_text FROM journal WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`,
		t.done, t.through, indexedAtOnce)
	for _, in := range inserts {
		if err == nil {
			err = b.insert(in.table, in.columns, in.conflict)
		}
	}
	if err != nil {
		return err
	}
	if found < indexedAtOnce {
		t.done = t.through
	}
	if err := s.step("move the list on"); err != nil {
		return err
	}
	if t.done < t.through {
		_, err = tx.ExecContext(ctx, `UPDATE journal_words_todo SET done = ?`, t.done)
		return err
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM journal_words_todo; UPDATE journal_words_rules SET rules = %d`, wordRules))
	return err
}
