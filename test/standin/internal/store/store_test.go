package store_test

import (
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/filter"
	"github.com/tillroll/tillroll/test/standin/internal/store"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

const namespace = "shop.things"

func marshal(t *testing.T, v any) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func insert(t *testing.T, s *store.Store, docs ...bson.M) {
	t.Helper()
	err := s.Auto(func(txn *store.Txn) error {
		for _, d := range docs {
			if err := txn.Insert(namespace, marshal(t, d)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func index(t *testing.T, s *store.Store, key bson.D, options ...bson.E) {
	t.Helper()
	spec := append(bson.D{{Key: "key", Value: key}, {Key: "name", Value: fmt.Sprint(key, options)}}, options...)
	if _, _, err := s.CreateIndexes(namespace, []bson.Raw{marshal(t, spec)}); err != nil {
		t.Fatal(err)
	}
}

// Whatever index the planner takes, the answer is that of reading everything.
func TestIndexesChangeNoAnswer(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	s := store.New()
	index(t, s, bson.D{{Key: "a", Value: 1}, {Key: "b", Value: -1}})
	index(t, s, bson.D{{Key: "b", Value: 1}})
	index(t, s, bson.D{{Key: "t", Value: 1}, {Key: "a", Value: -1}})
	index(t, s, bson.D{{Key: "c", Value: -1}, {Key: "a", Value: 1}, {Key: "b", Value: 1}})
	index(t, s, bson.D{{Key: "c", Value: 1}}, bson.E{Key: "sparse", Value: true})
	index(t, s, bson.D{{Key: "a", Value: 1}}, bson.E{Key: "partialFilterExpression", Value: bson.M{"b": bson.M{"$gte": 3}}})
	for i := range 600 {
		insert(t, s, randomDoc(r, i))
	}
	used := map[string]int{}
	for range 500 {
		query, order := randomFilter(r, 2), randomOrder(r)
		q := store.Query{Filter: compile(t, query), Sort: order, Skip: r.Intn(3), Limit: r.Intn(8)}
		got, plan := search(t, s, q)
		used[plan.Stage]++
		q.Hint = value.Of(bson.D{{Key: "$natural", Value: 1}})
		want, _ := search(t, s, q)
		if !slices.Equal(got, want) {
			t.Fatalf("%v sorted by %v: got %v, want %v", query, order, got, want)
		}
		q.Skip, q.Limit = 0, 0
		all, _ := search(t, s, q)
		q.Hint = bson.RawValue{}
		if n, _, err := s.Collection(namespace).Count(q); err != nil || n != len(all) {
			t.Fatalf("%v: counted %d of %d: %v", query, n, len(all), err)
		}
	}
	if used["IXSCAN"] == 0 || used["OR"] == 0 || used["COLLSCAN"] == 0 {
		t.Errorf("not every kind of plan was tried: %v", used)
	}
}

func search(t *testing.T, s *store.Store, q store.Query) ([]int64, *store.Plan) {
	t.Helper()
	hits, plan, err := s.Collection(namespace).Find(q)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, h := range hits {
		id, _ := value.Int(h.Doc.Lookup("_id"))
		ids = append(ids, id)
	}
	return ids, plan
}

func compile(t *testing.T, query bson.D) *filter.Filter {
	t.Helper()
	f, err := filter.Compile(marshal(t, query))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func randomDoc(r *rand.Rand, id int) bson.M {
	d := bson.M{"_id": id, "a": r.Intn(6), "b": randomValue(r)}
	if r.Intn(3) > 0 {
		d["c"] = randomValue(r)
	}
	terms := bson.A{}
	for range r.Intn(4) {
		terms = append(terms, r.Intn(6))
	}
	d["t"] = terms
	return d
}

func randomValue(r *rand.Rand) any {
	switch r.Intn(8) {
	case 0:
		return nil
	case 1:
		return "s"
	case 2:
		return float64(r.Intn(6)) + 0.5
	}
	return r.Intn(6)
}

func randomFilter(r *rand.Rand, depth int) bson.D {
	query := bson.D{}
	for _, name := range []string{"a", "b", "c", "t"} {
		if r.Intn(2) == 0 {
			query = append(query, bson.E{Key: name, Value: randomTest(r)})
		}
	}
	if depth > 0 && r.Intn(4) == 0 {
		query = append(query, bson.E{Key: "$or", Value: bson.A{randomFilter(r, depth-1), randomFilter(r, depth-1)}})
	}
	return query
}

func randomTest(r *rand.Rand) any {
	switch r.Intn(7) {
	case 0:
		return bson.M{"$in": bson.A{randomValue(r), randomValue(r), r.Intn(6)}}
	case 1:
		return bson.D{{Key: "$gte", Value: r.Intn(4)}, {Key: "$lt", Value: r.Intn(7)}}
	case 2:
		return bson.M{"$gt": r.Intn(5)}
	case 3:
		return bson.M{"$exists": r.Intn(2) == 0}
	case 4:
		return bson.M{"$ne": randomValue(r)}
	}
	return randomValue(r)
}

// randomOrder ends with the id, so that there is one right answer.
func randomOrder(r *rand.Rand) []store.SortKey {
	down := r.Intn(2) == 0
	var order []store.SortKey
	for _, name := range []string{"c", "a", "b", "t"} {
		if r.Intn(3) == 0 {
			order = append(order, store.SortKey{Path: name, Descending: r.Intn(2) == 0})
		}
	}
	return append(order, store.SortKey{Path: "_id", Descending: down})
}

func TestStatementsWaitForTransactions(t *testing.T) {
	s := store.New()
	insert(t, s, bson.M{"_id": 1, "n": 0})
	txn := s.Begin()
	if err := txn.Replace(namespace, marshal(t, bson.M{"_id": 1, "n": 1})); err != nil {
		t.Fatal(err)
	}
	second := s.Begin()
	var conflict store.Conflict
	if err := second.Delete(namespace, marshal(t, bson.M{"_id": 1})); !errors.As(err, &conflict) || conflict.Wait == nil {
		t.Fatalf("a second writer: %v", err)
	}
	second.Abort()
	done := make(chan error)
	go func() {
		done <- s.Auto(func(own *store.Txn) error {
			return own.Replace(namespace, marshal(t, bson.M{"_id": 1, "n": 2}))
		})
	}()
	select {
	case err := <-done:
		t.Fatalf("the statement did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	txn.Commit()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestIndexesWaitForTransactions(t *testing.T) {
	s := store.New()
	insert(t, s, bson.M{"_id": 1})
	txn := s.Begin()
	if err := txn.Insert(namespace, marshal(t, bson.M{"_id": 2, "k": 1})); err != nil {
		t.Fatal(err)
	}
	built := make(chan struct{})
	go func() {
		defer close(built)
		index(t, s, bson.D{{Key: "k", Value: 1}}, bson.E{Key: "unique", Value: true})
	}()
	select {
	case <-built:
		t.Fatal("the index was built under an open transaction")
	case <-time.After(20 * time.Millisecond):
	}
	txn.Commit()
	<-built
	late := s.Begin()
	err := late.Insert(namespace, marshal(t, bson.M{"_id": 3, "k": 1}))
	if err == nil {
		t.Fatal("the index knows nothing of what was committed before")
	}
	late.Abort()
}
