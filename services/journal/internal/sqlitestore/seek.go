package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Search implements app.Reader.
func (s *Store) Search(ctx context.Context, tenant string, q journal.Query) (page journal.Page, err error) {
	err = s.seek(ctx, tenant, q, func(k *seek) error {
		page, err = k.page()
		return err
	})
	return page, err
}

// Each implements app.Reader.
func (s *Store) Each(ctx context.Context, tenant string, q journal.Query, visit func(*journal.Listed) bool) error {
	q.Skip, q.After = 0, ""
	return s.seek(ctx, tenant, q, func(k *seek) error {
		return k.each(func(l *journal.Listed) error {
			if !visit(l) {
				return errStop
			}
			return nil
		})
	})
}

// Limit says what a search may cost. It goes before the first search.
func (s *Store) Limit(l app.SearchLimits) { s.limits = l.OrUsual() }

// seek is one search under way, in one consistent view.
type seek struct {
	ctx       context.Context
	tx        querier
	tenant    string
	limits    app.SearchLimits
	q         journal.Query
	where     conditions // all filters
	order     []term
	byInstant bool
	terms     expression

	// rest is q, as far as it stands behind q.After when that is a matter of instants; behind is what
	// else there is to that. Both in one: an index has one beginning only.
	rest   journal.Query
	behind conditions
	last   int64 // the id of q.After
}

func (s *Store) seek(ctx context.Context, tenant string, q journal.Query, fn func(k *seek) error) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	return db.read(ctx, func(tx *sql.Tx) (found error) {
		k, err := newSeek(ctx, s.watch(tx), tenant, s.limits, q)
		if err != nil {
			return err
		}
		if k.terms.text != "" {
			lacks, err := todo(ctx, tx)
			if err != nil {
				return err
			}
			if lacks != nil {
				k.terms = expression{} // an index that lacks something is no help
				defer func() { found = lacks.explain(found) }()
			}
		}
		if err := fn(k); err != nil && err != errStop { //nolint:errorlint // it is not wrapped on its way
			return err
		}
		return nil
	})
}

func newSeek(ctx context.Context, tx querier, tenant string, limits app.SearchLimits, q journal.Query) (*seek, error) {
	k := &seek{ctx: ctx, tx: tx, tenant: tenant, limits: limits, q: q, where: filters(&q), order: orderOf(&q), byInstant: q.ByInstant()}
	k.terms = matching(&q)
	k.rest = q
	if q.After == "" {
		return k, nil
	}
	var err error
	var at time.Time
	k.behind, k.last, at, err = after(ctx, tx, k.order, q.After)
	if k.byInstant {
		k.rest.Generated = onlyBehind(q.Generated, at, k.order[0].descending)
	}
	return k, err
}

// onlyBehind is a span of instants as far as it lies behind one of them, that included.
func onlyBehind(s journal.Span[time.Time], at time.Time, descending bool) journal.Span[time.Time] {
	next := at.Add(time.Microsecond) // the end is not included
	switch {
	case descending && (s.To == nil || s.To.After(next)):
		s.To = &next
	case !descending && (s.From == nil || s.From.Before(at)):
		s.From = &at
	}
	return s
}

// fromStart is the same search without a cursor.
func (k *seek) fromStart() *seek {
	whole := *k
	whole.rest, whole.behind = k.q, conditions{}
	return &whole
}

// tooWide says that a search would have to look at more than it may.
func tooWide(what string, limit int) error {
	return fmt.Errorf("%w: more than %d %s", app.ErrTooWide, limit, what)
}

// page finds one page and the total.
func (k *seek) page() (journal.Page, error) {
	if len(k.q.Keywords) > 0 {
		return k.keywordPage()
	}
	var page journal.Page
	list, r, err := k.list(k.q.Limit+1, k.q.Skip)
	if err != nil {
		return page, err
	}
	ids, err := column[int64](k.ctx, k.tx, list.statement, list.args...)
	if err == nil && list.walked != nil && len(ids) <= k.q.Limit {
		ids, r, err = k.exhausted(list, ids)
	}
	if err != nil {
		return page, err
	}
	page.More = len(ids) > k.q.Limit
	page.Items, err = k.fetch(ids[:min(len(ids), k.q.Limit)])
	if err != nil || k.q.Counting == journal.CountNone {
		return page, err
	}
	if page.Total = k.q.Skip + len(page.Items); !page.Ended(&k.q) {
		err = k.total(&page, r)
	}
	return page, err
}

// sortedRather is how many entries are rather sorted than walked to.
const sortedRather = 20_000

// list is a statement that gives ids in order.
type list struct {
	statement string
	args      []any
	walked    *journal.Route // it looks at no more than Examined entries of this route, one by one
}

