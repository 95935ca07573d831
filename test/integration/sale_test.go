package integration_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/state/daprstate"
	"github.com/tillroll/tillroll/pkg/state/statetest"
	"github.com/tillroll/tillroll/test/scenario"
	"github.com/tillroll/tillroll/test/shop"

	dapr "github.com/dapr/go-sdk/client"
)

// A till opens, sales are made, the journal shows them, the till closes with the right counts.
func TestAShopDay(t *testing.T) { scenario.ShopDay(t, running, "day") }

// item of the sample catalogue.
func item(i, quantity int) shop.Item {
	return shop.Item{ItemCode: sampleItems[i], Quantity: quantity}
}

// Through the till's own sidecar everything works as it does directly.
func TestASaleThroughTheTillsOwnSidecar(t *testing.T) {
	s, tills := open(t, "sidecar", 1)
	till := tills[0]
	token, err := running.Secret("till", "api-token")
	require.NoError(t, err)
	direct, err := till.Sell(t.Context(), 10_000, item(0, 2))
	require.NoError(t, err)
	till.Cart = shop.NewClient(running.SidecarURL("till")+"/v1.0/invoke/cart/method", "X-API-Key", till.APIKey, "dapr-api-token", token)
	invoked, err := till.Sell(t.Context(), 10_000, item(0, 2))
	require.NoError(t, err)
	assert.Equal(t, direct.TransactionNo+1, invoked.TransactionNo)
	assert.Equal(t, direct.TotalAmountWithTax, invoked.TotalAmountWithTax)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, s.Audit(ctx, map[int][]shop.Sale{1: {direct, invoked}}))

	// A refusal comes through as the problem that it is.
	_, err = till.Cart.Do(ctx, http.MethodPost, "/api/v1/carts/nowhere/bill", nil)
	var p *shop.Problem
	require.ErrorAs(t, err, &p)
	assert.Equal(t, http.StatusNotFound, p.Status)
	assert.Equal(t, 401002, p.Code)
	assert.NotEmpty(t, p.Hint)

	// Nobody can pose as the broker by invoking a subscription route through a sidecar.
	for app, route := range map[string]string{"journal": "/api/v1/tranlog", "cart": "/api/v1/subscriptions/terminal", "terminal": "/api/v1/subscriptions/session"} {
		forged := shop.NewClient(running.SidecarURL("till")+"/v1.0/invoke/"+app+"/method", "dapr-api-token", token)
		_, err = forged.Do(ctx, http.MethodPost, route, `{"id":"x","data":{}}`)
		require.ErrorAs(t, err, &p, app)
		assert.Equal(t, http.StatusForbidden, p.Status, app)
	}
	// And nobody without the token uses the sidecar at all.
	_, err = shop.NewClient(running.SidecarURL("till")).Do(ctx, http.MethodGet, "/v1.0/invoke/cart/method/healthz", nil)
	require.ErrorAs(t, err, &p)
	assert.Equal(t, http.StatusUnauthorized, p.Status)
}

// One trace runs from the till's request to the commit in the journal.
func TestOneTraceFromTheTillToTheJournal(t *testing.T) {
	s, tills := open(t, "trace", 1)
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	tills[0].Cart.Header.Set("traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
	_, err := tills[0].Sell(t.Context(), 10_000, item(0, 1))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, s.Drained(ctx))
	require.Eventually(t, func() bool {
		seen := map[string]bool{}
		for _, span := range spans.Trace(traceID) {
			seen[span.Service+" "+span.Name] = true
		}
		return seen["cart POST /api/v1/carts/:cart/bill"] && seen["journal journal.ingest"] && seen["journal journal.commit"] && seen["cart outbox.confirm"]
	}, time.Minute, 100*time.Millisecond, "spans: %v", spans.Trace(traceID))
}

