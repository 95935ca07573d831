package command_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const retentionPolicy = `{"liveDays":400,"keepDays":3653,"at":"03:00","setBy":"ann","setAt":"2026-04-01T09:00:00Z","segments":12,"segmentsForEver":2,
	"lastRun":{"finishedAt":"2026-04-02T03:00:07Z","by":"schedule","held":[{"storeCode":"main","businessDate":"20250102","why":"discrepancy 89b9 is open"}],"heldMore":3}}`

func TestTheRetentionPolicyIsShownAndSet(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/retention": retentionPolicy}, "archive", "policy", "--tenant", "acme"), &w.err)
	for _, says := range []string{"400 days, archived from 03:00 UTC", "3653 days", "12, 2 of them for ever", "2026-04-02 03:00:07Z by schedule", "main   20250102  discrepancy 89b9 is open", "and 3 more"} {
		assert.Contains(t, w.out.String(), says)
	}
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, services{
		"GET /api/v1/tenants/acme/retention": retentionPolicy,
		"PUT /api/v1/tenants/acme/retention": func(rw http.ResponseWriter, r *http.Request) {
			assert.Equal(t, map[string]any{"liveDays": 500.0, "keepDays": 3653.0, "at": "03:00"}, body(t, r), "what is not named stays")
			_, _ = io.WriteString(rw, retentionPolicy)
		},
	}, "archive", "policy", "--tenant", "acme", "--live-days", "500"), &w.err)
}

func TestTheArchiverRunsNow(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"POST /api/v1/tenants/acme/archive/runs": `{"segments":2,"events":1500,"bytes":90000,"removed":1500,"purged":1,"held":[]}`},
		"archive", "run", "--tenant", "acme"), &w.err)
	assert.Contains(t, w.out.String(), "1,500 events in 2 segments")
	w = newWorld(t)
	assert.Equal(t, 3, w.against(t, services{"POST /api/v1/tenants/acme/archive/runs": `{"held":[{"storeCode":"main","businessDate":"20250102","why":"it was not examined"}]}`},
		"archive", "run", "--tenant", "acme"), "a day stays that should go")
	assert.Contains(t, w.out.String(), "it was not examined")
}

func TestNothingIsPurgedUnlessItIsSaid(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/archive/segments": func(rw http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "ended=true", r.URL.RawQuery)
		_, _ = io.WriteString(rw, `{"items":[{"name":"t/acme/main/2016-01-02.1.seg","storeCode":"main","businessDate":"20160102","part":1,"events":7,"keepUntil":"20260101"}]}`)
	}}, "archive", "purge", "--tenant", "acme"), &w.err)
	assert.Contains(t, w.out.String(), "t/acme/main/2016-01-02.1.seg")
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, services{"POST /api/v1/tenants/acme/archive/runs": `{"purged":1,"held":[]}`}, "archive", "purge", "--tenant", "acme", "--yes"), &w.err)
	assert.Contains(t, w.out.String(), "1 segments were given up")
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, services{"POST /api/v1/tenants/acme/archive/holds": func(rw http.ResponseWriter, r *http.Request) {
		assert.Equal(t, map[string]any{"name": "t/acme/main/2016-01-02.1.seg", "until": "20400101", "reason": "court"}, body(t, r))
		_, _ = io.WriteString(rw, `{"name":"t/acme/main/2016-01-02.1.seg","keepUntil":"20400101"}`)
	}}, "archive", "hold", "--tenant", "acme", "t/acme/main/2016-01-02.1.seg", "--until", "20400101", "--reason", "court"), &w.err)
	assert.Contains(t, w.out.String(), "is kept until: 20400101")
	assert.Equal(t, 2, newWorld(t).run("archive", "hold", "--tenant", "acme", "x"), "why?")
}
