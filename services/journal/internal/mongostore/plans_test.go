package mongostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/event"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// command is a query as it went to the server.
type command struct {
	database string
	body     bson.D
}

// eavesdropper keeps the queries that a store sends.
type eavesdropper struct {
	mu    sync.Mutex
	heard []command
}

// ofTheSession are the parts of a command that are no part of its query.
var ofTheSession = []string{"lsid", "$clusterTime", "$db", "txnNumber", "startTransaction", "autocommit", "readConcern", "$readPreference", "maxTimeMS"}

func (e *eavesdropper) hear(_ context.Context, started *driver.CommandStartedEvent) {
	if !slices.Contains([]string{"find", "aggregate", "count", "distinct"}, started.CommandName) {
		return
	}
	var body bson.D
	if err := bson.Unmarshal(started.Command, &body); err != nil {
		panic(err) // the driver wrote it
	}
	body = slices.DeleteFunc(body, func(el bson.E) bool { return slices.Contains(ofTheSession, el.Key) })
	e.mu.Lock()
	e.heard = append(e.heard, command{started.DatabaseName, body})
	e.mu.Unlock()
}

func (e *eavesdropper) take() []command {
	e.mu.Lock()
	defer e.mu.Unlock()
	heard := e.heard
	e.heard = nil
	return heard
}

// overheard is a store whose queries are kept, and a client beside it to explain them with.
func overheard(t *testing.T) (*Store, *eavesdropper, *mongo.Client) {
	t.Helper()
	cfg := databases()
	s := openAs(t, cfg)
	plain, e := s.client, &eavesdropper{}
	client, err := mongo.Connect(t.Context(), clientOptions(cfg.URI).SetMonitor(&driver.CommandMonitor{Started: e.hear}))
	require.NoError(t, err)
	s.client, s.platform = client, client.Database(s.platform.Name())
	t.Cleanup(func() { _ = plain.Disconnect(context.Background()) })
	return s, e, plain
}

// explained is what a server says of how it did a query.
type explained struct {
	stages   []string // of the plan that it took
	examined int64    // documents
}

func (e *explained) has(stage string) bool { return slices.Contains(e.stages, stage) }

func explain(t *testing.T, client *mongo.Client, c command) explained {
	t.Helper()
	var reply bson.D
	err := client.Database(c.database).RunCommand(t.Context(), bson.D{{Key: "explain", Value: c.body}, {Key: "verbosity", Value: "executionStats"}}).Decode(&reply)
	require.NoError(t, err, "%v", c.body)
	var e explained
	e.read(reply, false)
	require.NotEmpty(t, e.stages, "%v", reply)
	return e
}

// read looks for stages and counts, wherever in its answer this version of the server puts them.
func (e *explained) read(v any, winning bool) {
	switch v := v.(type) {
	case bson.D:
		for _, el := range v {
			switch el.Key {
			case "rejectedPlans", "executionStages", "allPlansExecution":
				continue
			case "totalDocsExamined":
				e.examined += number(el.Value)
			case "stage":
				if name, ok := el.Value.(string); ok && winning {
					e.stages = append(e.stages, name)
				}
			}
			e.read(el.Value, winning || el.Key == "winningPlan")
		}
	case bson.A:
		for _, item := range v {
			e.read(item, winning)
		}
	}
}

