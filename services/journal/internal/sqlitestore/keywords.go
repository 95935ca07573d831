package sqlitestore

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// expression is a search as the keyword index is asked.
type expression struct {
	text    string // as FTS5 wants it; "": the index is no help
	brief   string // the same with one term for each keyword: it gives more, and is found sooner that it gives little
	decided bool   // every text that it gives holds the keywords
	narrow  bool   // it serves all filters but those of days and instants
	whole   bool   // it serves all filters
}

// namedTerms is up to how many terminals and types the keyword index is asked for.
const namedTerms = 40

// matching writes keywords, and those filters of which the index knows, as FTS5 wants them.
func matching(q *journal.Query) expression {
	terms, brief, decided := journal.SparseTermsOf(q.Keywords)
	if len(terms) == 0 {
		return expression{}
	}
	rest := q.Filters()
	var parts []string
	if rest.StoreCode != "" {
		parts, rest.StoreCode = append(parts, quoted(storeTerm(rest.StoreCode))), ""
	}
	if n := rest.Terminals.Len(); n > 0 && n <= namedTerms {
		parts, rest.Terminals = append(parts, anyOf(rest.Terminals.Numbers(namedTerms), terminalTerm)), nil
	}
	if n := len(rest.Types); n > 0 && n <= namedTerms {
		parts, rest.Types = append(parts, anyOf(rest.Types, typeTerm)), nil
	}
	written := func(terms []string) string {
		var all []string
		for _, t := range terms {
			all = append(all, quoted(t))
		}
		return strings.Join(append(all, parts...), " AND ")
	}
	x := expression{text: written(terms), brief: written(brief), decided: decided, whole: rest.Unfiltered()}
	rest.BusinessDate, rest.Generated = journal.Span[string]{}, journal.Span[time.Time]{}
	x.narrow = rest.Unfiltered()
	return x
}

// quoted terms are never read as operators. Terms hold no quotes; doubling them all the same keeps it so.
func quoted(term string) string { return `"` + strings.ReplaceAll(term, `"`, `""`) + `"` }

