package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/terminal/internal/apptest"
)

// The life of a till, from a new tenant to the close, as a client sees it.
func TestADayInTheLifeOfATill(t *testing.T) {
	s := serve(t, apptest.Empty(t, clockwork.NewRealClock(), 0))
	platform := s.user(auth.Platform, "")

	tenant := s.call("POST", "/tenants", platform, `{"tenantId":"acme","tenantName":"Acme"}`).ok(201)
	assert.Equal(t, map[string]any{"signInRequired": true}, tenant.body["policy"])
	store := s.call("POST", "/tenants/acme/stores", s.admin(), `{"storeCode":"berlin","storeName":"Mitte","timeZone":"Europe/Berlin","cutOver":"04:00","language":"en","currency":"EUR","receiptWidth":40}`).ok(201)
	assert.Equal(t, "EUR", store.text("currency"))
	s.call("POST", "/tenants/acme/stores/berlin/staff", s.admin(), `{"staffId":"A1","name":"Ann","pin":"13579","roles":["cashier"]}`).ok(201)
	made := s.call("POST", "/tenants/acme/stores/berlin/terminals", s.admin(), `{"terminalNo":3,"description":"front"}`).ok(201)
	assert.Equal(t, "acme-berlin-3", made.text("terminalId"))
	assert.Equal(t, "Idle", made.text("status"))

	const till = "/terminals/acme-berlin-3"
	token := s.call("POST", "/auth/token", apiKey(made.text("apiKey")), nil).ok(200)
	who := bearer(token.text("accessToken"))
	signedIn := s.call("POST", till+"/sign-in", who, `{"staffId":"A1","pin":"13579"}`).ok(200)
	assert.Equal(t, map[string]any{"staffId": "A1", "staffName": "Ann"}, signedIn.body["staff"])
	who = bearer(signedIn.header.Get("X-New-Token"))

	opened := s.call("POST", till+"/open", who, `{"initialAmount":150.5}`).ok(200)
	assert.EqualValues(t, 1, opened.body["openCounter"])
	assert.Contains(t, opened.text("receiptText"), "EUR 150.50")
	assert.NotEmpty(t, opened.header.Get("X-New-Token"))
	who = bearer(opened.header.Get("X-New-Token"))
	s.call("PATCH", till+"/function_mode", who, `{"functionMode":"CashInOut"}`).ok(200)

	in := s.call("POST", till+"/cash-in", who, `{"amount":20.05,"description":"change from the bank"}`).ok(200)
	assert.EqualValues(t, 20.05, in.body["amount"])
	out := s.call("POST", till+"/cash-out", who, `{"amount":0.55}`).ok(200)
	assert.EqualValues(t, -0.55, out.body["amount"])
	assert.Equal(t, "Cash out", out.text("description"))

	closing := withKey(who, "the-close")
	pending := s.call("POST", till+"/close", closing, `{"physicalAmount":180}`).ok(http.StatusAccepted)
	assert.Equal(t, "Closing", pending.text("status"))
	assert.Equal(t, "1", pending.header.Get("Retry-After"))
	id := identity.Terminal{TenantID: "acme", StoreCode: "berlin", TerminalNo: 3}
	s.deliver("session", s.Report(id, func(r *event.SessionReport) {
		r.TransactionCount, r.TransactionLastNo, r.CashAmount = 2, 2, money.MustParse("10.5")
	}), "SUCCESS")
	closed := s.call("POST", till+"/close", closing, `{"physicalAmount":180}`).ok(200)
	assert.EqualValues(t, 180.5, closed.body["expectedAmount"])
	assert.EqualValues(t, -0.5, closed.body["overShort"])
	assert.EqualValues(t, 3, closed.body["cashInOutCount"])
	assert.Equal(t, false, closed.body["isProvisional"])
	who = bearer(closed.header.Get("X-New-Token"))
	s.call("POST", till+"/sign-out", who, nil).ok(200)

	assert.Equal(t, []string{
		"terminal", "Terminal.SignedIn", "terminal",
		event.TopicCashLog, "open", "Terminal.Opened", "terminal", "terminal",
		event.TopicCashLog, "Terminal.CashMoved", event.TopicCashLog, "Terminal.CashMoved",
		"Terminal.Closing", "terminal", "close", "Terminal.Closed", "terminal", "Terminal.SignedOut", "terminal",
	}, s.Types(identity.TerminalStream(id), 1))
	assert.Equal(t, []string{"tenant", "store"}, s.Types(identity.TenantStream("acme"), 1))
}

