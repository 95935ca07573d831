package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// item is a quarantined event of a tenant, which need not exist.
func item(id, tenant string, reason journal.Reason, sequence uint64) *journal.Quarantined {
	q := &journal.Quarantined{
		ID: id, TenantID: tenant, EventID: "event-" + id, ContentHash: journal.HashOf([]byte(id)), Topic: event.TopicTranLog,
		Reason: reason, Detail: "because", CloudEvent: []byte(`{"id":"` + id + `"}`), TraceParent: "00-trace", Generation: 2,
		FirstSeen: tilltest.Start, LastSeen: tilltest.Start, Times: 1, State: journal.QuarantineOpen,
	}
	if tenant != "" {
		q.Stream, q.Producer, q.Sequence = streamOf(tenant), event.ProducerCart, sequence
	}
	return q
}

func streamOf(tenant string) identity.Stream {
	return identity.Stream{TenantID: tenant, StoreCode: "s1", TerminalNo: 1}
}

func put(t *testing.T, s app.Store, items ...*journal.Quarantined) {
	t.Helper()
	require.NoError(t, s.Put(t.Context(), items))
}

func show(t *testing.T, s app.Store, id string) *journal.Quarantined {
	t.Helper()
	q, err := s.Item(t.Context(), id)
	require.NoError(t, err)
	return q
}

var done = app.Resolution{State: journal.QuarantineReplayed, By: "ann", Why: "mended", At: tilltest.Start.Add(time.Hour)}
var gone = app.Resolution{State: journal.QuarantineDiscarded, By: "bob", Why: "a test", At: tilltest.Start.Add(time.Hour)}

