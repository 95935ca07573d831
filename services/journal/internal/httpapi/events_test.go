package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func TestBusinessEventsAreListed(t *testing.T) {
	h := newHouse(t)
	auditor := h.user(auth.Auditor, "acme")
	one, two := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2)
	for _, till := range []*tilltest.Till{one, two} {
		h.sell(till.Business("o1", event.OrderCreated{OrderID: "o1"}), till.Business("o1", event.OrderCompleted{OrderID: "o1"}), till.Business("", event.SignedIn{StaffID: "s01"}))
	}
	for path, want := range map[string]int{
		"/tenants/acme/events": 6, "/tenants/acme/events?eventType=Sales.OrderCreated": 2, "/tenants/acme/events?orderId=o1": 4, "/tenants/acme/events?userId=nobody": 0,
		"/tenants/acme/events?timestampFrom=2026-03-29T00:00:02Z": 4, "/tenants/acme/events?timestampTo=2026-03-29T00:00:02Z": 2,
		"/tenants/acme/stores/s1/events?terminalNo=2": 3, "/tenants/acme/stores/s2/events": 0, "/tenants/acme/stores/s1/terminals/1/events": 3,
	} {
		a := h.get(auditor, path)
		require.Equal(t, 200, a.status, a.raw)
		assert.Len(t, items(a), want, path)
	}
	assert.Len(t, items(h.get(h.till("acme", "s1", 1), "/tenants/acme/stores/s1/terminals/1/events")), 3)
	var types []any
	path := "/tenants/acme/events?sort=asc&orderId=o1&limit=3&cursor="
	for cursor := ""; ; {
		a := h.get(auditor, path+cursor)
		require.Equal(t, 200, a.status, a.raw)
		for _, item := range items(a) {
			types = append(types, item["eventType"])
		}
		next, more := a.body["nextCursor"].(string)
		if !more {
			break
		}
		cursor = next
		assert.Equal(t, 422, h.get(auditor, "/tenants/acme/events?limit=3&cursor="+cursor).status, "a cursor belongs to its filters")
	}
	assert.Equal(t, []any{"Sales.OrderCreated", "Sales.OrderCreated", "Sales.OrderCompleted", "Sales.OrderCompleted"}, types)
	for query, field := range map[string]string{"timestampFrom=2026-03-29": "timestampFrom", "limit=0": "limit", "sort=up": "sort", "colour=1": "colour", "terminalNo=1": "terminalNo",
		"timestampFrom=2026-03-30T00:00:00Z&timestampTo=2026-03-29T00:00:00Z": "timestampTo", "cursor=x": "cursor"} {
		a := h.get(auditor, "/tenants/acme/events?"+query)
		require.Equal(t, 422, a.status, a.raw)
		assert.Equal(t, field, a.body["errors"].([]any)[0].(map[string]any)["name"], query)
	}
}
