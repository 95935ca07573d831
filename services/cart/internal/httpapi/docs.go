package httpapi

import (
	"net/http"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/openapi"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/outbox/outboxapi"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// Info of the service's description.
var Info = openapi.Info{
	Title:       "Tillroll cart",
	Description: "A sale, from the first item to the receipt. Everything that can go wrong is at [/problems](/problems).",
	PathParams: map[string]openapi.Param{
		"cart":        {Doc: "The cart's id."},
		"line":        {Doc: "The `lineNo` of a line.", Schema: openapi.Schema{"type": "integer", "minimum": 1}},
		"transaction": {Doc: "The terminal's transaction number.", Schema: openapi.Schema{"type": "integer", "minimum": 1}},
	},
}

// Endpoints describes every route of the table.
func (a *API) Endpoints() []openapi.Endpoint {
	var routes []openapi.Route
	for _, r := range a.Routes() {
		access := openapi.ByRole
		if r.Roles == nil {
			access = openapi.Sidecar
		}
		routes = append(routes, openapi.Route{Method: r.Method, Path: r.Path, Access: access, Roles: r.Roles, Status: r.Status})
	}
	return openapi.Describe(routes, Operations)
}

// once makes a command safe to repeat.
var once = []openapi.Param{{Name: idempotency.Header, Doc: "A new random value for each new command. A repeat with the same value and body is answered as the first was and changes nothing."}}

// onCart are the problems of every command on a cart.
func onCart(more ...*problem.Kind) []*problem.Kind {
	return append(more, cart.NotFound, cart.SessionSealed, cart.SessionEnded, cart.TerminalNotOpened, problem.InvalidOperation, problem.BadRequest, problem.Conflict,
		problem.IdempotencyReuse, problem.Invalid, problem.TooLarge)
}

// Operations says of each route what its row in the table does not.
var Operations = map[string]openapi.Operation{
	"POST " + carts: {
		Tag: "carts", Summary: "Make a cart", Headers: once, Body: createRequest{}, Answer: cartBody{},
		Replies:  []openapi.Param{{Name: "Location", Doc: "The cart's path."}},
		Problems: onCart(cart.NotCreated, cart.NobodySignedIn),
	},
	"GET " + carts:                           {Tag: "carts", Summary: "List the terminal's open carts", Query: firstOpenCarts, Answer: list[cartBody]{}},
	"GET " + oneCart:                         {Tag: "carts", Summary: "Show a cart", Answer: cartBody{}, Problems: []*problem.Kind{cart.NotFound}},
	"POST " + oneCart + "/cancel":            {Tag: "carts", Summary: "Cancel a cart", Headers: once, Answer: cartBody{}, Problems: onCart()},
	"POST " + oneCart + "/lineItems":         {Tag: "carts", Summary: "Add items", Details: "A negative or zero quantity is refused. `unitPrice` overrides the catalogue's.", Headers: once, Body: []itemRequest{}, Answer: cartBody{}, Problems: onCart(cart.CartFull, cart.ItemNotFound, cart.ItemWithoutPrice)},
	"POST " + oneLine + "/cancel":            {Tag: "carts", Summary: "Cancel a line", Headers: once, Answer: cartBody{}, Problems: onCart(cart.LineNotFound, cart.LineCancelled)},
	"PATCH " + oneLine + "/quantity":         {Tag: "carts", Summary: "Change a line's quantity", Headers: once, Body: quantityRequest{}, Answer: cartBody{}, Problems: onCart(cart.LineNotFound, cart.LineCancelled, cart.CartFull, cart.BalanceNegative)},
	"PATCH " + oneLine + "/unitPrice":        {Tag: "carts", Summary: "Change a line's unit price", Details: "What the item costs ordinarily stays in `unitPriceOriginal`.", Headers: once, Body: priceRequest{}, Answer: cartBody{}, Problems: onCart(cart.LineNotFound, cart.LineCancelled, cart.CartFull, cart.BalanceNegative)},
	"POST " + oneCart + "/subtotal":          {Tag: "carts", Summary: "Go to payment", Headers: once, Answer: cartBody{}, Problems: onCart()},
	"POST " + oneCart + "/resume-item-entry": {Tag: "carts", Summary: "Go back to item entry", Details: "Payments are released.", Headers: once, Answer: cartBody{}, Problems: onCart()},
	"POST " + oneCart + "/payments": {
		Tag: "carts", Summary: "Pay", Headers: once, Body: []paymentRequest{}, Answer: cartBody{},
		Problems: onCart(cart.BalanceZero, cart.BalanceNegative, cart.DepositTooLarge, cart.PaymentUnknown, cart.PaymentLimit, cart.CartFull, cart.NobodySignedIn),
	},
	"POST " + oneCart + "/bill": {Tag: "carts", Summary: "Complete the sale", Details: "The answer has the receipt. A cart is billed once, however often this is repeated.", Headers: once, Answer: cartBody{}, Problems: onCart(cart.BalanceLeft, cart.BalanceNegative, cart.NobodySignedIn)},

	"GET " + transactions: {
		Tag: "transactions", Summary: "List a terminal's transactions", Details: "`transactionType` is a list with commas, such as `101,102`.",
		Query: firstTransactions, Answer: list[transactionBody]{},
	},
	"GET " + transactions + "/:transaction": {Tag: "transactions", Summary: "Show a transaction", Answer: transactionBody{}, Problems: []*problem.Kind{problem.NotFound}},
	"POST " + transactions + "/:transaction/reprint": {
		Tag: "transactions", Summary: "Print a receipt again", Details: "The text is the receipt, marked as a copy. Every copy has a `receiptId` of its own, and the journal is told of it.",
		Headers: once, Answer: copyBody{}, Problems: []*problem.Kind{problem.NotFound, cart.NobodySignedIn, problem.BadRequest, problem.Conflict, problem.IdempotencyReuse},
	},

	"GET /api/v1/terminals/:terminal/deliveries": {
		Tag: "deliveries", Summary: "Where a till's events are on their way to the journal", Query: firstDeliveries, Answer: outboxapi.Window{},
		Problems: []*problem.Kind{problem.NotFound},
	},
	"GET /api/v1/tenants/:tenant/deliveries": {Tag: "deliveries", Summary: "How far each till's events have come", Query: firstPage, Answer: list[outbox.Summary]{}},
	"POST /api/v1/tenants/:tenant/redeliver": {
		Tag: "deliveries", Summary: "Publish events again", Details: "Give either `fromSequence` or `since`. The journal recognises what it has.",
		Body: outboxapi.RedeliverRequest{}, Answer: outboxapi.RedeliverAnswer{}, Problems: []*problem.Kind{problem.NotFound, problem.Conflict},
	},

	http.MethodPost + " /api/v1/subscriptions/terminal":       openapi.Delivery(event.TopicTerminal),
	http.MethodPost + " /api/v1/subscriptions/journal-status": openapi.Delivery(event.TopicJournalStatus),
}
