package store

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/tidwall/btree"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/filter"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// Index is an index of a collection.
type Index struct {
	Name   string
	Spec   bson.Raw // as listIndexes shows it
	asked  bson.Raw // as it was given
	Unique bool

	fields  []field
	sparse  bool
	partial *filter.Filter
	primary bool // the index of the id: the tree of documents itself

	// tree maps the keys of the fields to the key of the document's id. Where
	// keys need not be unique, that of the id follows.
	tree *btree.Map[string, string]

	weights  map[string]float64          // of a text index: fields and their weights
	postings *btree.Map[string, float64] // term, zero, key of the id → score
}

type field struct {
	path       string
	descending bool
	multi      bool // there was an array at the path: one document may have several keys
}

func newPrimary() *Index {
	spec, _ := bson.Marshal(bson.D{
		{Key: "v", Value: int32(2)},
		{Key: "key", Value: bson.D{{Key: "_id", Value: int32(1)}}},
		{Key: "name", Value: "_id_"},
	})
	return &Index{Name: "_id_", Spec: spec, Unique: true, primary: true, fields: []field{{path: "_id"}}}
}

// newIndex makes an empty index of a specification.
func newIndex(spec bson.Raw) (*Index, error) {
	name, _ := spec.Lookup("name").StringValueOK()
	pattern, ok := spec.Lookup("key").DocumentOK()
	if name == "" || !ok {
		return nil, fault.New(fault.FailedToParse, "Error in specification %s :: the index needs a 'key' and a 'name'", spec)
	}
	ix := &Index{Name: name, Spec: slices.Clone(spec), asked: slices.Clone(spec), Unique: flag(spec, "unique"), sparse: flag(spec, "sparse")}
	if condition, ok := spec.Lookup("partialFilterExpression").DocumentOK(); ok {
		if ix.sparse {
			return nil, fault.New(fault.CannotCreateIndex, "cannot mix \"partialFilterExpression\" and \"sparse\" options")
		}
		partial, err := filter.Compile(condition)
		if err != nil {
			return nil, err
		}
		ix.partial = partial
	}
	if err := ix.addFields(pattern); err != nil {
		return nil, err
	}
	ix.tree, ix.postings = btree.NewMap[string, string](64), btree.NewMap[string, float64](64)
	return ix, ix.complete()
}

// complete writes the specification as listIndexes shows it: with the version,
// and that of a text index in MongoDB's own form.
func (ix *Index) complete() error {
	var given bson.D
	if err := bson.Unmarshal(ix.Spec, &given); err != nil {
		return err
	}
	shown := bson.D{{Key: "v", Value: int32(2)}}
	for _, e := range given {
		switch {
		case e.Key == "v" || ix.weights != nil && e.Key == "weights":
			continue
		case ix.weights != nil && e.Key == "key":
			e.Value = bson.D{{Key: "_fts", Value: "text"}, {Key: "_ftsx", Value: int32(1)}}
		}
		shown = append(shown, e)
	}
	spec, err := bson.Marshal(append(shown, ix.textOptions(given)...))
	ix.Spec = spec
	return err
}

func (ix *Index) textOptions(given bson.D) bson.D {
	if ix.weights == nil {
		return nil
	}
	weights := bson.D{}
	for _, path := range slices.Sorted(maps.Keys(ix.weights)) {
		weights = append(weights, bson.E{Key: path, Value: int32(ix.weights[path])})
	}
	options := bson.D{{Key: "weights", Value: weights}}
	for _, otherwise := range []bson.E{
		{Key: "default_language", Value: "english"}, {Key: "language_override", Value: "language"},
		{Key: "textIndexVersion", Value: int32(3)},
	} {
		if !slices.ContainsFunc(given, func(e bson.E) bool { return e.Key == otherwise.Key }) {
			options = append(options, otherwise)
		}
	}
	return options
}

func (ix *Index) addFields(pattern bson.Raw) error {
	elements, err := pattern.Elements()
	if err != nil || len(elements) == 0 {
		return fault.New(fault.CannotCreateIndex, "Index keys cannot be empty.")
	}
	for _, e := range elements {
		if kind, ok := e.Value().StringValueOK(); ok {
			if kind != "text" {
				return fault.New(fault.CannotCreateIndex, "Unknown index plugin '%s'", kind)
			}
			ix.addWeight(e.Key())
			continue
		}
		direction, ok := value.Int(e.Value())
		if !ok || direction == 0 {
			return fault.New(fault.CannotCreateIndex, "Values in v:2 index key pattern cannot be of type %s. Only numbers > 0, numbers < 0, and strings are allowed.", e.Value().Type)
		}
		ix.fields = append(ix.fields, field{path: e.Key(), descending: direction < 0})
	}
	if ix.weights != nil && len(ix.fields) > 0 {
		return fault.New(fault.CannotCreateIndex, "text indexes with other fields are not supported")
	}
	return nil
}

func (ix *Index) addWeight(path string) {
	if ix.weights == nil {
		ix.weights = map[string]float64{}
	}
	ix.weights[path] = 1
	if w, ok := value.Int(ix.Spec.Lookup("weights", path)); ok {
		ix.weights[path] = float64(w)
	}
}

func flag(doc bson.Raw, name string) bool { return value.True(doc.Lookup(name)) }