var quarantineCases = map[string]func(t *testing.T, s app.Store){
	"an item is kept as it came": func(t *testing.T, s app.Store) {
		q := item("1", "acme", journal.Undecodable, 7)
		q.CloudEvent = []byte("\xff\x00 no JSON '; DROP TABLE quarantine; --")
		none := item("2", "", journal.Undecodable, 0)
		put(t, s, q, none)
		assert.Equal(t, q, show(t, s, "1"))
		assert.Equal(t, none, show(t, s, "2"))
		_, err := s.Item(t.Context(), "3")
		assert.ErrorIs(t, err, app.ErrNotFound)
	},
	"the same event is kept once and counted": func(t *testing.T, s app.Store) {
		put(t, s, item("1", "acme", journal.ContentChanged, 7))
		again := item("2", "acme", journal.ContentChanged, 7)
		again.EventID, again.ContentHash, again.LastSeen = "event-1", journal.HashOf([]byte("1")), tilltest.Start.Add(time.Minute)
		put(t, s, again, again)
		q := show(t, s, "1")
		assert.Equal(t, 3, q.Times)
		assert.Equal(t, again.LastSeen, q.LastSeen)
		assert.Equal(t, tilltest.Start, q.FirstSeen)
		_, err := s.Item(t.Context(), "2")
		assert.ErrorIs(t, err, app.ErrNotFound)
		depth, err := s.Depth(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, depth)
		for change, other := range map[string]func(*journal.Quarantined){
			"another tenant":  func(q *journal.Quarantined) { q.TenantID, q.ID = "bolt", "3" },
			"another id":      func(q *journal.Quarantined) { q.EventID, q.ID = "other", "4" },
			"another content": func(q *journal.Quarantined) { q.ContentHash, q.ID = journal.HashOf(nil), "5" },
		} {
			q := item("1", "acme", journal.ContentChanged, 7)
			other(q)
			put(t, s, q)
			assert.Equal(t, q.ID, show(t, s, q.ID).ID, change)
		}
	},
	"the journal's own reason replaces a dead letter's, and never the other way": func(t *testing.T, s app.Store) {
		letter, own := item("1", "acme", journal.DeadLetter, 7), item("1", "acme", journal.Poison, 7)
		own.Detail = "it panicked"
		put(t, s, letter)
		put(t, s, own)
		put(t, s, letter)
		q := show(t, s, "1")
		assert.Equal(t, journal.Poison, q.Reason)
		assert.Equal(t, "it panicked", q.Detail)
	},
	"an item is closed once": func(t *testing.T, s app.Store) {
		put(t, s, item("1", "acme", journal.Undecodable, 7))
		closed, err := s.Resolve(t.Context(), "1", gone)
		require.NoError(t, err)
		assert.True(t, closed)
		closed, err = s.Resolve(t.Context(), "1", done)
		require.NoError(t, err)
		assert.False(t, closed)
		q := show(t, s, "1")
		assert.Equal(t, journal.QuarantineDiscarded, q.State)
		assert.Equal(t, "bob", q.ResolvedBy)
		assert.Equal(t, "a test", q.Resolution)
		assert.Equal(t, gone.At, q.ResolvedAt)
		closed, err = s.Resolve(t.Context(), "9", done)
		require.NoError(t, err)
		assert.False(t, closed)
	},
	"what is refused again after its replay is open again, what was discarded is not": func(t *testing.T, s app.Store) {
		for id, r := range map[string]app.Resolution{"1": done, "2": gone} {
			put(t, s, item(id, "acme", journal.UnknownTenant, 7))
			_, err := s.Resolve(t.Context(), id, r)
			require.NoError(t, err)
			put(t, s, item(id, "acme", journal.ContentChanged, 7))
		}
		assert.Equal(t, journal.QuarantineOpen, show(t, s, "1").State)
		assert.Equal(t, journal.ContentChanged, show(t, s, "1").Reason)
		assert.Empty(t, show(t, s, "1").ResolvedBy)
		assert.Equal(t, journal.QuarantineDiscarded, show(t, s, "2").State)
	},
	"lists show a tenant's own by state and reason, page by page": func(t *testing.T, s app.Store) {
		put(t, s, item("1", "acme", journal.Undecodable, 1), item("2", "acme", journal.DeadLetter, 2), item("3", "acme", journal.DeadLetter, 3),
			item("4", "bolt", journal.DeadLetter, 1), item("5", "", journal.Undecodable, 0))
		_, err := s.Resolve(t.Context(), "3", gone)
		require.NoError(t, err)
		for i, c := range []struct {
			query app.QuarantineQuery
			want  []string
			total int
		}{
			{app.QuarantineQuery{TenantID: "acme", State: journal.QuarantineOpen, Limit: 10}, []string{"1", "2"}, 2},
			{app.QuarantineQuery{TenantID: "acme", State: journal.QuarantineOpen, Limit: 1, Skip: 1}, []string{"2"}, 2},
			{app.QuarantineQuery{TenantID: "acme", State: journal.QuarantineOpen, Reason: journal.DeadLetter, Limit: 10}, []string{"2"}, 1},
			{app.QuarantineQuery{TenantID: "acme", State: journal.QuarantineDiscarded, Limit: 10}, []string{"3"}, 1},
			{app.QuarantineQuery{TenantID: "bolt", State: journal.QuarantineOpen, Limit: 10}, []string{"4"}, 1},
			{app.QuarantineQuery{TenantID: "", State: journal.QuarantineOpen, Limit: 10}, []string{"5"}, 1},
			{app.QuarantineQuery{TenantID: "none", State: journal.QuarantineOpen, Limit: 10}, nil, 0},
		} {
			t.Run(name(i), func(t *testing.T) {
				items, total, err := s.Items(t.Context(), c.query)
				require.NoError(t, err)
				assert.Equal(t, c.total, total)
				var ids []string
				for _, q := range items {
					ids = append(ids, q.ID)
					assert.Empty(t, q.CloudEvent, "a list does not carry the events")
				}
				assert.Equal(t, c.want, ids)
			})
		}
		depth, err := s.Depth(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 4, depth)
	},
	"the fates of a lane are what is open and what was discarded": func(t *testing.T, s app.Store) {
		put(t, s, item("1", "acme", journal.Undecodable, 1), item("2", "acme", journal.Poison, 2), item("3", "acme", journal.Poison, 3), item("4", "bolt", journal.Poison, 4))
		outside := item("5", "acme", journal.DeadLetter, 0)
		other := item("6", "acme", journal.Poison, 6)
		other.Producer = event.ProducerTerminal
		put(t, s, outside, other)
		for id, r := range map[string]app.Resolution{"2": gone, "3": done} {
			_, err := s.Resolve(t.Context(), id, r)
			require.NoError(t, err)
		}
		open, discarded, err := s.Fates(t.Context(), streamOf("acme"), event.ProducerCart)
		require.NoError(t, err)
		assert.Equal(t, []event.FailedEvent{{EventID: "event-1", Sequence: 1, Reason: "undecodable: because"}}, open)
		assert.Equal(t, []uint64{2}, discarded)
	},
	"what waits for its tenant is found tenant by tenant": func(t *testing.T, s app.Store) {
		put(t, s, item("1", "acme", journal.UnknownTenant, 1), item("2", "acme", journal.UnknownTenant, 2), item("3", "acme", journal.UnknownTenant, 3),
			item("4", "bolt", journal.UnknownTenant, 1), item("5", "acme", journal.Undecodable, 4))
		tenants, err := s.WaitingFor(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"acme", "bolt"}, tenants)
		first, err := s.Waiting(t.Context(), "acme", "", 2)
		require.NoError(t, err)
		require.Len(t, first, 2)
		assert.NotEmpty(t, first[0].CloudEvent)
		second, err := s.Waiting(t.Context(), "acme", first[1].ID, 2)
		require.NoError(t, err)
		require.Len(t, second, 1)
		for _, q := range append(first, second...) {
			_, err := s.Resolve(t.Context(), q.ID, done)
			require.NoError(t, err)
		}
		tenants, err = s.WaitingFor(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"bolt"}, tenants)
	},
	"items are kept all or none": func(t *testing.T, s app.Store) {
		twice := item("2", "acme", journal.Poison, 2)
		twice.ID = "1" // two items cannot have one id
		err := s.Put(t.Context(), []*journal.Quarantined{item("1", "acme", journal.Poison, 1), twice})
		require.Error(t, err)
		depth, err := s.Depth(t.Context())
		require.NoError(t, err)
		assert.Zero(t, depth)
	},
}