func number(v any) int64 {
	switch n := v.(type) {
	case int32:
		return int64(n)
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return 0
}

// counted is what a command that counts gives, 0 of others.
func counted(t *testing.T, client *mongo.Client, c command) int64 {
	t.Helper()
	if c.body[0].Key != "aggregate" {
		return 0
	}
	name, _ := c.body[0].Value.(string)
	cursor, err := client.Database(c.database).Collection(name).Aggregate(t.Context(), pipelineOf(c))
	require.NoError(t, err)
	var found []struct {
		N int64 `bson:"n"`
	}
	require.NoError(t, cursor.All(t.Context(), &found))
	if len(found) == 0 {
		return 0
	}
	return found[0].N
}

func pipelineOf(c command) bson.A {
	for _, el := range c.body {
		if el.Key == "pipeline" {
			pipeline, _ := el.Value.(bson.A)
			return pipeline
		}
	}
	return nil
}

// Every search that the API can make, as the database itself explains it: no collection is read from
// end to end, nothing is sorted that was not found to be little, and no more documents are examined than
// a search may. An ordinary run asks some of them, JOURNAL_ALL_PLANS=1 all.
func TestEverySearchWalksAnIndexWithinItsBudget(t *testing.T) {
	if strings.Contains(server.Engine, "stand-in") {
		t.Log("UNPROVEN: that MongoDB's planner does the same; the stand-in's own tells of itself")
	}
	s, heard, client := overheard(t)
	after := storetest.FillForPlans(t, s)
	limits := app.SearchLimits{Examined: 120, Few: 20, Read: 60}
	s.Limit(limits)
	var answered, refused, plans int
	seen := map[string]bool{}
	storetest.EveryQuery(after, 151, func(q journal.Query) {
		heard.take()
		_, err := s.Search(t.Context(), "acme", q)
		if err == nil {
			answered++
		} else {
			require.ErrorIs(t, err, app.ErrTooWide, "%+v", q)
			refused++
		}
		for _, c := range heard.take() {
			key := fmt.Sprint(c.body)
			if seen[key] {
				continue
			}
			seen[key] = true
			plans++
			e := explain(t, client, c)
			assert.False(t, e.has("COLLSCAN"), "%+v\n%v\n%v", q, c.body, e)
			// A total may look at all that it counts, and at nothing in vain.
			most := max(int64(limits.Examined), counted(t, client, c))
			assert.LessOrEqual(t, e.examined, most+1, "%+v\n%v\n%v", q, c.body, e)
		}
	})
	t.Logf("%d searches answered, %d refused, %d different queries explained", answered, refused, plans)
	assert.Greater(t, answered, 100)
	assert.Positive(t, refused)
	assert.Greater(t, plans, 500)
}

// Whatever else the service reads of a tenant, a part of an index leads to it.
func TestEveryOtherReadWalksAnIndex(t *testing.T) {
	s, heard, client := overheard(t)
	after := storetest.FillForPlans(t, s)
	till := tilltest.New("acme", "s1", 7)
	_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
	require.NoError(t, err)
	stream := till.Sale("1").Stream()
	terminal := identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 1}
	from := tilltest.Start
	ctx := t.Context()
	for what, read := range map[string]func() error{
		"entry": func() error { _, err := s.Entry(ctx, "acme", after); return err },
		"known": func() error { _, err := s.Known(ctx, "acme", []string{after, "x"}); return err },
		"order": func() error { _, _, err := s.Order(ctx, "acme", "c1"); return err },
		"session": func() error {
			_, err := s.Session(ctx, "acme", journal.SessionKey{Terminal: terminal, BusinessDate: "20260303", OpenCounter: 1})
			return err
		},
		"terminal": func() error { _, err := s.Terminal(ctx, "acme-s1-1"); return err },
		"progress": func() error { _, err := s.Progress(ctx, stream, "cart"); return err },
		"receipts": func() error { _, err := s.Receipts(ctx, terminal, "20260303", []int64{1, 2}); return err },
		"behind":   func() error { _, err := s.Behind(ctx, stream, 1, 10); return err },
		"fates":    func() error { _, _, err := s.Fates(ctx, stream, "cart"); return err },
		"quarantine": func() error {
			_, _, err := s.Items(ctx, app.QuarantineQuery{TenantID: "acme", State: journal.QuarantineOpen, Limit: 10})
			return err
		},
		"waiting": func() error { _, err := s.Waiting(ctx, "acme", "", 10); return err },
		"discrepancies": func() error {
			_, _, err := s.Discrepancies(ctx, "acme", app.DiscrepancyQuery{StoreCode: "s1", State: journal.DiscrepancyOpen, Limit: 10})
			return err
		},
		"accesses": func() error {
			_, _, err := s.Accesses(ctx, "acme", app.AccessQuery{Subject: "ann", Limit: 10})
			return err
		},
		"events of an order": func() error {
			_, _, err := s.Events(ctx, "acme", journal.EventQuery{CorrelationID: "c1", Limit: 5})
			return err
		},
		"events of a terminal": func() error {
			_, _, err := s.Events(ctx, "acme", journal.EventQuery{StoreCode: "s1", TerminalNo: 1, Limit: 5})
			return err
		},
		"events of a type": func() error {
			_, _, err := s.Events(ctx, "acme", journal.EventQuery{Type: "Sales.OrderCompleted", Limit: 5})
			return err
		},
		"events since": func() error {
			_, _, err := s.Events(ctx, "acme", journal.EventQuery{Occurred: journal.Span[time.Time]{From: &from}, OldestFirst: true, Limit: 5})
			return err
		},
	} {
		heard.take()
		if err := read(); !errors.Is(err, app.ErrNotFound) { // looking for it is what counts
			require.NoError(t, err, what)
		}
		commands := heard.take()
		require.NotEmpty(t, commands, what)
		for _, c := range commands {
			if c.database == s.platform.Name() && c.body[0].Value == journaldb.Tenants {
				continue // read from end to end: it is a list of the tenants
			}
			e := explain(t, client, c)
			assert.False(t, e.has("COLLSCAN"), "%s: %v\n%v", what, c.body, e)
			assert.LessOrEqual(t, e.examined, int64(60), "%s: %v\n%v", what, c.body, e)
		}
	}
}

