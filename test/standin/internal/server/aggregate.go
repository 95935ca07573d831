package server

import (
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/filter"
	"github.com/tillroll/tillroll/test/standin/internal/store"
	"github.com/tillroll/tillroll/test/standin/internal/update"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

type stage struct {
	name    string
	operand bson.RawValue
}

func pipeline(body bson.Raw) ([]stage, error) {
	var stages []stage
	for _, v := range value.Items(body.Lookup("pipeline")) {
		d, ok := v.DocumentOK()
		if !ok {
			return nil, fault.New(fault.TypeMismatch, "Each element of the 'pipeline' array must be an object")
		}
		first, err := d.IndexErr(0)
		if err != nil {
			return nil, fault.New(40323, "A pipeline stage specification object must contain exactly one field.")
		}
		if _, ok := stageTable[first.Key()]; !ok {
			return nil, fault.New(fault.UnrecognizedPipelineStage, "Unrecognized pipeline stage name: '%s'", first.Key())
		}
		stages = append(stages, stage{first.Key(), first.Value()})
	}
	return stages, nil
}

// leading turns the first stages into a query: $match, $sort, $skip and
// $limit, each at most once and in this order. It gives what is left.
func leading(stages []stage, hint bson.RawValue) (store.Query, []stage, error) {
	q := store.Query{Filter: &filter.Filter{}, Hint: hint}
	for i, name := range []string{"$match", "$sort", "$skip", "$limit"} {
		if len(stages) == 0 || stages[0].name != name {
			continue
		}
		var err error
		n, _ := value.Int(stages[0].operand)
		d, _ := stages[0].operand.DocumentOK()
		switch i {
		case 0:
			q.Filter, err = filter.Compile(d)
		case 1:
			q.Sort, err = sortKeys(d)
		case 2:
			q.Skip = int(n)
		case 3:
			q.Limit = int(n)
		}
		if err != nil {
			return q, nil, err
		}
		stages = stages[1:]
	}
	return q, stages, nil
}

func aggregate(s *Server, r *request) (bson.D, error) {
	stages, err := pipeline(r.body)
	if err != nil {
		return nil, err
	}
	q, rest, err := leading(stages, r.body.Lookup("hint"))
	if err != nil {
		return nil, err
	}
	view := s.view(r, r.namespace())
	size := batchSize(sub(r.body, "cursor"), firstBatch)
	if onlyCounts(q, rest) {
		n, _, err := view.Count(q)
		if err != nil {
			return nil, err
		}
		return s.cursors.open(r.namespace(), counted(n, rest[0]), size), nil
	}
	hits, _, err := view.Find(q)
	for i := 0; err == nil && i < len(rest); i++ {
		hits, err = stageTable[rest[i].name](hits, rest[i].operand)
	}
	if err != nil {
		return nil, err
	}
	docs := make([]bson.Raw, len(hits))
	for i, h := range hits {
		docs[i] = h.Doc
	}
	return s.cursors.open(r.namespace(), docs, size), nil
}

// onlyCounts recognises what a driver's CountDocuments sends, for which no document need be read.
func onlyCounts(q store.Query, rest []stage) bool {
	if len(rest) != 1 || rest[0].name != "$group" || q.Skip != 0 || q.Limit != 0 {
		return false
	}
	d, _ := rest[0].operand.DocumentOK()
	by, err := d.LookupErr("n", "$sum")
	n, isNumber := value.Int(by)
	_, path := d.Lookup("_id").StringValueOK()
	elements, _ := d.Elements()
	return err == nil && isNumber && n == 1 && !path && d.Lookup("_id").Type != bson.TypeEmbeddedDocument && len(elements) == 2
}

func counted(n int, group stage) []bson.Raw {
	if n == 0 {
		return nil
	}
	return []bson.Raw{encode(doc("_id", group.operand.Document().Lookup("_id"), "n", int32(n)))}
}

var stageTable = map[string]func([]store.Hit, bson.RawValue) ([]store.Hit, error){
	"$match": func(hits []store.Hit, v bson.RawValue) ([]store.Hit, error) {
		f, err := filter.Compile(v.Document())
		if err != nil {
			return nil, err
		}
		var kept []store.Hit
		for _, h := range hits {
			if f.Match(h.Doc) {
				kept = append(kept, h)
			}
		}
		return kept, nil
	},
	"$sort": func(hits []store.Hit, v bson.RawValue) ([]store.Hit, error) {
		keys, err := sortKeys(v.Document())
		return store.Sort(hits, keys), err
	},
	"$skip": func(hits []store.Hit, v bson.RawValue) ([]store.Hit, error) {
		n, _ := value.Int(v)
		return hits[min(len(hits), int(n)):], nil
	},
	"$limit": func(hits []store.Hit, v bson.RawValue) ([]store.Hit, error) {
		n, _ := value.Int(v)
		return hits[:min(len(hits), int(n))], nil
	},
	"$count": func(hits []store.Hit, v bson.RawValue) ([]store.Hit, error) {
		if len(hits) == 0 {
			return nil, nil
		}
		return []store.Hit{{Doc: encode(doc(v.StringValue(), int32(len(hits))))}}, nil
	},
	"$group":   group,
	"$project": project,
}

func project(hits []store.Hit, v bson.RawValue) ([]store.Hit, error) {
	shape, err := newProjection(v.Document())
	if err != nil {
		return nil, err
	}
	for i := range hits {
		hits[i].Doc = shape.apply(hits[i])
	}
	return hits, nil
}

// evaluate knows two expressions: a path, and a constant; and documents of them.
func evaluate(expression bson.RawValue, d bson.Raw) any {
	if path, ok := expression.StringValueOK(); ok && strings.HasPrefix(path, "$") {
		return value.First(d, path[1:])
	}
	fields, ok := expression.DocumentOK()
	if !ok {
		return expression
	}
	out := bson.D{}
	elements, _ := fields.Elements()
	for _, e := range elements {
		out = append(out, bson.E{Key: e.Key(), Value: evaluate(e.Value(), d)})
	}
	return out
}

func group(hits []store.Hit, v bson.RawValue) ([]store.Hit, error) {
	spec := v.Document()
	id, err := spec.LookupErr("_id")
	if err != nil {
		return nil, fault.New(15955, "a group specification must include an _id")
	}
	groups, order := map[string]bson.D{}, []string{}
	for _, h := range hits {
		by := evaluate(id, h.Doc)
		key := value.Key(value.Of(by))
		if groups[key] == nil {
			groups[key] = doc("_id", by)
			order = append(order, key)
		}
		if groups[key], err = accumulate(groups[key], spec, h.Doc); err != nil {
			return nil, err
		}
	}
	out := make([]store.Hit, len(order))
	for i, key := range order {
		out[i].Doc = encode(groups[key])
	}
	return out, nil
}

// accumulate adds a document to a group. The accumulators are update operators by another name.
func accumulate(into bson.D, spec, d bson.Raw) (bson.D, error) {
	elements, err := spec.Elements()
	if err != nil {
		return nil, err
	}
	for _, e := range elements {
		if e.Key() == "_id" {
			continue
		}
		accumulator, ok := e.Value().DocumentOK()
		if !ok {
			return nil, fault.New(40234, "The field '%s' must be an accumulator object", e.Key())
		}
		first := accumulator.Index(0)
		operator := map[string]string{"$sum": "$inc", "$min": "$min", "$max": "$max"}[first.Key()]
		if operator == "" {
			return nil, fault.New(15952, "unknown group operator '%s'", first.Key())
		}
		operand := value.Of(evaluate(first.Value(), d))
		if operator == "$inc" && !operand.IsNumber() {
			operand = value.Of(int32(0))
		}
		if into, err = update.Operate(into, operator, e.Key(), operand); err != nil {
			return nil, err
		}
	}
	return into, nil
}
