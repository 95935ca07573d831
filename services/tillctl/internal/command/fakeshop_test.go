package command_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tillroll/tillroll/pkg/problem"
)

// fakeShop is the three services as far as a demo day needs them, in one. Every item costs 1. What is
// in faults goes wrong.
type fakeShop struct {
	t       *testing.T
	made    map[string]bool // tenants, stores, staff
	tills   map[string]*fakeTill
	carts   map[string]*fakeCart
	entries []map[string]any
	polls   int // how often somebody asked whether all has arrived

	lateness     int // polls until everything has arrived
	closings     int // closes that go on by themselves before one is answered
	neverCloses  bool
	forgetsType  int             // an entry type that the journal does not have
	doublesType  int             // an entry type that the journal has twice
	wrongDrawer  bool            // the till expects other cash than there is
	letsClose    bool            // a till closes with a cart in progress
	sessionState string          // instead of "matches"
	broken       bool            // a chain is broken
	refuses      map[string]bool // routes that answer with a problem
}

type fakeTill struct {
	id, status, token    string
	no, openings, number int
	drawer, count, moves int
	open                 map[string]bool // carts
	signedIn             bool
}

type fakeCart struct {
	till  *fakeTill
	lines []int // quantity of each
	paid  int
}

func newFakeShop(t *testing.T) *fakeShop {
	return &fakeShop{t: t, made: map[string]bool{}, tills: map[string]*fakeTill{}, carts: map[string]*fakeCart{}, sessionState: "matches"}
}

// services are the routes of all three.
func (f *fakeShop) services() services {
	s := services{}
	for pattern, handle := range map[string]func(*http.Request) (int, any){
		"POST /api/v1/tenants":                                            f.create("tenantId", 407002),
		"POST /api/v1/tenants/{t}/stores":                                 f.create("storeCode", 407102),
		"GET /api/v1/tenants/{t}/stores/{s}":                              f.store,
		"POST /api/v1/tenants/{t}/stores/{s}/staff":                       f.create("staffId", 406202),
		"PATCH /api/v1/tenants/{t}/stores/{s}/staff/{p}":                  func(*http.Request) (int, any) { return 200, nil },
		"POST /api/v1/tenants/{t}/stores/{s}/terminals":                   f.createTill,
		"GET /api/v1/terminals/{id}":                                      f.showTill,
		"POST /api/v1/terminals/{id}/api-key":                             f.rotateKey,
		"POST /api/v1/auth/token":                                         f.buyToken,
		"POST /api/v1/terminals/{id}/sign-in":                             f.ofTill(f.signIn),
		"POST /api/v1/terminals/{id}/sign-out":                            f.ofTill(f.signOut),
		"POST /api/v1/terminals/{id}/open":                                f.ofTill(f.open),
		"POST /api/v1/terminals/{id}/cash-out":                            f.ofTill(f.cashOut),
		"POST /api/v1/terminals/{id}/close":                               f.ofTill(f.close),
		"POST /api/v1/carts":                                              f.ofTill(f.newCart),
		"GET /api/v1/carts":                                               f.ofTill(f.openCarts),
		"POST /api/v1/carts/{c}/lineItems":                                f.ofCart(f.add),
		"PATCH /api/v1/carts/{c}/lineItems/{n}/quantity":                  f.ofCart(f.quantity),
		"POST /api/v1/carts/{c}/lineItems/{n}/cancel":                     f.ofCart(f.dropLine),
		"POST /api/v1/carts/{c}/subtotal":                                 f.ofCart(f.shown),
		"POST /api/v1/carts/{c}/payments":                                 f.ofCart(f.pay),
		"POST /api/v1/carts/{c}/bill":                                     f.ofCart(f.bill),
		"POST /api/v1/carts/{c}/cancel":                                   f.ofCart(f.cancel),
		"GET /api/v1/tenants/{t}/deliveries":                              f.deliveries,
		"GET /api/v1/tenants/{t}/stores/{s}/journals":                     f.journals,
		"GET /api/v1/tenants/{t}/stores/{s}/terminals/{n}/reconciliation": f.reconciliation,
		"GET /api/v1/tenants/{t}/verification":                            f.verification,
	} {
		s[pattern] = func(w http.ResponseWriter, r *http.Request) { f.answer(w, r, pattern, handle) }
	}
	return s
}

func (f *fakeShop) answer(w http.ResponseWriter, r *http.Request, pattern string, handle func(*http.Request) (int, any)) {
	if f.refuses[pattern] {
		refuse(problem.Unexpected.New("as the test wants it"))(w, r)
		return
	}
	status, v := handle(r)
	if p, ok := v.(*problem.Error); ok {
		refuse(p)(w, r)
		return
	}
	w.WriteHeader(status)
	if v != nil {
		_ = json.NewEncoder(w).Encode(v)
	}
}

func fails(code int, fields ...problem.Field) (int, any) {
	return 400, (&problem.Error{Kind: &problem.Kind{Code: code, Status: 400, Name: "refused", Title: "Refused"}}).WithFields(fields...)
}

