package command_test

import (
	"context"
	"crypto/rand"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/tillctl/internal/command"
)

// watched runs a verb as on a terminal window.
func (w *world) watched(args ...string) int {
	return command.Run(context.Background(), args, command.World{
		Program: "tillctl", Out: &w.out, Err: &w.err, Watched: true, ErrWatched: true, Clock: w.clock, Random: rand.Reader, Config: w.config,
	})
}

func teaAnd(text string) string {
	return strings.Replace(saleJSON, `"journalText":"J\n"`, `"journalText":"`+text+`"`, 1)
}

func TestKeywordsAreMarkedOnATerminalWindowOnly(t *testing.T) {
	answers := services{"GET /api/v1/tenants/acme/journals": `{"items":[` + teaAnd(`Shop\nGreen Tea  300\n\u001b[31msteak\nｸﾞﾘｰﾝ ティー\n`) + `],"total":1}`}
	const plain = "    │ Green Tea  300\n"
	for name, test := range map[string]struct {
		env     map[string]string
		args    []string
		watched bool
		want    string
	}{
		"in a pipe":            {nil, nil, false, plain},
		"on a terminal window": {nil, nil, true, "    │ Green \x1b[1;31mTea\x1b[0m  300\n"},
		"NO_COLOR":             {map[string]string{"NO_COLOR": "1"}, nil, true, plain},
		"a dumb terminal":      {map[string]string{"TERM": "dumb"}, nil, true, plain},
		"never":                {nil, []string{"--color", "never"}, true, plain},
		"always":               {map[string]string{"NO_COLOR": "1"}, []string{"--color", "always"}, false, "    │ Green \x1b[1;31mTea\x1b[0m  300\n"},
		"a pattern":            {nil, []string{"--regex", "--color", "always"}, false, "    │ Green Tea  300\n"},
		"no lines":             {nil, []string{"--lines", "0"}, false, "0196\n\n1 entry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NO_COLOR", "")
			t.Setenv("TERM", "xterm")
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			w := newWorld(t)
			args := append([]string{"search", "--tenant", "acme", "tea"}, test.args...)
			if name == "a pattern" {
				args[3] = "Green Te?a" // which is marked whole
				test.want = "    │ \x1b[1;31mGreen Tea\x1b[0m  300\n"
			}
			require.Equal(t, 0, w.against(t, answers, "init", "--data", t.TempDir()))
			w.out.Reset()
			ask := w.against
			if test.watched {
				ask = w.watchedAgainst
			}
			require.Equal(t, 0, ask(t, answers, args...), &w.err)
			assert.Contains(t, w.out.String(), test.want)
			assert.NotContains(t, w.out.String(), "\x1b[31m", "nothing from outside drives the window")
		})
	}
}

// watchedAgainst is against, on a terminal window.
func (w *world) watchedAgainst(t *testing.T, s services, args ...string) int {
	t.Helper()
	server := s.server(t)
	t.Setenv("TILLROLL_TERMINAL_URL", server)
	t.Setenv("TILLROLL_CART_URL", server)
	t.Setenv("TILLROLL_JOURNAL_URL", server)
	t.Setenv("TILLROLL_TOKEN", "token")
	return w.watched(args...)
}

func TestASearchIsCSVOrIdsPageAfterPage(t *testing.T) {
	page := 0
	answers := services{"GET /api/v1/tenants/acme/journals": func(rw http.ResponseWriter, r *http.Request) {
		page++
		next := `"c"`
		if page%2 == 0 {
			next = "null"
		}
		assert.Equal(t, "exact", r.URL.Query().Get("total"))
		_, _ = fmt.Fprintf(rw, `{"items":[%s],"total":2,"nextCursor":%s}`, strings.Replace(saleJSON, `"101"`, `"=1+1"`, 1), next)
	}}
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, answers, "search", "--tenant", "acme", "--all", "--total", "exact", "-o", "ids"), &w.err)
	assert.Equal(t, "0196\n0196\n", w.out.String())
	w.out.Reset()
	require.Equal(t, 0, w.against(t, answers, "search", "--tenant", "acme", "--all", "--total", "exact", "-o", "csv"), &w.err)
	rows, err := csv.NewReader(&w.out).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 3)
	row := map[string]string{}
	for i, name := range rows[0] {
		row[name] = rows[2][i]
	}
	assert.Equal(t, map[string]string{
		"businessDate": "20260401", "generateDateTime": "2026-04-01T10:15:30.123456+09:00", "storeCode": "main", "terminalNo": "1", "openCounter": "1",
		"transactionType": "101", "transactionTypeName": "Normal Sales", "transactionNo": "7", "receiptNo": "1007", "quantity": "3", "amount": "1080",
		"staffId": "'=1+1", "journalId": "0196",
	}, row, "amounts as they are, and nothing that a spreadsheet would carry out")
}

