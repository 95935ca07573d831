package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/httpapi"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func TestASingleDeliveryAndABulkAreAnsweredEventByEvent(t *testing.T) {
	h := newHouse(t)
	till := tilltest.New("acme", "s1", 1)
	sale, other := till.Sale("1"), till.Sale("2")
	changed := *sale
	changed.JournalText = "forged"
	a := h.deliver("/tranlog", cloud(t, sale))
	assert.Equal(t, 200, a.status)
	assert.JSONEq(t, fmt.Sprintf(`{"status":"SUCCESS","success":true,"eventId":%q,"message":"stored"}`, sale.EventID), a.raw)

	a = h.deliver("/tranlog", bulk(cloud(t, sale), cloud(t, other), cloud(t, &changed), map[string]any{"data": map[string]any{"test": "health-check"}}, map[string]any{"id": "x"}))
	assert.Equal(t, 200, a.status)
	var got struct {
		Statuses []struct{ EntryID, Status, EventID, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.raw), &got))
	want := []struct{ id, status, says string }{
		{"a", "SUCCESS", "repeat"}, {"b", "SUCCESS", "stored"}, {"c", "DROP", "content-changed"}, {"d", "SUCCESS", "health check"}, {"e", "DROP", "undecodable"},
	}
	require.Len(t, got.Statuses, len(want))
	for i, w := range want {
		assert.Equal(t, w.id, got.Statuses[i].EntryID)
		assert.Equal(t, w.status, got.Statuses[i].Status)
		assert.Contains(t, got.Statuses[i].Message, w.says)
	}
}

func TestWhateverIsPostedTheAnswerIsOneThatTheSidecarUnderstands(t *testing.T) {
	h := newHouse(t)
	paths := []string{"/deadletters/cart", "/deadletters/journal", "/deadletters/somebody"}
	for _, s := range httpapi.Subscriptions {
		paths = append(paths, s.Path)
	}
	for _, path := range paths {
		for _, body := range []string{"", "null", "[]", "{}", "x", `{"data":1}`, `{"entries":[]}`, `{"entries":[null]}`, `{"data_base64":"AAAA"}`, `{"topic":7}`, strings.Repeat("[", 20_000)} {
			a := h.deliver(path, []byte(body))
			require.Equal(t, 200, a.status, "%s %.20s", path, body)
			statuses := []any{a.body["status"]}
			if list, ok := a.body["statuses"].([]any); ok {
				statuses = nil
				for _, s := range list {
					statuses = append(statuses, s.(map[string]any)["status"])
				}
			}
			for _, s := range statuses {
				assert.Contains(t, []any{"SUCCESS", "DROP"}, s, "%s %.20s", path, body)
				if strings.HasPrefix(path, "/deadletters") {
					assert.Equal(t, "SUCCESS", s, "a dead letter that lies in quarantine is done")
				}
			}
		}
	}
	h.store.commit = app.ErrUnavailable
	a := h.deliver("/tranlog", cloud(t, tilltest.New("acme", "s1", 1).Sale("1")))
	assert.Equal(t, "RETRY", a.body["status"])
	assert.Equal(t, 200, a.status)
}

func TestAJournalListIsAsTheModelSays(t *testing.T) {
	h := newHouse(t)
	till := tilltest.New("acme", "s1", 1)
	h.sell(till.Sale("10.90"), till.Open())
	a := h.get(h.user(auth.Auditor, "acme"), "/tenants/acme/stores/s1/journals?sort=generateDateTime:asc")
	require.Equal(t, 200, a.status, a.raw)
	golden(t, "journals.json", indent(t, a.raw))
}

// golden compares with a file of testdata; UPDATE_GOLDEN=1 writes it anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got+"\n"), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got+"\n")
}