func (f *fakeShop) create(name string, exists int) func(*http.Request) (int, any) {
	return func(r *http.Request) (int, any) {
		what := fmt.Sprint(name, r.URL.Path, body(f.t, r)[name])
		if f.made[what] {
			return fails(exists)
		}
		f.made[what] = true
		return 201, map[string]any{}
	}
}

func (f *fakeShop) store(*http.Request) (int, any) {
	return 200, map[string]any{"storeCode": "corner_shop", "currency": "EUR"}
}

func (f *fakeShop) createTill(r *http.Request) (int, any) {
	no := int(body(f.t, r)["terminalNo"].(float64))
	id := fmt.Sprintf("%s-%s-%d", r.PathValue("t"), r.PathValue("s"), no)
	if f.tills[id] != nil {
		return fails(406002)
	}
	f.tills[id] = &fakeTill{id: id, no: no, status: "Idle", open: map[string]bool{}}
	return 201, map[string]any{"terminalId": id, "apiKey": "key." + id}
}

func (f *fakeShop) showTill(r *http.Request) (int, any) {
	till := f.tills[r.PathValue("id")]
	answer := map[string]any{"status": till.status}
	if till.signedIn {
		answer["staff"] = map[string]any{"staffId": "101"}
	}
	return 200, answer
}

func (f *fakeShop) rotateKey(r *http.Request) (int, any) {
	return 200, map[string]any{"apiKey": "key." + r.PathValue("id")}
}

func (f *fakeShop) buyToken(r *http.Request) (int, any) {
	till := f.tills[strings.TrimPrefix(r.Header.Get("X-API-Key"), "key.")]
	till.token = "token of " + till.id
	return 200, map[string]any{"accessToken": till.token}
}

// ofTill is a route for the till whose token is sent.
func (f *fakeShop) ofTill(do func(*fakeTill, *http.Request) (int, any)) func(*http.Request) (int, any) {
	return func(r *http.Request) (int, any) {
		for _, till := range f.tills {
			if r.Header.Get("Authorization") == "Bearer "+till.token {
				return do(till, r)
			}
		}
		return 0, problem.Unauthenticated.New("not a till's token")
	}
}

func (f *fakeShop) ofCart(do func(*fakeCart, *http.Request) (int, any)) func(*http.Request) (int, any) {
	return f.ofTill(func(till *fakeTill, r *http.Request) (int, any) {
		cart := f.carts[r.PathValue("c")]
		if cart == nil || cart.till != till {
			return fails(401002)
		}
		return do(cart, r)
	})
}

func (f *fakeShop) signIn(till *fakeTill, _ *http.Request) (int, any) {
	if till.signedIn {
		return fails(406014)
	}
	till.signedIn = true
	return 200, map[string]any{}
}

func (f *fakeShop) signOut(till *fakeTill, _ *http.Request) (int, any) {
	till.signedIn = false
	return 200, map[string]any{}
}

func (f *fakeShop) open(till *fakeTill, r *http.Request) (int, any) {
	if till.status != "Idle" && till.status != "Closed" {
		return fails(406003)
	}
	till.openings++
	till.status, till.drawer, till.count, till.moves = "Opened", 0, 0, 0
	f.enter(till, 301, 0, 0)
	f.move(till, 401, int(body(f.t, r)["initialAmount"].(float64)))
	return 200, map[string]any{"businessDate": "20260401", "openCounter": till.openings, "receiptText": "OPEN"}
}

func (f *fakeShop) move(till *fakeTill, kind, amount int) {
	till.drawer += amount
	till.moves++
	f.enter(till, kind, 0, amount)
}

func (f *fakeShop) cashOut(till *fakeTill, r *http.Request) (int, any) {
	amount := -int(body(f.t, r)["amount"].(float64))
	f.move(till, 402, amount)
	return 200, map[string]any{"amount": amount, "receiptText": "CASH OUT"}
}

func (f *fakeShop) close(till *fakeTill, r *http.Request) (int, any) {
	counted, isCounted := body(f.t, r)["physicalAmount"].(float64)
	var inTheWay []problem.Field
	for cart := range till.open {
		inTheWay = append(inTheWay, problem.Field{Name: cart, Rule: "in-progress", Message: "is in progress"})
	}
	if len(inTheWay) > 0 && !f.letsClose {
		return fails(406008, inTheWay...)
	}
	if f.closings > 0 || f.neverCloses {
		f.closings--
		return 202, map[string]any{"status": "Closing"}
	}
	till.status = "Closed"
	expected := till.drawer
	if f.wrongDrawer {
		expected++
	}
	f.enter(till, 302, 0, 0)
	answer := map[string]any{"expectedAmount": expected, "cartTransactionCount": till.count, "cashInOutCount": till.moves, "receiptText": "CLOSE"}
	if isCounted {
		answer["physicalAmount"], answer["overShort"] = counted, int(counted)-expected
	}
	return 200, answer
}

func (f *fakeShop) newCart(till *fakeTill, _ *http.Request) (int, any) {
	if till.status != "Opened" || !till.signedIn {
		return fails(404001)
	}
	id := "cart" + strconv.Itoa(len(f.carts)+1)
	f.carts[id] = &fakeCart{till: till}
	till.open[id] = true
	return 201, f.carts[id].show(id)
}