// list finds how to give the entries in order: by the index that holds just them; by merging what an
// index holds of each type and terminal; by gathering what a short route leaves; by walking along an index and leaving out what the coarse filters do; by
// gathering what a long route leaves. The route that it also gives leaves at most Examined entries.
func (k *seek) list(limit, skip int) (list, *journal.Route, error) {
	inOrder := k.rest.InOrder(paths)
	if k.byInstant && inOrder.Whole {
		return k.gather(inOrder, limit, skip), inOrder, nil
	}
	if merged := k.merge(limit, skip); merged.statement != "" {
		return merged, nil, nil
	}
	routes := k.q.Routes(paths)
	// A walk to a month long ago goes past everything since: rather sort what the month has.
	r, err := k.cheapest(routes, min(max(k.limits.Few, sortedRather), k.limits.Examined))
	if err != nil || r != nil {
		return k.gather(r, limit, skip), r, err
	}
	if k.byInstant && k.q.Coarse() {
		return k.walk(inOrder, limit, skip), nil, nil
	}
	return k.gatherLong(routes, limit, skip)
}

// mostMerged is how many stretches of an index are merged.
const mostMerged = 40

// merge takes as many entries as are wanted of each type and terminal, when an index holds those of each
// in order, and of all of them the first.
func (k *seek) merge(limit, skip int) list {
	each := []journal.Query{k.rest}
	if n := len(k.rest.Types); n > 1 && n <= mostMerged {
		each = each[:0]
		for _, t := range slices.Compact(slices.Sorted(slices.Values(k.rest.Types))) { // each entry once
			one := k.rest
			one.Types = []journal.Type{t}
			each = append(each, one)
		}
	}
	if n := int(k.rest.Terminals.Len()); n > 1 && n <= mostMerged {
		var more []journal.Query
		for _, no := range k.rest.Terminals.Numbers(mostMerged) {
			for _, one := range each {
				one.Terminals = sequence.Of(no)
				more = append(more, one)
			}
		}
		each = more
	}
	if n := len(each); !k.byInstant || n == 1 || n > mostMerged || n*(limit+skip) > k.limits.Examined {
		return list{}
	}
	var parts []string
	var args []any
	for i := range each {
		r := each[i].InOrder(paths)
		if !r.Whole {
			return list{}
		}
		from, _ := from(r)
		where := filters(&each[i])
		where = all(r, where.and(k.behind))
		parts = append(parts, `SELECT * FROM (SELECT j.generated_at, j.id`+from+where.where()+orderBy(k.order)+` LIMIT ?)`)
		args = append(append(args, where.args...), limit+skip)
	}
	return list{statement: `SELECT j.id FROM (` + strings.Join(parts, " UNION ALL ") + `) j` + orderBy(k.order) + ` LIMIT ? OFFSET ?`, args: append(args, limit, skip)}
}

func (k *seek) gatherLong(routes []*journal.Route, limit, skip int) (list, *journal.Route, error) {
	r, err := k.cheapest(routes, k.limits.Examined)
	if err == nil && r == nil {
		err = tooWide("entries", k.limits.Examined)
	}
	return k.gather(r, limit, skip), r, err
}

// gather sorts what a route leaves.
func (k *seek) gather(r *journal.Route, limit, skip int) list {
	if r == nil {
		return list{}
	}
	from, _ := from(r)
	where := filters(&k.rest)
	where = all(r, where.and(k.behind))
	return list{statement: `SELECT j.id` + from + where.where() + orderBy(k.order) + ` LIMIT ? OFFSET ?`, args: append(where.args, limit, skip)}
}

// walk goes along an index by instant and looks at no more than Examined entries.
func (k *seek) walk(r *journal.Route, limit, skip int) list {
	inner, args := k.walked(r)
	return list{
		statement: `SELECT j.id FROM (` + inner + `) j` + k.where.where() + ` LIMIT ? OFFSET ?`,
		args:      append(append(args, k.where.args...), limit, skip), walked: r,
	}
}

// filtered are the columns that filters are about.
const filtered = `j.id, j.store_code, j.terminal_no, j.transaction_type, j.business_date, j.generated_at,
	j.receipt_no, j.transaction_number, j.amount_whole, j.amount_micros, j.staff_id`

func (k *seek) walked(r *journal.Route) (string, []any) {
	from, served := from(r)
	served = served.and(k.behind)
	return fmt.Sprintf(`SELECT %s%s%s%s LIMIT %d`,
		filtered, from, served.where(), orderBy(k.order), k.limits.Examined), served.args
}

