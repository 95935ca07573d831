package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
)

// caller is one kind of credential: which role it proves, of whom; no role when it proves nothing.
type caller struct {
	who    credential
	role   auth.Role
	tenant string
	id     string // the terminal
	off    bool   // it was deactivated since
}

func (f *fixture) callers() map[string]caller {
	deactivated := identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 3}
	off := f.terminalSnapshot(deactivated, 5, event.StatusOpened, session)
	off.Terminal.IsActive = false
	foreign := f.terminalSnapshot(stranger, 1, event.StatusOpened, session)
	f.follow(off, foreign)
	alien := issuer(f.t, auth.UserIssuer, signingKey(f.t))
	forged, err := alien.Issue(auth.Principal{Subject: "eve", Role: auth.Administrator, TenantID: "acme"}, 1e12)
	require.NoError(f.t, err)
	return map[string]caller{
		"nobody":                       {who: none},
		"garbage":                      {who: bearer("x.y.z")},
		"forged administrator":         {who: bearer(forged)},
		"basic":                        {who: func(r *http.Request) { r.SetBasicAuth("a", "b") }},
		"key without a form":           {who: apiKey("secret")},
		"wrong key":                    {who: apiKey(terminal.ID() + ".wrong")},
		"key of a deactivated one":     {who: apiKey(f.keys["acme-s1-3"])},
		"token of a deactivated one":   {who: f.tokenOf(deactivated, 4, event.StatusOpened), role: auth.TerminalRole, tenant: "acme", id: deactivated.ID(), off: true},
		"the sidecar":                  {who: sidecar},
		"terminal by key":              {who: f.key(), role: auth.TerminalRole, tenant: "acme", id: terminal.ID()},
		"terminal by token":            {who: f.tokenOf(terminal, 1, event.StatusOpened), role: auth.TerminalRole, tenant: "acme", id: terminal.ID()},
		"neighbour by key":             {who: apiKey(f.keys[neighbour.ID()]), role: auth.TerminalRole, tenant: "acme", id: neighbour.ID()},
		"neighbour by token":           {who: f.tokenOf(neighbour, 1, event.StatusOpened), role: auth.TerminalRole, tenant: "acme", id: neighbour.ID()},
		"another tenant's key":         {who: apiKey(f.keys[stranger.ID()]), role: auth.TerminalRole, tenant: "other", id: stranger.ID()},
		"another tenant's token":       {who: f.tokenOf(stranger, 1, event.StatusOpened), role: auth.TerminalRole, tenant: "other", id: stranger.ID()},
		"administrator":                {who: f.user(auth.Administrator, "acme"), role: auth.Administrator, tenant: "acme"},
		"another tenant's admin":       {who: f.user(auth.Administrator, "other"), role: auth.Administrator, tenant: "other"},
		"auditor":                      {who: f.user(auth.Auditor, "acme"), role: auth.Auditor, tenant: "acme"},
		"another tenant's auditor":     {who: f.user(auth.Auditor, "other"), role: auth.Auditor, tenant: "other"},
		"platform operator":            {who: f.user(auth.Platform, ""), role: auth.Platform},
		"invocation through a sidecar": {who: func(r *http.Request) { sidecar(r); r.Header.Set("Dapr-Caller-App-Id", "till") }},
	}
}

func sidecar(r *http.Request) { r.Header.Set("Dapr-Api-Token", appToken) }

// expected is the status with which a wall answers, 0 when the request gets through.
func expected(path string, roles []auth.Role, c caller, name string) int {
	switch {
	case roles == nil && name == "the sidecar":
		return 0
	case roles == nil && name == "invocation through a sidecar":
		return http.StatusForbidden
	case roles == nil, c.role == "":
		return http.StatusUnauthorized
	case !slices.Contains(roles, c.role):
		return http.StatusForbidden
	case strings.Contains(path, ":tenant") && c.tenant != "acme" && c.role != auth.Platform:
		return http.StatusForbidden
	case (strings.Contains(path, ":terminal") || strings.Contains(path, ":no")) && c.role == auth.TerminalRole && c.id != terminal.ID():
		return http.StatusForbidden
	case c.off:
		return http.StatusUnauthorized
	case strings.Contains(path, ":cart") && c.id != terminal.ID():
		return http.StatusNotFound
	case strings.Contains(path, ":terminal") && c.role == auth.Administrator && c.tenant != "acme":
		return http.StatusNotFound
	}
	return 0
}