func (f *fakeShop) openCarts(till *fakeTill, _ *http.Request) (int, any) {
	items := []any{}
	for id := range till.open {
		items = append(items, map[string]any{"cartId": id})
	}
	return 200, map[string]any{"items": items, "total": len(items)}
}

func (c *fakeCart) total() int {
	total := 0
	for _, quantity := range c.lines {
		total += quantity
	}
	return total
}

func (c *fakeCart) show(id string) map[string]any {
	total := c.total()
	return map[string]any{
		"cartId": id, "totalAmountWithTax": total, "balanceAmount": max(total-c.paid, 0), "changeAmount": max(c.paid-total, 0),
		"transactionNo": c.till.number, "receiptText": "RECEIPT",
	}
}

func (f *fakeShop) shown(c *fakeCart, r *http.Request) (int, any) {
	return 200, c.show(r.PathValue("c"))
}

func (f *fakeShop) add(c *fakeCart, r *http.Request) (int, any) {
	var items []struct{ Quantity json.Number }
	raw, _ := io.ReadAll(r.Body)
	if json.Unmarshal(raw, &items) != nil {
		return fails(100000)
	}
	for _, item := range items {
		quantity, err := strconv.Atoi(item.Quantity.String())
		if err != nil {
			quantity = 1 // weighed
		}
		c.lines = append(c.lines, quantity)
	}
	return f.shown(c, r)
}

func (f *fakeShop) quantity(c *fakeCart, r *http.Request) (int, any) {
	n, _ := strconv.Atoi(r.PathValue("n"))
	c.lines[n-1] = int(body(f.t, r)["quantity"].(float64))
	return f.shown(c, r)
}

func (f *fakeShop) dropLine(c *fakeCart, r *http.Request) (int, any) {
	n, _ := strconv.Atoi(r.PathValue("n"))
	c.lines[n-1] = 0
	return f.shown(c, r)
}

func (f *fakeShop) pay(c *fakeCart, r *http.Request) (int, any) {
	var tenders []struct {
		PaymentCode string
		Amount      int
	}
	raw, _ := io.ReadAll(r.Body)
	if json.Unmarshal(raw, &tenders) != nil {
		return fails(100000)
	}
	for _, t := range tenders {
		if t.PaymentCode == "01" {
			c.till.drawer += min(t.Amount, c.total()-c.paid)
		}
		c.paid += t.Amount
	}
	return f.shown(c, r)
}

func (f *fakeShop) bill(c *fakeCart, r *http.Request) (int, any) {
	return f.end(c, r, 101, c.total())
}

func (f *fakeShop) cancel(c *fakeCart, r *http.Request) (int, any) { return f.end(c, r, -101, 0) }

func (f *fakeShop) end(c *fakeCart, r *http.Request, kind, amount int) (int, any) {
	delete(c.till.open, r.PathValue("c"))
	c.till.number++
	c.till.count++
	f.enter(c.till, kind, c.till.number, amount)
	return f.shown(c, r)
}

// enter writes into the journal.
func (f *fakeShop) enter(till *fakeTill, kind, number, amount int) {
	entry := map[string]any{
		"journalId": "j" + strconv.Itoa(len(f.entries)+1), "storeCode": "corner_shop", "terminalNo": till.no,
		"transactionType": kind, "transactionTypeName": strconv.Itoa(kind), "businessDate": "20260401", "openCounter": till.openings,
		"amount": amount, "generateDateTime": fmt.Sprintf("2026-04-01T10:00:%02d+01:00", len(f.entries)%60),
	}
	if number > 0 {
		entry["transactionNo"] = strconv.Itoa(number)
	}
	switch kind {
	case f.forgetsType:
		return
	case f.doublesType:
		f.entries = append(f.entries, maps.Clone(entry))
	}
	f.entries = append(f.entries, entry)
}

func (f *fakeShop) deliveries(*http.Request) (int, any) {
	f.polls++
	return 200, map[string]any{"total": 1, "items": []any{
		map[string]any{"streamId": "s", "lastSequence": 20, "unconfirmed": max(f.lateness-f.polls, 0)},
	}}
}

func (f *fakeShop) journals(r *http.Request) (int, any) {
	items := []any{}
	for _, e := range f.entries {
		if strconv.Itoa(e["terminalNo"].(int)) == r.URL.Query().Get("terminalNo") {
			items = append(items, e)
		}
	}
	return 200, map[string]any{"items": items, "total": len(items)}
}

func (f *fakeShop) reconciliation(r *http.Request) (int, any) {
	return 200, map[string]any{"terminalId": "till " + r.PathValue("n"), "state": f.sessionState}
}

func (f *fakeShop) verification(*http.Request) (int, any) {
	stream := map[string]any{"streamId": "s", "count": 20}
	if f.broken {
		stream["firstBad"] = map[string]any{"chainSeq": 3, "problem": "the event's content was changed"}
	}
	return 200, map[string]any{"holds": !f.broken, "streams": []any{stream}}
}