func anyOf[T any](values []T, term func(T) string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = quoted(term(v))
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// keywordPage finds a page of a keyword search.
func (k *seek) keywordPage() (page journal.Page, err error) {
	all, gathered, err := k.gatherKeyword()
	if err != nil {
		return page, err
	}
	if gathered {
		var last func(id int64) bool
		if k.q.After != "" {
			last = func(id int64) bool { return id == k.last }
		}
		cut := journal.NewCut(&k.q, last)
		for _, id := range all {
			cut.Add(id)
		}
		if !cut.Begun() {
			return page, app.ErrNotFound
		}
		page.More, page.Total = cut.More, cut.Found
		page.Items, err = k.fetch(cut.Items)
		return page, err
	}
	cut := journal.NewCut[int64](&k.q, nil)
	err = k.walkKeyword(func(id int64) error {
		if cut.Add(id) {
			return errStop
		}
		return nil
	})
	if err != nil && err != errStop { //nolint:errorlint // it is not wrapped on its way
		return page, err
	}
	page.More = cut.More
	if page.Items, err = k.fetch(cut.Items); err != nil {
		return page, err
	}
	return page, k.totalKeyword(&page)
}

// gatherKeyword gives everything that holds the keywords, in order, when there are not too many texts to
// read for it: those that the filters leave, or those that the keyword index gives. Otherwise the
// entries are to be walked by instant, and when they are wanted in another order there is no way.
func (k *seek) gatherKeyword() (ids []int64, ok bool, err error) {
	for _, most := range []int{k.limits.Few, k.limits.Read} {
		r, err := k.cheapest(k.q.Routes(paths), most)
		if err != nil {
			return nil, false, err
		}
		if r != nil {
			from, _ := from(r)
			where := all(r, k.where)
			ids, err := k.hits(from+where.where(), where.args)
			return ids, true, err
		}
		if k.terms.text != "" {
			for _, expression := range slices.Compact([]string{k.terms.brief, k.terms.text}) {
				proposed, err := column[int64](k.ctx, k.tx, fmt.Sprintf(words+` LIMIT %d`, most+1), expression)
				if err != nil {
					return nil, false, err
				}
				if len(proposed) <= most {
					ids, err := k.hitsAmong(proposed)
					return ids, true, err
				}
			}
		}
		if k.byInstant {
			return nil, false, nil
		}
	}
	return nil, false, tooWide("texts", k.limits.Read)
}

// candidates counts what the keyword index gives, up to one more than limit.
func (k *seek) candidates(limit int) (int, error) {
	n, err := column[int](k.ctx, k.tx, fmt.Sprintf(`SELECT count(*) FROM (%s LIMIT %d)`, words, limit+1), k.terms.text)
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// words gives the ids of what the keyword index knows.
const words = `SELECT rowid AS id FROM journal_words WHERE journal_words MATCH ?`

// hitsAmong gives what of the ids that the keyword index proposes holds the keywords and fulfils the
// filters, in order.
func (k *seek) hitsAmong(proposed []int64) ([]int64, error) {
	from := ` FROM json_each(?) w CROSS JOIN journal j ON j.id = w.value` + k.where.where()
	list, err := json.Marshal(proposed)
	if err != nil || len(proposed) == 0 {
		return nil, err
	}
	return k.hits(from, append([]any{string(list)}, k.where.args...))
}

// hits gives the ids of those entries that hold the keywords, in order. Each row is read once; from says
// which.
func (k *seek) hits(from string, args []any) ([]int64, error) {
	columns := make([]string, len(k.order))
	for i, t := range k.order {
		columns[i] = t.column
	}
	var found [][]any
	err := each(k.ctx, k.tx, func(rows *sql.Rows) error {
		var text sql.RawBytes
		values := make([]any, len(k.order))
		targets := []any{&text}
		for i := range values {
			targets = append(targets, &values[i])
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		if k.holds(text) {
			found = append(found, values)
		}
		return nil
	}, `SELECT j.journal_text, `+strings.Join(columns, ", ")+from, args...)
	slices.SortFunc(found, func(a, b []any) int {
		for i, t := range k.order {
			c := compare(a[i], b[i])
			if t.descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	ids := make([]int64, len(found))
	for i, values := range found {
		ids[i], _ = values[len(values)-1].(int64) // the last one of every order
	}
	return ids, err
}

func (k *seek) holds(text []byte) bool { return journal.Holds(string(text), k.q.Keywords) }

// compare orders values as SQLite does. Nothing comes first.
func compare(a, b any) int {
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
		return 1
	case string:
		if b, ok := b.(string); ok {
			return cmp.Compare(a, b)
		}
		return 1
	}
	if b == nil {
		return 0
	}
	return -1
}

// eachKeyword gives all entries that hold the keywords, in order.
func (k *seek) eachKeyword(visit func(*journal.Listed) error) error {
	ids, gathered, err := k.gatherKeyword()
	if err != nil {
		return err
	}
	if gathered {
		return k.visitFetched(ids, visit)
	}
	flush := func() error {
		part := ids
		ids = nil
		return k.visitFetched(part, visit)
	}
	err = k.walkKeyword(func(id int64) error {
		if ids = append(ids, id); len(ids) < fetchedAtOnce {
			return nil
		}
		return flush()
	})
	if err != nil && !errors.Is(err, app.ErrTooWide) {
		return err
	}
	if stopped := flush(); stopped != nil { // what was found may have been enough for who asks
		return stopped
	}
	return err
}

// walkKeyword gives the entries by instant, from q.After on, and looks at no more than it may.
func (k *seek) walkKeyword(visit func(id int64) error) error {
	if k.terms.text == "" {
		return k.walkTexts(visit)
	}
	blocks, err := k.blocks()
	if err != nil {
		return err
	}
	w := &walking{seek: k, left: k.limits.Examined}
	for at, size := 0, 1; at < len(blocks); at += size {
		size = min(w.size(size), len(blocks)-at)
		if err := w.read(blocks[at : at+size]); err != nil {
			return err
		}
		settled := w.open
		if next := at + size; next < len(blocks) {
			settled = w.before(blocks[next].begins(k.order[0].descending))
		}
		w.open = w.open[len(settled):]
		ids := make([]int64, len(settled))
		for i, c := range settled {
			ids[i] = c.id
		}
		if err := k.sift(ids, visit); err != nil {
			return err
		}
		if w.left < 0 {
			return tooWide("entries", k.limits.Examined)
		}
	}
	return nil
}

// sift gives those of the ids whose texts hold the keywords, in their order.
func (k *seek) sift(ids []int64, visit func(id int64) error) error {
	for part := range slices.Chunk(ids, min(max(k.q.Limit+1, leastSifted), fetchedAtOnce)) {
		held := make(map[int64]bool, len(part))
		err := each(k.ctx, k.tx, func(rows *sql.Rows) error {
			var id int64
			var text sql.RawBytes
			if err := rows.Scan(&id, &text); err != nil {
				return err
			}
			held[id] = k.holds(text)
			return nil
		}, `SELECT j.id, j.journal_text FROM journal j WHERE j.id IN (`+marks(len(part))+`)`, anys(part)...)
		if err != nil {
			return err
		}
		for _, id := range part {
			if held[id] {
				if err := visit(id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// leastSifted is how many texts one statement reads at least, if there are so many.
const leastSifted = 50

// walkTexts reads text after text, for keywords that no index is of help for.
func (k *seek) walkTexts(visit func(id int64) error) error {
	r := k.rest.InOrder(paths)
	narrow := *k
	narrow.limits.Examined = k.limits.Read
	l := narrow.walk(r, -1, 0)
	ids, err := column[int64](k.ctx, k.tx, l.statement, l.args...)
	if err != nil {
		return err
	}
	if err := k.sift(ids, visit); err != nil {
		return err
	}
	inner, args := narrow.walked(r)
	n, err := column[int](k.ctx, k.tx, `SELECT count(*) FROM (`+inner+`)`, args...)
	if err == nil && n[0] == k.limits.Read {
		return tooWide("texts", k.limits.Read)
	}
	return err
}

// block is a stretch of ids, and from when to when, and of which days its entries are.
type block struct {
	no, oldest, newest int64
	firstDay, lastDay  string
}

// within tells whether all of its entries are of the instants and days that are asked for.
func (b *block) within(q *journal.Query) bool {
	return (q.Generated.From == nil || b.oldest >= micros(*q.Generated.From)) && (q.Generated.To == nil || b.newest < micros(*q.Generated.To)) &&
		(q.BusinessDate.From == nil || b.firstDay >= *q.BusinessDate.From) && (q.BusinessDate.To == nil || b.lastDay <= *q.BusinessDate.To)
}

// begins is the first instant of the block in the direction of the walk.
func (b block) begins(descending bool) int64 {
	if descending {
		return b.newest
	}
	return b.oldest
}

// blocks lists those in which there may be something, in the direction of the walk.
func (k *seek) blocks() (blocks []block, err error) {
	var c conditions
	if k.rest.Generated.From != nil {
		c.add("newest >= ?", micros(*k.rest.Generated.From))
	}
	if k.rest.Generated.To != nil {
		c.add("oldest < ?", micros(*k.rest.Generated.To))
	}
	if k.rest.BusinessDate.From != nil {
		c.add("last_day >= ?", *k.rest.BusinessDate.From)
	}
	if k.rest.BusinessDate.To != nil {
		c.add("first_day <= ?", *k.rest.BusinessDate.To)
	}
	descending := k.order[0].descending
	err = each(k.ctx, k.tx, func(rows *sql.Rows) error {
		var b block
		err := rows.Scan(&b.no, &b.oldest, &b.newest, &b.firstDay, &b.lastDay)
		blocks = append(blocks, b)
		return err
	}, `SELECT block, oldest, newest, first_day, last_day FROM journal_blocks`+c.where(), c.args...)
	slices.SortFunc(blocks, func(a, b block) int {
		if descending {
			return cmp.Or(cmp.Compare(b.newest, a.newest), cmp.Compare(b.no, a.no))
		}
		return cmp.Or(cmp.Compare(a.oldest, b.oldest), cmp.Compare(a.no, b.no))
	})
	return blocks, err
}

// walking is a walk through the keyword index, block by block.
type walking struct {
	*seek
	open []candidate // what was found and may still come behind something that was not read yet
	last int         // how much the last step found
	left int         // how many entries may still be looked at
}

// candidate is an entry that has the terms and fulfils the filters.
type candidate struct{ at, id int64 }

// size of the next step: blocks that give little are read several at a time.
func (w *walking) size(last int) int {
	if w.last >= w.q.Limit/2 {
		return 1
	}
	return min(2*last, 64)
}

// read looks through blocks; those with neighbouring ids at a time.
func (w *walking) read(blocks []block) error {
	before := len(w.open)
	blocks = slices.SortedFunc(slices.Values(blocks), func(a, b block) int { return cmp.Compare(a.no, b.no) })
	for i := 0; i < len(blocks); {
		j := i + 1
		for j < len(blocks) && blocks[j].no == blocks[j-1].no+1 {
			j++
		}
		if err := w.readRange(blocks[i].no*blockSize, blocks[j-1].no*blockSize+blockSize-1); err != nil {
			return err
		}
		i = j
	}
	w.last = len(w.open) - before
	slices.SortFunc(w.open, func(a, b candidate) int {
		c := cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id))
		if w.order[0].descending {
			return -c
		}
		return c
	})
	return nil
}

// readRange gives every entry in a range of ids that has the terms, and whether it fulfils the filters:
// so all that are looked at can be counted.
func (w *walking) readRange(from, to int64) error {
	where := w.where.and(w.behind)
	args := append(where.args[:len(where.args):len(where.args)], w.terms.text, from, to)
	return each(w.ctx, w.tx, func(rows *sql.Rows) error {
		var c candidate
		var ok bool
		if w.left--; w.left < 0 {
			return errStop
		}
		err := rows.Scan(&c.at, &c.id, &ok)
		if ok {
			w.open = append(w.open, c)
		}
		return err
	}, `SELECT j.generated_at, j.id, `+w.fulfils(&where)+` FROM (`+words+` AND rowid BETWEEN ? AND ?) w CROSS JOIN journal j ON j.id = w.id`, args...)
}

// before gives what comes before everything from an instant on.
func (w *walking) before(instant int64) []candidate {
	n := slices.IndexFunc(w.open, func(c candidate) bool {
		if w.order[0].descending {
			return c.at <= instant
		}
		return c.at >= instant
	})
	if n < 0 {
		return w.open
	}
	return w.open[:n]
}

// What is read for a total. Counting up to ExactTotal by reading would take longer than a search may.
const (
	textsCounted = 500  // texts, when the index does not decide
	rowsCounted  = 3000 // entries, when it decides but knows nothing of some filter
)

// totalKeyword counts everything that holds the keywords. What the index decides is counted in it, up to
// ExactTotal; of more than can be read for the rest the total is a lower bound.
func (k *seek) totalKeyword(page *journal.Page) error {
	seen := k.q.Skip + len(page.Items)
	if page.Ended(&k.q) && k.q.Counting != journal.CountNone {
		page.Total = seen
		return nil
	}
	c := counting{seek: k, most: journal.ExactTotal, texts: textsCounted, rows: rowsCounted}
	switch k.q.Counting {
	case journal.CountNone:
		return nil
	case journal.CountUsual:
	case journal.CountAll:
		c.most, c.texts, c.rows = math.MaxInt32, math.MaxInt32, math.MaxInt32
	}
	var err error
	switch {
	case k.terms.text == "":
		err = k.fromStart().walkTexts(func(int64) error { c.n++; return nil })
		if c.cut = errors.Is(err, app.ErrTooWide); c.cut {
			err = nil
		}
	case !k.terms.decided:
		err = c.byTexts()
	case k.terms.whole:
		c.n, err = k.candidates(c.most)
	default:
		err = c.byBlocks()
	}
	page.Total, page.TotalIsLowerBound = min(c.n, c.most), c.n > c.most || c.cut
	if page.TotalIsLowerBound && k.q.After == "" {
		if page.More {
			seen++
		}
		page.Total = max(page.Total, seen)
	}
	return err
}

// counting is a total in the making.
type counting struct {
	*seek
	most, texts, rows int // up to how many are counted, and what may be read for it
	n                 int
	cut               bool // not everything was looked at
}

// byTexts counts by reading.
func (c *counting) byTexts() error {
	looked := 0
	return each(c.ctx, c.tx, func(rows *sql.Rows) error {
		if looked++; looked > c.texts {
			c.cut = true
			return errStop
		}
		var fulfils bool
		var text sql.RawBytes
		if err := rows.Scan(&fulfils, &text); err != nil {
			return err
		}
		if fulfils && c.holds(text) {
			c.n++
		}
		if c.n > c.most {
			return errStop
		}
		return nil
	}, `SELECT `+c.fulfils(&c.where)+`, j.journal_text FROM (`+words+`) w CROSS JOIN journal j ON j.id = w.id`, append(c.where.args[:len(c.where.args):len(c.where.args)], c.terms.text)...)
}

// byBlocks counts in the index what lies in blocks that are wanted as they are, and looks at the entries
// of the others.
func (c *counting) byBlocks() error {
	blocks, err := c.fromStart().blocks()
	if err != nil {
		return err
	}
	for _, s := range c.stretches(blocks) {
		if c.n > c.most || c.cut {
			return nil
		}
		if err := c.stretch(s); err != nil {
			return err
		}
	}
	return nil
}

// stretch is a range of ids. All of it is wanted, or its entries have to be looked at.
type stretch struct {
	from, to int64
	whole    bool
}

// mostStretches is how many statements a total may take.
const mostStretches = 50

func (k *seek) stretches(blocks []block) (all []stretch) {
	slices.SortFunc(blocks, func(a, b block) int { return cmp.Compare(a.no, b.no) })
	for _, b := range blocks {
		s := stretch{b.no * blockSize, b.no*blockSize + blockSize - 1, k.terms.narrow && b.within(&k.q)}
		if n := len(all); n > 0 && all[n-1].whole == s.whole && all[n-1].to+1 == s.from {
			all[n-1].to = s.to
			continue
		}
		all = append(all, s)
	}
	if len(all) > mostStretches {
		return []stretch{{from: all[0].from, to: all[len(all)-1].to}}
	}
	return all
}

func (c *counting) stretch(s stretch) error {
	within := words + ` AND rowid BETWEEN ? AND ?`
	if s.whole {
		n, err := column[int](c.ctx, c.tx, fmt.Sprintf(`SELECT count(*) FROM (%s LIMIT %d)`, within, c.most+1-c.n), c.terms.text, s.from, s.to)
		if err == nil {
			c.n += n[0]
		}
		return err
	}
	return each(c.ctx, c.tx, func(rows *sql.Rows) error {
		var looked, n int
		err := rows.Scan(&looked, &n)
		c.n += n
		c.cut, c.rows = looked > c.rows, c.rows-looked
		return err
	}, fmt.Sprintf(`SELECT count(*), coalesce(sum(fulfils), 0) FROM (SELECT %s AS fulfils FROM (%s LIMIT %d) w CROSS JOIN journal j ON j.id = w.id)`,
		c.fulfils(&c.where), within, c.rows+1), append(c.where.args[:len(c.where.args):len(c.where.args)], c.terms.text, s.from, s.to)...)
}

// fulfils is 1 where conditions hold, else 0.
func (k *seek) fulfils(c *conditions) string {
	if len(c.parts) == 0 {
		return "1"
	}
	return "coalesce(" + strings.Join(c.parts, " AND ") + ", 0)"
}