func TestAnAdministratorIsNeverHandedATillsToken(t *testing.T) {
	s, _ := newServer(t)
	s.atTill()
	for _, command := range []string{"/sign-out", "/close"} {
		got := s.call("POST", tillPath+command, s.admin(), nil)
		assert.Less(t, got.status, 300, got.raw)
		assert.Empty(t, got.header.Get("X-New-Token"))
	}
	assert.Equal(t, "ann", apptest.Last[event.Business](s.World, identity.TerminalStream(apptest.Till), "Terminal.Closing").UserID)
}

func TestRepeatsAnswerTheSameOverHTTP(t *testing.T) {
	s, _ := newServer(t)
	s.call("POST", tillPath+"/sign-in", s.till(), `{"staffId":"S001","pin":"2468"}`).ok(200)
	for _, c := range []struct{ command, body string }{
		{"open", `{"initialAmount":500}`}, {"cash-in", `{"amount":10}`}, {"cash-out", `{"amount":10}`}, {"close", `{"force":true}`},
	} {
		who := withKey(s.till(), "key-of-"+c.command)
		first := s.call("POST", tillPath+"/"+c.command, who, c.body).ok(200)
		second := s.call("POST", tillPath+"/"+c.command, who, c.body).ok(200)
		assert.JSONEq(t, first.raw, second.raw, c.command)
	}
}

func TestListsAndChanges(t *testing.T) {
	s, _ := newServer(t)
	for n := 2; n <= 12; n++ {
		s.call("POST", storePath+"/terminals", s.admin(), fmt.Sprintf(`{"terminalNo":%d}`, n)).ok(201)
	}
	page := s.call("GET", storePath+"/terminals?skip=8&limit=2", s.admin(), nil).ok(200)
	assert.EqualValues(t, 12, page.body["total"])
	assert.EqualValues(t, 8, page.body["skip"])
	assert.EqualValues(t, 2, page.body["limit"])
	items, _ := page.body["items"].([]any)
	require.Len(t, items, 2)
	assert.EqualValues(t, 9, items[0].(map[string]any)["terminalNo"], "in the order of their numbers")
	assert.JSONEq(t, `{"items":[],"total":1,"skip":5,"limit":100}`, s.call("GET", "/tenants?skip=5", s.user(auth.Platform, ""), nil).ok(200).raw)

	changed := s.call("PATCH", storePath, s.admin(), `{"storeName":"新店","receiptWidth":48,"allowNegativeDrawer":true}`).ok(200)
	assert.EqualValues(t, 2, changed.body["version"])
	assert.EqualValues(t, 2, s.call("PATCH", storePath, s.admin(), `{"storeName":"新店"}`).ok(200).body["version"], "the same again is no change")
	assert.Equal(t, "新店", apptest.Last[event.Snapshot](s.World, identity.TenantStream("acme"), "store").Store.StoreName)
	s.call("PATCH", storePath, s.admin(), `{"currency":"EUR"}`).ok(400)
	s.call("PATCH", "/tenants/acme", s.user(auth.Platform, ""), `{"policy":{"cashInOutMax":5000,"signInRequired":false}}`).ok(200)
	s.call("PATCH", storePath+"/staff/S001", s.admin(), `{"isActive":false,"name":"鈴木"}`).ok(200)
	assert.Equal(t, "鈴木", s.call("GET", storePath+"/staff/S001", s.admin(), nil).ok(200).text("name"))

	rotated := s.call("POST", tillPath+"/api-key", s.admin(), nil).ok(200)
	assert.Equal(t, 401, s.call("GET", tillPath, s.till(), nil).status)
	s.call("GET", tillPath, apiKey(rotated.text("apiKey")), nil).ok(200)
}

func TestDeliveriesOverHTTP(t *testing.T) {
	s, _ := newServer(t)
	s.atTill()
	first := s.call("GET", tillPath+"/deliveries?limit=2", s.till(), nil).ok(200)
	assert.EqualValues(t, 3, first.body["next"])
	all := s.call("GET", tillPath+"/deliveries?status=pending", s.admin(), nil).ok(200)
	items, _ := all.body["items"].([]any)
	assert.Len(t, items, len(s.Events(identity.TerminalStream(apptest.Till))))
	assert.EqualValues(t, len(items), all.body["total"])
	assert.Nil(t, all.body["next"])

	s.deliver("journal-status", &event.JournalStatus{Envelope: s.envelope(event.ProducerTerminal, apptest.Till), ReceivedThrough: 99}, "SUCCESS")
	s.deliver("journal-status", &event.JournalStatus{Envelope: s.envelope(event.ProducerCart, apptest.Till), ReceivedThrough: 99, Failed: []event.FailedEvent{{Sequence: 1}}}, "SUCCESS")
	page := s.call("GET", "/tenants/acme/deliveries", s.admin(), nil).ok(200)
	items, _ = page.body["items"].([]any)
	require.Len(t, items, 2)
	assert.EqualValues(t, 0, items[1].(map[string]any)["unconfirmed"])
	assert.EqualValues(t, 0, items[1].(map[string]any)["parked"], "the cart service's status is none of ours")

	done := s.call("POST", "/tenants/acme/redeliver", s.user(auth.Platform, ""), `{"since":"2020-01-01T00:00:00Z"}`).ok(202)
	assert.Len(t, done.body["streams"], 2)
	page = s.call("GET", tillPath+"/deliveries?status=received", s.admin(), nil).ok(200)
	assert.Empty(t, page.body["items"])
}