func TestThePageAfterTheNextIsReachedByCursor(t *testing.T) {
	answers := services{"GET /api/v1/tenants/acme/journals": func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, `{"items":[`+saleJSON+`],"total":10000,"totalIsLowerBound":true,"nextCursor":"after-`+r.URL.Query().Get("cursor")+`"}`)
	}}
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, answers, "search", "--tenant", "acme", "--limit", "1", "--skip", "10000"), &w.err)
	assert.Contains(t, w.out.String(), "The next page: add --cursor after-   All: --all\n")
	w.out.Reset()
	require.Equal(t, 0, w.against(t, answers, "search", "--tenant", "acme", "--limit", "1", "--cursor", "x"), &w.err)
	assert.Contains(t, w.out.String(), "1 entry of at least 10,000. --total exact counts them all.\nThe next page: add --cursor after-x   All: --all\n")
	assert.Equal(t, 2, newWorld(t).run("search", "--tenant", "acme", "--cursor", "x", "--skip", "1"))
	assert.Equal(t, 2, newWorld(t).run("search", "--tenant", "acme", "--skip", "10001"))
}

func TestWhatAServiceSaysIsSaidForTheCommandLine(t *testing.T) {
	for code, says := range map[int]string{200001: "  → as the service says\n  → here: a token comes from --token", 410004: "  → as the service says\n  → here: --date, --store"} {
		w := newWorld(t)
		refusal := (&problem.Error{Kind: &problem.Kind{Code: code, Status: 400, Name: "n", Title: "T"}, Detail: "why", Hint: "as the service says"})
		require.Equal(t, 1, w.against(t, services{"/": refuse(refusal)}, "search", "--tenant", "acme", "x"))
		assert.Contains(t, w.err.String(), fmt.Sprintf("tillctl: journal: T (%d)\n  why\n", code)+says)
	}
}

func TestASearchOfManyPagesSaysHowFarItIs(t *testing.T) {
	page := 0
	total := `"total":2`
	answers := services{"GET /api/v1/tenants/acme/journals": func(rw http.ResponseWriter, _ *http.Request) {
		next := `"c"`
		if page++; page%2 == 0 {
			next = "null"
		}
		_, _ = fmt.Fprintf(rw, `{"items":[%s],%s,"nextCursor":%s}`, saleJSON, total, next)
	}}
	w := newWorld(t)
	require.Equal(t, 0, w.watchedAgainst(t, answers, "search", "--tenant", "acme", "--all"), &w.err)
	assert.Contains(t, w.err.String(), "\r1 of 2 entries, 50 %")
	assert.Contains(t, w.out.String(), "\n2 entries found.\n")
	total = `"total":1,"totalIsLowerBound":true`
	w = newWorld(t)
	require.Equal(t, 0, w.watchedAgainst(t, answers, "search", "--tenant", "acme", "--all"), &w.err)
	assert.Contains(t, w.err.String(), "\r1 entries")
	assert.Contains(t, w.out.String(), "\n2 entries found.\n", "whoever has seen all can count them")
	assert.NotContains(t, w.err.String(), "%")
	w = newWorld(t)
	require.Equal(t, 0, w.watchedAgainst(t, answers, "search", "--tenant", "acme", "--all", "-o", "csv"), &w.err)
	assert.Empty(t, w.err.String(), "lines and progress would write over each other")
}

