package store

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/filter"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// maxRanges bounds how many ranges of one index a plan may visit.
const maxRanges = 2000

// SortKey is one key of a sort order.
type SortKey struct {
	Path       string
	Descending bool
	Score      bool // by the score of a text search, best first
}

// Plan is a way to find the documents of a query.
type Plan struct {
	Stage string // as explain names it: COLLSCAN, IXSCAN, IDHACK, OR, TEXT_MATCH, COUNT, EOF
	Index *Index
	// Sorted says that documents come in the order asked for.
	Sorted  bool
	Reverse bool
	// Covered says that the index alone decides which documents match.
	Covered  bool
	Branches []*Plan // of an OR

	KeysExamined int
	DocsExamined int

	ranges []keyRange
	checks []check
	// suffix says that ranges are merged by what follows their prefixes.
	suffix bool
}

// keyRange is a half-open range of index keys, all of which begin with prefix.
type keyRange struct{ from, to, prefix string }

// check is what the key of a field behind the ranges must fulfil.
type check struct {
	field     int
	intervals []filter.Interval
}

// bounds gives the intervals of a field, and how many conditions they stand for exactly.
func (ix *Index) bounds(f field, conditions []filter.Condition) (intervals []filter.Interval, points bool, exact int) {
	for _, c := range conditions {
		if c.Bounds == nil || c.Bounds.Exists || c.Bounds.Path != f.path {
			continue
		}
		switch {
		case intervals == nil:
			intervals, points = c.Bounds.Intervals, c.Bounds.Points
		case f.multi && (points || !c.Bounds.Points):
			continue // another item of the array may fulfil it
		case f.multi:
			intervals, points, exact = c.Bounds.Intervals, true, 0
		default:
			intervals, points = meet(intervals, c.Bounds.Intervals), points || c.Bounds.Points
		}
		if c.Bounds.Exact {
			exact++
		}
	}
	intervals = slices.Clone(intervals)
	slices.SortFunc(intervals, func(a, b filter.Interval) int { return strings.Compare(a.Lo, b.Lo) })
	return slices.Compact(intervals), points, exact
}

func meet(as, bs []filter.Interval) []filter.Interval {
	out := []filter.Interval{}
	for _, a := range as {
		for _, b := range bs {
			m := a.Meet(b)
			if from, to := m.Bytes("", false); from < to {
				out = append(out, m)
			}
		}
	}
	return out
}

// scan plans a scan of one index; the score says how much it promises, 0 nothing.
func (ix *Index) scan(f *filter.Filter, order []SortKey) (p *Plan, score int) {
	p = &Plan{Stage: "IXSCAN", Index: ix}
	prefixes, exact, points := []string{""}, 0, 0
	constant := 0 // leading fields with one value each
	var next []filter.Interval
	for points < len(ix.fields) {
		intervals, arePoints, n := ix.bounds(ix.fields[points], f.Conditions)
		if intervals == nil && n == 0 {
			break
		}
		exact += n
		if !arePoints || len(prefixes)*len(intervals) > maxRanges {
			next = intervals
			score += 4
			break
		}
		if len(intervals) == 1 && constant == points {
			constant++
		}
		prefixes = appendPoints(prefixes, intervals, ix.fields[points].descending)
		points++
		score += 10
	}
	p.setRanges(prefixes, next, points)
	exact += p.addChecks(f.Conditions, points, next != nil)
	p.Covered = exact == len(f.Conditions) && f.Text == nil
	p.Sorted, p.Reverse, p.suffix = ix.sorts(order, constant, points)
	if p.Sorted && len(order) > 0 {
		score += 5
	}
	return p, score
}

func appendPoints(prefixes []string, intervals []filter.Interval, descending bool) []string {
	out := make([]string, 0, len(prefixes)*len(intervals))
	for _, prefix := range prefixes {
		for _, i := range intervals {
			from, _ := i.Bytes(prefix, descending)
			out = append(out, from)
		}
	}
	return out
}

func (p *Plan) setRanges(prefixes []string, next []filter.Interval, place int) {
	for _, prefix := range prefixes {
		if next == nil {
			p.ranges = append(p.ranges, keyRange{prefix, prefix + value.Above, prefix})
			continue
		}
		for _, i := range next {
			from, to := i.Bytes(prefix, p.Index.fields[place].descending)
			p.ranges = append(p.ranges, keyRange{from, to, prefix})
		}
	}
}

// addChecks lets the index itself test fields behind the ranges.
func (p *Plan) addChecks(conditions []filter.Condition, points int, ranged bool) (exact int) {
	first := points
	if ranged {
		first++
	}
	for i := first; i < len(p.Index.fields); i++ {
		intervals, _, n := p.Index.bounds(p.Index.fields[i], conditions)
		if intervals != nil {
			p.checks = append(p.checks, check{i, intervals})
			exact += n
		}
	}
	return exact
}

// sorts tells whether a scan gives the order. The first constant fields have
// one value each, the first points fields are points.
func (ix *Index) sorts(order []SortKey, constant, points int) (sorted, reverse, suffix bool) {
	rest := slices.DeleteFunc(slices.Clone(order), func(k SortKey) bool {
		return slices.ContainsFunc(ix.fields[:constant], func(f field) bool { return !f.multi && !k.Score && f.path == k.Path })
	})
	if len(rest) == 0 {
		return true, false, false
	}
	if ok, reverse := ix.follows(rest, constant); ok {
		return true, reverse, false
	}
	ok, reverse := ix.follows(rest, points)
	return ok, reverse, ok
}

