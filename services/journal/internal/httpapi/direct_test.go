package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

const direct = "/tenants/acme/stores/s1/terminals/1/"

// whole is a transaction with everything that must be given.
func whole() map[string]any {
	return map[string]any{
		"transactionNo": "1042", "transactionType": 101, "businessDate": "20260329", "openCounter": 1, "businessCounter": 7,
		"receiptNo": 42, "amount": json.Number("10.90"), "quantity": 2, "staffId": "s01", "userId": "u1", "journalText": "Legacy\nsale 10.90\n", "receiptText": "Legacy",
	}
}

func with(changes map[string]any) map[string]any {
	m := whole()
	for k, v := range changes {
		if v == nil {
			delete(m, k)
			continue
		}
		m[k] = v
	}
	return m
}

func (h *house) make(who credential, path, key string, body any) answer {
	h.t.Helper()
	raw, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		require.NoError(h.t, err)
		raw = string(b)
	}
	return h.do(func(r *http.Request) {
		who(r)
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
	}, http.MethodPost, path, raw)
}

// shop makes the terminal known to the journal.
func (h *house) shop() (admin credential) {
	tenant, till := tilltest.NewTenant("acme"), tilltest.New("acme", "s1", 1)
	h.sell(tenant.Snapshot(1), tenant.StoreSnapshot("s1", "Asia/Tokyo", 2), till.TerminalSnapshot(1, "acme-s1-1.key"))
	return h.user(auth.Administrator, "acme")
}

func TestADirectTransactionStandsInTheJournalLikeEveryOther(t *testing.T) {
	h := newHouse(t)
	admin := h.shop()
	a := h.make(admin, direct+"transactions", "key-1", whole())
	require.Equal(t, 201, a.status, a.raw)
	want := map[string]any{
		"tenantId": "acme", "storeCode": "s1", "terminalNo": 1.0, "transactionNo": "1042", "transactionType": 101.0, "transactionTypeName": "Normal Sales",
		"businessDate": "20260329", "openCounter": 1.0, "businessCounter": 7.0, "receiptNo": 42.0, "amount": 10.9, "quantity": 2.0,
		"staffId": "s01", "userId": "u1", "journalText": "Legacy\nsale 10.90\n", "receiptText": "Legacy",
	}
	for field, v := range want {
		assert.Equal(t, v, a.body[field], field)
	}
	assert.Contains(t, a.body["generateDateTime"], "+09:00", "in the time of the store")
	again := h.make(admin, direct+"transactions", "key-1", "  "+strings.Replace(indent(t, jsonOf(t, whole())), ": 10.90", ": 1.09e1", 1))
	assert.Equal(t, a.raw, again.raw, "the same request gives the same entry, however it is written")
	found := h.get(admin, direct+"journals?receiptNoFrom=42&receiptNoTo=42")
	assert.EqualValues(t, 1, found.body["total"])
	assert.Equal(t, a.body, items(found)[0])
	v := h.get(admin, "/tenants/acme/verification")
	assert.Equal(t, true, v.body["holds"], v.raw)
	h.examine()
	assert.Empty(t, items(h.get(admin, "/tenants/acme/discrepancies")), "it makes no gap")
	for what, other := range map[string]answer{
		"another body":  h.make(admin, direct+"transactions", "key-1", with(map[string]any{"amount": 11})),
		"another route": h.make(admin, direct+"journals", "key-1", whole()),
	} {
		assert.Equal(t, 422, other.status, what)
		assert.EqualValues(t, 300005, other.body["code"], what)
	}
}