func TestEveryParameterFiltersOrIsRefusedByName(t *testing.T) {
	h := newHouse(t)
	auditor := h.user(auth.Auditor, "acme")
	one, two, far := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2), tilltest.New("acme", "s2", 9)
	tenant := tilltest.NewTenant("acme")
	h.sell(tenant.Snapshot(1), tenant.StoreSnapshot("s1", "Asia/Tokyo", 2), tenant.StoreSnapshot("s2", "Asia/Tokyo", 3))
	h.sell(one.Open(), one.Cash("100"), one.Cash("-5"), one.Sale("10"), one.Transaction(event.TypeReturn, "3"), one.Close(2, 2, 2, "", "0"), two.Sale("20"))
	far.BusinessDate = "20260330"
	h.sell(far.Sale("30"))
	for query, want := range map[string]int{
		"":                           8,
		"terminalNo=1":               6,
		"terminalNo=2-9":             2,
		"terminalNo=1,2,3-5":         7,
		"transactionType=101":        3,
		"transactionType=101,102":    4,
		"transactionType=-101":       0,
		"transactionType=sales":      3,
		"transactionType=sales,cash": 5,
		"transactionType=returns":    1,
		"transactionType=openclose":  2,
		"transactionType=reports":    0,
		"businessDateFrom=20260330":  1,
		"businessDateTo=20260329":    7,
		"businessDateFrom=20260329&businessDateTo=20260330":     8,
		"generateDateFrom=2026-03-29&generateDateTo=2026-03-29": 8,
		"generateDateTo=2026-03-28":                             0,
		"generateDateFrom=2026-03-28&timeZone=UTC":              8,
		"receiptNoFrom=102":                                     1,
		"receiptNoFrom=0":                                       4,
		"receiptNoTo=101":                                       3,
		"transactionNoFrom=2&transactionNoTo=2":                 1,
		"amountFrom=10":                                         4,
		"amountTo=-0.01":                                        2,
		"amountFrom=-3&amountTo=-3":                             1,
		"staffId=s01":                                           8,
		"staffId=nobody":                                        0,
		"keyword=" + url.QueryEscape("おにぎり 20"):                 1,
		"keyword=cash&terminalNo=1":                             2,
		"keyword=ash":                                           0,
		"keyword=" + url.QueryEscape("お"):                       4,
		"keyword=" + url.QueryEscape("ｵﾆｷﾞﾘ"):                   0,
		"keyword=cash&sort=relevance":                           2,
		"keyword=cash&sort=relevance:desc&limit=1":              2,
		"keyword=c.sh+[0-9]&regex=true":                         1,
		"keyword=cash&regex=false":                              2,
		"total=exact":                                           8,
		"limit=3":                                               8,
		"skip=7":                                                8,
		"sort=amount:desc,terminalNo":                           8,
	} {
		t.Run(query, func(t *testing.T) {
			a := h.get(auditor, "/tenants/acme/journals?"+query)
			require.Equal(t, 200, a.status, a.raw)
			assert.EqualValues(t, want, a.body["total"])
			assert.Equal(t, false, a.body["totalIsLowerBound"])
		})
	}
	for query, field := range map[string]string{
		"terminalNo=x": "terminalNo", "terminalNo=0": "terminalNo", "terminalNo=5-1": "terminalNo", "terminalNo=1-99999": "terminalNo", "terminalNo=1,,2": "terminalNo",
		"transactionType=999": "transactionType", "transactionType=sale": "transactionType",
		"businessDateFrom=2026-03-29": "businessDateFrom", "businessDateTo=20260230": "businessDateTo", "businessDateFrom=20260330&businessDateTo=20260329": "businessDateTo",
		"generateDateFrom=20260329": "generateDateFrom", "generateDateTo=yesterday": "generateDateTo", "generateDateFrom=2026-03-30&generateDateTo=2026-03-29": "generateDateTo",
		"receiptNoFrom=x": "receiptNoFrom", "receiptNoTo=1.5": "receiptNoTo", "receiptNoFrom=2&receiptNoTo=1": "receiptNoTo",
		"transactionNoFrom=99999999999999999999": "transactionNoFrom", "amountFrom=10,50": "amountFrom", "amountTo=1e99": "amountTo", "amountFrom=2&amountTo=1": "amountTo",
		"limit=0": "limit", "limit=101": "limit", "limit=all": "limit", "skip=-1": "skip", "skip=10001": "skip",
		"sort=colour": "sort", "sort=amount:up": "sort", "sort=amount,amount:desc": "sort", "sort=journalText": "sort", "sort=relevance": "sort", "keyword=cash&sort=relevance:asc": "sort", "keyword=cash&sort=relevance,amount": "sort",
		"keyword=(&regex=true": "keyword", "regex=true": "keyword", "regex=yes": "regex", "total=about": "total", "sort=;": "query", "limit=%zz": "query",
		"timeZone=Mars&generateDateFrom=2026-03-29": "timeZone", "cursor=x": "cursor", "cursor=x&skip=1": "skip",
		"staffId=" + strings.Repeat("x", 201): "staffId", "keyword=" + strings.Repeat("x", 201): "keyword", "cursor=" + strings.Repeat("x", 2000): "cursor",
		"terminal=1": "terminal", "$where=1": "$where", "limit=1&limit=2": "limit",
	} {
		t.Run("refused "+query[:min(len(query), 50)], func(t *testing.T) {
			a := h.get(auditor, "/tenants/acme/journals?"+query)
			require.Equal(t, 422, a.status, a.raw)
			assert.EqualValues(t, 410002, a.body["code"])
			assert.NotEmpty(t, a.body["hint"])
			broken := a.body["errors"].([]any)[0].(map[string]any)
			assert.Equal(t, field, broken["name"])
			assert.NotEmpty(t, broken["rule"])
			assert.NotEmpty(t, broken["message"])
		})
	}
	assert.Equal(t, 422, h.get(auditor, "/tenants/acme/stores/S1/journals").status)
	assert.Equal(t, 422, h.get(auditor, "/tenants/acme/stores/s1/terminals/0/journals").status)
	assert.Equal(t, 422, h.get(auditor, "/tenants/acme/stores/s1/terminals/x/journals").status)
	assert.EqualValues(t, 7, h.get(auditor, "/tenants/acme/stores/s1/journals").body["total"])
	assert.EqualValues(t, 1, h.get(auditor, "/tenants/acme/stores/s1/terminals/2/journals").body["total"])
	assert.Equal(t, 422, h.get(auditor, "/tenants/acme/stores/s1/terminals/2/journals?terminalNo=1").status, "the path has said which")
}