// bodies of the routes that need one.
var bodies = map[string]string{
	"/api/v1/carts/:cart/lineItems":                 `[{"itemCode":"1001","quantity":1}]`,
	"/api/v1/carts/:cart/lineItems/:line/quantity":  `{"quantity":2}`,
	"/api/v1/carts/:cart/lineItems/:line/unitPrice": `{"unitPrice":2}`,
	"/api/v1/carts/:cart/payments":                  `[{"paymentCode":"01","amount":1}]`,
	"/api/v1/tenants/:tenant/redeliver":             `{"fromSequence":1}`,
}

// TestEveryRouteHasItsWall sends every route with every credential to what belongs to one terminal.
func TestEveryRouteHasItsWall(t *testing.T) {
	f := newShop(t)
	callers := f.callers()
	for _, route := range f.api.Routes() {
		for name, c := range callers {
			t.Run(route.Method+" "+route.Path+" "+name, func(t *testing.T) {
				cart := ""
				if strings.Contains(route.Path, ":cart") {
					cart = f.paid()
					defer f.send(http.MethodPost, cart+"/cancel", f.key(), ``)
				}
				path := strings.NewReplacer(
					"/api/v1/carts/:cart", cart, ":line", "1", ":tenant", "acme", ":store", "s1", ":no", "1",
					":transaction", "1", ":terminal", terminal.ID(),
				).Replace(route.Path)
				keys := f.store.Keys()
				a := f.send(route.Method, path, c.who, bodies[route.Path])
				want := expected(route.Path, route.Roles, c, name)
				if want == 0 {
					assert.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, a.status, a.raw)
					assert.NotEqual(t, 401002, a.code(), a.raw)
					return
				}
				assert.Equal(t, want, a.status, a.raw)
				assert.Equal(t, keys, f.store.Keys(), "nothing was written")
				if want == http.StatusNotFound && strings.Contains(route.Path, ":cart") {
					assert.Equal(t, 401002, a.code())
				}
			})
		}
	}
}

func TestTheTableOfRoutesIsWhatIsServed(t *testing.T) {
	f := newShop(t)
	var table, served []string
	for _, r := range f.api.Routes() {
		table = append(table, r.Method+" "+r.Path)
		if r.Roles != nil {
			assert.NotZero(t, r.Status, r.Path)
		}
	}
	for _, r := range f.engine.Routes() {
		served = append(served, r.Method+" "+r.Path)
	}
	assert.ElementsMatch(t, table, served)
}

func TestATokenSaysMoreThanAnOlderCopy(t *testing.T) {
	f := newShop(t)
	f.follow(f.terminalSnapshot(terminal, 5, event.StatusClosed, session))
	a := f.send(http.MethodPost, "/api/v1/carts", f.tokenOf(terminal, 4, event.StatusOpened), ``)
	assert.Equal(t, 404001, a.code(), a.raw)
	a = f.send(http.MethodPost, "/api/v1/carts", f.key(), ``)
	assert.Equal(t, 404001, a.code(), a.raw)
}

func TestATerminalThatIsNotKnownYetShallComeAgain(t *testing.T) {
	f := newFixture(t)
	a := f.send(http.MethodPost, "/api/v1/carts", apiKey("acme-s1-1.abc"), ``)
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.Equal(t, "1", a.header.Get("Retry-After"))
	require.Len(t, f.out.sent, 1)
	assert.Equal(t, event.TopicSnapshotWanted, f.out.sent[0].Topic())
}
