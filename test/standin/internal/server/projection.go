package server

import (
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/store"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// projection says which fields a reply shows.
type projection struct {
	paths     branch
	including bool
	scores    []string // fields that get the score of a text search
	whole     bool     // nothing is left out
}

// branch is a tree of names; a leaf stands for everything below it.
type branch map[string]branch

func (b branch) add(path string) {
	head, rest, nested := strings.Cut(path, ".")
	if b[head] == nil {
		b[head] = branch{}
	}
	if nested {
		b[head].add(rest)
	}
}

func newProjection(spec bson.Raw) (*projection, error) {
	elements, err := spec.Elements()
	if err != nil {
		return nil, err
	}
	p := &projection{paths: branch{}}
	decided, withoutID, onlyID := false, false, false
	for _, e := range elements {
		if inner, ok := e.Value().DocumentOK(); ok {
			if _, err := inner.LookupErr("$meta"); err != nil {
				return nil, fault.New(fault.BadValue, "the expression at %s in the projection is not supported", e.Key())
			}
			p.scores = append(p.scores, e.Key())
			continue
		}
		shown := value.True(e.Value())
		if e.Key() == "_id" {
			withoutID, onlyID = !shown, shown
			continue
		}
		if decided && shown != p.including {
			return nil, fault.New(31254, "Cannot do inclusion on field %s in exclusion projection", e.Key())
		}
		p.including, decided = shown, true
		p.paths.add(e.Key())
	}
	p.including = p.including || onlyID && !decided
	if p.including != withoutID { // the id is shown unless it is excluded
		p.paths.add("_id")
	}
	p.whole = !p.including && len(p.paths) == 0
	return p, nil
}

func (p *projection) all(hits []store.Hit) []bson.Raw {
	docs := make([]bson.Raw, len(hits))
	for i, h := range hits {
		docs[i] = p.apply(h)
	}
	return docs
}

func (p *projection) apply(h store.Hit) bson.Raw {
	if p.whole && len(p.scores) == 0 {
		return h.Doc
	}
	shown := p.shape(h.Doc, p.paths)
	for _, name := range p.scores {
		shown = append(shown, bson.E{Key: name, Value: h.Score})
	}
	return encode(shown)
}

func (p *projection) shape(d bson.Raw, paths branch) bson.D {
	out := bson.D{}
	elements, _ := d.Elements()
	for _, e := range elements {
		below, named := paths[e.Key()]
		switch {
		case named && len(below) > 0:
			if v, ok := p.inner(e.Value(), below); ok {
				out = append(out, bson.E{Key: e.Key(), Value: v})
			}
		case named == p.including:
			out = append(out, bson.E{Key: e.Key(), Value: e.Value()})
		}
	}
	return out
}

// inner shapes what is below a path; it tells whether anything is to be shown.
func (p *projection) inner(v bson.RawValue, paths branch) (any, bool) {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return p.shape(v.Value, paths), true
	case bson.TypeArray:
		items := bson.A{}
		for _, item := range value.Items(v) {
			if shown, ok := p.inner(item, paths); ok {
				items = append(items, shown)
			}
		}
		return items, true
	default:
		return v, !p.including
	}
}
