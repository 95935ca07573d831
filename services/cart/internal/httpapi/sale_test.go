package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
)

func TestASaleOverHTTP(t *testing.T) {
	f := newShop(t)
	made := f.send(http.MethodPost, "/api/v1/carts", f.key(), ``)
	require.Equal(t, http.StatusCreated, made.status, made.raw)
	path := "/api/v1/carts/" + made.body["cartId"].(string)
	assert.Equal(t, path, made.header.Get("Location"))
	assert.Equal(t, "Idle", made.body["cartStatus"])
	assert.NotContains(t, made.body, "transactionNo")
	assert.NotContains(t, made.body, "receiptText")

	c := f.ok(http.MethodPost, path+"/lineItems", `[{"itemCode":"4900000010015","quantity":2},{"itemCode":"1005","quantity":0.532,"unitPrice":500},{"itemCode":"2001","quantity":1}]`)
	assert.Equal(t, "EnteringItem", c["cartStatus"])
	lines := c["lineItems"].([]any)
	apples := lines[1].(map[string]any)
	assert.Equal(t, true, apples["isUnitPriceChanged"])
	assert.EqualValues(t, 598, apples["unitPriceOriginal"])
	assert.EqualValues(t, 266, apples["amount"])
	c = f.ok(http.MethodPatch, path+"/lineItems/1/unitPrice", `{"unitPrice":1}`)
	line := c["lineItems"].([]any)[0].(map[string]any)
	assert.EqualValues(t, 1, line["unitPrice"])
	assert.Equal(t, true, line["isUnitPriceChanged"])
	f.ok(http.MethodPatch, path+"/lineItems/1/unitPrice", fmt.Sprintf(`{"unitPrice":%v}`, line["unitPriceOriginal"]))
	c = f.ok(http.MethodPatch, path+"/lineItems/1/quantity", `{"quantity":3}`)
	assert.EqualValues(t, 390+266+228, c["subtotalAmount"])
	c = f.ok(http.MethodPost, path+"/lineItems/3/cancel", ``)
	assert.Equal(t, true, c["lineItems"].([]any)[2].(map[string]any)["isCancelled"])
	c = f.ok(http.MethodPost, path+"/subtotal", `{}`)
	assert.Equal(t, "Paying", c["cartStatus"])
	assert.EqualValues(t, 656+52, c["balanceAmount"])
	f.ok(http.MethodPost, path+"/payments", `[{"paymentCode":"01","amount":10}]`)
	c = f.ok(http.MethodPost, path+"/resume-item-entry", ``)
	assert.Empty(t, c["payments"])
	f.ok(http.MethodPost, path+"/subtotal", ``)
	c = f.ok(http.MethodPost, path+"/payments", `[{"paymentCode":"11","amount":208,"detail":"approval 77"},{"paymentCode":"01","amount":1000}]`)
	assert.EqualValues(t, 500, c["changeAmount"])
	assert.EqualValues(t, 0, c["balanceAmount"])
	c = f.ok(http.MethodPost, path+"/bill", ``)
	assert.Equal(t, "Completed", c["cartStatus"])
	assert.EqualValues(t, 1, c["transactionNo"])
	assert.EqualValues(t, 1, c["receiptNo"])
	assert.Equal(t, "2026-03-29T18:08:00.000+09:00", c["generateDateTime"])
	assert.Contains(t, c["receiptText"], "領 収 証")
	again := f.ok(http.MethodPost, path+"/bill", ``)
	assert.Equal(t, c, again)
	assert.Equal(t, c, f.ok(http.MethodGet, path, ``))

	const list = "/api/v1/tenants/acme/stores/s1/terminals/1/transactions"
	one := f.ok(http.MethodGet, list+"/1", ``)
	for _, field := range []string{"cartStatus", "subtotalAmount", "balanceAmount"} {
		assert.NotContains(t, one, field)
		delete(c, field)
	}
	assert.Equal(t, "pending", one["status"].(map[string]any)["delivery"])
	delete(one["status"].(map[string]any), "delivery")
	assert.Equal(t, c, one)
	all := f.ok(http.MethodGet, list+"?businessDate=20260329&openCounter=1&transactionType=101,102&receiptNo=1&sort=transactionNo:asc&limit=5", ``)
	assert.EqualValues(t, 1, all["total"])
	assert.EqualValues(t, 5, all["limit"])
	assert.Equal(t, []any{one}, all["items"])

	f.deliver(statusTopic, f.status(1000))
	one = f.ok(http.MethodGet, list+"/1", ``)
	assert.Equal(t, "received", one["status"].(map[string]any)["delivery"])

	copied := f.send(http.MethodPost, list+"/1/reprint", f.key(), ``, "Idempotency-Key", "print 1")
	assert.Equal(t, http.StatusBadRequest, copied.status, "a key with a space")
	copied = f.send(http.MethodPost, list+"/1/reprint", f.key(), ``, "Idempotency-Key", "print-1")
	require.Equal(t, http.StatusOK, copied.status, copied.raw)
	assert.Contains(t, copied.body["receiptText"], "再 発 行")
	assert.Contains(t, copied.body["receiptText"], one["receiptText"])
	assert.EqualValues(t, 1, copied.body["receiptNo"])
	repeated := f.send(http.MethodPost, list+"/1/reprint", f.key(), ``, "Idempotency-Key", "print-1")
	assert.Equal(t, copied.body, repeated.body)
	assert.Equal(t, http.StatusNotFound, f.send(http.MethodPost, list+"/2/reprint", f.key(), ``).status)
	assert.Equal(t, http.StatusForbidden, f.send(http.MethodPost, strings.Replace(list, "terminals/1", "terminals/2", 1)+"/1/reprint", f.key(), ``).status)
}

