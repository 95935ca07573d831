package command_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const gapItem = `{"id":"89b9","kind":"sequence-gap","state":"open","streamId":"acme-main-1","businessDate":"20260401","detail":"2 events of cart have not come",
	"producer":"cart","numbers":[[4,4],[6,7]],"occurrence":2,"openedAt":"2026-04-01T09:00:00Z","changedAt":"2026-04-01T09:00:00Z"}`

func TestOpenDiscrepanciesAreListedAndFound(t *testing.T) {
	w := newWorld(t)
	assert.Equal(t, 3, w.against(t, services{"GET /api/v1/tenants/acme/stores/main/terminals/1/discrepancies": func(rw http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "businessDate=20260401&kind=sequence-gap&limit=50&skip=0&state=open", r.URL.RawQuery)
		_, _ = io.WriteString(rw, `{"items":[`+gapItem+`],"total":1}`)
	}}, "discrepancies", "list", "--tenant", "acme", "--store", "main", "--terminal", "1", "--kind", "sequence-gap", "--date", "20260401"), &w.err)
	assert.Equal(t, ""+
		"ID    STATE  KIND          STREAM       SERVICE  SEQUENCE  DATE      SINCE                 TIMES  DETAIL\n"+
		"89b9  open   sequence-gap  acme-main-1  cart       4, 6-7  20260401  2026-04-01 09:00:00Z      2  2 events of cart have not come\n\n1 of 1.\n", w.out.String())
	w = newWorld(t)
	assert.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/discrepancies": `{"items":[],"total":0}`}, "discrepancies", "list", "--tenant", "acme"))
	assert.Equal(t, "No discrepancy is open.\n", w.out.String())
	assert.Equal(t, 2, newWorld(t).run("discrepancies", "list", "--tenant", "acme", "--terminal", "1"), "a terminal has its number in a store")
}

func TestADiscrepancyIsShownAndAccepted(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/discrepancies/89b9": gapItem}, "discrepancies", "show", "--tenant", "acme", "89b9"), &w.err)
	assert.Contains(t, w.out.String(), "Sequence  4, 6-7\n")
	assert.Contains(t, w.out.String(), "Times     2\n")
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, services{"POST /api/v1/tenants/acme/discrepancies/89b9/accept": func(rw http.ResponseWriter, r *http.Request) {
		assert.Equal(t, map[string]any{"reason": "stolen"}, body(t, r))
		_, _ = io.WriteString(rw, `{"id":"89b9","state":"accepted","resolvedAt":"2026-04-01T09:00:00Z","resolvedBy":"ann","resolution":"stolen",
			"differences":[{"field":"total_amount","expected":"5","said":"6"}],"events":["e1","e2"]}`)
	}}, "discrepancies", "accept", "--tenant", "acme", "89b9", "--reason", "stolen"), &w.err)
	for _, says := range []string{"2026-04-01 09:00:00Z by ann: stolen", "expected 5, said 6", "e1, e2"} {
		assert.Contains(t, w.out.String(), says)
	}
}