func TestAnEntryIsFoundByItsNumber(t *testing.T) {
	answers := services{
		"GET /api/v1/tenants/acme/stores/main/journals": func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("transactionNoFrom") == "7" && r.URL.Query().Get("transactionNoTo") == "7" && r.URL.Query().Get("terminalNo") == "1" {
				_, _ = io.WriteString(rw, `{"items":[`+saleJSON+`],"total":1}`)
				return
			}
			_, _ = io.WriteString(rw, `{"items":[],"total":0}`)
		},
		"GET /api/v1/tenants/acme/journals/{id}": saleJSON,
	}
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, answers, "show", "--tenant", "acme", "--store", "main", "--terminal", "1", "--transaction", "7"), &w.err)
	assert.Contains(t, w.out.String(), "Journal id   0196\n")
	assert.Equal(t, 1, w.against(t, answers, "show", "--tenant", "acme", "--store", "main", "--terminal", "1", "--receipt", "8"))
	assert.Contains(t, w.err.String(), "has no receipt 8 in the journal\n  → ")
	w.out.Reset()
	require.Equal(t, 0, w.against(t, answers, "show", "--tenant", "acme", "0196", "0196"), &w.err)
	assert.Equal(t, 2, strings.Count(w.out.String(), "領 収 証"))
	for _, args := range [][]string{
		{}, {"--terminal", "1"}, {"--terminal", "1", "--transaction", "7"}, {"--store", "main", "--transaction", "7"}, {"0196", "--store", "main", "--terminal", "1", "--transaction", "7"},
	} {
		assert.Equal(t, 2, newWorld(t).run(append([]string{"show", "--tenant", "acme"}, args...)...), args)
	}
}

func tenantAnswers() services {
	return services{
		"GET /api/v1/tenants/acme":                       `{"tenantId":"acme","tenantName":"Acme Ltd","isActive":true,"entryDatetime":"2026-03-01T00:00:00Z","tags":["x"]}`,
		"GET /api/v1/tenants/acme/stores":                `{"items":[{"storeCode":"main","storeName":"本店"}],"total":1}`,
		"GET /api/v1/tenants/acme/stores/main/terminals": `{"items":[{"terminalId":"acme-main-1","status":"Opened"},{"terminalId":"acme-main-2","status":"Closed"}],"total":2}`,
		"GET /api/v1/tenants/acme/journals":              `{"items":[` + saleJSON + `],"total":12345}`,
		"GET /api/v1/tenants/acme/streams":               `{"items":[{"streamId":"acme-main-1","chainSeq":30000,"producers":[{"producer":"cart"}]}],"total":1}`,
		"GET /api/v1/tenants/acme/discrepancies":         `{"items":[],"total":0}`,
		"GET /api/v1/tenants/acme/quarantine":            `{"items":[],"total":0}`,
		"GET /api/v1/tenants/acme/deliveries":            `{"items":[{"streamId":"acme-main-1","unconfirmed":2}],"total":1}`,
		"GET /api/v1/health":                             `{"status":"healthy","components":[{"name":"database","status":"up"}]}`,
	}
}

func TestATenantIsShownWithItsCountsAndItsHealth(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, tenantAnswers(), "tenants", "show", "acme"), &w.err)
	assert.Equal(t, `Tenant        acme, Acme Ltd
State         active
Since         2026-03-01 00:00:00Z
Entries       12,345
Events        30,000
On their way  4
Journal is    healthy

STORE  NAME  TILLS  OPEN
main   本店      2     1

Nothing is wrong.
`, w.out.String())

	ill := tenantAnswers()
	ill["GET /api/v1/tenants/acme/streams"] = `{"items":[{"streamId":"s","chainSeq":3,"producers":[{"producer":"cart","missing":[[4,5]]}]}],"total":1}`
	ill["GET /api/v1/tenants/acme/discrepancies"] = `{"items":[` + gapItem + `],"total":1}`
	ill["GET /api/v1/tenants/acme/quarantine"] = refuse(problem.Forbidden.New(""))
	ill["GET /api/v1/health"] = `{"status":"degraded","components":[{"name":"sidecar","status":"down","title":"It is away","hint":"Start it."},{"name":"database","status":"up"}]}`
	w = newWorld(t)
	require.Equal(t, 3, w.against(t, ill, "tenants", "show", "acme"), &w.err)
	for _, says := range []string{
		"Not to be seen  quarantine\n", "WRONG  2 events are missing: `tillctl streams --tenant acme`\n",
		"WRONG  1 discrepancy is open: `tillctl discrepancies list --tenant acme`\n", "WRONG  sidecar is down: It is away. Start it.\n",
	} {
		assert.Contains(t, w.out.String(), says)
	}
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, tenantAnswers(), "tenants", "show", "acme", "-o", "json"), &w.err)
	assert.Contains(t, w.out.String(), `"tags"`, "what the service answered, in full")
	assert.Equal(t, 1, newWorld(t).against(t, services{}, "tenants", "show", "acme"))
}