// Every index by which searches find entries is one that is made, with the columns in that order.
func TestEveryPathIsAnIndex(t *testing.T) {
	fields := map[journal.Column][]string{
		journal.ColStore: {"store_code"}, journal.ColTerminal: {"terminal_no"}, journal.ColType: {"transaction_type"}, journal.ColDate: {"business_date"},
		journal.ColReceipt: {"receipt_no"}, journal.ColTransaction: {"transaction_number"}, journal.ColInstant: {"generated_at", "place"},
	}
	entries := slices.IndexFunc(journaldb.Tenant.Collections, func(c journaldb.Collection) bool { return c.Name == journaldb.Journal })
	for _, p := range paths {
		var want []string
		for _, c := range p.Columns {
			want = append(want, fields[c]...)
		}
		assert.True(t, slices.ContainsFunc(journaldb.Tenant.Collections[entries].Indexes, func(ix journaldb.Index) bool {
			return ix.Name == p.Index && slices.Equal(ix.Fields, want) && !ix.Text
		}), p.Index)
	}
	// Every filter that an index can serve is served by one when it is the only one, and every query goes
	// by an index.
	day, n, instant := "20260303", int64(1), tilltest.Start
	for _, q := range []journal.Query{
		{StoreCode: "s1"}, {Types: []journal.Type{101}}, {BusinessDate: journal.Span[string]{From: &day}}, {ReceiptNo: journal.Span[int64]{To: &n}},
		{TransactionNo: journal.Span[int64]{From: &n}}, {Generated: journal.Span[time.Time]{From: &instant}},
	} {
		routes := q.Routes(paths)
		require.Len(t, routes, 1, "%+v", q)
		assert.True(t, routes[0].Whole, "%+v", q)
	}
	storetest.EveryQuery("", 7, func(q journal.Query) {
		assert.NotEmpty(t, q.Routes(paths), "%+v", q)
		assert.NotNil(t, q.InOrder(paths), "%+v", q)
	})
}

// A plan that reads everything is found out.
func TestTheExplainingFindsFullScans(t *testing.T) {
	s, heard, client := overheard(t)
	storetest.FillForPlans(t, s)
	heard.take()
	n, err := s.database("acme").Collection(colJournal).CountDocuments(t.Context(), bson.D{{Key: "quantity", Value: bson.D{{Key: "$eq", Value: 1}}}})
	require.NoError(t, err)
	assert.Positive(t, n)
	commands := heard.take()
	require.Len(t, commands, 1)
	e := explain(t, client, commands[0])
	assert.True(t, e.has("COLLSCAN"), "%v", e)
	assert.GreaterOrEqual(t, e.examined, int64(600))
}
