package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// The keyword index is an FTS5 table without content and without positions: for each term the ids of
// the entries that have it, about a byte each. The terms are ours (journal.Terms), one word each for
// FTS5, whose ascii tokenizer leaves alone everything beyond ASCII. The index only proposes: every
// text is compared. Store, terminal and type of an entry are terms, too, a byte each: a keyword that
// every other store has is not looked for in their entries.
//
// journal_blocks says of every stretch of ids from when to when, and of which days its entries are. Ids
// grow as entries are stored, which is nearly the order of their instants; with the blocks a search goes
// through the index by time, wherever it begins, and reads no more of it than its page needs.
//
// Both are derived: they can be made anew from the journal at any time (see backfill.go).
const wordsStep = `
CREATE VIRTUAL TABLE journal_words USING fts5(terms, content='', detail=none, columnsize=0, tokenize='ascii');
CREATE TABLE journal_blocks (
	block  INTEGER PRIMARY KEY, -- id / 1024
	last   INTEGER NOT NULL,    -- the greatest id that is indexed
	oldest INTEGER NOT NULL,
	newest INTEGER NOT NULL
);
CREATE TABLE journal_words_rules (rules INTEGER NOT NULL); -- by which the terms were made
`

// daysStep gives the blocks their days. What the index has is made anew, by the rules of its day.
const daysStep = `
DROP TABLE IF EXISTS journal_blocks;
CREATE TABLE journal_blocks (
	block     INTEGER PRIMARY KEY, -- id / 1024
	last      INTEGER NOT NULL,    -- the greatest id that is indexed
	oldest    INTEGER NOT NULL,
	newest    INTEGER NOT NULL,
	first_day TEXT NOT NULL,
	last_day  TEXT NOT NULL
);
DELETE FROM journal_words_rules;
`

// blockSize is how many ids make a block.
const blockSize = 1024

// wordRules are those by which entries are indexed: ours, and the journal's by which texts are.
const wordRules = 1000*3 + journal.TermRules

// indexed is what of an entry the keyword index knows.
type indexed struct {
	store     string
	terminal  int
	kind      journal.Type
	day       string
	generated int64
	text      string
}

// terms are all terms of an entry, as FTS5 wants them.
func (e *indexed) terms() string {
	terms := append(journal.Terms(e.text), journal.Pairs(e.text)...)
	return strings.Join(append(terms, storeTerm(e.store), terminalTerm(uint64(e.terminal)), typeTerm(e.kind)), " ")
}

// Terms that are of no text: none of them begins with §. What FTS5 would take for a separator is written
// in another way.
func storeTerm(code string) string  { return "§s" + strings.ReplaceAll(code, "_", "§") }
func terminalTerm(no uint64) string { return fmt.Sprintf("§t%d", no) }
func typeTerm(kind journal.Type) string {
	return strings.ReplaceAll(fmt.Sprintf("§y%d", kind), "-", "§")
}

// addWords indexes one entry.
func (b *batch) addWords(id int64, e *indexed) {
	b.row("journal_words", id, e.terms())
	blocks := b.rows["journal_blocks"]
	if n := len(blocks); n > 0 && blocks[n-1][0] == id/blockSize {
		block := blocks[n-1]
		block[1], block[2], block[3] = id, min(block[2].(int64), e.generated), max(block[3].(int64), e.generated)
		block[4], block[5] = min(block[4].(string), e.day), max(block[5].(string), e.day)
		return
	}
	b.row("journal_blocks", id/blockSize, id, e.generated, e.generated, e.day, e.day)
}

// forgetEntry takes back what addWords added of an entry. The index keeps no texts, so it must be told
// again which terms they had, and of nothing that it does not have yet.
func forgetEntry(ctx context.Context, tx *sql.Tx, id int64, e *indexed) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO journal_words (journal_words, rowid, terms) SELECT 'delete', ?1, ?2
		WHERE NOT EXISTS (SELECT 1 FROM journal_words_todo WHERE ?1 > done AND ?1 <= through)`, id, e.terms())
	return err
}

// emptyBlocks forgets the stretches of ids in which no entry is left.
const emptyBlocks = `DELETE FROM journal_blocks WHERE NOT EXISTS (SELECT 1 FROM journal j WHERE j.id BETWEEN block * 1024 AND block * 1024 + 1023)`

func openTenant(ctx context.Context, path string, create bool) (*database, error) {
	db, err := openDatabase(ctx, path, &tenantSchema, create)
	if err != nil {
		return nil, err
	}
	if err := db.prepareWords(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("journal file %s: keyword index: %w", path, err), db.close())
	}
	return db, nil
}

// wordsTables are all tables of the keyword index, FTS5's own among them.
var wordsTables = []string{"journal_words", "journal_words_config", "journal_words_data", "journal_words_idx", "journal_blocks", "journal_words_rules"}

// mendWords makes all tables anew when one of them is missing.
func (d *database) mendWords(ctx context.Context) error {
	n, err := column[int](ctx, d.reader, `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN (`+marks(len(wordsTables))+`)`, anys(wordsTables)...)
	if err != nil || n[0] == len(wordsTables) {
		return err
	}
	return d.write(ctx, func(tx *sql.Tx) error {
		for _, statement := range []string{
			// FTS5 drops nothing unless it can open it: it gets what an empty index has.
			`CREATE TABLE IF NOT EXISTS journal_words_config (k PRIMARY KEY, v) WITHOUT ROWID`,
			`INSERT OR IGNORE INTO journal_words_config VALUES ('version', 4)`,
			`CREATE TABLE IF NOT EXISTS journal_words_data (id INTEGER PRIMARY KEY, block BLOB)`,
			`INSERT OR IGNORE INTO journal_words_data VALUES (1, x''), (10, x'00000000000000')`,
			`DROP TABLE IF EXISTS journal_words`,
			`DROP TABLE IF EXISTS journal_words_config`, `DROP TABLE IF EXISTS journal_words_data`, `DROP TABLE IF EXISTS journal_words_idx`,
			`DROP TABLE IF EXISTS journal_blocks`, `DROP TABLE IF EXISTS journal_words_rules`,
			wordsStep, daysStep,
		} {
			if _, err := tx.ExecContext(context.WithoutCancel(ctx), statement); err != nil {
				return err
			}
		}
		return nil
	})
}