func TestAnEmptyCartShowsEmptyLists(t *testing.T) {
	f := newShop(t)
	a := f.send(http.MethodPost, "/api/v1/carts", f.key(), `{"transactionType":101,"userId":"u1","userName":"Uma"}`)
	for _, name := range []string{"lineItems", "payments", "taxes", "subtotalDiscounts"} {
		assert.Contains(t, a.raw, `"`+name+`":[]`)
	}
	assert.Equal(t, map[string]any{"id": "u1", "name": "Uma"}, a.body["user"])
	assert.Equal(t, map[string]any{"id": "S001", "name": "Ann"}, a.body["staff"])
}

func TestMoneyIsWrittenExactly(t *testing.T) {
	f := newFixture(t)
	f.follow(f.storeSnapshot(1, "EUR"), f.terminalSnapshot(terminal, 1, event.StatusOpened, session))
	c := f.cart()
	a := f.send(http.MethodPost, c+"/lineItems", f.key(), `[{"itemCode":"1003","quantity":3,"unitPrice":0.10}]`)
	assert.Contains(t, a.raw, `"amount":0.3,`)
	a = f.send(http.MethodPost, c+"/lineItems", f.key(), `[{"itemCode":"1003","quantity":1,"unitPrice":"1.10"}]`)
	assert.Equal(t, 300001, a.code(), "a number, not a string")
}

func TestOpenCartsAreListed(t *testing.T) {
	f := newShop(t)
	first, second := f.cart(), f.paid()
	f.ok(http.MethodPost, f.paid()+"/bill", ``)
	all := f.ok(http.MethodGet, "/api/v1/carts?status=open", ``)
	assert.EqualValues(t, 2, all["total"])
	items := all["items"].([]any)
	assert.True(t, strings.HasSuffix(first, items[0].(map[string]any)["cartId"].(string)))
	assert.True(t, strings.HasSuffix(second, items[1].(map[string]any)["cartId"].(string)))
	page := f.ok(http.MethodGet, "/api/v1/carts?skip=1&limit=1", ``)
	assert.EqualValues(t, 2, page["total"])
	assert.Equal(t, items[1:], page["items"])
	other := f.send(http.MethodGet, "/api/v1/carts", apiKey(f.keys[neighbour.ID()]), ``)
	assert.EqualValues(t, 0, other.body["total"])
}

