package server

import (
	"bytes"
	"errors"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/filter"
	"github.com/tillroll/tillroll/test/standin/internal/store"
	"github.com/tillroll/tillroll/test/standin/internal/update"
)

// within runs f in the command's transaction, or in one of its own that waits for others.
func (s *Server) within(r *request, f func(*store.Txn) error) error {
	if r.txn != nil {
		return f(r.txn)
	}
	return s.store.Auto(f)
}

// tally is what a write command reports.
type tally struct {
	n, modified int
	upserted    bson.A
	errors      bson.A
}

func (t *tally) reply(withModified bool) bson.D {
	reply := doc("n", int32(t.n))
	if withModified {
		reply = append(reply, bson.E{Key: "nModified", Value: int32(t.modified)})
	}
	if t.upserted != nil {
		reply = append(reply, bson.E{Key: "upserted", Value: t.upserted})
	}
	if t.errors != nil {
		reply = append(reply, bson.E{Key: "writeErrors", Value: t.errors})
	}
	return reply
}

// fail notes that a statement failed. Conflicts fail the whole command.
func (t *tally) fail(place int, err error) error {
	var refused *fault.Error
	if !errors.As(err, &refused) {
		return err
	}
	entry := doc("index", int32(place), "code", int32(refused.Code))
	entry = append(entry, refused.Details...)
	t.errors = append(t.errors, append(entry, bson.E{Key: "errmsg", Value: refused.Message}))
	return nil
}

// statements runs the statements of a command: all of them, or up to the first error when they are ordered.
func (s *Server) statements(r *request, name string, run func(*store.Txn, *tally, int, bson.Raw) error) (*tally, error) {
	ordered := truth(r.body, "ordered", true)
	var result *tally
	err := s.within(r, func(t *store.Txn) error {
		result = &tally{} // the store may run this again
		for i, statement := range r.documents(name) {
			err := run(t, result, i, statement)
			if err == nil {
				continue
			}
			if err := result.fail(i, err); err != nil {
				return err
			}
			if ordered {
				return nil
			}
		}
		return nil
	})
	return result, err
}

