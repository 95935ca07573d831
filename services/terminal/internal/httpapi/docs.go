package httpapi

import (
	"net/http"

	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/openapi"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/outbox/outboxapi"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// Info of the service's description.
var Info = openapi.Info{
	Title:       "Tillroll terminal",
	Description: "Tenants, stores, staff and tills: who sells where, sign-in, open, close, cash in and out. Everything that can go wrong is at [/problems](/problems).",
	PathParams: map[string]openapi.Param{
		"staff": {Doc: "The staff member's id in the store."},
	},
}

// Endpoints describes every route that Mount serves.
func (a *API) Endpoints() []openapi.Endpoint {
	routes := []openapi.Route{
		{Method: http.MethodGet, Path: "/.well-known/jwks.json", Access: openapi.Public},
		{Method: http.MethodPost, Path: Prefix + "/auth/token", Access: openapi.ByKey},
	}
	for _, r := range a.routes() {
		routes = append(routes, openapi.Route{Method: r.method, Path: Prefix + r.path, Roles: r.roles})
	}
	for path := range a.subscriptions() {
		routes = append(routes, openapi.Route{Method: http.MethodPost, Path: Prefix + "/subscriptions" + path, Access: openapi.Sidecar})
	}
	return openapi.Describe(routes, Operations)
}

var (
	once     = openapi.Param{Name: idempotency.Header, Required: true, Doc: "A new random value for each new command. A repeat with the same value and body is answered as the first was and changes nothing."}
	newToken = []openapi.Param{{Name: "X-New-Token", Doc: "A token with the terminal's present state, when a terminal asked."}}
)

// kinds that have one cause.
func kinds(all ...*problem.Kind) []*problem.Kind { return all }

// atTill are the problems of every command at a till.
func atTill(more ...*problem.Kind) []*problem.Kind {
	return append(more, terminal.TerminalNotFound, terminal.Disabled, problem.Conflict)
}

// Operations says of each route what its row in the table does not.
var Operations = map[string]openapi.Operation{
	"GET /.well-known/jwks.json": {
		Tag: "credentials", Summary: "The keys that verify terminals' tokens", Details: "A JSON Web Key Set (RFC 7517).",
		Answer: struct {
			Keys []any `json:"keys"`
		}{},
		Problems: kinds(problem.Unavailable),
	},
	"POST /api/v1/auth/token": {
		Tag: "credentials", Summary: "Buy a token with a terminal's API key", Answer: tokenAnswer{},
		Problems: kinds(terminal.Disabled, problem.BadRequest),
	},

	"POST /api/v1/tenants":          {Tag: "tenants", Summary: "Make a tenant", Status: created, Body: tenantRequest{}, Answer: tenantAnswer{}, Problems: kinds(terminal.TenantExists)},
	"GET /api/v1/tenants":           {Tag: "tenants", Summary: "List tenants", Query: span{}, Answer: list[tenantAnswer]{}},
	"GET /api/v1/tenants/:tenant":   {Tag: "tenants", Summary: "Show a tenant", Answer: tenantAnswer{}, Problems: kinds(terminal.TenantNotFound, terminal.Disabled)},
	"PATCH /api/v1/tenants/:tenant": {Tag: "tenants", Summary: "Change a tenant", Details: "What is left out stays as it is; a policy replaces the whole policy.", Body: tenantPatch{}, Answer: tenantAnswer{}, Problems: kinds(terminal.TenantNotFound, problem.Conflict)},

	"POST /api/v1/tenants/:tenant/stores":         {Tag: "stores", Summary: "Make a store", Status: created, Body: storeRequest{}, Answer: storeAnswer{}, Problems: kinds(terminal.TenantNotFound, terminal.StoreExists, problem.Conflict)},
	"GET /api/v1/tenants/:tenant/stores":          {Tag: "stores", Summary: "List stores", Query: span{}, Answer: list[storeAnswer]{}, Problems: kinds(terminal.TenantNotFound)},
	"GET /api/v1/tenants/:tenant/stores/:store":   {Tag: "stores", Summary: "Show a store", Answer: storeAnswer{}, Problems: kinds(terminal.StoreNotFound, terminal.Disabled)},
	"PATCH /api/v1/tenants/:tenant/stores/:store": {Tag: "stores", Summary: "Change a store", Details: "What is left out stays as it is. A store's currency never changes.", Body: storePatch{}, Answer: storeAnswer{}, Problems: kinds(terminal.StoreNotFound, problem.Conflict)},

	"POST /api/v1/tenants/:tenant/stores/:store/staff":         {Tag: "staff", Summary: "Add a staff member", Status: created, Body: staffRequest{}, Answer: staffAnswer{}, Problems: kinds(terminal.StoreNotFound, terminal.StaffExists, problem.Conflict)},
	"GET /api/v1/tenants/:tenant/stores/:store/staff":          {Tag: "staff", Summary: "List staff", Query: span{}, Answer: list[staffAnswer]{}, Problems: kinds(terminal.StoreNotFound)},
	"GET /api/v1/tenants/:tenant/stores/:store/staff/:staff":   {Tag: "staff", Summary: "Show a staff member", Answer: staffAnswer{}, Problems: kinds(terminal.StoreNotFound, terminal.StaffNotFound)},
	"PATCH /api/v1/tenants/:tenant/stores/:store/staff/:staff": {Tag: "staff", Summary: "Change a staff member", Details: "A new PIN unlocks a member who is locked out.", Body: staffPatch{}, Answer: staffAnswer{}, Problems: kinds(terminal.StoreNotFound, terminal.StaffNotFound, problem.Conflict)},

	"POST /api/v1/tenants/:tenant/stores/:store/terminals": {
		Tag: "terminals", Summary: "Make a terminal", Details: "The answer is the only one that ever holds its API key.",
		Status: created, Body: terminalRequest{}, Answer: newTerminalAnswer{}, Problems: kinds(terminal.StoreNotFound, terminal.TerminalExists, problem.Conflict),
	},
	"GET /api/v1/tenants/:tenant/stores/:store/terminals": {Tag: "terminals", Summary: "List terminals", Query: span{}, Answer: list[terminalAnswer]{}, Problems: kinds(terminal.StoreNotFound)},
	"GET /api/v1/terminals/:terminal":                     {Tag: "terminals", Summary: "Show a terminal", Answer: terminalAnswer{}, Problems: atTill()},
	"PATCH /api/v1/terminals/:terminal":                   {Tag: "terminals", Summary: "Change a terminal", Body: terminalPatch{}, Answer: terminalAnswer{}, Problems: atTill()},
	"POST /api/v1/terminals/:terminal/api-key":            {Tag: "terminals", Summary: "Make a new API key", Details: "The old one is refused from now on.", Answer: keyAnswer{}, Problems: atTill(problem.BadRequest)},
	"PATCH /api/v1/terminals/:terminal/function_mode":     {Tag: "terminals", Summary: "Say what the till is doing", Body: modeRequest{}, Answer: terminalAnswer{}, Problems: atTill()},

	"POST /api/v1/terminals/:terminal/sign-in":  {Tag: "session", Summary: "Sign in at the till", Body: signInRequest{}, Answer: terminalAnswer{}, Replies: newToken, Problems: atTill(terminal.UnknownStaff, terminal.WrongPIN, terminal.PINLocked, terminal.AlreadySignedIn)},
	"POST /api/v1/terminals/:terminal/sign-out": {Tag: "session", Summary: "Sign out", Answer: terminalAnswer{}, Replies: newToken, Problems: atTill(terminal.NotSignedIn, problem.BadRequest)},
	"POST /api/v1/terminals/:terminal/open": {
		Tag: "session", Summary: "Open the till", Headers: []openapi.Param{once}, Body: openRequest{}, Answer: openAnswer{}, Replies: newToken,
		Problems: atTill(terminal.WrongStatus, terminal.SignInRequired, terminal.AmountInvalid, terminal.BusinessDateWrong, problem.IdempotencyReuse),
	},
	"POST /api/v1/terminals/:terminal/close": {
		Tag: "session", Summary: "Count the drawer and close the till",
		Details: "202 when the close goes on by itself: the same request with the same Idempotency-Key waits for it again.",
		Headers: []openapi.Param{once}, Body: closeRequest{}, Answer: closeAnswer{}, Answers: map[int]any{http.StatusAccepted: closingAnswer{}}, Replies: newToken,
		Problems: atTill(terminal.WrongStatus, terminal.SignInRequired, terminal.CartsInProgress, terminal.AmountInvalid, problem.IdempotencyReuse),
	},
	"POST /api/v1/terminals/:terminal/cash-in":  {Tag: "session", Summary: "Put cash into the drawer", Headers: []openapi.Param{once}, Body: cashRequest{}, Answer: cashAnswer{}, Problems: cashMoves},
	"POST /api/v1/terminals/:terminal/cash-out": {Tag: "session", Summary: "Take cash out of the drawer", Headers: []openapi.Param{once}, Body: cashRequest{}, Answer: cashAnswer{}, Problems: cashMoves},

	"GET /api/v1/terminals/:terminal/deliveries": {
		Tag: "deliveries", Summary: "Where a till's events are on their way to the journal",
		Query: deliveriesQuery{}, Answer: outboxapi.Window{}, Problems: atTill(),
	},
	"GET /api/v1/tenants/:tenant/deliveries": {Tag: "deliveries", Summary: "How far each till's events have come", Query: span{}, Answer: list[outbox.Summary]{}, Problems: kinds(terminal.TenantNotFound)},
	"POST /api/v1/tenants/:tenant/redeliver": {
		Tag: "deliveries", Summary: "Publish events again", Details: "Give either `fromSequence` or `since`. The journal recognises what it has.",
		Status: http.StatusAccepted, Body: outboxapi.RedeliverRequest{}, Answer: outboxapi.RedeliverAnswer{}, Problems: kinds(terminal.TenantNotFound, problem.NotFound, problem.Conflict),
	},

	"POST /api/v1/subscriptions/session":         openapi.Delivery("topic-session"),
	"POST /api/v1/subscriptions/snapshot-wanted": openapi.Delivery("topic-snapshot-wanted"),
	"POST /api/v1/subscriptions/journal-status":  openapi.Delivery("topic-journal-status"),
}

var cashMoves = atTill(terminal.WrongStatus, terminal.NotSignedIn, terminal.SignInRequired, terminal.DrawerLimit, terminal.AmountInvalid, terminal.AmountTooLarge, terminal.AmountTooSmall, problem.IdempotencyReuse)