func TestAnIdempotencyKeyStandsForOneRequest(t *testing.T) {
	f := newShop(t)
	const header = "Idempotency-Key"
	first := f.send(http.MethodPost, "/api/v1/carts", f.key(), `{}`, header, "a")
	second := f.send(http.MethodPost, "/api/v1/carts", f.key(), `{}`, header, "a")
	assert.Equal(t, http.StatusCreated, second.status)
	assert.Equal(t, first.raw, second.raw)
	c := "/api/v1/carts/" + first.body["cartId"].(string)
	one := `[{"itemCode":"1001","quantity":1}]`
	for range 3 {
		a := f.send(http.MethodPost, c+"/lineItems", f.key(), one, header, "b")
		assert.Len(t, a.body["lineItems"], 1, a.raw)
	}
	assert.Equal(t, 300005, f.send(http.MethodPost, c+"/lineItems", f.key(), `[{"itemCode":"1001","quantity":2}]`, header, "b").code())
	assert.Equal(t, 300005, f.send(http.MethodPost, f.cart()+"/lineItems", f.key(), one, header, "b").code(), "another cart")
	assert.Equal(t, 100000, f.send(http.MethodPost, c+"/lineItems", f.key(), one, header, strings.Repeat("x", 201)).code())
	assert.Equal(t, 100000, f.send(http.MethodPost, c+"/lineItems", f.key(), one, header, "").code())
	a := f.send(http.MethodPost, c+"/lineItems", apiKey(f.keys[neighbour.ID()]), one, header, "b")
	assert.Equal(t, 401002, a.code(), "another terminal's keys are its own")
}

