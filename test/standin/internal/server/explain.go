package server

import (
	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/store"
)

// explained is a command that can be explained: how its query is read.
var explained = map[string]func(body bson.Raw) (q store.Query, counts bool, err error){
	"find": func(body bson.Raw) (store.Query, bool, error) {
		q, err := query(body, "filter")
		return q, false, err
	},
	"count": func(body bson.Raw) (store.Query, bool, error) {
		q, err := query(body, "query")
		return q, true, err
	},
	"distinct": func(body bson.Raw) (store.Query, bool, error) {
		q, err := query(body, "query")
		return q, false, err
	},
	"aggregate": func(body bson.Raw) (store.Query, bool, error) {
		stages, err := pipeline(body)
		if err != nil {
			return store.Query{}, false, err
		}
		q, rest, err := leading(stages, body.Lookup("hint"))
		return q, onlyCounts(q, rest), err
	},
}

// explain runs a query and tells how it was done. It is honest about this
// server's planner and says nothing about MongoDB's.
func explain(s *Server, r *request) (bson.D, error) {
	inner := sub(r.body, "explain")
	first, err := inner.IndexErr(0)
	if err != nil {
		return nil, fault.New(fault.FailedToParse, "explain needs a command")
	}
	read, ok := explained[first.Key()]
	if !ok {
		return nil, fault.New(fault.CommandNotFound, "Explain failed due to unknown command: %s", first.Key())
	}
	q, counts, err := read(inner)
	if err != nil {
		return nil, err
	}
	name, _ := first.Value().StringValueOK()
	namespace := store.Namespace(r.database, name)
	returned, plan, err := runPlan(s.view(r, namespace), q, counts)
	if err != nil {
		return nil, err
	}
	return doc(
		"explainVersion", "1",
		"queryPlanner", doc("namespace", namespace, "winningPlan", winning(plan, q, counts), "rejectedPlans", bson.A{}),
		"executionStats", doc(
			"executionSuccess", true, "nReturned", int32(returned), "executionTimeMillis", int32(0),
			"totalKeysExamined", int32(keysExamined(plan)), "totalDocsExamined", int32(plan.DocsExamined)),
	), nil
}

func runPlan(view *store.Collection, q store.Query, counts bool) (int, *store.Plan, error) {
	if counts {
		return view.Count(q)
	}
	hits, plan, err := view.Find(q)
	return len(hits), plan, err
}

func keysExamined(p *store.Plan) int {
	n := p.KeysExamined
	for _, b := range p.Branches {
		n += b.KeysExamined
	}
	return n
}

func winning(p *store.Plan, q store.Query, counts bool) bson.D {
	tree := access(p)
	if len(p.Branches) > 0 || p.Stage == "IXSCAN" && (!counts || p.DocsExamined > 0) {
		tree = doc("stage", "FETCH", "inputStage", tree)
	}
	if counts {
		return doc("stage", "COUNT", "inputStage", tree)
	}
	if !p.Sorted {
		tree = doc("stage", "SORT", "inputStage", tree)
	}
	if q.Limit > 0 {
		tree = doc("stage", "LIMIT", "limitAmount", q.Limit, "inputStage", tree)
	}
	return tree
}

func access(p *store.Plan) bson.D {
	tree := doc("stage", p.Stage)
	if p.Index != nil {
		direction := "forward"
		if p.Reverse {
			direction = "backward"
		}
		tree = append(tree, doc("keyPattern", p.Index.Spec.Lookup("key"), "indexName", p.Index.Name,
			"isUnique", p.Index.Unique, "direction", direction)...)
	}
	if len(p.Branches) > 0 {
		inputs := bson.A{}
		for _, b := range p.Branches {
			inputs = append(inputs, access(b))
		}
		tree = append(tree, bson.E{Key: "inputStages", Value: inputs})
	}
	return tree
}
