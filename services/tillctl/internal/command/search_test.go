package command_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const saleJSON = `{"journalId":"0196","tenantId":"acme","storeCode":"main","terminalNo":1,"transactionNo":"7","transactionType":101,
	"transactionTypeName":"Normal Sales","businessDate":"20260401","openCounter":1,"businessCounter":4,"receiptNo":1007,"amount":1080,
	"quantity":3,"staffId":"101","generateDateTime":"2026-04-01T10:15:30.123456+09:00","journalText":"J\n","receiptText":"領 収 証\n","later":true}`

func TestASearchSendsItsFiltersAndPrintsATable(t *testing.T) {
	w := newWorld(t)
	var asked url.Values
	code := w.against(t, services{"GET /api/v1/tenants/acme/stores/main/journals": func(rw http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query()
		fmt.Fprintf(rw, `{"items":[%s,{"journalId":"0197","storeCode":"main","terminalNo":2,"transactionType":402,"transactionTypeName":"Cash-Out",
			"businessDate":"20260401","amount":-12.5,"generateDateTime":"2026-04-01T11:00:00+09:00"}],"total":2,"skip":0,"limit":50}`, saleJSON)
	}}, "search", "--tenant", "acme", "--store", "main", "--date", "20260401-20260430", "--receipt", "100-", "--transaction", "7",
		"--generated", "20260401", "--amount-to", "-0.50", "--type", "sales,401", "--terminal", "1-5,9", "--staff", "101",
		"--sort", "amount:desc", "tea", "green tea")
	require.Equal(t, 0, code, &w.err)
	assert.Equal(t, url.Values{
		"businessDateFrom": {"20260401"}, "businessDateTo": {"20260430"}, "receiptNoFrom": {"100"},
		"transactionNoFrom": {"7"}, "transactionNoTo": {"7"}, "generateDateFrom": {"2026-04-01"}, "generateDateTo": {"2026-04-01"},
		"amountTo": {"-0.5"}, "transactionType": {"sales,401"}, "terminalNo": {"1-5,9"}, "staffId": {"101"},
		"sort": {"amount:desc"}, "keyword": {`tea "green tea"`}, "limit": {"50"},
	}, asked)
	assert.Equal(t, strings.Join([]string{
		"DATE      TIME      STORE  TILL  WHAT          TRANS  RECEIPT  ITEMS    AMOUNT  STAFF  JOURNAL ID",
		"20260401  10:15:30  main      1  Normal Sales      7     1007      3  1,080.00  101    0196",
		"20260401  11:00:00  main      2  Cash-Out                               -12.50         0197",
		"", "2 entries found.", "",
	}, "\n"), w.out.String())
}

func TestASearchOfEverythingGoesFromPageToPageByCursor(t *testing.T) {
	w := newWorld(t)
	var asked []string
	code := w.against(t, services{"GET /api/v1/tenants/acme/journals": func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		items, next := strings.TrimSuffix(strings.Repeat(saleJSON+",", 100), ","), fmt.Sprintf(`"c%d"`, len(asked))
		if len(asked) == 3 {
			items, next = saleJSON, "null"
		}
		fmt.Fprintf(rw, `{"items":[%s],"total":211,"totalIsLowerBound":false,"skip":0,"limit":100,"nextCursor":%s}`, items, next)
	}}, "search", "--tenant", "acme", "--limit", "0", "--skip", "10", "-o", "json")
	require.Equal(t, 0, code, &w.err)
	assert.Equal(t, []string{"limit=100&skip=10", "cursor=c1&limit=100", "cursor=c2&limit=100"}, asked)
	assert.Equal(t, 201, strings.Count(w.out.String(), `"later": true`), "JSON is what the service answered, in full")
	assert.True(t, json.Valid(w.out.Bytes()))
}

func TestASearchAsksForNoMoreThanItsLimit(t *testing.T) {
	w := newWorld(t)
	var asked []string
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/journals": func(rw http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		n := 100
		if len(asked) == 2 {
			n = 20
		}
		fmt.Fprintf(rw, `{"items":[%s],"total":211,"limit":100,"nextCursor":"c"}`, strings.TrimSuffix(strings.Repeat(saleJSON+",", n), ","))
	}}, "search", "--tenant", "acme", "--limit", "120"), &w.err)
	assert.Equal(t, []string{"limit=100", "cursor=c&limit=20"}, asked)
	assert.Contains(t, w.out.String(), "1 to 120 of 211.\nThe next page: add --skip 120   All: --all")
}

func TestMoreThanIsShownIsSaid(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{
		"GET /api/v1/tenants/acme/journals": `{"items":[` + saleJSON + `],"total":10000,"totalIsLowerBound":true,"skip":0,"limit":1,"nextCursor":"c"}`,
	}, "search", "--tenant", "acme", "--limit", "1"), &w.err)
	assert.Contains(t, w.out.String(), "1 to 1 of at least 10,000. --total exact counts them all.")
}

func TestNothingFoundIsNoError(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/journals": `{"items":[],"total":0,"skip":0,"limit":50}`},
		"search", "--tenant", "acme", "nothing"), &w.err)
	assert.Equal(t, "Nothing found.\n", w.out.String())
}

func TestASearchThatCannotBeMeantIsWrongUse(t *testing.T) {
	for _, args := range [][]string{
		{"search"}, {"search", "--tenant", "ACME"}, {"search", "--tenant", "a", "--store", "b-c"}, {"search", "--tenant", "a", "--date", "april"},
		{"search", "--tenant", "a", "--receipt", "-"}, {"search", "--tenant", "a", "--amount-from", "1,5"},
		{"search", "--tenant", "a", "--limit", "-1"}, {"search", "--tenant", "a", "-o", "xml"},
	} {
		assert.Equal(t, 2, newWorld(t).run(args...), args)
	}
}

func TestAnEntryIsDrawnAsItsReceipt(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/journals/0196": saleJSON}, "show", "--tenant", "acme", "0196"), &w.err)
	assert.Contains(t, w.out.String(), "Till         acme, store main, terminal 1\n")
	assert.Contains(t, w.out.String(), "│ 領 収 証                         │\n")

	w.out.Reset()
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/journals/0196": saleJSON}, "show", "--tenant", "acme", "0196", "--journal"), &w.err)
	assert.Contains(t, w.out.String(), "│ J   ")
}

func TestAPatternIsSentAsItStands(t *testing.T) {
	w := newWorld(t)
	var asked url.Values
	require.Equal(t, 0, w.against(t, services{"GET /api/v1/tenants/acme/journals": func(rw http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query()
		fmt.Fprint(rw, `{"items":[],"total":0}`)
	}}, "search", "--tenant", "acme", "--regex", `No\. 10 [0-9]+`), &w.err)
	assert.Equal(t, url.Values{"keyword": {`No\. 10 [0-9]+`}, "regex": {"true"}, "limit": {"50"}}, asked)
}