func jsonOf(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestTheSameKeyAtTheSameTimeMakesOneEntry(t *testing.T) {
	h := newHouse(t)
	admin := h.shop()
	var all sync.WaitGroup
	bodies := make([]string, 8)
	for i := range bodies {
		all.Go(func() { bodies[i] = h.make(admin, direct+"journals", "key", whole()).raw })
	}
	all.Wait()
	for _, b := range bodies {
		assert.Equal(t, bodies[0], b)
	}
	assert.EqualValues(t, 1, h.get(admin, direct+"journals").body["total"])
	other := h.make(h.till("acme", "s1", 2), "/tenants/acme/stores/s1/terminals/2/journals", "key", whole())
	assert.Equal(t, 201, other.status, "another terminal has keys of its own")
}

func TestATerminalMakesEntriesForItself(t *testing.T) {
	h := newHouse(t)
	till := h.till("acme", "s1", 1)
	assert.Equal(t, 201, h.make(till, direct+"journals", "a", whole()).status, "also before its snapshot has come")
	assert.Equal(t, 403, h.make(till, "/tenants/acme/stores/s1/terminals/2/journals", "a", whole()).status)
	assert.Equal(t, 403, h.make(h.user(auth.Auditor, "acme"), direct+"journals", "a", whole()).status)
	h.shop()
	assert.Equal(t, 201, h.make(apiKey("acme-s1-1.key"), direct+"transactions", "b", with(map[string]any{"receiptNo": 43})).status)
}

func TestEveryTypeHasItsEntry(t *testing.T) {
	h := newHouse(t)
	admin := h.shop()
	for i, c := range []struct {
		kind   int
		amount string
		want   int
	}{
		{101, "5", 101}, {-101, "0", -101}, {102, "-5", 102}, {201, "-5", 201}, {202, "5", 202}, {401, "5", 401}, {402, "-5", 402},
		{301, "0", 301}, {302, "0", 302}, {701, "0", 701}, {702, "0", 702}, {501, "0", 701}, {502, "0", 702},
	} {
		a := h.make(admin, direct+"journals", fmt.Sprint(i), with(map[string]any{"transactionType": c.kind, "amount": json.Number(c.amount), "receiptNo": i + 1}))
		require.Equal(t, 201, a.status, a.raw)
		assert.EqualValues(t, c.want, a.body["transactionType"], "%d", c.kind)
	}
	assert.EqualValues(t, 4, h.get(admin, direct+"journals?transactionType=reports").body["total"])
	assert.EqualValues(t, 2, h.get(admin, direct+"journals?transactionType=501").body["total"], "the alias finds what it stands for")
	short := map[string]any{"transactionType": 301, "businessDate": "20260329", "journalText": "opened"}
	a := h.make(admin, direct+"journals", "short", short)
	require.Equal(t, 201, a.status, a.raw)
	assert.Nil(t, a.body["transactionNo"], "null for what is no transaction")
	assert.Equal(t, true, h.get(admin, "/tenants/acme/verification").body["holds"])
}

func TestADirectRequestIsHeldAgainstEveryRule(t *testing.T) {
	h := newHouse(t)
	admin := h.shop()
	for name, c := range map[string]struct {
		changes map[string]any
		field   string
		code    int
	}{
		"no type":                    {map[string]any{"transactionType": nil}, "transactionType", 410105},
		"a type that is none":        {map[string]any{"transactionType": 999}, "transactionType", 410105},
		"a type that is no sale":     {map[string]any{"transactionType": 401}, "transactionType", 410105},
		"no amount":                  {map[string]any{"amount": nil}, "amount", 410105},
		"a negative sale":            {map[string]any{"amount": -1}, "amount", 410105},
		"a positive return":          {map[string]any{"transactionType": 102}, "amount", 410105},
		"a cancelled sale of 10.90":  {map[string]any{"transactionType": -101}, "amount", 410105},
		"no transaction number":      {map[string]any{"transactionNo": nil}, "transactionNo", 410104},
		"a long transaction number":  {map[string]any{"transactionNo": strings.Repeat("1", 21)}, "transactionNo", 410104},
		"no receipt":                 {map[string]any{"receiptNo": nil}, "receiptNo", 410104},
		"receipt 0":                  {map[string]any{"receiptNo": 0}, "receiptNo", 410104},
		"no open counter":            {map[string]any{"openCounter": nil}, "openCounter", 410104},
		"no business counter":        {map[string]any{"businessCounter": nil}, "businessCounter", 410104},
		"a negative quantity":        {map[string]any{"quantity": -1}, "quantity", 410104},
		"no date":                    {map[string]any{"businessDate": nil}, "businessDate", 410006},
		"a date that is none":        {map[string]any{"businessDate": "20260230"}, "businessDate", 410006},
		"a date with dashes":         {map[string]any{"businessDate": "2026-03-29"}, "businessDate", 410006},
		"a date to come":             {map[string]any{"businessDate": "29991231"}, "businessDate", 410006},
		"no text":                    {map[string]any{"journalText": nil}, "journalText", 410005},
		"a blank text":               {map[string]any{"journalText": " \n"}, "journalText", 410005},
		"a text that drives printer": {map[string]any{"receiptText": "\x1b@"}, "receiptText", 410005},
		"a long text":                {map[string]any{"journalText": strings.Repeat("x", 200_001)}, "journalText", 410005},
		"staff with a line feed":     {map[string]any{"staffId": "a\nb"}, "staffId", 410005},
		"a long user":                {map[string]any{"userId": strings.Repeat("u", 65)}, "userId", 410005},
		"another tenant":             {map[string]any{"tenantId": "bolt"}, "tenantId", 410005},
		"another store":              {map[string]any{"storeCode": "s2"}, "storeCode", 410005},
		"another terminal":           {map[string]any{"terminalNo": 2}, "terminalNo", 410005},
		"a number as text":           {map[string]any{"receiptNo": "1"}, "receiptNo", 300001},
	} {
		t.Run(name, func(t *testing.T) {
			a := h.make(admin, direct+"transactions", "key", with(c.changes))
			require.Equal(t, 422, a.status, a.raw)
			assert.EqualValues(t, c.code, a.body["code"])
			fields := []any{}
			for _, f := range a.body["errors"].([]any) {
				fields = append(fields, f.(map[string]any)["name"])
				assert.NotEmpty(t, f.(map[string]any)["rule"])
				assert.NotEmpty(t, f.(map[string]any)["message"])
			}
			assert.Equal(t, []any{c.field}, fields)
		})
	}
	all := h.make(admin, direct+"transactions", "key", `{}`)
	fields := map[any]bool{}
	for _, f := range all.body["errors"].([]any) {
		fields[f.(map[string]any)["name"]] = true
	}
	assert.Equal(t, map[any]bool{"transactionType": true, "transactionNo": true, "receiptNo": true, "openCounter": true, "businessCounter": true, "businessDate": true, "journalText": true},
		fields, "everything that is wrong at once")
	assert.Equal(t, 400, h.make(admin, direct+"transactions", "", whole()).status, "the key is mandatory")
	assert.Equal(t, 400, h.make(admin, direct+"transactions", "key", with(map[string]any{"colour": 1})).status)
	same := with(map[string]any{"tenantId": "acme", "storeCode": "s1", "terminalNo": 1})
	assert.Equal(t, 201, h.make(admin, direct+"transactions", "key", same).status, "no refusal has used up the key")
	assert.EqualValues(t, 1, h.get(admin, direct+"journals").body["total"])
}

func TestAReceiptNumberUsedTwiceIsStoredAndFlagged(t *testing.T) {
	h := newHouse(t)
	admin := h.shop()
	for _, key := range []string{"a", "b"} {
		require.Equal(t, 201, h.make(admin, direct+"transactions", key, whole()).status)
	}
	h.examine()
	list := items(h.get(admin, "/tenants/acme/discrepancies"))
	require.Len(t, list, 1)
	assert.Equal(t, "receipt-number-twice", list[0]["kind"])
}

func TestADirectEntryNeedsATerminalThatIsOne(t *testing.T) {
	h := newHouse(t)
	admin := h.shop()
	for path, code := range map[string]int{"/tenants/acme/stores/s1/terminals/9/journals": 410101, "/tenants/acme/stores/s9/terminals/1/journals": 410102} {
		a := h.make(admin, path, "key", whole())
		assert.Equal(t, 404, a.status)
		assert.EqualValues(t, code, a.body["code"], path)
	}
	a := h.make(h.user(auth.Administrator, "none"), "/tenants/none/stores/s1/terminals/1/journals", "key", whole())
	assert.EqualValues(t, 410008, a.body["code"])
	h.store.commit = fmt.Errorf("%w: too large", app.ErrRefused)
	assert.EqualValues(t, 410003, h.make(admin, direct+"journals", "key", whole()).body["code"])
	h.store.commit = fmt.Errorf("%w: away", app.ErrUnavailable)
	a = h.make(admin, direct+"journals", "key", whole())
	assert.EqualValues(t, 411001, a.body["code"])
	assert.Equal(t, "2", a.header.Get("Retry-After"))
	h.store.commit = nil
	assert.Equal(t, 201, h.make(admin, direct+"journals", "key", whole()).status)
}

// What a request makes cannot be made by a delivery: nobody takes its topic.
func TestNoDeliveryPosesAsADirectEntry(t *testing.T) {
	h := newHouse(t)
	e := tilltest.New("acme", "s1", 1).Direct(journal.Sale, "5")
	for _, s := range []string{"/tranlog", "/cashlog", "/opencloselog", "/events", "/snapshots"} {
		assert.Equal(t, "DROP", h.deliver(s, cloud(t, e)).body["status"], s)
	}
	h.deliver("/deadletters/journal", cloud(t, e))
	assert.Zero(t, h.get(h.user(auth.Administrator, "acme"), "/tenants/acme/journals").body["total"])
}
