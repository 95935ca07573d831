package filter

import (
	"regexp"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// operators compiles the operators that stand for one path.
func operators(path string, doc bson.Raw) ([]Condition, error) {
	elements, err := doc.Elements()
	if err != nil {
		return nil, err
	}
	var all []Condition
	for _, e := range elements {
		conditions, err := operator(path, e.Key(), e.Value(), doc)
		if err != nil {
			return nil, err
		}
		all = append(all, conditions...)
	}
	return all, nil
}

func one(c Condition, err error) ([]Condition, error) { return []Condition{c}, err }

func operator(path, op string, v bson.RawValue, all bson.Raw) ([]Condition, error) {
	switch op {
	case "$eq":
		return []Condition{equal(path, v)}, nil
	case "$ne":
		return []Condition{{Match: not(equal(path, v).Match)}}, nil
	case "$gt", "$gte", "$lt", "$lte":
		return []Condition{compare(path, op, v)}, nil
	case "$in":
		return one(in(path, op, v))
	case "$nin":
		c, err := in(path, op, v)
		return []Condition{{Match: not(c.Match)}}, err
	case "$exists":
		return []Condition{exists(path, value.True(v))}, nil
	case "$regex":
		options, _ := all.Lookup("$options").StringValueOK()
		return one(regex(path, v, options))
	case "$options": // belongs to $regex
		return nil, nil
	case "$not":
		return one(negate(path, v))
	case "$elemMatch":
		return one(elemMatch(path, v))
	case "$all":
		return allOf(path, v)
	case "$size":
		return one(size(path, v))
	}
	return nil, fault.New(fault.BadValue, "unknown operator: %s", op)
}

// anyValue tests whether a value at the path, or an item of an array there, passes.
func anyValue(path string, test func(bson.RawValue) bool) func(bson.Raw) bool {
	return func(doc bson.Raw) bool {
		found := false
		value.Each(doc, path, func(v bson.RawValue) {
			found = found || test(v)
			for _, item := range value.Items(v) {
				found = found || test(item)
			}
		})
		return found
	}
}

func equalOrRegex(path string, v bson.RawValue) (Condition, error) {
	if v.Type == bson.TypeRegex {
		return regex(path, v, "")
	}
	return equal(path, v), nil
}

func equal(path string, v bson.RawValue) Condition {
	want := value.Key(v)
	match := anyValue(path, func(got bson.RawValue) bool {
		return value.Bracket(got) == value.Bracket(v) && value.Key(got) == want
	})
	switch v.Type {
	case bson.TypeNull:
		return Condition{
			Match: func(doc bson.Raw) bool {
				return match(doc) || !value.Each(doc, path, func(bson.RawValue) {})
			},
			Bounds: &Bounds{Path: path, Intervals: []Interval{Point(v)}, Points: true},
		}
	case bson.TypeArray: // an index holds the items of arrays
		return Condition{Match: match}
	default:
		return Condition{Match: match, Bounds: &Bounds{
			Path: path, Intervals: []Interval{Point(v)}, Points: true, Exact: true,
		}}
	}
}

func compare(path, op string, v bson.RawValue) Condition {
	interval := comparison(op, v)
	c := Condition{Match: anyValue(path, func(got bson.RawValue) bool {
		return value.Bracket(got) == value.Bracket(v) && interval.Holds(value.Key(got))
	})}
	if v.Type != bson.TypeArray && v.Type != bson.TypeNull {
		c.Bounds = &Bounds{Path: path, Intervals: []Interval{interval}, Exact: true}
	}
	return c
}

func in(path, op string, v bson.RawValue) (Condition, error) {
	if v.Type != bson.TypeArray {
		return Condition{}, fault.New(fault.BadValue, "%s needs an array", op)
	}
	bounds := &Bounds{Path: path, Points: true, Exact: true}
	var matches []func(bson.Raw) bool
	for _, item := range value.Items(v) {
		c, err := equalOrRegex(path, item)
		if err != nil {
			return Condition{}, err
		}
		matches = append(matches, c.Match)
		if bounds != nil && c.Bounds != nil && c.Bounds.Points {
			bounds.Intervals = append(bounds.Intervals, c.Bounds.Intervals...)
			bounds.Exact = bounds.Exact && c.Bounds.Exact
		} else {
			bounds = nil
		}
	}
	return Condition{Bounds: bounds, Match: func(doc bson.Raw) bool {
		for _, match := range matches {
			if match(doc) {
				return true
			}
		}
		return false
	}}, nil
}

func exists(path string, wanted bool) Condition {
	match := func(doc bson.Raw) bool {
		return value.Each(doc, path, func(bson.RawValue) {})
	}
	if !wanted {
		return Condition{Match: not(match)}
	}
	return Condition{Match: match, Bounds: &Bounds{Path: path, Intervals: []Interval{Everything}, Exists: true}}
}

func regex(path string, v bson.RawValue, options string) (Condition, error) {
	pattern, ok := v.StringValueOK()
	if v.Type == bson.TypeRegex {
		var own string
		pattern, own = v.Regex()
		options += own
	} else if !ok {
		return Condition{}, fault.New(fault.BadValue, "$regex has to be a string")
	}
	flags := ""
	for _, o := range options {
		if !strings.ContainsRune("imsu", o) {
			return Condition{}, fault.New(fault.BadValue, "the option %q of $regex is not supported", o)
		}
		if o != 'u' && !strings.ContainsRune(flags, o) {
			flags += string(o)
		}
	}
	expression := pattern
	if flags != "" {
		expression = "(?" + flags + ")" + pattern
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return Condition{}, fault.New(fault.InvalidRegex, "Regular expression is invalid: %v", err)
	}
	return Condition{Bounds: prefixBounds(path, pattern, flags), Match: anyValue(path, func(got bson.RawValue) bool {
		s, ok := got.StringValueOK()
		return ok && re.MatchString(s)
	})}, nil
}

// prefixBounds serves patterns like ^abc, as MongoDB does.
func prefixBounds(path, pattern, flags string) *Bounds {
	prefix, ok := strings.CutPrefix(pattern, "^")
	if !ok || prefix == "" || flags != "" || regexp.QuoteMeta(prefix) != prefix {
		return nil
	}
	key := value.Key(value.Of(prefix))
	key = key[:len(key)-2] // without the end of the string
	return &Bounds{Path: path, Intervals: []Interval{{Lo: key, Hi: key}}}
}

func negate(path string, v bson.RawValue) (Condition, error) {
	if v.Type == bson.TypeRegex {
		c, err := regex(path, v, "")
		return Condition{Match: not(c.Match)}, err
	}
	if v.Type != bson.TypeEmbeddedDocument || !IsOperators(v.Value) {
		return Condition{}, fault.New(fault.BadValue, "$not needs a regex or a document")
	}
	conditions, err := operators(path, v.Value)
	f := Filter{Conditions: conditions}
	return Condition{Match: not(f.Match)}, err
}

// elemMatch asks for one item of an array that fulfils everything.
func elemMatch(path string, v bson.RawValue) (Condition, error) {
	if v.Type != bson.TypeEmbeddedDocument {
		return Condition{}, fault.New(fault.BadValue, "$elemMatch needs an Object")
	}
	match, err := itemMatch(v.Value)
	if err != nil {
		return Condition{}, err
	}
	return Condition{Match: func(doc bson.Raw) bool {
		found := false
		value.Each(doc, path, func(got bson.RawValue) {
			for _, item := range value.Items(got) {
				found = found || match(item)
			}
		})
		return found
	}}, nil
}

func itemMatch(query bson.Raw) (func(bson.RawValue) bool, error) {
	if first, err := query.IndexErr(0); err == nil && IsOperators(query) && !isLogical(first.Key()) {
		conditions, err := operators("item", query)
		f := Filter{Conditions: conditions}
		return func(item bson.RawValue) bool {
			doc, err := bson.Marshal(bson.D{{Key: "item", Value: item}})
			return err == nil && f.Match(doc)
		}, err
	}
	f, err := Compile(query)
	return func(item bson.RawValue) bool {
		return item.Type == bson.TypeEmbeddedDocument && f.Match(item.Value)
	}, err
}

func isLogical(op string) bool { return op == "$and" || op == "$or" || op == "$nor" }

func allOf(path string, v bson.RawValue) ([]Condition, error) {
	if v.Type != bson.TypeArray {
		return nil, fault.New(fault.BadValue, "$all needs an array")
	}
	items := value.Items(v)
	if len(items) == 0 { // matches nothing
		return []Condition{{Match: func(bson.Raw) bool { return false }}}, nil
	}
	var all []Condition
	for _, item := range items {
		if item.Type == bson.TypeEmbeddedDocument && IsOperators(item.Value) {
			conditions, err := operators(path, item.Value)
			if err != nil {
				return nil, err
			}
			all = append(all, conditions...)
			continue
		}
		c, err := equalOrRegex(path, item)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func size(path string, v bson.RawValue) (Condition, error) {
	want, ok := value.Int(v)
	if !ok || want < 0 {
		return Condition{}, fault.New(fault.BadValue, "$size needs a number of zero or more")
	}
	return Condition{Match: func(doc bson.Raw) bool {
		found := false
		value.Each(doc, path, func(got bson.RawValue) {
			found = found || got.Type == bson.TypeArray && int64(len(value.Items(got))) == want
		})
		return found
	}}, nil
}
