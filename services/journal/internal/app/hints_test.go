package app_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func markOf(e event.Event) string {
	return "processed/" + e.Head().TenantID + "/" + e.Head().EventID
}

func TestAMarkedEventIsAcknowledgedByOneReadWithoutATransaction(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	b.deliver(sale)
	app.WriteMarks(b.app)
	item, err := state.Get(t.Context(), b.hints, markOf(sale))
	require.NoError(t, err)
	var mark map[string]string
	require.NoError(t, json.Unmarshal(item.Value, &mark))
	assert.Equal(t, sale.EventID, mark["event_id"])
	assert.Equal(t, "received", mark["status"])
	assert.Equal(t, tilltest.Record(t, sale).ContentHash.String(), mark["content_hash"])
	assert.NotEmpty(t, mark["processed_at"])

	reads := 0
	b.store.known = func() { reads++ }
	assert.Equal(t, []app.Result{repeat}, results(b.deliver(sale)))
	assert.Equal(t, 1, reads)
	assert.Equal(t, []int{1}, b.store.sizes(), "no second transaction")
	assert.Len(t, b.told(), 1, "and reported again")

	b.clock.Advance(app.MarkLife)
	assert.Empty(t, b.hints.Keys(), "a mark does not stay for ever")
}

func TestAMarkIsOnlyAHint(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	sale, other := till.Sale("1"), till.Sale("2")
	hash := tilltest.Record(t, sale).ContentHash.String()
	for what, c := range map[string]struct {
		mark   string
		stored event.Event
		want   app.Result
	}{
		"of an event that is not stored": {`{"event_id":"` + sale.EventID + `","status":"received","content_hash":"` + hash + `"}`, other, stored},
		"with another content":           {`{"event_id":"` + sale.EventID + `","status":"received","content_hash":"00"}`, sale, repeat},
		"that is rubbish":                {`]`, other, stored},
		"that is of another type":        {`[1]`, other, stored},
		"that says something else":       {`{"status":"failed"}`, sale, repeat},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			b.provision("acme")
			b.deliver(c.stored)
			require.NoError(t, b.hints.Write(t.Context(), state.Op{Key: markOf(sale), Value: []byte(c.mark), Blind: true}))
			assert.Equal(t, []app.Result{c.want}, results(b.deliver(sale)))
			l, err := b.app.Search.Entry(t.Context(), "acme", sale.EventID)
			require.NoError(t, err)
			assert.Equal(t, "1", l.Amount.String())
			b.holds("acme")
		})
	}
}

func TestAMarkedEventWithChangedContentIsNotAcknowledged(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	b.deliver(sale)
	forged := *sale
	forged.JournalText = "forged"
	hash := tilltest.Record(t, &forged).ContentHash.String()
	require.NoError(t, b.hints.Write(t.Context(), state.Op{Key: markOf(sale), Blind: true, Value: []byte(`{"content_hash":"` + hash + `"}`)}))
	assert.Equal(t, []app.Result{quarantined}, results(b.deliver(&forged)))
}

func TestIngestGoesOnWithoutTheStateStore(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	down, gets := errors.New("sidecar away"), 0
	b.hints.BeforeGet = func([]string) error { gets++; return down }
	b.hints.BeforeWrite = func([]state.Op) error { return down }
	till := tilltest.New("acme", "s1", 1)
	for range 3 * app.BreakerTrips {
		sale := till.Sale("1")
		require.Equal(t, []app.Result{stored, repeat}, results(b.deliver(sale, sale)))
		app.WriteMarks(b.app)
	}
	assert.LessOrEqual(t, gets, app.BreakerTrips, "a breaker spares the waiting")
	assert.Equal(t, 3*app.BreakerTrips, b.entries("acme"))
	b.holds("acme")
}

func TestAStateStoreThatWasClearedCostsATransactionAndNothingElse(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	b.deliver(sale)
	app.WriteMarks(b.app)
	require.NoError(t, b.hints.Write(t.Context(), state.Delete(markOf(sale))))
	assert.Equal(t, []app.Result{repeat}, results(b.deliver(sale)))
	assert.Equal(t, 1, b.entries("acme"))
}

func TestARepeatOfANewGenerationGoesThroughTheTransactionThatKeepsIt(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	sale := till.Sale("1")
	b.deliver(sale)
	app.WriteMarks(b.app)
	assert.Equal(t, []app.Result{repeat}, results(b.deliverAs(3, sale)))
	assert.Len(t, b.store.sizes(), 2)
	assert.Equal(t, []app.Result{repeat}, results(b.deliverAs(3, sale)))
	assert.Len(t, b.store.sizes(), 2, "the next one of it does not")
	b.restart()
	item := raw(t, event.TopicTranLog, "x", []byte(`{}`), 0)
	b.app.Ingest.Handle(t.Context(), event.TopicTranLog, []app.Message{item})
	states, err := b.app.Tenants.Streams(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, 3, states[0].Progress[0].Generation)
}
