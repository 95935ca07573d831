// Package update applies update operators and replacements to documents. It
// knows nothing of where documents are kept.
package update

import (
	"bytes"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/filter"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// Apply gives the document that doc becomes. Inserting tells that doc is the
// new document of an upsert, for which $setOnInsert counts.
func Apply(doc bson.Raw, change bson.RawValue, inserting bool) (bson.Raw, error) {
	if change.Type != bson.TypeEmbeddedDocument {
		return nil, fault.New(fault.FailedToParse, "an update must be a document; pipelines are not supported")
	}
	after, err := transform(doc, bson.Raw(change.Value), inserting)
	if err != nil {
		return nil, err
	}
	raw, err := bson.Marshal(after)
	if err != nil {
		return nil, err
	}
	id := doc.Lookup("_id")
	if got := bson.Raw(raw).Lookup("_id"); len(id.Value) > 0 && !bytes.Equal(got.Value, id.Value) {
		return nil, fault.New(fault.ImmutableField, "Performing an update on the path '_id' would modify the immutable field '_id'")
	}
	return WithID(raw)
}

func transform(doc, change bson.Raw, inserting bool) (bson.D, error) {
	if !filter.IsOperators(change) {
		return replace(doc, change)
	}
	var target bson.D
	if err := bson.Unmarshal(doc, &target); err != nil {
		return nil, err
	}
	return operate(target, change, inserting)
}

// replace keeps the id and takes everything else from the replacement.
func replace(doc, replacement bson.Raw) (bson.D, error) {
	var after bson.D
	if err := bson.Unmarshal(replacement, &after); err != nil {
		return nil, err
	}
	id, named := doc.Lookup("_id"), replacement.Lookup("_id")
	if id.Type != 0 && named.Type == 0 {
		after = append(bson.D{{Key: "_id", Value: id}}, after...)
	}
	return after, nil
}

func operate(target bson.D, change bson.Raw, inserting bool) (bson.D, error) {
	operators, err := change.Elements()
	if err != nil {
		return nil, err
	}
	var touched []string
	for _, op := range operators {
		if op.Value().Type != bson.TypeEmbeddedDocument {
			return nil, fault.New(fault.FailedToParse, "Modifiers operate on fields but we found another type for the modifier %s", op.Key())
		}
		apply, ok := operatorTable[op.Key()]
		if !ok {
			return nil, fault.New(fault.FailedToParse, "Unknown modifier: %s. Expected a valid update modifier or pipeline-style update specified as an array", op.Key())
		}
		fields, err := bson.Raw(op.Value().Value).Elements()
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			if touched, err = touch(touched, f.Key()); err != nil {
				return nil, err
			}
			if op.Key() == "$setOnInsert" && !inserting {
				continue
			}
			if target, err = modify(target, f.Key(), f.Value(), apply); err != nil {
				return nil, err
			}
		}
	}
	return target, nil
}

// touch refuses two operators on one path, or on a path and one below it.
func touch(touched []string, path string) ([]string, error) {
	for _, other := range touched {
		if path == other || strings.HasPrefix(path, other+".") || strings.HasPrefix(other, path+".") {
			return nil, fault.New(fault.ConflictingUpdateOperators, "Updating the path '%s' would create a conflict at '%s'", path, other)
		}
	}
	return append(touched, path), nil
}

// WithID puts the id first, and makes one when there is none.
func WithID(doc bson.Raw) (bson.Raw, error) {
	if first, err := doc.IndexErr(0); err == nil && first.Key() == "_id" {
		return doc, nil
	}
	var fields bson.D
	if err := bson.Unmarshal(doc, &fields); err != nil {
		return nil, err
	}
	out := bson.D{{Key: "_id", Value: primitive.NewObjectID()}}
	for _, f := range fields {
		if f.Key == "_id" {
			out[0].Value = f.Value
		} else {
			out = append(out, f)
		}
	}
	return bson.Marshal(out)
}

// Seed is what an upsert begins with: the fields that the filter asks to be equal to something.
func Seed(query bson.Raw) (bson.Raw, error) {
	doc, err := seedFrom(bson.D{}, query)
	if err != nil {
		return nil, err
	}
	return bson.Marshal(doc)
}

func seedFrom(doc bson.D, query bson.Raw) (bson.D, error) {
	elements, err := query.Elements()
	if err != nil {
		return nil, err
	}
	for _, e := range elements {
		v := e.Value()
		switch {
		case e.Key() == "$and":
			for _, branch := range value.Items(v) {
				if doc, err = seedFrom(doc, branch.Value); err != nil {
					return nil, err
				}
			}
			continue
		case strings.HasPrefix(e.Key(), "$") || v.Type == bson.TypeRegex:
			continue
		case v.Type == bson.TypeEmbeddedDocument && filter.IsOperators(v.Value):
			if v, err = bson.Raw(v.Value).LookupErr("$eq"); err != nil {
				continue
			}
		}
		if doc, err = modify(doc, e.Key(), v, set); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// Operate applies one operator to one field of a decoded document.
func Operate(target bson.D, op, path string, operand bson.RawValue) (bson.D, error) {
	apply, ok := operatorTable[op]
	if !ok {
		return nil, fault.New(fault.FailedToParse, "Unknown modifier: %s", op)
	}
	return modify(target, path, operand, apply)
}
