package store

import (
	"slices"
	"strings"

	"github.com/tidwall/btree"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/filter"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// Query is what to find.
type Query struct {
	Filter      *filter.Filter
	Sort        []SortKey
	Skip, Limit int // a limit of 0 is none
	Hint        bson.RawValue
}

// Hit is a document that was found.
type Hit struct {
	Doc   bson.Raw
	Score float64 // of a text search
	id    string
	key   string // of the sort order
}

// Enough results let a plan win a trial, as in MongoDB.
const enough = 101

// Find gives the documents of a query and the plan that found them. A nil
// collection is an empty one.
func (c *Collection) Find(q Query) ([]Hit, *Plan, error) {
	if c == nil {
		return nil, &Plan{Stage: "EOF", Sorted: true}, nil
	}
	p, err := c.choose(&q)
	if err != nil {
		return nil, nil, err
	}
	if p.Sorted {
		return c.take(p, &q), p, nil
	}
	return c.sortAll(p, &q), p, nil
}

// take reads as much as the query wants, in the order of the plan.
func (c *Collection) take(p *Plan, q *Query) []Hit {
	var hits []Hit
	n := 0
	c.each(p, q.Filter, func(h Hit) bool {
		if n++; n > q.Skip {
			hits = append(hits, h)
		}
		return q.Limit == 0 || len(hits) < q.Limit
	})
	return hits
}

func (c *Collection) sortAll(p *Plan, q *Query) []Hit {
	var hits []Hit
	c.each(p, q.Filter, func(h Hit) bool {
		h.key = sortKey(h, q.Sort)
		hits = append(hits, h)
		return true
	})
	return cut(sorted(hits), q.Skip, q.Limit)
}

func sorted(hits []Hit) []Hit {
	slices.SortStableFunc(hits, func(a, b Hit) int { return strings.Compare(a.key, b.key) })
	return hits
}

func cut(hits []Hit, skip, limit int) []Hit {
	hits = hits[min(skip, len(hits)):]
	if limit > 0 {
		hits = hits[:min(limit, len(hits))]
	}
	return hits
}

// Sort orders hits by keys.
func Sort(hits []Hit, keys []SortKey) []Hit {
	for i := range hits {
		hits[i].key = sortKey(hits[i], keys)
	}
	return sorted(hits)
}

func sortKey(h Hit, keys []SortKey) string {
	var out []byte
	for _, k := range keys {
		if k.Score {
			out = value.AppendKey(out, value.Of(h.Score), true)
			continue
		}
		out = value.AppendKey(out, representative(h.Doc, k), k.Descending)
	}
	return string(out)
}

// representative is the value that an array is sorted by: the least, or the greatest in a descending order.
func representative(doc bson.Raw, k SortKey) bson.RawValue {
	values, _ := value.All(doc, k.Path)
	if len(values) == 0 {
		return bson.RawValue{}
	}
	if len(values) == 1 {
		return values[0]
	}
	if k.Descending {
		return slices.MaxFunc(values, value.Compare)
	}
	return slices.MinFunc(values, value.Compare)
}

// Count counts the documents that match.
func (c *Collection) Count(q Query) (int, *Plan, error) {
	if c == nil {
		return 0, &Plan{Stage: "EOF"}, nil
	}
	if len(q.Filter.Conditions) == 0 && q.Filter.Text == nil {
		return c.docs.Len(), &Plan{Stage: "RECORD_STORE_FAST_COUNT"}, nil
	}
	p, err := c.choose(&q)
	if err != nil {
		return 0, nil, err
	}
	n := 0
	if p.Covered && p.Stage == "IXSCAN" {
		c.keys(p, func(string) bool { n++; return true })
		return n, p, nil
	}
	c.each(p, q.Filter, func(Hit) bool { n++; return true })
	return n, p, nil
}

// choose lets the plans race with growing budgets: the first that ends, or
// has enough results, with the least work wins.
func (c *Collection) choose(q *Query) (*Plan, error) {
	plans, err := c.plans(q)
	if err != nil {
		return nil, err
	}
	if len(plans) == 1 {
		return plans[0], nil
	}
	for budget := 256; ; budget *= 8 {
		var best *Plan
		least := 0
		for _, p := range plans {
			if work, done := c.try(p, q, budget); done && (best == nil || work < least) {
				best, least = p, work
			}
		}
		if best != nil {
			return best, nil
		}
	}
}

func (c *Collection) try(p *Plan, q *Query, budget int) (work int, done bool) {
	attempt := *p
	attempt.Branches = nil
	for _, b := range p.Branches {
		branch := *b
		attempt.Branches = append(attempt.Branches, &branch)
	}
	wanted := enough
	if q.Limit > 0 {
		wanted = min(wanted, q.Skip+q.Limit)
	}
	found, exhausted := 0, true
	c.each(&attempt, q.Filter, func(Hit) bool {
		found++
		return !attempt.Sorted || found < wanted
	}, func() bool {
		work = attempt.KeysExamined + attempt.DocsExamined
		for _, b := range attempt.Branches {
			work += b.KeysExamined
		}
		exhausted = work < budget
		return exhausted
	})
	if !attempt.Sorted {
		work += found // they have to be sorted
	}
	return work, exhausted
}

// each visits what a plan finds until visit, or one of the checks before each document, returns false.
func (c *Collection) each(p *Plan, f *filter.Filter, visit func(Hit) bool, before ...func() bool) {
	fetch := func(id string) bool {
		for _, b := range before {
			if !b() {
				return false
			}
		}
		d, ok := c.docs.Get(id)
		p.DocsExamined++
		if !ok || !f.Match(d.raw) {
			return true
		}
		return visit(Hit{Doc: d.raw, id: id})
	}
	switch p.Stage {
	case "COLLSCAN":
		c.docs.Scan(func(id string, _ document) bool { return fetch(id) })
	case "TEXT_MATCH":
		c.eachText(p, f, visit)
	case "OR":
		c.eachBranch(p, fetch)
	default:
		c.keys(p, fetch)
	}
}

func (c *Collection) eachBranch(p *Plan, fetch func(string) bool) {
	seen := map[string]bool{}
	more := true
	for _, branch := range p.Branches {
		c.keys(branch, func(id string) bool {
			if more && !seen[id] {
				seen[id] = true
				more = fetch(id)
			}
			return more
		})
	}
}

// keys visits the ids in the ranges of an index scan, each once.
func (c *Collection) keys(p *Plan, visit func(id string) bool) {
	var seen map[string]bool
	if p.Index.multikey() {
		seen = map[string]bool{}
	}
	c.merge(p, func(key, id string) bool {
		p.KeysExamined++
		if !p.passes(key) || seen[id] {
			return true
		}
		if seen != nil {
			seen[id] = true
		}
		return visit(id)
	})
}

func (p *Plan) passes(key string) bool {
	place := 0
	for _, check := range p.checks {
		var part string
		for ; place <= check.field; place++ {
			part, key = value.Split(key, p.Index.fields[place].descending)
		}
		if p.Index.fields[check.field].descending {
			part = inverted(part)
		}
		if !slices.ContainsFunc(check.intervals, func(i filter.Interval) bool { return i.Holds(part) }) {
			return false
		}
	}
	return true
}

func inverted(key string) string {
	b := []byte(key)
	for i := range b {
		b[i] = ^b[i]
	}
	return string(b)
}

// merge visits the entries of all ranges in the order of the plan.
func (c *Collection) merge(p *Plan, visit func(key, id string) bool) {
	var streams []*stream
	for _, r := range p.ranges {
		s := newStream(c, p, r)
		if s.next() {
			streams = append(streams, s)
		}
	}
	if len(streams) == 1 || len(p.ranges) == 1 {
		for _, s := range streams {
			for visit(s.key, s.id) && s.next() {
			}
		}
		return
	}
	mergeStreams(streams, p.Reverse, visit)
}

func mergeStreams(streams []*stream, reverse bool, visit func(key, id string) bool) {
	order := btree.NewBTreeG(func(a, b *stream) bool {
		x, y := a.key[a.skip:], b.key[b.skip:]
		if x == y {
			x, y = a.key, b.key
		}
		return x < y != reverse && x != y
	})
	for _, s := range streams {
		order.Set(s)
	}
	for {
		s, ok := order.PopMin()
		if !ok || !visit(s.key, s.id) {
			return
		}
		if s.next() {
			order.Set(s)
		}
	}
}