func TestBadRequestsAreExplained(t *testing.T) {
	f := newShop(t)
	c := f.cart()
	const list = "/api/v1/tenants/acme/stores/s1/terminals/1/transactions"
	for name, r := range map[string]struct {
		method, path, body string
		code               int
		field              string
	}{
		"return as a cart":     {http.MethodPost, "/api/v1/carts", `{"transactionType":102}`, 300001, "transactionType"},
		"unknown field":        {http.MethodPost, "/api/v1/carts", `{"currency":"JPY"}`, 100000, ""},
		"no items":             {http.MethodPost, c + "/lineItems", `[]`, 300001, "body"},
		"no body":              {http.MethodPost, c + "/lineItems", ``, 300001, "body"},
		"an object":            {http.MethodPost, c + "/lineItems", `{"itemCode":"1001","quantity":1}`, 300001, ""},
		"too many items":       {http.MethodPost, c + "/lineItems", "[" + strings.Repeat(`{"itemCode":"1","quantity":1},`, 100) + `{"itemCode":"1","quantity":1}]`, 300001, "body"},
		"no code":              {http.MethodPost, c + "/lineItems", `[{"quantity":1}]`, 300001, ""},
		"no quantity":          {http.MethodPost, c + "/lineItems", `[{"itemCode":"1001"}]`, 300001, "[0].quantity"},
		"second quantity":      {http.MethodPost, c + "/lineItems", `[{"itemCode":"1001","quantity":1},{"itemCode":"1001","quantity":-1}]`, 300001, "[1].quantity"},
		"a name without an id": {http.MethodPost, "/api/v1/carts", `{"userName":"Jane"}`, 300001, "userId"},
		"a card as a user":     {http.MethodPost, "/api/v1/carts", `{"userId":"4111-1111-1111-1111"}`, 300001, "userId"},
		"two quantities":       {http.MethodPost, c + "/lineItems", `[{"itemCode":"1001","quantity":1,"quantity":100}]`, 100000, ""},
		"two spellings":        {http.MethodPost, c + "/payments", `[{"paymentCode":"01","amount":1,"Amount":100}]`, 100000, ""},
		"a huge quantity":      {http.MethodPost, c + "/lineItems", `[{"itemCode":"1001","quantity":1e40}]`, 300001, ""},
		"many digits":          {http.MethodPost, c + "/lineItems", `[{"itemCode":"1001","quantity":0.1234567890123456789}]`, 300001, ""},
		"not a number":         {http.MethodPost, c + "/lineItems", `[{"itemCode":"1001","quantity":NaN}]`, 100000, ""},
		"infinity":             {http.MethodPost, c + "/lineItems", `[{"itemCode":"1001","quantity":1e999}]`, 300001, ""},
		"a text as a price":    {http.MethodPost, c + "/lineItems", `[{"itemCode":"1001","quantity":1,"unitPrice":"1"}]`, 300001, ""},
		"a negative price":     {http.MethodPost, c + "/lineItems", `[{"itemCode":"1001","quantity":1,"unitPrice":-1}]`, 300001, "[0].unitPrice"},
		"half a yen":           {http.MethodPost, c + "/lineItems", `[{"itemCode":"1001","quantity":1,"unitPrice":0.5}]`, 300001, "[0].unitPrice"},
		"a price of nothing":   {http.MethodPatch, c + "/lineItems/1/unitPrice", `{"unitPrice":null}`, 300001, "unitPrice"},
		"a deep body":          {http.MethodPost, c + "/lineItems", strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000), 100000, ""},
		"text turned around":   {http.MethodPost, c + "/payments", `[{"paymentCode":"01","amount":1,"detail":"a\u202eb"}]`, 300001, ""},
		"Shift JIS":            {http.MethodPost, c + "/payments", "[{\"paymentCode\":\"01\",\"amount\":1,\"detail\":\"\x8e\xc0\"}]", 100000, ""},
		"an overlong detail":   {http.MethodPost, c + "/payments", `[{"paymentCode":"01","amount":1,"detail":"` + strings.Repeat("界", 101) + `"}]`, 300001, ""},
		"control characters":   {http.MethodPost, c + "/payments", `[{"paymentCode":"01","amount":1,"detail":"a\u001bb"}]`, 300001, ""},
		"a body for bill":      {http.MethodPost, c + "/bill", `{"amount":1}`, 100000, ""},
		"not JSON":             {http.MethodPost, c + "/payments", `[{]`, 100000, ""},
		"status of a list":     {http.MethodGet, "/api/v1/carts?status=completed", ``, 300001, "status"},
		"a page too long":      {http.MethodGet, "/api/v1/carts?limit=101", ``, 300001, "limit"},
		"a page of sales":      {http.MethodGet, list + "?limit=101", ``, 300001, "limit"},
		"a date":               {http.MethodGet, list + "?businessDate=2026-03-29", ``, 300001, "businessDate"},
		"types":                {http.MethodGet, list + "?transactionType=sales", ``, 300001, "transactionType"},
		"sort":                 {http.MethodGet, list + "?sort=amount:asc", ``, 300001, "sort"},
		"line zero":            {http.MethodPost, c + "/lineItems/0/cancel", ``, 300004, ""},
		"no transaction":       {http.MethodGet, list + "/1", ``, 100001, ""},
		"no transaction zero":  {http.MethodGet, list + "/0", ``, 100001, ""},
		"no transaction no":    {http.MethodGet, list + "/x", ``, 100001, ""},
		"no cart":              {http.MethodGet, "/api/v1/carts/x", ``, 401002, ""},
		"deliveries' status":   {http.MethodGet, "/api/v1/terminals/acme-s1-1/deliveries?status=lost", ``, 300001, "status"},
		"deliveries from zero": {http.MethodGet, "/api/v1/terminals/acme-s1-1/deliveries?from=0", ``, 300001, "from"},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.send(r.method, r.path, f.key(), r.body)
			require.Equal(t, r.code, a.code(), a.raw)
			assert.NotEmpty(t, a.body["hint"])
			assert.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
			if r.field != "" {
				assert.Equal(t, r.field, a.body["errors"].([]any)[0].(map[string]any)["name"])
			}
		})
	}
}
