package value

import (
	"strings"

	"go.mongodb.org/mongo-driver/bson"
)

// Each calls visit with every value at the dotted path; arrays on the way are
// descended, an array at the end is one value. It tells whether there is any.
func Each(doc bson.Raw, path string, visit func(bson.RawValue)) bool {
	head, rest, nested := strings.Cut(path, ".")
	v, err := doc.LookupErr(head)
	if err != nil {
		return false
	}
	if !nested {
		visit(v)
		return true
	}
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return Each(v.Value, rest, visit)
	case bson.TypeArray:
		found := Each(v.Value, rest, visit) // a numeric name is a place in the array
		for _, e := range Items(v) {
			if e.Type == bson.TypeEmbeddedDocument && Each(e.Value, rest, visit) {
				found = true
			}
		}
		return found
	default:
		return false
	}
}

// All gives the values at path, with the items of arrays instead of the
// arrays, as an index and a query see them. array tells that there was an array.
func All(doc bson.Raw, path string) (values []bson.RawValue, array bool) {
	n := 0
	Each(doc, path, func(v bson.RawValue) {
		n++
		if v.Type != bson.TypeArray {
			values = append(values, v)
			return
		}
		array = true
		items := Items(v)
		if len(items) == 0 {
			items = []bson.RawValue{{Type: bson.TypeUndefined}}
		}
		values = append(values, items...)
	})
	return values, array || n > 1
}

// First is the value at path, null when there is none.
func First(doc bson.Raw, path string) bson.RawValue {
	first := bson.RawValue{Type: bson.TypeNull}
	seen := false
	Each(doc, path, func(v bson.RawValue) {
		if !seen {
			first, seen = v, true
		}
	})
	return first
}

// Items lists what an array holds, nothing when v is none.
func Items(v bson.RawValue) []bson.RawValue {
	if v.Type != bson.TypeArray {
		return nil
	}
	items, _ := bson.Raw(v.Value).Values()
	return items
}

// True tells whether v counts as true: a true boolean or a number other than zero.
func True(v bson.RawValue) bool {
	if b, ok := v.BooleanOK(); ok {
		return b
	}
	n, ok := Int(v)
	return ok && n != 0
}

// Int is a number of any type as an integer, cut towards zero.
func Int(v bson.RawValue) (int64, bool) {
	switch v.Type {
	case bson.TypeInt32:
		return int64(v.Int32()), true
	case bson.TypeInt64:
		return v.Int64(), true
	case bson.TypeDouble:
		return int64(v.Double()), true
	default:
		return 0, false
	}
}

// Of makes a raw value of a Go value.
func Of(v any) bson.RawValue {
	t, data, err := bson.MarshalValue(v)
	if err != nil {
		return bson.RawValue{Type: bson.TypeNull}
	}
	return bson.RawValue{Type: t, Value: data}
}