// Bad input anywhere on the path is explained, and nothing of it is kept.
func TestBadInputIsExplainedAndLeavesNothing(t *testing.T) {
	s, tills := open(t, "hostile", 1)
	till := tills[0]
	ctx := t.Context()
	require.NoError(t, s.Drained(ctx))
	before, err := s.Outboxes(ctx)
	require.NoError(t, err)
	var cart shop.Sale
	require.NoError(t, till.Cart.Call(ctx, http.MethodPost, "/api/v1/carts", `{}`, &cart))
	carts, lines := "/api/v1/carts", "/api/v1/carts/"+cart.CartID+"/lineItems"
	store := "/api/v1/tenants/hostile/stores/s1"
	for name, c := range map[string]struct {
		client       *shop.Client
		method, path string
		body         any
		status       int
	}{
		"no JSON":             {till.Cart, http.MethodPost, carts, `{`, 400},
		"unknown field":       {till.Cart, http.MethodPost, carts, `{"price":1}`, 400},
		"unknown item":        {till.Cart, http.MethodPost, lines, []shop.Item{{ItemCode: "nope", Quantity: 1}}, 404},
		"quantity zero":       {till.Cart, http.MethodPost, lines, []shop.Item{{ItemCode: sampleItems[0], Quantity: 0}}, 422},
		"quantity negative":   {till.Cart, http.MethodPost, lines, []shop.Item{{ItemCode: sampleItems[0], Quantity: -2}}, 422},
		"no line":             {till.Cart, http.MethodPost, lines, `[]`, 422},
		"bill too early":      {till.Cart, http.MethodPost, carts + "/" + cart.CartID + "/bill", nil, 400},
		"another's cart":      {till.Cart, http.MethodGet, carts + "/01890a5d-ac96-774b-bcce-b302099a8057", nil, 404},
		"wrong key":           {shop.NewClient(running.URL("cart"), "X-API-Key", till.ID+".wrong"), http.MethodPost, carts, `{}`, 401},
		"no credential":       {shop.NewClient(running.URL("cart")), http.MethodPost, carts, `{}`, 401},
		"tenant as path":      {s.Platform, http.MethodPost, "/api/v1/tenants", map[string]any{"tenantId": "../../etc", "tenantName": "x"}, 422},
		"tenant as operator":  {s.Platform, http.MethodPost, "/api/v1/tenants", map[string]any{"tenantId": "$where", "tenantName": "x"}, 422},
		"foreign tenant":      {s.Admin, http.MethodGet, "/api/v1/tenants/day/stores/s1", nil, 403},
		"foreign journal":     {s.Journal, http.MethodGet, "/api/v1/tenants/day/stores/s1/journals", nil, 403},
		"open twice":          {till.Terminal, http.MethodPost, "/api/v1/terminals/" + till.ID + "/open", `{"initialAmount":1}`, 400},
		"too much cash out":   {till.Terminal, http.MethodPost, "/api/v1/terminals/" + till.ID + "/cash-out", `{"amount":999999999999}`, 0},
		"amount as string":    {till.Terminal, http.MethodPost, "/api/v1/terminals/" + till.ID + "/cash-in", `{"amount":"5"}`, 422},
		"half a yen":          {till.Terminal, http.MethodPost, "/api/v1/terminals/" + till.ID + "/cash-in", `{"amount":0.5}`, 0},
		"date backwards":      {s.Journal, http.MethodGet, store + "/journals?businessDateFrom=20260102&businessDateTo=20260101", nil, 0},
		"date that is none":   {s.Journal, http.MethodGet, store + "/journals?businessDateFrom=20260231", nil, 0},
		"limit":               {s.Journal, http.MethodGet, store + "/journals?limit=101", nil, 0},
		"sort by SQL":         {s.Journal, http.MethodGet, store + "/journals?sort=amount%3BDROP%20TABLE:asc", nil, 0},
		"unknown parameter":   {s.Journal, http.MethodGet, store + "/journals?recieptNo=1", nil, 0},
		"delivery from alien": {shop.NewClient(running.URL("journal")), http.MethodPost, "/api/v1/tranlog", `{}`, 401},
		"no route":            {s.Journal, http.MethodGet, "/api/v2/x", nil, 404},
	} {
		res, err := c.client.Do(ctx, c.method, c.path, c.body, "Idempotency-Key", "bad-"+strings.ReplaceAll(name, " ", "-"))
		var p *shop.Problem
		if !assert.ErrorAs(t, err, &p, name) {
			continue
		}
		if c.status != 0 {
			assert.Equal(t, c.status, p.Status, "%s: %v", name, err)
		}
		assert.GreaterOrEqual(t, p.Status, 400, name)
		assert.Less(t, p.Status, 500, "%s: %v", name, err)
		assert.Positive(t, p.Code, name)
		assert.NotEmpty(t, p.Hint, name)
		assert.NotEmpty(t, p.TraceID, name)
		assert.Equal(t, "application/problem+json", res.Header.Get("Content-Type"), name)
	}
	after, err := s.Outboxes(ctx)
	require.NoError(t, err)
	made := map[string]uint64{}
	for _, o := range after {
		made[o.Service+" "+o.StreamID] = o.LastSequence
	}
	for _, o := range before {
		made[o.Service+" "+o.StreamID] -= o.LastSequence
	}
	assert.Equal(t, map[string]uint64{"cart hostile-s1-1": 1, "terminal hostile-s1-1": 0, "terminal hostile": 0}, made, "nothing but the one cart")
}

