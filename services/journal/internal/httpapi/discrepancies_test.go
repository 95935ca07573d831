package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// examine has what was stored held against the rules now.
func (h *house) examine() {
	h.t.Helper()
	require.NoError(h.t, h.service.Examine(h.t.Context()))
}

// discrepancy makes one of the till, accepts it, and gives its path.
func (h *house) discrepancy(till *tilltest.Till) string {
	h.t.Helper()
	sale := till.Sale("1")
	sale.JournalText = " "
	h.sell(sale)
	h.examine()
	items, _, err := h.service.Discrepancies.List(h.t.Context(), "acme", app.DiscrepancyQuery{TerminalNo: till.TerminalNo, Kind: journal.Incomplete, Limit: 1})
	require.NoError(h.t, err)
	_, err = h.service.Discrepancies.Accept(h.t.Context(), "acme", items[0].ID, "ann", "x")
	require.NoError(h.t, err)
	return "/tenants/acme/discrepancies/" + items[0].ID
}

func TestDiscrepanciesAreListedShownAndAccepted(t *testing.T) {
	h := newHouse(t)
	admin, auditor := h.user(auth.Administrator, "acme"), h.user(auth.Auditor, "acme")
	till, other := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s2", 1)
	good, twice, silent := till.Sale("1"), till.Sale("2"), other.Sale("3")
	twice.ReceiptNo, silent.JournalText, silent.BusinessDate = good.ReceiptNo, " ", "20260330"
	h.sell(good, twice, silent)
	h.examine()
	for path, want := range map[string]int{
		"/tenants/acme/discrepancies": 2, "/tenants/acme/discrepancies?kind=incomplete": 1, "/tenants/acme/discrepancies?state=closed": 0,
		"/tenants/acme/discrepancies?state=any": 2, "/tenants/acme/discrepancies?businessDate=20260330": 1, "/tenants/acme/discrepancies?limit=1&skip=1": 2,
		"/tenants/acme/stores/s1/discrepancies": 1, "/tenants/acme/stores/s2/terminals/1/discrepancies": 1, "/tenants/acme/stores/s2/terminals/2/discrepancies": 0,
	} {
		a := h.get(auditor, path)
		require.Equal(t, 200, a.status, a.raw)
		assert.EqualValues(t, want, a.body["total"], path)
	}
	for query, field := range map[string]string{"state=lost": "state", "kind=odd": "kind", "businessDate=x": "businessDate", "limit=0": "limit", "colour=1": "colour"} {
		a := h.get(auditor, "/tenants/acme/discrepancies?"+query)
		require.Equal(t, 422, a.status)
		assert.Equal(t, field, a.body["errors"].([]any)[0].(map[string]any)["name"])
	}
	item := items(h.get(h.till("acme", "s1", 1), "/tenants/acme/stores/s1/terminals/1/discrepancies"))[0]
	assert.Equal(t, "receipt-number-twice", item["kind"])
	assert.Equal(t, []any{good.EventID, twice.EventID}, item["events"])
	path := "/tenants/acme/discrepancies/" + item["id"].(string)
	assert.Equal(t, item, h.get(auditor, path).body)
	assert.Equal(t, 404, h.get(h.user(auth.Auditor, "bolt"), "/tenants/bolt/discrepancies/"+item["id"].(string)).status)
	assert.Equal(t, 422, h.do(admin, http.MethodPost, path+"/accept", `{}`).status)
	a := h.do(admin, http.MethodPost, path+"/accept", `{"reason":"the range was set back"}`)
	require.Equal(t, 200, a.status, a.raw)
	assert.Equal(t, []any{"accepted", "ann", "the range was set back"}, []any{a.body["state"], a.body["resolvedBy"], a.body["resolution"]})
	assert.Equal(t, 409, h.do(admin, http.MethodPost, path+"/accept", `{"reason":"x"}`).status)
}

func TestAReconciliationShowsTheSessionsDiscrepancies(t *testing.T) {
	h := newHouse(t)
	till := tilltest.New("acme", "s1", 1)
	sale, closing := till.Sale("10"), till.Close(1, 1, 0, "", "10")
	late := till.Sale("5")
	till.OpenCounter = 2
	silent := till.Sale("7")
	silent.JournalText = " "
	h.sell(till.Open(), sale, closing, late, silent)
	h.examine()
	a := h.get(h.user(auth.Auditor, "acme"), "/tenants/acme/stores/s1/terminals/1/reconciliation?businessDate=20260329&openCounter=1")
	require.Equal(t, 200, a.status, a.raw)
	list := a.body["discrepancies"].([]any)
	require.Len(t, list, 1, "those of the other session are its own")
	assert.Equal(t, "after-close", list[0].(map[string]any)["kind"])
	assert.Equal(t, []any{late.EventID}, list[0].(map[string]any)["events"])
}

// A second session of the same day with more discrepancies than a page has does not hide those of the first.
func TestAReconciliationFindsTheSessionsDiscrepanciesBehindThoseOfOthers(t *testing.T) {
	h := newHouse(t)
	till := tilltest.New("acme", "s1", 1)
	mine := till.Sale("1")
	mine.JournalText = " "
	h.sell(till.Open(), mine)
	h.examine()
	till.OpenCounter = 2
	for range 120 {
		other := till.Sale("1")
		other.JournalText = " "
		h.sell(other)
	}
	h.examine()
	for counter, want := range map[string][]any{"1": {1, 1.0}, "2": {100, 120.0}} {
		a := h.get(h.user(auth.Auditor, "acme"), "/tenants/acme/stores/s1/terminals/1/reconciliation?businessDate=20260329&openCounter="+counter)
		require.Equal(t, 200, a.status, a.raw)
		assert.Equal(t, want, []any{len(a.body["discrepancies"].([]any)), a.body["discrepancyCount"]}, "session %s", counter)
	}
}
