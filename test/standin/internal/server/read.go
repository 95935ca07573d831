package server

import (
	"math"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/filter"
	"github.com/tillroll/tillroll/test/standin/internal/store"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// view is the collection as the command sees it: its transaction's, or what is committed.
func (s *Server) view(r *request, namespace string) *store.Collection {
	if r.txn != nil {
		return r.txn.Collection(namespace)
	}
	return s.store.Collection(namespace)
}

func sortKeys(order bson.Raw) ([]store.SortKey, error) {
	elements, err := order.Elements()
	if err != nil {
		return nil, err
	}
	var keys []store.SortKey
	for _, e := range elements {
		if _, isMeta := e.Value().DocumentOK(); isMeta {
			keys = append(keys, store.SortKey{Path: e.Key(), Score: true})
			continue
		}
		direction, ok := value.Int(e.Value())
		if !ok || direction != 1 && direction != -1 {
			return nil, fault.New(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)")
		}
		keys = append(keys, store.SortKey{Path: e.Key(), Descending: direction < 0})
	}
	return keys, nil
}

// query reads the parts of a query out of a command that keeps its filter under the given name.
func query(body bson.Raw, filterName string) (store.Query, error) {
	f, err := filter.Compile(sub(body, filterName))
	if err != nil {
		return store.Query{}, err
	}
	order, err := sortKeys(sub(body, "sort"))
	if err != nil {
		return store.Query{}, err
	}
	q := store.Query{
		Filter: f, Sort: order, Hint: body.Lookup("hint"),
		Skip: number(body, "skip", 0), Limit: number(body, "limit", 0),
	}
	if q.Skip < 0 {
		return q, fault.New(51024, "BSON field 'skip' value must be >= 0, actual value '%d'", q.Skip)
	}
	if q.Limit < 0 {
		q.Limit = -q.Limit
	}
	return q, nil
}

func find(s *Server, r *request) (bson.D, error) {
	q, err := query(r.body, "filter")
	if err != nil {
		return nil, err
	}
	hits, _, err := s.view(r, r.namespace()).Find(q)
	if err != nil {
		return nil, err
	}
	shape, err := newProjection(sub(r.body, "projection"))
	if err != nil {
		return nil, err
	}
	size := batchSize(r.body, firstBatch)
	if truth(r.body, "singleBatch", false) || number(r.body, "limit", 0) < 0 {
		docs, _ := split(shape.all(hits), math.MaxInt)
		return s.cursors.open(r.namespace(), docs, math.MaxInt), nil
	}
	return s.cursors.open(r.namespace(), shape.all(hits), size), nil
}

func count(s *Server, r *request) (bson.D, error) {
	q, err := query(r.body, "query")
	if err != nil {
		return nil, err
	}
	n, _, err := s.view(r, r.namespace()).Count(q)
	n = max(n-q.Skip, 0)
	if q.Limit > 0 {
		n = min(n, q.Limit)
	}
	return doc("n", int32(n)), err
}

func distinct(s *Server, r *request) (bson.D, error) {
	q, err := query(r.body, "query")
	if err != nil {
		return nil, err
	}
	path, _ := r.body.Lookup("key").StringValueOK()
	hits, _, err := s.view(r, r.namespace()).Find(q)
	if err != nil {
		return nil, err
	}
	seen, values := map[string]bool{}, bson.A{}
	for _, h := range hits {
		found, _ := value.All(h.Doc, path)
		for _, v := range found {
			if key := value.Key(v); !seen[key] {
				seen[key] = true
				values = append(values, v)
			}
		}
	}
	return doc("values", values), nil
}
