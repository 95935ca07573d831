// Package filter compiles query filters: into functions that test documents,
// and into intervals of keys that an index can be searched for. It knows
// nothing of collections.
package filter

import (
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// Filter is a compiled filter: all its conditions must hold.
type Filter struct {
	Conditions []Condition
	Text       *Text // the $text search, if there is one
}

// Condition is one condition of a filter.
type Condition struct {
	// Match tests a document.
	Match func(bson.Raw) bool
	// Bounds says where an index can look; nil when it cannot help.
	Bounds *Bounds
	// Or are the branches of an $or.
	Or []*Filter
}

// Bounds is where the values at a path lie when a condition holds.
type Bounds struct {
	Path      string
	Intervals []Interval
	// Points says that every interval is one value.
	Points bool
	// Exact says that the condition holds for every value in the intervals.
	Exact bool
	// Exists says only that there is a value at the path.
	Exists bool
}

// Match tells whether a document fulfils the filter, apart from Text.
func (f *Filter) Match(doc bson.Raw) bool {
	for _, c := range f.Conditions {
		if !c.Match(doc) {
			return false
		}
	}
	return true
}

// Compile compiles a filter.
func Compile(query bson.Raw) (*Filter, error) {
	f := &Filter{}
	return f, f.add(query)
}

func (f *Filter) add(query bson.Raw) error {
	elements, err := query.Elements()
	if err != nil {
		return fault.New(fault.FailedToParse, "the filter is no document: %v", err)
	}
	for _, e := range elements {
		if err := f.addElement(e.Key(), e.Value()); err != nil {
			return err
		}
	}
	return nil
}

func (f *Filter) addElement(key string, v bson.RawValue) error {
	switch {
	case key == "$and":
		return f.addAnd(v)
	case key == "$or" || key == "$nor":
		return f.addOr(key, v)
	case key == "$comment":
		return nil
	case key == "$text":
		text, err := parseText(v)
		f.Text = text
		return err
	case strings.HasPrefix(key, "$"):
		return fault.New(fault.BadValue, "unknown top level operator: %s. If you have a field name that starts with a '$' symbol, consider using $getField or $setField.", key)
	case v.Type == bson.TypeEmbeddedDocument && IsOperators(v.Value):
		conditions, err := operators(key, v.Value)
		f.Conditions = append(f.Conditions, conditions...)
		return err
	default:
		c, err := equalOrRegex(key, v)
		f.Conditions = append(f.Conditions, c)
		return err
	}
}

func branches(key string, v bson.RawValue) ([]bson.Raw, error) {
	items := value.Items(v)
	if len(items) == 0 {
		return nil, fault.New(fault.BadValue, "%s must be a nonempty array", key)
	}
	docs := make([]bson.Raw, len(items))
	for i, item := range items {
		if item.Type != bson.TypeEmbeddedDocument {
			return nil, fault.New(fault.BadValue, "%s argument's entries must be objects", key)
		}
		docs[i] = item.Value
	}
	return docs, nil
}

func (f *Filter) addAnd(v bson.RawValue) error {
	docs, err := branches("$and", v)
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if err := f.add(doc); err != nil {
			return err
		}
	}
	return nil
}

func (f *Filter) addOr(key string, v bson.RawValue) error {
	docs, err := branches(key, v)
	if err != nil {
		return err
	}
	filters := make([]*Filter, len(docs))
	for i, doc := range docs {
		if filters[i], err = Compile(doc); err != nil {
			return err
		}
	}
	matchesAny := func(doc bson.Raw) bool {
		for _, filter := range filters {
			if filter.Match(doc) {
				return true
			}
		}
		return false
	}
	if key == "$nor" {
		f.Conditions = append(f.Conditions, Condition{Match: not(matchesAny)})
		return nil
	}
	f.Conditions = append(f.Conditions, Condition{Match: matchesAny, Or: filters})
	return nil
}

// IsOperators tells whether a document is one of operators instead of a value.
func IsOperators(doc bson.Raw) bool {
	e, err := doc.IndexErr(0)
	return err == nil && strings.HasPrefix(e.Key(), "$")
}

func not(match func(bson.Raw) bool) func(bson.Raw) bool {
	return func(doc bson.Raw) bool { return !match(doc) }
}