// follows tells whether the fields from place on are in the order of the keys, forwards or in reverse.
func (ix *Index) follows(order []SortKey, place int) (ok, reverse bool) {
	for i, k := range order {
		var f field
		switch {
		case k.Score:
			return false, false
		case place+i < len(ix.fields):
			f = ix.fields[place+i]
		case place+i == len(ix.fields) && !ix.Unique:
			f = field{path: "_id"} // its key ends every entry
		default:
			return false, false
		}
		if f.path != k.Path || f.multi {
			return false, false
		}
		if i == 0 {
			reverse = f.descending != k.Descending
		} else if reverse != (f.descending != k.Descending) {
			return false, false
		}
	}
	return true, reverse
}

// usable tells whether everything that the filter can match stands in the index.
func (ix *Index) usable(f *filter.Filter) bool {
	if ix.weights != nil {
		return false
	}
	if ix.sparse && !slices.ContainsFunc(ix.fields, func(fd field) bool { return present(f, fd.path) }) {
		return false
	}
	if ix.partial == nil {
		return true
	}
	for _, c := range ix.partial.Conditions {
		if !implied(c, f) {
			return false
		}
	}
	return true
}

// present tells whether the filter matches only documents with a value at path.
func present(f *filter.Filter, path string) bool {
	null := value.Key(bson.RawValue{})
	return slices.ContainsFunc(f.Conditions, func(c filter.Condition) bool {
		if c.Bounds == nil || c.Bounds.Path != path {
			return false
		}
		return c.Bounds.Exists || !slices.ContainsFunc(c.Bounds.Intervals, func(i filter.Interval) bool { return i.Holds(null) })
	})
}

func implied(c filter.Condition, f *filter.Filter) bool {
	if c.Bounds == nil {
		return false
	}
	if c.Bounds.Exists {
		return present(f, c.Bounds.Path)
	}
	return slices.ContainsFunc(f.Conditions, func(q filter.Condition) bool {
		return q.Bounds != nil && q.Bounds.Path == c.Bounds.Path && !q.Bounds.Exists && within(q.Bounds.Intervals, c.Bounds.Intervals)
	})
}

func within(inner, outer []filter.Interval) bool {
	for _, i := range inner {
		if !slices.ContainsFunc(outer, i.Inside) {
			return false
		}
	}
	return true
}

// plans lists the ways to find the documents; there is at least one.
func (c *Collection) plans(q *Query) ([]*Plan, error) {
	if q.Filter.Text != nil {
		return c.textPlan()
	}
	if len(q.Hint.Value) > 0 {
		return c.hinted(q)
	}
	if p := c.byID(q.Filter); p != nil {
		return []*Plan{p}, nil
	}
	var all []*Plan
	for _, ix := range c.Indexes {
		if !ix.usable(q.Filter) {
			continue
		}
		if p, score := ix.scan(q.Filter, q.Sort); score > 0 {
			all = append(all, p)
		}
	}
	if p := c.orPlan(q.Filter); p != nil {
		all = append(all, p)
	}
	if len(all) == 0 {
		all = append(all, &Plan{Stage: "COLLSCAN", Sorted: len(q.Sort) == 0})
	}
	return all, nil
}

func (c *Collection) textPlan() ([]*Plan, error) {
	for _, ix := range c.Indexes {
		if ix.weights != nil {
			return []*Plan{{Stage: "TEXT_MATCH", Index: ix}}, nil
		}
	}
	return nil, fault.New(fault.IndexNotFound, "text index required for $text query")
}

func (c *Collection) byID(f *filter.Filter) *Plan {
	if len(f.Conditions) != 1 || f.Conditions[0].Bounds == nil {
		return nil
	}
	b := f.Conditions[0].Bounds
	if b.Path != "_id" || !b.Points || len(b.Intervals) != 1 {
		return nil
	}
	p, _ := c.Indexes[0].scan(f, nil)
	p.Stage, p.Sorted = "IDHACK", true
	return p
}

func (c *Collection) orPlan(f *filter.Filter) *Plan {
	for _, condition := range f.Conditions {
		if p := c.unionPlan(condition.Or); p != nil {
			return p
		}
	}
	return nil
}

func (c *Collection) unionPlan(branches []*filter.Filter) *Plan {
	if len(branches) == 0 {
		return nil
	}
	union := &Plan{Stage: "OR"}
	for _, branch := range branches {
		var best *Plan
		most := 0
		for _, ix := range c.Indexes {
			if !ix.usable(branch) {
				continue
			}
			if p, score := ix.scan(branch, nil); score > most {
				best, most = p, score
			}
		}
		if best == nil {
			return nil
		}
		union.Branches = append(union.Branches, best)
	}
	return union
}

// hinted obeys a hint: the name of an index, its key, or $natural.
func (c *Collection) hinted(q *Query) ([]*Plan, error) {
	name, _ := q.Hint.StringValueOK()
	pattern, isPattern := q.Hint.DocumentOK()
	if isPattern {
		if _, err := pattern.LookupErr("$natural"); err == nil {
			return []*Plan{{Stage: "COLLSCAN", Sorted: len(q.Sort) == 0}}, nil
		}
	}
	for _, ix := range c.Indexes {
		meant := ix.Name == name || isPattern && value.Key(q.Hint) == value.Key(ix.Spec.Lookup("key"))
		if meant && ix.weights == nil {
			p, _ := ix.scan(q.Filter, q.Sort)
			return []*Plan{p}, nil
		}
	}
	return nil, fault.New(fault.BadValue, "error processing query: planner returned error :: caused by :: hint provided does not correspond to an existing index")
}