func TestDiscrepanciesAndQuarantineHaveOneShape(t *testing.T) {
	answers := services{
		"GET /api/v1/tenants/acme/discrepancies": `{"items":[` + gapItem + `],"total":120}`,
		"GET /api/v1/tenants/acme/quarantine":    `{"items":[{"id":"q1","state":"open","reason":"poison","detail":"d","times":1}],"total":120}`,
	}
	header := map[string]string{}
	for _, verb := range []string{"discrepancies", "quarantine"} {
		w := newWorld(t)
		require.Equal(t, 3, w.against(t, answers, verb, "list", "--tenant", "acme", "-o", "csv"), &w.err)
		header[verb], _, _ = strings.Cut(w.out.String(), "\n")
		w = newWorld(t)
		require.Equal(t, 3, w.against(t, answers, verb, "list", "--tenant", "acme", "--kind", "poison"), &w.err)
		assert.Contains(t, w.out.String(), "\n1 of 120. The next page: add --skip 1   All: --all\n")
	}
	assert.Equal(t, header["discrepancies"], header["quarantine"])
	w := newWorld(t)
	require.Equal(t, 3, w.against(t, answers, "quarantine", "list", "--tenant", "acme", "--reason", "poison", "-o", "ids"), "as it was called before")
	assert.Equal(t, "q1\n", w.out.String())
}

func TestAllFindingsAreListedPageAfterPage(t *testing.T) {
	var asked []string
	w := newWorld(t)
	require.Equal(t, 3, w.against(t, services{"GET /api/v1/quarantine": func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("skip"))
		items := strings.TrimSuffix(strings.Repeat(`{"id":"q","state":"open"},`, map[int]int{1: 100, 2: 20}[len(asked)]), ",")
		_, _ = io.WriteString(rw, `{"items":[`+items+`],"total":120}`)
	}}, "quarantine", "list", "--all", "-o", "ids"), &w.err)
	assert.Equal(t, []string{"0", "100"}, asked)
	assert.Equal(t, 120, strings.Count(w.out.String(), "q\n"))
}

func TestListsAreCSVAndIds(t *testing.T) {
	answers := tenantAnswers()
	answers["GET /api/v1/tenants"] = `{"items":[{"tenantId":"acme","tenantName":"Acme, Ltd"}],"total":1}`
	answers["GET /api/v1/terminals/acme-main-1/deliveries"] = `{"items":[{"sequence":1,"eventId":"e1","status":"parked"}],"total":1}`
	answers["GET /api/v1/tenants/acme/stores/main/terminals/1/reconciliation"] = `{"terminalId":"acme-main-1","state":"matches","logs":{"salesCash":10.5},"close":{"countedCash":7}}`
	for args, want := range map[string][2]string{
		"tenants list":                            {"tenantId,tenantName,state,entryDatetime\nacme,\"Acme, Ltd\",disabled,\n", "acme\n"},
		"streams --tenant acme":                   {"streamId,producer,receivedThrough,completeThrough,missing,which,chainSeq,lastHash\nacme-main-1,cart,0,0,0,,30000,\n", "acme-main-1\n"},
		"deliveries --tenant acme --service cart": {"streamId,service,lastSequence,publishedThrough,receivedThrough,unconfirmed,parked\nacme-main-1,cart,0,0,0,2,0\n", "acme-main-1\n"},
		"deliveries --tenant acme --service cart --terminal acme-main-1": {"service,sequence,status,recordedAt,topic,eventId,reason\ncart,1,parked,,,e1,\n", "e1\n"},
		"reconcile --tenant acme --store main --date 20260401 --terminal 1 --open-counter 1": {
			"terminalId,businessDate,openCounter,cartTransactionCount,cashInOutCount,salesCash,expectedCash,countedCash,overShort,state\nacme-main-1,20260401,1,0,0,10.5,0,7,,matches\n",
			"acme-main-1/20260401/1\n"},
	} {
		for i, form := range []string{"csv", "ids"} {
			w := newWorld(t)
			require.Equal(t, 0, w.against(t, answers, append(strings.Fields(args), "-o", form)...), "%s: %s", args, &w.err)
			assert.Equal(t, want[i], w.out.String(), args)
		}
	}
}
