package sqlitestore

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// expression is keywords as FTS5 wants them.
type expression struct {
	text    string // "": the index is no help
	decided bool   // what it says needs no second look
	prefix  bool   // it asks for what begins with something, which FTS5 gathers anew for every statement
}

// matching writes keywords as FTS5 wants them. Terms hold no quotes; doubling them all the same keeps
// the rest of a text from ever being read as a query. What begins with a character is asked for only
// when nothing else can be.
func matching(keywords []string) expression {
	terms, decided := journal.TermsOf(keywords)
	x := expression{decided: decided}
	x.prefix = len(terms) > 0 && !slices.ContainsFunc(terms, func(t journal.Term) bool { return !t.Prefix })
	var parts []string
	for _, t := range terms {
		part := `"` + strings.ReplaceAll(t.Text, `"`, `""`) + `"`
		switch {
		case t.Prefix && x.prefix:
			part += " *"
		case t.Prefix:
			x.decided = false
			continue
		}
		parts = append(parts, part)
	}
	x.text = strings.Join(parts, " AND ")
	return x
}

// keywordPage finds a page of a keyword search.
func (k *seek) keywordPage() (journal.Page, error) {
	all, err := k.gatherKeyword()
	if err != nil {
		return journal.Page{}, err
	}
	if all.statement != "" {
		return k.pageOf(all)
	}
	var page journal.Page
	skip := k.q.Skip
	err = k.walkKeyword(func(l *journal.Listed) error {
		switch {
		case skip > 0:
			skip--
		case len(page.Items) < k.q.Limit:
			page.Items = append(page.Items, *l)
		default:
			page.More = true
			return errStop
		}
		return nil
	})
	if err == nil || err == errStop { //nolint:errorlint // it is not wrapped on its way
		err = k.totalKeyword(&page)
	}
	return page, err
}

// gatherKeyword finds a way to all entries that may hold the keywords when there are not too many: by
// the filters alone, or by the keyword index. It gives no statement when there is none and the entries
// are to be walked by instant, and fails when that is no way either.
func (k *seek) gatherKeyword() (list, error) {
	whole := k.fromStart() // a total needs all of them
	for _, most := range []int{k.limits.Few, k.limits.Read} {
		r, err := cheapest(k.ctx, k.tx, routes(&k.q), most)
		if err != nil || r != nil {
			return whole.gather(r, -1, 0), err
		}
		if k.terms.text != "" {
			n, err := k.candidates(most)
			if err != nil {
				return list{}, err
			}
			if n <= most {
				return k.gatherWords(), nil
			}
		}
		if k.byInstant {
			return list{}, nil
		}
	}
	return list{}, tooWide("texts", k.limits.Read)
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

// gatherWords sorts what the keyword index gives.
func (k *seek) gatherWords() list {
	return list{statement: `SELECT j.id FROM (` + words + `) w CROSS JOIN journal j ON j.id = w.id` + k.where.where() + orderBy(k.order),
		args: append([]any{k.terms.text}, k.where.args...)}
}

// pageOf looks through everything once, which gives the page and the total.
func (k *seek) pageOf(all list) (page journal.Page, err error) {
	skip, begun := k.q.Skip, k.q.After == ""
	err = k.visitAll(all, func(l *journal.Listed) error {
		here := begun
		begun = begun || l.EventID == k.q.After
		if !journal.Holds(l.JournalText, k.q.Keywords) {
			return nil
		}
		page.Total++
		switch {
		case !here:
		case skip > 0:
			skip--
		case len(page.Items) < k.q.Limit:
			page.Items = append(page.Items, *l)
		default:
			page.More = true
		}
		return nil
	})
	if err == nil && !begun {
		err = app.ErrNotFound
	}
	return page, err
}

// eachKeyword gives all entries that hold the keywords, in order.
func (k *seek) eachKeyword(visit func(*journal.Listed) error) error {
	all, err := k.gatherKeyword()
	if err != nil {
		return err
	}
	if all.statement == "" {
		return k.walkKeyword(visit)
	}
	return k.visitAll(all, func(l *journal.Listed) error {
		if !journal.Holds(l.JournalText, k.q.Keywords) {
			return nil
		}
		return visit(l)
	})
}

// walkKeyword gives the entries by instant, from q.After on, and looks at no more than it may.
func (k *seek) walkKeyword(visit func(*journal.Listed) error) error {
	if k.terms.text == "" {
		return k.walkTexts(visit)
	}
	if k.terms.prefix {
		return k.walkPrefix(visit)
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
		if err := k.visitIDs(settled, func(l *journal.Listed) error {
			if !journal.Holds(l.JournalText, k.q.Keywords) {
				return nil
			}
			return visit(l)
		}); err != nil {
			return err
		}
		if w.left < 0 {
			return tooWide("entries", k.limits.Examined)
		}
	}
	return nil
}

// commonPrefix is from how many entries on the texts are read instead: then a page is soon full.
const commonPrefix = 20_000

// walkPrefix goes about what begins with a character: all of it is put in order, or, when it is in so
// many entries, one text after the other is read.
func (k *seek) walkPrefix(visit func(*journal.Listed) error) error {
	n, err := k.candidates(commonPrefix)
	if err != nil {
		return err
	}
	if n > commonPrefix {
		return k.walkTexts(visit)
	}
	where := filters(&k.rest)
	where = where.and(k.behind)
	all := list{statement: `SELECT j.id FROM (` + words + `) w CROSS JOIN journal j ON j.id = w.id` + where.where() + orderBy(k.order),
		args: append([]any{k.terms.text}, where.args...)}
	return k.visitAll(all, func(l *journal.Listed) error {
		if !journal.Holds(l.JournalText, k.q.Keywords) {
			return nil
		}
		return visit(l)
	})
}

// walkTexts reads text after text, for keywords that no index is of help for.
func (k *seek) walkTexts(visit func(*journal.Listed) error) error {
	r := inOrder(&k.rest)
	narrow := *k
	narrow.limits.Examined = k.limits.Read
	l := narrow.walk(r, -1, 0)
	err := k.visitAll(l, func(l *journal.Listed) error {
		if !journal.Holds(l.JournalText, k.q.Keywords) {
			return nil
		}
		return visit(l)
	})
	if err != nil {
		return err
	}
	inner, args := narrow.walked(r)
	n, err := column[int](k.ctx, k.tx, `SELECT count(*) FROM (`+inner+`)`, args...)
	if err == nil && n[0] == k.limits.Read {
		return tooWide("texts", k.limits.Read)
	}
	return err
}

// block is a stretch of ids, and from when to when its entries are.
type block struct{ no, oldest, newest int64 }

// begins is the first instant of the block in the direction of the walk.
func (b block) begins(descending bool) int64 {
	if descending {
		return b.newest
	}
	return b.oldest
}

// blocks lists those in which there may be something, in the direction of the walk.
func (k *seek) blocks() (blocks []block, err error) {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if k.rest.Generated.From != nil {
		from = micros(*k.rest.Generated.From)
	}
	if k.rest.Generated.To != nil {
		to = micros(*k.rest.Generated.To)
	}
	descending := k.order[0].descending
	err = each(k.ctx, k.tx, func(rows *sql.Rows) error {
		var b block
		err := rows.Scan(&b.no, &b.oldest, &b.newest)
		blocks = append(blocks, b)
		return err
	}, `SELECT block, oldest, newest FROM journal_blocks WHERE newest >= ? AND oldest <= ?`, from, to)
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
	fulfils := "1"
	if len(where.parts) > 0 {
		fulfils = strings.Join(where.parts, " AND ")
	}
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
	}, `SELECT j.generated_at, j.id, coalesce(`+fulfils+`, 0) FROM (`+words+` AND rowid BETWEEN ? AND ?) w CROSS JOIN journal j ON j.id = w.id`, args...)
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

