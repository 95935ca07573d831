package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// hostile ids try to be operators, paths, patterns or more than one id.
var hostile = []string{
	"$where", "$ne", `{"$gt":""}`, `{"$ne":null}`, "a.b.c", "journal.$[]", "$$ROOT", "..", "../../etc/passwd", "/", `\`, "*", "%", "_", ".*", "' OR '1'='1",
	"x'; DROP TABLE journal; --", "a\x00b", "a,b", "null", "true", "0", " ", "\u202e", strings.Repeat("k", 5000),
}

// large is an event with a content of about so many bytes.
func large(till *tilltest.Till, bytes int) *event.TranLog {
	sale := till.Sale("1")
	sale.JournalText = strings.Repeat("x", bytes)
	return sale
}

var limitCases = map[string]func(t *testing.T, s app.Store){
	"an event that is too large is refused, and all of its batch with it": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		small, huge := till.Sale("1"), large(till, app.MaxContent)
		for range 2 {
			_, err := s.Commit(t.Context(), "acme", tilltest.Records(t, small, huge))
			require.ErrorIs(t, err, app.ErrRefused)
			require.NotErrorIs(t, err, app.ErrUnavailable)
		}
		assert.Empty(t, all(t, s, "acme", journal.Query{}))
		assert.Equal(t, []app.Outcome{app.Stored}, commit(t, s, "acme", small))
		verify(t, s, "acme")
	},
	"an event as large as it may be is stored": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		sale := large(till, app.MaxContent-10_000)
		commit(t, s, "acme", sale)
		l, err := s.Entry(t.Context(), "acme", sale.EventID)
		require.NoError(t, err)
		assert.Len(t, l.JournalText, app.MaxContent-10_000)
		verify(t, s, "acme")
	},
	"a batch is larger than any document": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		var events []event.Event
		for range 40 { // content and entry: over 16 MiB each in sum
			events = append(events, large(till, 512<<10))
		}
		commit(t, s, "acme", events...)
		assert.Equal(t, map[string]uint64{"acme-s1-1": 40}, verify(t, s, "acme"))
	},
	"ids that try to be operators or paths are ids": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		for _, id := range hostile { // event ids are UUIDs; orders have the publisher's own
			sale, said := till.Sale("1"), till.Business(id, event.OrderCompleted{OrderID: id})
			sale.CartID = id
			commit(t, s, "acme", sale, said)
			events, entries, err := s.Order(t.Context(), "acme", id)
			require.NoError(t, err)
			if assert.Len(t, entries, 1, "%q", id) && assert.Len(t, events, 1, "%q", id) {
				assert.Equal(t, sale.EventID, entries[0].EventID)
				assert.Equal(t, said.EventID, events[0].EventID)
			}
		}
		known, err := s.Known(t.Context(), "acme", hostile)
		require.NoError(t, err)
		assert.Empty(t, known)
		assert.Equal(t, map[string]uint64{"acme-s1-1": uint64(2 * len(hostile))}, verify(t, s, "acme"))
	},
	"what is asked for with such ids is not there": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		commit(t, s, "acme", till.TerminalSnapshot(1, "key"), till.Business("c1", event.OrderCompleted{OrderID: "c1"}), till.Sale("1"))
		require.NoError(t, s.Put(t.Context(), []*journal.Quarantined{item("1", "acme", journal.Poison, 1)}))
		for _, id := range hostile {
			_, err := s.Entry(t.Context(), "acme", id)
			require.ErrorIs(t, err, app.ErrNotFound, "%q", id)
			_, err = s.Terminal(t.Context(), id)
			require.ErrorIs(t, err, app.ErrNotFound, "%q", id)
			_, err = s.Item(t.Context(), id)
			require.ErrorIs(t, err, app.ErrNotFound, "%q", id)
			closed, err := s.Resolve(t.Context(), id, app.Resolution{State: journal.QuarantineDiscarded, By: "ann", Why: "x", At: at})
			require.NoError(t, err)
			assert.False(t, closed, "%q", id)
			events, entries, err := s.Order(t.Context(), "acme", id)
			require.NoError(t, err)
			assert.Empty(t, events, "%q", id)
			assert.Empty(t, entries, "%q", id)
			_, total, err := s.Items(t.Context(), app.QuarantineQuery{TenantID: id, State: journal.QuarantineOpen, Limit: 10})
			require.NoError(t, err)
			assert.Zero(t, total, "%q", id)
			waiting, err := s.Waiting(t.Context(), id, id, 10)
			require.NoError(t, err)
			assert.Empty(t, waiting, "%q", id)
			assert.Empty(t, all(t, s, "acme", journal.Query{StaffID: id}), "%q", id)
		}
	},
	"more ids are looked up at once than one query takes": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		sale := tilltest.New("acme", "s1", 1).Sale("1")
		commit(t, s, "acme", sale)
		ids := make([]string, 0, 70_001)
		for i := range 70_000 {
			ids = append(ids, fmt.Sprintf("00000000-0000-7000-8000-%012d", i))
		}
		known, err := s.Known(t.Context(), "acme", append(ids, sale.EventID))
		require.NoError(t, err)
		assert.Len(t, known, 1)
		assert.Contains(t, known, sale.EventID)
	},
}
