package httpapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func TestEveryReadOfAnAuditorIsOnRecord(t *testing.T) {
	h := newHouse(t)
	admin, auditor := h.user(auth.Administrator, "acme"), h.user(auth.Auditor, "acme")
	till := tilltest.New("acme", "s1", 1)
	sale := till.Sale("1")
	h.sell(sale, till.Sale("2"))
	for _, c := range []struct {
		path  string
		items int
	}{
		{"/tenants/acme/journals?limit=10&keyword=x%20y", 0}, {"/tenants/acme/journals", 2}, {"/tenants/acme/journals/" + sale.EventID, 1},
		{"/tenants/acme/journals/nothing", 0}, {"/tenants/acme/streams", 1}, {"/tenants/acme/orders/" + sale.CartID + "/timeline", 1},
	} {
		a := h.get(auditor, c.path)
		record := items(h.get(admin, "/tenants/acme/accesses?limit=1"))[0]
		assert.EqualValues(t, a.status, record["status"], c.path)
		assert.EqualValues(t, c.items, record["items"], c.path)
		assert.Equal(t, []any{"ann", "auditor", "GET"}, []any{record["subject"], record["role"], record["method"]})
	}
	records := items(h.get(admin, "/tenants/acme/accesses"))
	require.Len(t, records, 6, "what administrators read is not")
	first := records[5]
	assert.Equal(t, "limit=10&keyword=x%20y", first["query"])
	assert.Equal(t, "/api/v1/tenants/:tenant/journals", first["route"])
	assert.Equal(t, "/api/v1/tenants/acme/journals", first["path"])
	assert.Empty(t, items(h.get(admin, "/tenants/acme/accesses?subject=bob")))
	assert.Empty(t, items(h.get(admin, "/tenants/acme/accesses?timestampFrom=2099-01-01T00:00:00Z")))
	assert.Equal(t, 403, h.get(auditor, "/tenants/acme/accesses").status, "auditors do not audit themselves")
	assert.Empty(t, items(h.get(h.user(auth.Administrator, "bolt"), "/tenants/bolt/accesses")))
}

// Every route that an auditor may use is on record, one by one: the table is walked.
func TestNoRouteOfAnAuditorIsOffTheRecord(t *testing.T) {
	h := newHouse(t)
	admin, auditor := h.user(auth.Administrator, "acme"), h.user(auth.Auditor, "acme")
	recorded := 0
	for _, r := range h.api.Routes() {
		for _, role := range r.Roles {
			if role == auth.Auditor {
				h.do(auditor, r.Method, filled(r.Path), "")
				recorded++
			}
		}
	}
	require.Greater(t, recorded, 15)
	a := h.get(admin, "/tenants/acme/accesses")
	assert.EqualValues(t, recorded, a.body["total"])
}

func TestAReadThatCannotBeRecordedIsRefused(t *testing.T) {
	h := newHouse(t)
	auditor := h.user(auth.Auditor, "acme")
	h.sell(tilltest.New("acme", "s1", 1).Sale("1"))
	h.store.access = fmt.Errorf("%w: disk full", app.ErrUnavailable)
	a := h.get(auditor, "/tenants/acme/journals")
	assert.Equal(t, 503, a.status)
	assert.EqualValues(t, 411006, a.body["code"])
	assert.NotContains(t, a.raw, "acme-s1-1", "nothing of the answer goes out")
	assert.Equal(t, 200, h.get(h.user(auth.Administrator, "acme"), "/tenants/acme/journals").status)
	h.store.access = nil
	assert.Equal(t, 200, h.get(auditor, "/tenants/acme/journals").status)
	none := h.get(h.user(auth.Auditor, "none"), "/tenants/none/journals")
	assert.EqualValues(t, 410008, none.body["code"], "where there is no journal there is nothing to record")
}