func TestPagesGoOnByCursor(t *testing.T) {
	h := newHouse(t)
	till := tilltest.New("acme", "s1", 1)
	for range 5 {
		h.sell(till.Sale("1"))
	}
	seen, cursor := []any{}, ""
	for {
		a := h.get(h.user(auth.Auditor, "acme"), "/tenants/acme/stores/s1/journals?limit=2&cursor="+cursor)
		require.Equal(t, 200, a.status, a.raw)
		for _, item := range items(a) {
			seen = append(seen, item["transactionNo"])
		}
		next, more := a.body["nextCursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	assert.Equal(t, []any{"5", "4", "3", "2", "1"}, seen)
}

func TestStreamsAndVerification(t *testing.T) {
	h := newHouse(t)
	till := tilltest.New("acme", "s1", 1)
	first, second, third := till.Sale("1"), till.Sale("2"), till.Sale("3")
	h.sell(first, third)
	for _, path := range []string{"/tenants/acme/streams", "/tenants/acme/verification"} {
		a := h.get(h.user(auth.Auditor, "acme"), path)
		require.Equal(t, 200, a.status, a.raw)
		list, ok := a.body["items"].([]any)
		if !ok {
			list = a.body["streams"].([]any)
			assert.Equal(t, true, a.body["holds"])
			assert.Empty(t, a.body["strays"])
		}
		stream := list[0].(map[string]any)
		assert.Equal(t, "acme-s1-1", stream["streamId"])
		assert.EqualValues(t, 2, stream["chainSeq"])
		assert.Len(t, stream["lastHash"], 64)
		producer := stream["producers"].([]any)[0].(map[string]any)
		assert.Equal(t, "cart", producer["producer"])
		assert.EqualValues(t, 3, producer["receivedThrough"])
		assert.EqualValues(t, 1, producer["completeThrough"])
		assert.Equal(t, []any{[]any{2.0, 2.0}}, producer["missing"])
	}
	h.sell(second)
	a := h.get(h.user(auth.Platform, ""), "/tenants/acme/verification")
	stream := a.body["streams"].([]any)[0].(map[string]any)
	assert.EqualValues(t, 3, stream["count"])
	assert.Nil(t, stream["firstBad"])
	assert.Empty(t, stream["producers"].([]any)[0].(map[string]any)["missing"])
}

func TestReconciliation(t *testing.T) {
	h := newHouse(t)
	till := tilltest.New("acme", "s1", 1)
	cash := till.Cash("100")
	h.sell(till.Open(), cash, till.Sale("10.5"))
	path := "/tenants/acme/stores/s1/terminals/1/reconciliation?businessDate=20260329&openCounter=1"
	a := h.get(h.till("acme", "s1", 1), path)
	require.Equal(t, 200, a.status, a.raw)
	assert.Equal(t, "open", a.body["state"])
	assert.Nil(t, a.body["close"])
	h.sell(till.Close(1, 1, 1, cash.GenerateDateTime, "111"))
	a = h.get(h.user(auth.Auditor, "acme"), path)
	require.Equal(t, 200, a.status, a.raw)
	golden(t, "reconciliation.json", indent(t, a.raw))
	for query, field := range map[string]string{"": "businessDate", "?businessDate=20260329": "openCounter", "?businessDate=x&openCounter=1": "businessDate", "?businessDate=20260329&openCounter=x": "openCounter"} {
		a := h.get(h.user(auth.Auditor, "acme"), "/tenants/acme/stores/s1/terminals/1/reconciliation"+query)
		require.Equal(t, 422, a.status, a.raw)
		assert.Equal(t, field, a.body["errors"].([]any)[0].(map[string]any)["name"])
	}
}

func TestAnOrdersTimeline(t *testing.T) {
	h := newHouse(t)
	till := tilltest.New("acme", "s1", 1)
	sale := till.Sale("1")
	h.sell(till.Business(sale.CartID, event.OrderCreated{OrderID: sale.CartID}), till.Business(sale.CartID, event.OrderCompleted{OrderID: sale.CartID, TransactionNo: 1}), sale)
	a := h.get(h.user(auth.Auditor, "acme"), "/tenants/acme/orders/"+sale.CartID+"/timeline")
	require.Equal(t, 200, a.status, a.raw)
	golden(t, "timeline.json", indent(t, a.raw))
}

func TestTheQuarantineIsServedToItsKeepers(t *testing.T) {
	h := newHouse(t)
	admin, platform := h.user(auth.Administrator, "acme"), h.user(auth.Platform, "")
	bad, worse := tilltest.New("acme", "s1", 1).Sale("1"), []byte("no JSON")
	bad.TransactionType = 999
	require.Equal(t, "DROP", h.deliver("/tranlog", cloud(t, bad)).body["status"])
	require.Equal(t, "DROP", h.deliver("/tranlog", worse).body["status"])

	list := h.get(admin, "/tenants/acme/quarantine")
	require.Equal(t, 200, list.status, list.raw)
	require.Len(t, items(list), 1)
	item := items(list)[0]
	assert.Equal(t, "undecodable", item["reason"])
	assert.Equal(t, "acme-s1-1", item["streamId"])
	assert.Nil(t, item["event"], "a list does not carry the events")
	one := h.get(admin, "/tenants/acme/quarantine/"+item["id"].(string))
	assert.Equal(t, bad.EventID, one.body["event"].(map[string]any)["id"])

	others := h.get(platform, "/quarantine")
	require.Len(t, items(others), 1)
	outside := items(others)[0]["id"].(string)
	assert.Equal(t, 404, h.get(admin, "/tenants/acme/quarantine/"+outside).status)
	assert.Equal(t, 404, h.get(platform, "/quarantine/"+item["id"].(string)).status)
	assert.NotEmpty(t, h.get(platform, "/quarantine/"+outside).body["event"])

	path := "/tenants/acme/quarantine/" + item["id"].(string)
	assert.Equal(t, 409, h.do(admin, http.MethodPost, path+"/replay", "").status)
	assert.Equal(t, 422, h.do(admin, http.MethodPost, path+"/discard", `{}`).status)
	assert.Equal(t, 400, h.do(admin, http.MethodPost, path+"/discard", `{"why":"x"}`).status)
	discarded := h.do(admin, http.MethodPost, path+"/discard", `{"reason":"a test till"}`)
	require.Equal(t, 200, discarded.status, discarded.raw)
	assert.Equal(t, "discarded", discarded.body["state"])
	assert.Equal(t, "ann", discarded.body["resolvedBy"])
	assert.Empty(t, items(h.get(admin, "/tenants/acme/quarantine")))
	assert.Len(t, items(h.get(admin, "/tenants/acme/quarantine?state=discarded&reason=undecodable")), 1)
	assert.Equal(t, 422, h.get(admin, "/tenants/acme/quarantine?state=lost").status)
	assert.Equal(t, 422, h.get(admin, "/tenants/acme/quarantine?reason=why").status)
}

func TestATenantIsProvisioned(t *testing.T) {
	h := newHouse(t)
	platform := h.user(auth.Platform, "")
	for _, created := range []bool{true, false} {
		a := h.do(platform, http.MethodPost, "/tenants", `{"tenantId":"cafe"}`)
		require.Equal(t, 201, a.status, a.raw)
		assert.Equal(t, created, a.body["created"])
	}
	for body, status := range map[string]int{`{"tenantId":"../x"}`: 422, `{}`: 422, `{"tenantId":"a","colour":1}`: 400, `x`: 400} {
		assert.Equal(t, status, h.do(platform, http.MethodPost, "/tenants", body).status, body)
	}
}

// Every problem of the catalogue is met by somebody who calls, and says what to do next.
func TestEveryProblemOfTheCatalogueIsProduced(t *testing.T) {
	h := newHouse(t)
	admin := h.user(auth.Administrator, "acme")
	bad := tilltest.New("acme", "s1", 1).Sale("1")
	bad.TransactionType = 999
	h.deliver("/tranlog", cloud(t, bad))
	item := "/tenants/acme/quarantine/" + items(h.get(admin, "/tenants/acme/quarantine"))[0]["id"].(string)
	produced := map[int]bool{}
	meet := func(a answer) {
		code, _ := a.body["code"].(float64)
		produced[int(code)] = true
		i := slices.IndexFunc(app.Catalogue, func(k *problem.Kind) bool { return k.Code == int(code) })
		require.GreaterOrEqual(t, i, 0, a.raw)
		k := app.Catalogue[i]
		assert.Equal(t, k.Status, a.status)
		assert.Equal(t, k.Type(), a.body["type"])
		assert.Equal(t, k.Title, a.body["title"])
		assert.NotEmpty(t, a.body["hint"])
	}
	meet(h.get(admin, "/tenants/acme/journals/nothing"))
	meet(h.get(admin, "/tenants/acme/journals?limit=0"))
	meet(h.get(admin, "/tenants/acme/journals?staffId=everybody"))
	meet(h.get(h.user(auth.Administrator, "none"), "/tenants/none/journals"))
	meet(h.get(admin, "/tenants/acme/orders/nothing/timeline"))
	meet(h.get(admin, "/tenants/acme/quarantine/nothing"))
	meet(h.do(admin, http.MethodPost, item+"/replay", ""))
	h.do(admin, http.MethodPost, item+"/discard", `{"reason":"x"}`)
	meet(h.do(admin, http.MethodPost, item+"/discard", `{"reason":"x"}`))
	meet(h.get(admin, "/tenants/acme/stores/s1/terminals/1/reconciliation?businessDate=20260329&openCounter=1"))
	meet(h.get(admin, "/tenants/acme/discrepancies/nothing"))
	meet(h.do(admin, http.MethodPost, h.discrepancy(tilltest.New("acme", "s1", 2))+"/accept", `{"reason":"x"}`))
	meet(h.get(admin, "/tenants/acme/consistency?from=77"))
	h.store.signed = []proof.Checkpoint{{Tenant: "acme", Size: 1, Root: proof.Hash{1}}}
	meet(h.get(admin, "/tenants/acme/checkpoints/latest"))
	h.store.signed = nil
	h.meetArchive(admin, meet)
	h.shop()
	meet(h.make(admin, direct+"transactions", "key", with(map[string]any{"transactionType": 999})))
	meet(h.make(admin, direct+"transactions", "key", with(map[string]any{"receiptNo": 0})))
	meet(h.make(admin, direct+"transactions", "key", with(map[string]any{"businessDate": "x"})))
	meet(h.make(admin, direct+"transactions", "key", with(map[string]any{"journalText": ""})))
	meet(h.make(admin, "/tenants/acme/stores/s1/terminals/9/journals", "key", whole()))
	meet(h.make(admin, "/tenants/acme/stores/s9/terminals/9/journals", "key", whole()))
	for _, fault := range []error{app.ErrRefused, app.ErrUnavailable} {
		h.store.commit = fault
		meet(h.make(admin, direct+"journals", "key", whole()))
	}
	h.store.access = app.ErrUnavailable
	meet(h.get(h.user(auth.Auditor, "acme"), "/tenants/acme/streams"))
	h.store.entry = app.ErrDamaged
	meet(h.get(admin, "/tenants/acme/journals/x"))
	// What is away beside a request is told by the service's health.
	h.sidecar, h.hints.away, h.publisher.away = app.ErrUnavailable, app.ErrUnavailable, app.ErrUnavailable
	h.store.access, h.store.entry, h.store.commit = nil, nil, nil
	h.deafen()
	_, told := h.health()
	for _, code := range told.down() {
		produced[code] = true
	}
	for _, k := range app.Catalogue {
		assert.True(t, produced[k.Code], "%d %s", k.Code, k.Name)
	}
}

func TestAnswersToOthersThanTheSidecarAreProblems(t *testing.T) {
	h := newHouse(t)
	r := httptest.NewRequest(http.MethodGet, httpapi.Prefix+"/tranlog", nil)
	w := httptest.NewRecorder()
	h.engine.ServeHTTP(w, r)
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
	assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
}