func TestTheKeysArePublished(t *testing.T) {
	s, _ := newServer(t)
	var set struct{ Keys []map[string]string }
	w := httptest.NewRecorder()
	s.engine.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/.well-known/jwks.json", nil))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &set))
	require.Len(t, set.Keys, 1)
	assert.Equal(t, "OKP", set.Keys[0]["kty"])
	assert.NotContains(t, set.Keys[0], "d", "the private part stays here")
}

func (s *server) envelope(producer string, id identity.Terminal) event.Envelope {
	return event.Envelope{
		EventID: outbox.NewID(), SchemaVersion: 1, TenantID: id.TenantID, StoreCode: id.StoreCode, TerminalNo: id.TerminalNo,
		Producer: producer, OccurredAt: s.Clock.Now(),
	}
}

func sidecar(h http.Header) { h.Set("Dapr-Api-Token", appToken) }

// deliver an event as the sidecar does, and expect a status.
func (s *server) deliver(topic string, e event.Event, status string) answer {
	s.t.Helper()
	got := s.call("POST", "/subscriptions/"+topic, sidecar, map[string]any{"id": e.Head().EventID, "specversion": "1.0", "data": e}).ok(200)
	assert.Equal(s.t, status, got.text("status"), got.raw)
	return got
}

func TestDeliveriesThatCannotBeUsedAreDroppedAndFaultsRetried(t *testing.T) {
	s, _ := newServer(t)
	id := apptest.Till
	wrongProducer := s.Report(id, func(r *event.SessionReport) { r.Producer = event.ProducerTerminal })
	s.deliver("session", wrongProducer, "DROP")
	s.deliver("session", s.Report(id, func(r *event.SessionReport) { r.IsSealed = false }), "DROP")
	s.deliver("session", s.Report(id, func(r *event.SessionReport) { r.TerminalNo, r.StoreCode = 0, "" }), "DROP")
	s.deliver("session", s.Report(id, func(r *event.SessionReport) { r.EventID = "x" }), "DROP")
	s.deliver("session", s.Report(id, func(r *event.SessionReport) { r.SchemaVersion = 99 }), "DROP")
	assert.Equal(t, "DROP", s.call("POST", "/subscriptions/session", sidecar, `not even JSON`).ok(200).text("status"))
	assert.Equal(t, "DROP", s.call("POST", "/subscriptions/session", sidecar, `{"id":"1","data":{"is_sealed":"maybe"}}`).ok(200).text("status"))
	assert.Equal(t, "SUCCESS", s.call("POST", "/subscriptions/session", sidecar, `{"id":"1","data":{"test":"health-check"}}`).ok(200).text("status"))

	before := len(s.Events(identity.TerminalStream(id)))
	s.deliver("snapshot-wanted", &event.SnapshotWanted{Envelope: s.envelope(event.ProducerCart, id), AskedBy: "cart"}, "SUCCESS")
	assert.Len(t, s.Events(identity.TerminalStream(id)), before+1)

	report := s.Report(id, nil)
	s.Store.BeforeGet = func([]string) error { return state.ErrUnavailable }
	s.deliver("session", report, "RETRY")
	s.Store.BeforeGet = func([]string) error { panic("a bug") }
	s.deliver("session", report, "RETRY")
}

func TestABulkDeliveryIsAnsweredEntryByEntry(t *testing.T) {
	s, _ := newServer(t)
	status := func(id identity.Terminal) string {
		raw, err := json.Marshal(&event.JournalStatus{Envelope: s.envelope(event.ProducerTerminal, id), ReceivedThrough: 1})
		require.NoError(t, err)
		return string(raw)
	}
	body := fmt.Sprintf(`{"entries":[{"entryId":"a","event":{"id":"1","data":%s}},{"entryId":"b","event":{"id":"2","data":{}}}]}`, status(apptest.Till))
	got := s.call("POST", "/subscriptions/journal-status", sidecar, body).ok(200)
	statuses, _ := got.body["statuses"].([]any)
	require.Len(t, statuses, 2)
	assert.Equal(t, "SUCCESS", statuses[0].(map[string]any)["status"])
	assert.Equal(t, "DROP", statuses[1].(map[string]any)["status"])
	assert.Equal(t, "b", statuses[1].(map[string]any)["entryId"])
}