// sameAs tells whether other is this very index; it is an error when only a part is the same.
func (ix *Index) sameAs(other *Index) (bool, error) {
	samePattern := bytes.Equal(keyOf(ix.Spec, "key"), keyOf(other.Spec, "key"))
	if samePattern && !maps.Equal(ix.weights, other.weights) {
		return false, fault.New(fault.IndexOptionsConflict, "An equivalent index already exists with a different name and options. Requested index: %s, existing index: %s", ix.Spec, other.Spec)
	}
	samePartial := bytes.Equal(keyOf(ix.Spec, "partialFilterExpression"), keyOf(other.Spec, "partialFilterExpression"))
	sameRest := ix.Unique == other.Unique && ix.sparse == other.sparse || other.primary
	switch {
	case ix.Name == other.Name && samePattern && samePartial && sameRest:
		return true, nil
	case ix.Name == other.Name:
		return false, fault.New(fault.IndexKeySpecsConflict, "An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation. Requested index: %s, existing index: %s", ix.Spec, other.Spec)
	case samePattern && samePartial && sameRest:
		return false, fault.New(fault.IndexOptionsConflict, "Index already exists with a different name: %s", other.Name)
	case samePattern && samePartial:
		return false, fault.New(fault.IndexOptionsConflict, "An equivalent index already exists with a different name and options. Requested index: %s, existing index: %s", ix.Spec, other.Spec)
	}
	return false, nil
}

func keyOf(spec bson.Raw, name string) []byte {
	v, err := spec.LookupErr(name)
	if err != nil {
		return nil
	}
	return value.AppendKey(nil, v, false)
}

func (ix *Index) clone() *Index {
	n := *ix
	n.fields = slices.Clone(ix.fields)
	if n.tree != nil {
		n.tree = ix.tree.Copy()
	}
	if n.postings != nil {
		n.postings = ix.postings.Copy()
	}
	return &n
}

// multikey tells whether one document may stand in the index several times.
func (ix *Index) multikey() bool {
	return slices.ContainsFunc(ix.fields, func(f field) bool { return f.multi })
}

// entries gives the keys of a document, and for each field whether there is an array.
func (ix *Index) entries(doc bson.Raw) (entries []string, arrays []bool, err error) {
	if ix.partial != nil && !ix.partial.Match(doc) {
		return nil, nil, nil
	}
	keys, arrays, present := [][]byte{nil}, make([]bool, len(ix.fields)), false
	for i, f := range ix.fields {
		var values []bson.RawValue
		values, arrays[i] = value.All(doc, f.path)
		present = present || len(values) > 0
		if len(values) == 0 {
			values = []bson.RawValue{{Type: bson.TypeNull}}
		}
		keys = extend(keys, values, f.descending)
	}
	if err := parallel(ix.fields, arrays); err != nil {
		return nil, nil, err
	}
	if ix.sparse && !present {
		return nil, arrays, nil
	}
	for _, key := range keys {
		entries = append(entries, string(key))
	}
	slices.Sort(entries)
	return slices.Compact(entries), arrays, nil
}

func extend(keys [][]byte, values []bson.RawValue, descending bool) [][]byte {
	out := make([][]byte, 0, len(keys)*len(values))
	for _, key := range keys {
		for _, v := range values {
			out = append(out, value.AppendKey(slices.Clone(key), v, descending))
		}
	}
	return out
}

// parallel refuses two arrays in one index, unless they are the same array.
func parallel(fields []field, arrays []bool) error {
	root := ""
	for i, f := range fields {
		if !arrays[i] {
			continue
		}
		name, _, _ := strings.Cut(f.path, ".")
		if root != "" && root != name {
			return fault.New(fault.CannotIndexParallelArrays, "cannot index parallel arrays [%s] [%s]", name, root)
		}
		root = name
	}
	return nil
}

func (ix *Index) add(id string, doc bson.Raw) error {
	if ix.primary {
		return nil
	}
	if ix.weights != nil {
		ix.eachTerm(doc, func(term string, score float64) { ix.postings.Set(term+"\x00"+id, score) })
		return nil
	}
	entries, arrays, err := ix.entries(doc)
	if err != nil {
		return err
	}
	for i, array := range arrays {
		ix.fields[i].multi = ix.fields[i].multi || array
	}
	for _, entry := range entries {
		ix.tree.Set(ix.entryKey(entry, id), id)
	}
	return nil
}

func (ix *Index) remove(id string, doc bson.Raw) {
	if ix.primary {
		return
	}
	if ix.weights != nil {
		ix.eachTerm(doc, func(term string, _ float64) { ix.postings.Delete(term + "\x00" + id) })
		return
	}
	entries, _, _ := ix.entries(doc)
	for _, entry := range entries {
		ix.tree.Delete(ix.entryKey(entry, id))
	}
}

func (ix *Index) entryKey(entry, id string) string {
	if ix.Unique {
		return entry
	}
	return entry + id
}

func (ix *Index) eachTerm(doc bson.Raw, visit func(term string, score float64)) {
	if ix.partial != nil && !ix.partial.Match(doc) {
		return
	}
	for term, score := range filter.Scores(doc, ix.weights) {
		visit(term, score)
	}
}

func (ix *Index) duplicate(namespace string, doc bson.Raw) error {
	fields := bson.D{}
	for _, f := range ix.fields {
		fields = append(fields, bson.E{Key: f.path, Value: value.First(doc, f.path)})
	}
	key, _ := bson.Marshal(fields)
	return duplicate(namespace, ix.Name, ix.Spec.Lookup("key").Document(), key)
}

func duplicateID(namespace string, doc bson.Raw) error {
	key, _ := bson.Marshal(bson.D{{Key: "_id", Value: doc.Lookup("_id")}})
	pattern, _ := bson.Marshal(bson.D{{Key: "_id", Value: int32(1)}})
	return duplicate(namespace, "_id_", pattern, key)
}