// visitIDs visits candidates in order.
func (k *seek) visitIDs(candidates []candidate, visit func(*journal.Listed) error) error {
	for part := range slices.Chunk(candidates, fetchedAtOnce) {
		ids := make([]int64, len(part))
		for i, c := range part {
			ids[i] = c.id
		}
		if err := k.visitFetched(ids, visit); err != nil {
			return err
		}
	}
	return nil
}

// textsCounted is how many texts are read for a total. Reading ExactTotal of them would take longer
// than a search may.
const textsCounted = 1000

// totalKeyword counts everything that holds the keywords. What the index decides is counted in it, up to
// ExactTotal; for the rest texts are read, and of more than textsCounted the total is a lower bound.
func (k *seek) totalKeyword(page *journal.Page) error {
	most, candidates, texts := journal.ExactTotal, k.limits.Examined, textsCounted
	switch k.q.Counting {
	case journal.CountNone:
		return nil
	case journal.CountUsual:
	case journal.CountAll:
		most, candidates = math.MaxInt32, math.MaxInt32
		texts = math.MaxInt32
	}
	if k.terms.text == "" {
		n := 0
		err := k.fromStart().walkTexts(func(*journal.Listed) error { n++; return nil })
		page.Total, page.TotalIsLowerBound = n, errors.Is(err, app.ErrTooWide)
		if page.TotalIsLowerBound {
			err = nil
		}
		return err
	}
	var n, looked int
	var err error
	if k.terms.decided {
		n, looked, err = k.countWords(most, candidates)
	} else {
		candidates = min(candidates, texts)
		n, looked, err = k.countTexts(most, candidates)
	}
	page.Total, page.TotalIsLowerBound = min(n, most), n > most || looked > candidates
	return err
}

// countWords counts by the index; looked is up to one more than candidates.
func (k *seek) countWords(most, candidates int) (n, looked int, err error) {
	inner := fmt.Sprintf(`(%s LIMIT %d) w`, words, candidates+1)
	if len(k.where.parts) > 0 {
		inner += ` CROSS JOIN journal j ON j.id = w.id` + k.where.where()
	}
	counted, err := column[int](k.ctx, k.tx, fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %d)`, inner, most+1), append([]any{k.terms.text}, k.where.args...)...)
	if err != nil {
		return 0, 0, err
	}
	if counted[0] > most || len(k.where.parts) == 0 {
		return counted[0], 0, nil
	}
	looked, err = k.candidates(candidates)
	return counted[0], looked, err
}

// countTexts counts by reading.
func (k *seek) countTexts(most, candidates int) (n, looked int, err error) {
	err = each(k.ctx, k.tx, func(rows *sql.Rows) error {
		var text sql.RawBytes
		if err := rows.Scan(&text); err != nil {
			return err
		}
		if journal.Holds(string(text), k.q.Keywords) {
			n++
		}
		if n > most {
			return errStop
		}
		return nil
	}, fmt.Sprintf(`SELECT j.journal_text FROM (%s LIMIT %d) w CROSS JOIN journal j ON j.id = w.id%s`, words, candidates+1, k.where.where()), append([]any{k.terms.text}, k.where.args...)...)
	if err != nil || n > most {
		return n, 0, err
	}
	looked, err = k.candidates(candidates)
	return n, looked, err
}
