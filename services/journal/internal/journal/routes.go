package journal

import (
	"slices"
	"time"

	"github.com/tillroll/tillroll/pkg/money"
)

// Path is an index of entries with its columns. No database's planner is left to guess which one serves
// a query: the entries that each of them leaves are counted, up to a bound, and the one that leaves the
// fewest is named. So what a query examines is known before it runs.
type Path struct {
	Index   string
	Columns []Column
}

// Column is a column of an index that a filter can be about.
type Column int

// The columns.
const (
	ColStore Column = iota
	ColTerminal
	ColType
	ColDate
	ColInstant
	ColReceipt
	ColTransaction
)

// ListedTerminals is up to how many terminals are named one by one, so that an index can be used for
// each.
const ListedTerminals = 200

// use moves the filter of one column from a query to what an index serves of it. fixed says that the
// next column can be served, too.
func (c Column) use(rest, served *Query) (given, fixed bool) {
	switch c {
	case ColStore:
		served.StoreCode, rest.StoreCode = rest.StoreCode, ""
		return served.StoreCode != "", true
	case ColTerminal:
		if n := rest.Terminals.Len(); n == 0 || n > ListedTerminals {
			return false, false
		}
		served.Terminals, rest.Terminals = rest.Terminals, nil
		return true, true
	case ColType:
		served.Types, rest.Types = rest.Types, nil
		return len(served.Types) > 0, true
	case ColDate:
		return useSpan(&rest.BusinessDate, &served.BusinessDate)
	case ColReceipt:
		return useSpan(&rest.ReceiptNo, &served.ReceiptNo)
	case ColTransaction:
		return useSpan(&rest.TransactionNo, &served.TransactionNo)
	default:
		served.Generated, rest.Generated = rest.Generated, Span[time.Time]{}
		return !served.Generated.Open(), false
	}
}

func useSpan[T comparable](rest, served *Span[T]) (given, fixed bool) {
	*served, *rest = *rest, Span[T]{}
	return !served.Open(), served.From != nil && served.To != nil && *served.From == *served.To
}

// Route is a path as one query takes it.
type Route struct {
	Path
	Served Query // the filters that the index serves
	Whole  bool  // it serves all of them
	Leaves *int  // how many entries, nil when they were not counted
	fixed  int   // how many of its columns have one value, or a few
}

// Routes gives the paths that serve some filter of q, without those of which another surely leaves less;
// of those that serve the same, the first. Where none serves any, the last path, which has no filter, is the route.
func (q *Query) Routes(paths []Path) []*Route {
	var found []*Route
	for _, p := range paths {
		r, rest := &Route{Path: p}, q.Filters()
		for _, column := range p.Columns {
			given, fixed := column.use(&rest, &r.Served)
			if given && fixed {
				r.fixed++
			}
			if !given || !fixed {
				break
			}
		}
		r.Whole = rest.Unfiltered()
		if !r.Served.Unfiltered() {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return []*Route{{Path: paths[len(paths)-1], Whole: q.Unfiltered()}}
	}
	var kept []*Route
	for i, r := range found {
		if !slices.ContainsFunc(found[:i], func(o *Route) bool { return o.narrower(r) || o.Served.given() == r.Served.given() }) &&
			!slices.ContainsFunc(found[i+1:], func(o *Route) bool { return o.narrower(r) }) {
			kept = append(kept, r)
		}
	}
	return kept
}

// narrower tells whether a route leaves no more than another, without a look: it serves all that the
// other does, and more.
func (r *Route) narrower(than *Route) bool {
	mine, others := r.Served.given(), than.Served.given()
	return mine != others && mine&others == others
}

// InOrder is the route that gives the entries by instant: everything that it serves has one value, and
// the rest is left to be looked at on the way.
func (q *Query) InOrder(paths []Path) *Route {
	var best *Route
	for _, p := range paths {
		if p.Columns[len(p.Columns)-1] != ColInstant {
			continue
		}
		r, rest := &Route{Path: p}, q.Filters()
		for _, column := range p.Columns[:len(p.Columns)-1] {
			if given, fixed := column.use(&rest, &r.Served); !given || !fixed || !single(column, &r.Served) {
				r = nil
				break
			}
			r.fixed++
		}
		if r == nil || best != nil && best.fixed >= r.fixed {
			continue
		}
		ColInstant.use(&rest, &r.Served)
		r.Whole = rest.Unfiltered()
		best = r
	}
	return best
}

// single tells whether the filter of a column leaves one value.
func single(c Column, served *Query) bool {
	return (c != ColTerminal || served.Terminals.Len() == 1) && (c != ColType || len(served.Types) == 1)
}

// Filters is q without keywords, order and page.
func (q *Query) Filters() Query {
	rest := *q
	rest.Keywords, rest.Sort, rest.Skip, rest.Limit, rest.After, rest.Counting = nil, nil, 0, 0, "", 0
	return rest
}

// Unfiltered tells whether no filter is given, keywords apart.
func (q *Query) Unfiltered() bool { return q.given() == 0 }

// given is a bit for each filter that is given.
func (q *Query) given() (bits uint) {
	for i, given := range []bool{
		q.StoreCode != "", len(q.Terminals) > 0, len(q.Types) > 0, !q.BusinessDate.Open(), !q.Generated.Open(),
		!q.ReceiptNo.Open(), !q.TransactionNo.Open(), q.Amount != Span[money.Decimal]{}, q.StaffID != "",
	} {
		if given {
			bits |= 1 << i
		}
	}
	return bits
}

// shortRoute is what is looked for first.
const shortRoute = 1000

// Cheapest finds the route that leaves the fewest entries, if one leaves at most so many. count counts
// what a route leaves, up to one more than a limit. A short one is looked for first, so that a query
// which has one does not pay for the others.
func Cheapest(routes []*Route, most int, count func(r *Route, limit int) (int, error)) (*Route, error) {
	for level := min(most, shortRoute); ; level = min(most, level*20) {
		for _, r := range routes {
			n, err := count(r, level)
			if err != nil {
				return nil, err
			}
			if n <= level {
				r.Leaves = &n
				return r, nil
			}
		}
		if level >= most {
			return nil, nil
		}
	}
}
