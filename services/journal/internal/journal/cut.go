package journal

// Cut is a page that is cut out of what a search finds, one after another, in order.
type Cut[T any] struct {
	Items []T
	Found int  // how many there were, those before the page included
	More  bool // there is something behind the page

	skip, limit int
	last        func(T) bool // tells behind which one the page begins; nil: it has begun
}

// NewCut begins a page of q. last tells the one behind which the page begins, when those before it are
// shown, too; nil: the first that is shown is on the page, or skipped.
func NewCut[T any](q *Query, last func(T) bool) *Cut[T] {
	return &Cut[T]{skip: q.Skip, limit: q.Limit, last: last}
}

// CutAfter begins a page of q for whoever shows everything from the start.
func CutAfter(q *Query) *Cut[Listed] {
	if q.After == "" {
		return NewCut[Listed](q, nil)
	}
	return NewCut(q, func(l Listed) bool { return l.EventID == q.After })
}

// Add takes the next one. It tells whether nothing that comes can change the page any more.
func (c *Cut[T]) Add(v T) (full bool) {
	c.Found++
	switch {
	case c.last != nil:
		if c.last(v) {
			c.last = nil
		}
	case c.skip > 0:
		c.skip--
	case len(c.Items) < c.limit:
		c.Items = append(c.Items, v)
	default:
		c.More = true
	}
	return c.More
}

// Begun tells whether the one behind which the page begins was found.
func (c *Cut[T]) Begun() bool { return c.last == nil }

// PageOf is a cut of entries as a page. Its total is of what was shown.
func PageOf(c *Cut[Listed]) Page { return Page{Items: c.Items, Total: c.Found, More: c.More} }

// Holding gives visit those entries only whose texts hold the keywords of q.
func (q *Query) Holding(visit func(*Listed) error) func(*Listed) error {
	return func(l *Listed) error {
		if !Holds(l.JournalText, q.Keywords) {
			return nil
		}
		return visit(l)
	}
}

// Ended tells whether a page that begins with the first entry has come to the last, so that it says how
// many there are.
func (p *Page) Ended(q *Query) bool {
	return q.After == "" && !p.More && (len(p.Items) > 0 || q.Skip == 0)
}