// exhausted is for a walk that did not fill its page: either the entries are at their end, or it was
// broken off. Then a long route may still do.
func (k *seek) exhausted(l list, ids []int64) ([]int64, *journal.Route, error) {
	inner, args := k.walked(l.walked)
	n, err := column[int](k.ctx, k.tx, `SELECT count(*) FROM (`+inner+`)`, args...)
	if err != nil || n[0] < k.limits.Examined {
		return ids, nil, err
	}
	long, r, err := k.gatherLong(k.q.Routes(paths), k.q.Limit+1, k.q.Skip)
	if err != nil {
		return nil, nil, err
	}
	ids, err = column[int64](k.ctx, k.tx, long.statement, long.args...)
	return ids, r, err
}

// total counts everything that fulfils the query, wherever the page stands.
func (k *seek) total(page *journal.Page, r *journal.Route) error {
	most := journal.ExactTotal
	if k.q.Counting == journal.CountAll {
		most = math.MaxInt32
	}
	cut := false
	var n int
	var err error
	routes := k.q.Routes(paths)
	if r != nil && r.Whole && r.Leaves != nil {
		n = *r.Leaves
	} else if i := slices.IndexFunc(routes, func(r *journal.Route) bool { return r.Whole }); i >= 0 {
		n, err = k.countRoute(routes[i], most)
	} else if r != nil || k.q.Counting == journal.CountAll {
		n, err = k.countResidual(r, routes, most)
	} else {
		n, cut, err = k.countWalked(most)
	}
	page.Total, page.TotalIsLowerBound = min(n, most), n > most || cut
	return err
}

// countResidual counts what the filters leave of a route.
func (k *seek) countResidual(r *journal.Route, routes []*journal.Route, most int) (int, error) {
	if r == nil {
		r = routes[0]
	}
	from, _ := from(r)
	where := all(r, k.where)
	n, err := column[int](k.ctx, k.tx, fmt.Sprintf(`SELECT count(*) FROM (SELECT 1%s%s LIMIT %d)`, from, where.where(), most+1), where.args...)
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// countWalked counts on a walk; cut says that the walk was broken off.
func (k *seek) countWalked(most int) (n int, cut bool, err error) {
	inner, args := k.fromStart().walked(k.q.InOrder(paths))
	found, err := column[int](k.ctx, k.tx, fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM (%s) j%s LIMIT %d)`, inner, k.where.where(), most+1), append(args, k.where.args...)...)
	if err != nil || found[0] > most {
		return most + 1, false, err
	}
	all, err := column[int](k.ctx, k.tx, `SELECT count(*) FROM (`+inner+`)`, args...)
	if err != nil {
		return 0, false, err
	}
	return found[0], all[0] == k.limits.Examined, nil
}

// fetchedAtOnce is how many entries one statement reads.
const fetchedAtOnce = 250

// fetch reads entries in the order of their ids here.
func (k *seek) fetch(ids []int64) ([]journal.Listed, error) {
	var out []journal.Listed
	for part := range slices.Chunk(ids, fetchedAtOnce) {
		place := make(map[int64]int, len(part))
		for i, id := range part {
			place[id] = i
		}
		found := make([]journal.Listed, len(part))
		err := each(k.ctx, k.tx, func(rows *sql.Rows) error {
			var id int64
			l, err := scanListed(rows, k.tenant, &id)
			if err == nil {
				found[place[id]] = *l
			}
			return err
		}, `SELECT `+listed+`, j.id FROM journal j`+withEvent+` WHERE j.id IN (`+marks(len(part))+`)`, anys(part)...)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// each gives all entries in order.
func (k *seek) each(visit func(*journal.Listed) error) error {
	if len(k.q.Keywords) > 0 {
		return k.eachKeyword(visit)
	}
	if r := k.q.InOrder(paths); k.byInstant && r.Whole {
		from, _ := from(r)
		where := all(r, k.where)
		return each(k.ctx, k.tx, func(rows *sql.Rows) error {
			l, err := scanListed(rows, k.tenant)
			if err != nil {
				return err
			}
			return visit(l)
		}, `SELECT `+listed+from+withEvent+where.where()+orderBy(k.order), where.args...)
	}
	list, _, err := k.gatherLong(k.q.Routes(paths), -1, 0)
	if err != nil {
		return err
	}
	return k.visitAll(list, visit)
}

// visitAll visits what a list gives.
func (k *seek) visitAll(l list, visit func(*journal.Listed) error) error {
	ids, err := column[int64](k.ctx, k.tx, l.statement, l.args...)
	if err != nil {
		return err
	}
	return k.visitFetched(ids, visit)
}

// visitFetched visits entries in the order of their ids here.
func (k *seek) visitFetched(ids []int64, visit func(*journal.Listed) error) error {
	for part := range slices.Chunk(ids, fetchedAtOnce) {
		entries, err := k.fetch(part)
		if err != nil {
			return err
		}
		for i := range entries {
			if err := visit(&entries[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