// Garbage on a topic ends in quarantine with its reason; it is seen and discarded there.
func TestGarbageOnATopicEndsInQuarantine(t *testing.T) {
	s, tills := open(t, "garbage", 1)
	token, err := running.Secret("cart", "api-token")
	require.NoError(t, err)
	sidecar := shop.NewClient(running.SidecarURL("cart"), "dapr-api-token", token)
	ctx := t.Context()
	publish := func(topic, body string) error {
		_, err := sidecar.Do(ctx, http.MethodPost, "/v1.0/publish/pubsub/"+topic, body)
		return err
	}
	require.NoError(t, publish("topic-tranlog", `"not even an object"`))
	require.NoError(t, publish("topic-tranlog", `{"event_id":"x","tenant_id":"garbage","text":"no UUID"}`))
	require.NoError(t, publish("topic-events", `{"tenant_id":"../../etc/passwd"}`))
	require.Error(t, publish("topic-cashlog", `{}`), "cart may not publish there")

	_, err = tills[0].Sell(ctx, 10_000, item(0, 1))
	require.NoError(t, err, "garbage stops no sale")
	deadline, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	require.NoError(t, s.Drained(deadline))

	platform := shop.NewClient(running.URL("journal"), "Authorization", s.Platform.Header.Get("Authorization"))
	var list struct {
		Items []struct {
			ID     string `json:"id"`
			Topic  string `json:"topic"`
			Reason string `json:"reason"`
			Detail string `json:"detail"`
			State  string `json:"state"`
		} `json:"items"`
	}
	require.Eventually(t, func() bool {
		return platform.Call(ctx, http.MethodGet, "/api/v1/quarantine", nil, &list) == nil && len(list.Items) >= 3
	}, time.Minute, 200*time.Millisecond, "%+v", list)
	for _, q := range list.Items {
		assert.NotEmpty(t, q.Reason)
		assert.NotEmpty(t, q.Detail)
	}
	require.NoError(t, platform.Call(ctx, http.MethodPost, "/api/v1/quarantine/"+list.Items[0].ID+"/discard", `{"reason":"a test"}`, nil))
}

// The state port's contract, on real daprd and SQLite.
func TestStateContractThroughDaprd(t *testing.T) {
	token, err := running.Secret("cart", "api-token")
	require.NoError(t, err)
	client, err := dapr.NewClientWithAddressContext(t.Context(), running.SidecarGRPC("cart"))
	require.NoError(t, err)
	defer client.Close()
	client.WithAuthToken(token)
	store := daprstate.New(client, "statestore")
	require.NoError(t, store.Check(t.Context()))
	statetest.Run(t, store, time.Sleep)
}