func insert(s *Server, r *request) (bson.D, error) {
	if r.collection() == "" {
		return nil, fault.New(fault.InvalidNamespace, "Invalid namespace specified '%s'", r.namespace())
	}
	result, err := s.statements(r, "documents", func(t *store.Txn, result *tally, _ int, d bson.Raw) error {
		err := t.Insert(r.namespace(), bytes.Clone(d))
		if err == nil {
			result.n++
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return concerned(r, result.reply(false)), nil
}

func remove(s *Server, r *request) (bson.D, error) {
	result, err := s.statements(r, "deletes", func(t *store.Txn, result *tally, _ int, d bson.Raw) error {
		hits, err := targets(t, r.namespace(), d, number(d, "limit", 0))
		if err != nil {
			return err
		}
		for _, h := range hits {
			if err := t.Delete(r.namespace(), h.Doc); err != nil {
				return err
			}
			result.n++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return concerned(r, result.reply(false)), nil
}

func targets(t *store.Txn, namespace string, statement bson.Raw, limit int) ([]store.Hit, error) {
	f, err := filter.Compile(sub(statement, "q"))
	if err != nil {
		return nil, err
	}
	hits, _, err := t.Collection(namespace).Find(store.Query{Filter: f, Limit: limit, Hint: statement.Lookup("hint")})
	return hits, err
}

func change(s *Server, r *request) (bson.D, error) {
	result, err := s.statements(r, "updates", func(t *store.Txn, result *tally, place int, d bson.Raw) error {
		return changeOne(t, r.namespace(), result, place, d)
	})
	if err != nil {
		return nil, err
	}
	return concerned(r, result.reply(true)), nil
}

func changeOne(t *store.Txn, namespace string, result *tally, place int, statement bson.Raw) error {
	operators, limit := statement.Lookup("u"), 1
	if truth(statement, "multi", false) {
		limit = 0
		if operators.Type == bson.TypeEmbeddedDocument && !filter.IsOperators(operators.Value) {
			return fault.New(fault.FailedToParse, "multi update is not supported for replacement-style update")
		}
	}
	if _, err := statement.LookupErr("arrayFilters"); err == nil {
		return fault.New(fault.FailedToParse, "arrayFilters are not supported")
	}
	hits, err := targets(t, namespace, statement, limit)
	if err != nil {
		return err
	}
	for _, h := range hits {
		after, err := update.Apply(h.Doc, operators, false)
		if err != nil {
			return err
		}
		if !bytes.Equal(after, h.Doc) {
			if err := t.Replace(namespace, after); err != nil {
				return err
			}
			result.modified++
		}
		result.n++
	}
	if len(hits) > 0 || !truth(statement, "upsert", false) {
		return nil
	}
	made, err := upsert(t, namespace, sub(statement, "q"), operators)
	if err != nil {
		return err
	}
	result.n++
	result.upserted = append(result.upserted, doc("index", int32(place), "_id", made.Lookup("_id")))
	return nil
}

func upsert(t *store.Txn, namespace string, query bson.Raw, operators bson.RawValue) (bson.Raw, error) {
	seed, err := update.Seed(query)
	if err != nil {
		return nil, err
	}
	made, err := update.Apply(seed, operators, true)
	if err != nil {
		return nil, err
	}
	return made, t.Insert(namespace, made)
}

func findAndModify(s *Server, r *request) (bson.D, error) {
	q, err := query(r.body, "query")
	if err != nil {
		return nil, err
	}
	q.Limit = 1
	shape, err := newProjection(sub(r.body, "fields"))
	if err != nil {
		return nil, err
	}
	var outcome *modified
	err = s.within(r, func(t *store.Txn) error {
		hits, _, err := t.Collection(r.namespace()).Find(q)
		if err != nil {
			return err
		}
		outcome, err = modify(t, r, hits)
		return err
	})
	if err != nil {
		return nil, err
	}
	var shown any
	if outcome.doc != nil {
		shown = shape.apply(store.Hit{Doc: outcome.doc})
	}
	return concerned(r, doc("lastErrorObject", outcome.report, "value", shown)), nil
}

// modified is what findAndModify did, and the document that it shows.
type modified struct {
	report bson.D
	doc    bson.Raw
}

func modify(t *store.Txn, r *request, hits []store.Hit) (*modified, error) {
	operators, showNew := r.body.Lookup("update"), truth(r.body, "new", false)
	if len(hits) == 0 {
		if !truth(r.body, "upsert", false) {
			return &modified{report: doc("n", int32(0), "updatedExisting", false)}, nil
		}
		made, err := upsert(t, r.namespace(), sub(r.body, "query"), operators)
		if err != nil {
			return nil, err
		}
		m := &modified{report: doc("n", int32(1), "updatedExisting", false, "upserted", made.Lookup("_id"))}
		if showNew {
			m.doc = made
		}
		return m, nil
	}
	before := hits[0].Doc
	if truth(r.body, "remove", false) {
		return &modified{report: doc("n", int32(1)), doc: before}, t.Delete(r.namespace(), before)
	}
	after, err := update.Apply(before, operators, false)
	if err != nil {
		return nil, err
	}
	m := &modified{report: doc("n", int32(1), "updatedExisting", true), doc: before}
	if showNew {
		m.doc = after
	}
	return m, t.Replace(r.namespace(), after)
}

// concerned adds the error of a write concern that one node cannot fulfil.
func concerned(r *request, reply bson.D) bson.D {
	if number(sub(r.body, "writeConcern"), "w", 1) <= 1 {
		return reply
	}
	return append(reply, bson.E{Key: "writeConcernError", Value: doc(
		"code", int32(100), "codeName", fault.Code(100).Name(), "errmsg", "Not enough data-bearing nodes")})
}
