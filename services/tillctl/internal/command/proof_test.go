package command_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/problem"
)

const goodStream = `{"streamId":"acme-main-1","storeCode":"main","terminalNo":1,"chainSeq":7,"lastHash":"0123456789abcdef","count":7,
	"producers":[{"producer":"cart","receivedThrough":4,"completeThrough":4,"missing":[]},
		{"producer":"terminal","receivedThrough":3,"completeThrough":3,"missing":[]}],"firstBad":null}`

func TestAJournalThatHoldsIsSaidToHold(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/verification": `{"holds":true,"streams":[` + goodStream + `],"strays":[]}`},
		"verify", "--tenant", "acme"), &w.err)
	assert.Equal(t, ""+
		"STREAM       LINKS  FROM      EVENTS  CHAIN  LAST HASH\n"+
		"acme-main-1      7  cart           4  holds  0123456789ab\n"+
		"                    terminal       3\n\n"+
		"Nothing was changed: 7 links in 1 chain hold.\n", w.out.String())
}

func TestWhateverIsWrongWithAJournalIsNamed(t *testing.T) {
	for name, test := range map[string]struct{ answer, says string }{
		"broken chain": {`{"holds":false,"streams":[{"streamId":"acme-main-1","chainSeq":7,"count":7,"producers":[],
			"firstBad":{"chainSeq":3,"eventId":"e3","problem":"the event's content was changed"}}],"strays":[]}`,
			"WRONG  acme-main-1, link 3 (event e3): the event's content was changed"},
		"missing event": {`{"holds":true,"streams":[{"streamId":"acme-main-1","chainSeq":7,"count":7,
			"producers":[{"producer":"cart","receivedThrough":9,"completeThrough":3,"missing":[[4,4],[6,7]]}]}],"strays":[]}`,
			"WRONG  acme-main-1, cart: 3 events are missing: 4, 6-7."},
		"event twice": {`{"holds":true,"streams":[{"streamId":"acme-main-1","chainSeq":7,"count":7,
			"producers":[{"producer":"cart","receivedThrough":9,"completeThrough":9,"missing":[],"twice":[[5,5]]}]}],"strays":[]}`,
			"WRONG  acme-main-1, cart: there is more than one event with the sequence 5"},
		"no reason": {`{"holds":false,"streams":[],"strays":[]}`, "WRONG  the journal says that it does not hold"},
		"row of no chain": {`{"holds":false,"streams":[],"strays":[{"where":"log_tran","id":"17"}]}`,
			"WRONG  log_tran 17 is stored, and no chain has a link for it"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			assert.Equal(t, 3, w.against(t, services{"GET /api/v1/tenants/acme/verification": test.answer}, "verify", "--tenant", "acme"), &w.err)
			assert.Contains(t, w.out.String(), test.says)
			assert.NotContains(t, w.out.String(), "Nothing was changed")
			w.out.Reset()
			assert.Equal(t, 3, w.against(t, services{"GET /api/v1/tenants/acme/verification": test.answer}, "verify", "--tenant", "acme", "-o", "json"))
		})
	}
}

func TestStreamsShowWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/streams": `{"items":[{"streamId":"acme-main-1","chainSeq":6,"lastHash":"ab",
		"producers":[{"producer":"cart","receivedThrough":9,"completeThrough":3,"missing":[[4,4],[6,7]]}]}],"total":1}`},
		"streams", "--tenant", "acme"), &w.err)
	assert.Equal(t, ""+
		"STREAM       SERVICE  THROUGH  COMPLETE  MISSING  WHICH   LINKS  LAST HASH\n"+
		"acme-main-1  cart           9         3        3  4, 6-7      6  ab\n", w.out.String())
}

const matching = `{"terminalId":"acme-main-1","businessDate":"20260401","openCounter":1,"state":"matches","matches":true,
	"logs":{"cartTransactionCount":5,"cashInOutCount":2,"cashInOutAmount":70,"salesCash":43.2,"expectedCash":113.2},
	"close":{"countedCash":113.2,"overShort":0,"isProvisional":false},"differences":[]}`

func TestOneSessionIsReconciled(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{
		"GET /api/v1/tenants/acme/stores/main/terminals/1/reconciliation": func(rw http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "businessDate=20260401&openCounter=1", r.URL.RawQuery)
			_, _ = io.WriteString(rw, matching)
		},
	}, "reconcile", "--tenant", "acme", "--store", "main", "--date", "2026-04-01", "--terminal", "1", "--open-counter", "1"), &w.err)
	assert.Equal(t, ""+
		"TILL  OPENING  TRANS  CASH MOVES  SALES CASH  EXPECTED  COUNTED  OVER/SHORT  STATE\n"+
		"   1        1      5           2       43.20    113.20   113.20        0.00  matches\n", w.out.String())
}

func TestAllSessionsOfADayAreFoundByTheirOpenings(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 3, w.against(t, services{
		"GET /api/v1/tenants/acme/stores/main/journals": func(rw http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "301", r.URL.Query().Get("transactionType"))
			_, _ = io.WriteString(rw, `{"items":[{"storeCode":"main","terminalNo":1,"businessDate":"20260401","openCounter":1},
				{"storeCode":"main","terminalNo":2,"businessDate":"20260401","openCounter":4}],"total":2}`)
		},
		"GET /api/v1/tenants/acme/stores/main/terminals/1/reconciliation": matching,
		"GET /api/v1/tenants/acme/stores/main/terminals/2/reconciliation": `{"terminalId":"acme-main-2","businessDate":"20260401","openCounter":4,
			"state":"differs","logs":{"cartTransactionCount":4},"close":{"countedCash":50},
			"differences":[{"field":"cartTransactionCount","logs":"4","close":"5"}]}`,
	}, "reconcile", "--tenant", "acme", "--store", "main", "--date", "20260401"), &w.err)
	assert.Contains(t, w.out.String(), "DIFFERS\n")
	assert.Contains(t, w.out.String(), "DIFFERS  till 2, opening 4: cartTransactionCount is 4 by the logs and 5 by the close\n")
}

func TestADayWithoutSessionsIsNoDifference(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/stores/main/journals": `{"items":[],"total":0}`},
		"reconcile", "--tenant", "acme", "--store", "main", "--date", "20260401"), &w.err)
	assert.Contains(t, w.out.String(), "No till was opened then.")
}

func TestTheQuarantineOfATenantAndOfThePlatform(t *testing.T) {
	const item = `{"id":"q1","tenantId":"acme","eventId":"e1","reason":"content-changed","detail":"other content","streamId":"acme-main-1",
		"producer":"cart","sequence":4,"times":2,"state":"open","firstSeen":"2026-04-01T00:00:00Z","lastSeen":"2026-04-01T01:00:00Z",
		"event":{"id":"e1","text":"\u009b31mred"}}`
	answers := services{
		"GET /api/v1/quarantine":                 `{"items":[],"total":0}`,
		"GET /api/v1/tenants/acme/quarantine":    `{"items":[` + item + `],"total":1}`,
		"GET /api/v1/tenants/acme/quarantine/q1": item,
		"POST /api/v1/tenants/acme/quarantine/q1/replay": refuse(&problem.Error{Kind: &problem.Kind{Code: 410012, Status: 409,
			Name: "quarantine-replay-refused", Title: "The event cannot be stored even now"}, Detail: "other content", Hint: "Discard it with a reason."}),
		"POST /api/v1/tenants/acme/quarantine/q1/discard": func(rw http.ResponseWriter, r *http.Request) {
			assert.Equal(t, map[string]any{"reason": "a test"}, body(t, r))
			_, _ = io.WriteString(rw, `{"id":"q1","state":"discarded","reason":"poison","detail":"d","resolvedAt":"2026-04-01T02:00:00Z","resolvedBy":"bob","resolution":"a test"}`)
		},
	}
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"list of the platform": {[]string{"list"}, 0, "Nothing in quarantine is open."},
		"list of a tenant":     {[]string{"list", "--tenant", "acme"}, 3, "q1  open   content-changed  acme-main-1  cart            4  2026-04-01 00:00:00Z      2  other content"},
		"show":                 {[]string{"show", "--tenant", "acme", "q1"}, 0, `  "text": "\u009b31mred"`},
		"replay":               {[]string{"replay", "--tenant", "acme", "q1"}, 1, "cannot be stored even now (410012)\n  other content\n  → Discard it"},
		"discard":              {[]string{"discard", "--tenant", "acme", "q1", "--reason", "a test"}, 0, "2026-04-01 02:00:00Z by bob: a test"},
		"discard without why":  {[]string{"discard", "--tenant", "acme", "q1"}, 2, "--reason"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			assert.Equal(t, test.code, w.against(t, answers, append([]string{"quarantine"}, test.args...)...), &w.err)
			assert.Contains(t, w.out.String()+w.err.String(), test.says)
		})
	}
}

func TestJSONOfAnythingCannotDriveTheTerminalWindow(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/quarantine/q1": "{\"id\":\"q1\",\"event\":\"\u009b31mred\"}"},
		"quarantine", "show", "q1", "-o", "json"), &w.err)
	assert.Contains(t, w.out.String(), `"\u009b31mred"`)
	assert.NotContains(t, w.out.String(), "\u009b")
}

func TestTenantsAreMadeAndListed(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"POST /api/v1/tenants": func(rw http.ResponseWriter, r *http.Request) {
		assert.Equal(t, map[string]any{"tenantId": "acme", "tenantName": "Acme Ltd"}, body(t, r))
		rw.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(rw, `{"tenantId":"acme","tenantName":"Acme Ltd","isActive":true}`)
	}}, "tenants", "create", "acme", "--name", "Acme Ltd"), &w.err)
	assert.Equal(t, "Made tenant acme, Acme Ltd.\n", w.out.String())

	w.out.Reset()
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants": `{"items":[{"tenantId":"acme","tenantName":"Acme Ltd","isActive":false}],"total":1}`},
		"tenants", "list"), &w.err)
	assert.Equal(t, "TENANT  NAME      STATE\nacme    Acme Ltd  disabled\n", w.out.String())
}

func TestHalfARequestForProofIsWrongUse(t *testing.T) {
	for _, args := range [][]string{
		{"verify"}, {"streams"}, {"reconcile", "--tenant", "a"}, {"reconcile", "--tenant", "a", "--store", "s", "--date", "1 April"},
		{"reconcile", "--tenant", "a", "--store", "s", "--date", "20260401", "--open-counter", "1"},
		{"quarantine"}, {"quarantine", "show"}, {"tenants", "create", "Ä"}, {"tenants", "create", ""},
		{"verify", "--tenant", ""}, {"reconcile", "--tenant", "a", "--store", "", "--date", "20260401"},
	} {
		assert.Equal(t, 2, newWorld(t).run(args...), args)
	}
}
