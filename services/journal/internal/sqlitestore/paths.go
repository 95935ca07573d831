package sqlitestore

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// path is an index of the journal with its columns. The planner is not left to guess which one serves
// a query: the entries that each of them leaves are counted, up to a bound, and the one that leaves
// the fewest is named in the statement. So what a query examines is known before it runs.
type path struct {
	index   string
	columns []part
}

// part is a column that a filter can be about.
type part int

const (
	byStore part = iota
	byTerminal
	byType
	byDate
	byInstant
	byReceipt
	byTransaction
)

// paths are the indexes, those that serve most first.
var paths = []path{
	{"journal_receipt_scope", []part{byReceipt, byTerminal, byStore, byDate}},
	{"journal_transaction", []part{byTransaction}},
	{"journal_terminal_date", []part{byStore, byTerminal, byDate, byInstant}},
	{"journal_terminal_type", []part{byStore, byTerminal, byType, byInstant}},
	{"journal_terminal_instant", []part{byStore, byTerminal, byInstant}},
	{"journal_store_day", []part{byStore, byDate, byInstant}},
	{"journal_date", []part{byDate, byInstant}},
	{"journal_store_type", []part{byStore, byType, byInstant}},
	{"journal_store_instant", []part{byStore, byInstant}},
	{"journal_type", []part{byType, byInstant}},
	{"journal_instant", []part{byInstant}},
}

// use moves the filter of one column from a query to what an index serves of it. fixed says that the
// next column can be served, too.
func (p part) use(rest, served *journal.Query) (given, fixed bool) {
	switch p {
	case byStore:
		served.StoreCode, rest.StoreCode = rest.StoreCode, ""
		return served.StoreCode != "", true
	case byTerminal:
		if n := rest.Terminals.Len(); n == 0 || n > listedTerminals {
			return false, false
		}
		served.Terminals, rest.Terminals = rest.Terminals, nil
		return true, true
	case byType:
		served.Types, rest.Types = rest.Types, nil
		return len(served.Types) > 0, true
	case byDate:
		return useSpan(&rest.BusinessDate, &served.BusinessDate)
	case byReceipt:
		return useSpan(&rest.ReceiptNo, &served.ReceiptNo)
	case byTransaction:
		return useSpan(&rest.TransactionNo, &served.TransactionNo)
	default:
		served.Generated = rest.Generated
		rest.Generated.From, rest.Generated.To = nil, nil
		return !served.Generated.Open(), false
	}
}

func useSpan[T comparable](rest, served *journal.Span[T]) (given, fixed bool) {
	*served, *rest = *rest, journal.Span[T]{}
	return !served.Open(), served.From != nil && served.To != nil && *served.From == *served.To
}

// route is a path as one query takes it.
type route struct {
	path
	served journal.Query // the filters that the index serves
	whole  bool          // it serves all of them
	fixed  int           // how many of its columns have one value, or a few
	leaves *int          // how many entries, nil when they were not counted
}

// from is the FROM and WHERE that examines just what the index leaves. Without a condition SQLite
// would not take the index that is named.
func (r *route) from() (string, conditions) {
	where := filters(&r.served)
	if len(where.parts) == 0 {
		where.add("j.generated_at > ?", int64(math.MinInt64))
	}
	return " FROM journal j INDEXED BY " + r.index, where
}

// all is what holds of the entries of a route that fulfil everything.
func (r *route) all(everything conditions) conditions {
	if unfiltered(&r.served) {
		_, own := r.from()
		return own.and(everything)
	}
	return everything
}

// routes gives the paths that serve some filter of q, without those of which another surely leaves less.
func routes(q *journal.Query) []*route {
	var found []*route
	for _, p := range paths {
		r, rest := &route{path: p}, onlyFilters(q)
		for _, column := range p.columns {
			given, fixed := column.use(&rest, &r.served)
			if given && fixed {
				r.fixed++
			}
			if !given || !fixed {
				break
			}
		}
		r.whole = unfiltered(&rest)
		if !unfiltered(&r.served) {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return []*route{{path: paths[len(paths)-1], whole: unfiltered(q)}}
	}
	return slices.DeleteFunc(found, func(r *route) bool {
		return slices.ContainsFunc(found, func(other *route) bool { return other.narrower(r) })
	})
}

// narrower tells whether a route leaves no more than another, without a look: it serves all that the
// other does, and more.
func (r *route) narrower(than *route) bool {
	mine, others := filtersOf(&r.served), filtersOf(&than.served)
	return mine != others && mine&others == others
}

// filtersOf is a bit for each filter that is given.
func filtersOf(q *journal.Query) (bits uint) {
	for i, given := range []bool{
		q.StoreCode != "", len(q.Terminals) > 0, len(q.Types) > 0, !q.BusinessDate.Open(), !q.ReceiptNo.Open(), !q.TransactionNo.Open(), !q.Generated.Open(),
	} {
		if given {
			bits |= 1 << i
		}
	}
	return bits
}

func onlyFilters(q *journal.Query) journal.Query {
	rest := *q
	rest.Keywords, rest.Sort, rest.Skip, rest.Limit, rest.After, rest.Counting = nil, nil, 0, 0, "", 0
	return rest
}

func unfiltered(q *journal.Query) bool { return len(filters(q).parts) == 0 }

// shortRoute is what is looked for first.
const shortRoute = 1000

// cheapest finds the route that leaves the fewest entries, if one leaves at most so many. It looks for
// a short one first, so that a query which has one does not pay for the others.
func cheapest(ctx context.Context, tx querier, candidates []*route, most int) (best *route, err error) {
	for level := min(most, shortRoute); ; level = min(most, level*20) {
		for _, r := range candidates {
			n, err := r.count(ctx, tx, level)
			if err != nil {
				return nil, err
			}
			if n <= level {
				r.leaves = &n
				return r, nil
			}
		}
		if level >= most {
			return nil, nil
		}
	}
}

// count counts what the index leaves, up to one more than limit.
func (r *route) count(ctx context.Context, tx querier, limit int) (int, error) {
	statement, args := r.counting(limit)
	n, err := column[int](ctx, tx, statement, args...)
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

func (r *route) counting(limit int) (string, []any) {
	from, where := r.from()
	return fmt.Sprintf(`SELECT count(*) FROM (SELECT 1%s%s LIMIT %d)`, from, where.where(), limit+1), where.args
}

// inOrder is the route that gives the entries by instant, when there is one: everything that it serves
// has one value, and the rest is left to be looked at on the way.
func inOrder(q *journal.Query) *route {
	var best *route
	for _, p := range paths {
		if p.columns[len(p.columns)-1] != byInstant {
			continue
		}
		r, rest := &route{path: p}, onlyFilters(q)
		for _, column := range p.columns[:len(p.columns)-1] {
			if given, fixed := column.use(&rest, &r.served); !given || !fixed || !single(column, &r.served) {
				r = nil
				break
			}
			r.fixed++
		}
		if r == nil || best != nil && best.fixed >= r.fixed {
			continue
		}
		byInstant.use(&rest, &r.served)
		r.whole = unfiltered(&rest)
		best = r
	}
	return best
}

// single tells whether the filter of a column leaves one value.
func single(p part, served *journal.Query) bool {
	return (p != byTerminal || served.Terminals.Len() == 1) && (p != byType || len(served.Types) == 1)
}
