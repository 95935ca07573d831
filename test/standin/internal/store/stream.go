package store

import (
	"strings"

	"github.com/tillroll/tillroll/test/standin/internal/filter"
)

// stream reads one range of an index, forwards or in reverse.
type stream struct {
	key, id string
	skip    int // how much of the key is not compared when ranges are merged
	read    func() (key, id string, ok bool)
	in      func(key string) bool
}

// cursor is what the trees of documents and of entries have in common.
type cursor interface {
	Seek(key string) bool
	First() bool
	Last() bool
	Next() bool
	Prev() bool
	Key() string
}

func newStream(c *Collection, p *Plan, r keyRange) *stream {
	s := &stream{in: func(key string) bool { return r.from <= key && key < r.to }}
	if p.suffix {
		s.skip = len(r.prefix)
	}
	if p.Index.primary {
		it := c.docs.Iter()
		s.read = reader(&it, r, p.Reverse, func() string { return it.Key() })
	} else {
		it := p.Index.tree.Iter()
		s.read = reader(&it, r, p.Reverse, func() string { return it.Value() })
	}
	return s
}

func (s *stream) next() bool {
	key, id, ok := s.read()
	s.key, s.id = key, id
	return ok && s.in(key)
}

func reader(it cursor, r keyRange, reverse bool, id func() string) func() (string, string, bool) {
	started := false
	step := func() bool {
		switch {
		case started && reverse:
			return it.Prev()
		case started:
			return it.Next()
		case !reverse:
			return it.Seek(r.from)
		case it.Seek(r.to): // the first that is too far
			return it.Prev()
		default:
			return it.Last()
		}
	}
	return func() (string, string, bool) {
		ok := step()
		started = true
		if !ok {
			return "", "", false
		}
		return it.Key(), id(), true
	}
}

// eachText visits what a text search finds.
func (c *Collection) eachText(p *Plan, f *filter.Filter, visit func(Hit) bool) {
	scores := map[string]float64{}
	terms := map[string]bool{}
	for _, term := range f.Text.Terms {
		if !terms[term] {
			terms[term] = true
			p.posting(term, func(id string, score float64) { scores[id] += score })
		}
	}
	for _, term := range f.Text.Negated {
		p.posting(term, func(id string, _ float64) { delete(scores, id) })
	}
	c.docs.Scan(func(id string, d document) bool { // in a stable order
		score, ok := scores[id]
		if !ok {
			return true
		}
		p.DocsExamined++
		if !f.Text.HasPhrases(d.raw, p.Index.weights) || !f.Match(d.raw) {
			return true
		}
		return visit(Hit{Doc: d.raw, id: id, Score: score})
	})
}

func (p *Plan) posting(term string, visit func(id string, score float64)) {
	prefix := term + "\x00"
	p.Index.postings.Ascend(prefix, func(key string, score float64) bool {
		if !strings.HasPrefix(key, prefix) {
			return false
		}
		p.KeysExamined++
		visit(key[len(prefix):], score)
		return true
	})
}
