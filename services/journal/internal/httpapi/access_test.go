package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/journal/internal/httpapi"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// caller is one kind of credential, and what it would have to be let through for a route.
type caller struct {
	name       string
	credential credential
	unproven   bool
	role       auth.Role
	tenant     string
	store      string // of a terminal
	no         string
}

func (h *house) callers() []caller {
	ownKey := "acme-s1-1.key"
	till := tilltest.New("acme", "s1", 1)
	h.sell(till.TerminalSnapshot(1, ownKey))
	admin := auth.Principal{Subject: "ann", Role: auth.Administrator, TenantID: "acme"}
	return []caller{
		{name: "nobody", credential: nobody, unproven: true},
		{name: "a token that is none", credential: bearer("abc"), unproven: true},
		{name: "another scheme", credential: func(r *http.Request) { r.SetBasicAuth("ann", "secret") }, unproven: true},
		{name: "a token of an unknown key", credential: h.token(auth.UserIssuer, h.unknown, admin, time.Minute), unproven: true},
		{name: "a token of an unknown issuer", credential: h.token("somebody", h.users, admin, time.Minute), unproven: true},
		{name: "a terminal's issuer making an administrator", credential: h.token(auth.TerminalIssuer, h.tills, admin, time.Minute), unproven: true},
		{name: "a token that has ended", credential: h.token(auth.UserIssuer, h.users, admin, -time.Hour), unproven: true},
		{name: "the sidecar's token alone", credential: func(r *http.Request) { r.Header.Set("Dapr-Api-Token", appToken) }, unproven: true},
		{name: "a wrong API key", credential: apiKey("acme-s1-1.other"), unproven: true},
		{name: "the key of an unknown terminal", credential: apiKey("acme-s1-9.key"), unproven: true},
		{name: "an administrator", credential: h.user(auth.Administrator, "acme"), role: auth.Administrator, tenant: "acme"},
		{name: "a foreign administrator", credential: h.user(auth.Administrator, "bolt"), role: auth.Administrator, tenant: "bolt"},
		{name: "an auditor", credential: h.user(auth.Auditor, "acme"), role: auth.Auditor, tenant: "acme"},
		{name: "a foreign auditor", credential: h.user(auth.Auditor, "bolt"), role: auth.Auditor, tenant: "bolt"},
		{name: "a platform operator", credential: h.user(auth.Platform, ""), role: auth.Platform},
		{name: "the terminal by token", credential: h.till("acme", "s1", 1), role: auth.TerminalRole, tenant: "acme", store: "s1", no: "1"},
		{name: "the terminal by key", credential: apiKey(ownKey), role: auth.TerminalRole, tenant: "acme", store: "s1", no: "1"},
		{name: "another terminal of the store", credential: h.till("acme", "s1", 2), role: auth.TerminalRole, tenant: "acme", store: "s1", no: "2"},
		{name: "a terminal of another store", credential: h.till("acme", "s2", 1), role: auth.TerminalRole, tenant: "acme", store: "s2", no: "1"},
		{name: "a foreign terminal", credential: h.till("bolt", "s1", 1), role: auth.TerminalRole, tenant: "bolt", store: "s1", no: "1"},
	}
}

// expected is 401, 403 or 0 for "let through".
func (c *caller) expected(r httpapi.Route) int {
	names := func(param string) bool { return strings.Contains(r.Path, param) }
	switch {
	case c.unproven:
		return http.StatusUnauthorized
	case !slices.Contains(r.Roles, c.role),
		names(":tenant") && c.role != auth.Platform && c.tenant != "acme",
		c.store != "" && names(":store") && c.store != "s1",
		c.store != "" && names(":no") && c.no != "1":
		return http.StatusForbidden
	}
	return 0
}

// filled is a path with something in the place of each parameter.
func filled(path string) string {
	return strings.NewReplacer(":tenant", "acme", ":store", "s1", ":no", "1", ":journal", "x", ":order", "x", ":item", "x", ":discrepancy", "x").Replace(path)
}

// Every route, with every kind of credential: of the own tenant and of another, of the own terminal
// and of another.
func TestEveryRouteLetsInWhomItsTableSaysAndNobodyElse(t *testing.T) {
	h := newHouse(t)
	callers := h.callers()
	for _, r := range h.api.Routes() {
		t.Run(r.Method+" "+r.Path, func(t *testing.T) {
			assert.NotEmpty(t, r.Roles)
			for _, c := range callers {
				a := h.do(c.credential, r.Method, filled(r.Path), "")
				switch want := c.expected(r); want {
				case 0:
					assert.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError}, a.status, "%s: %s", c.name, a.raw)
				default:
					assert.Equal(t, want, a.status, "%s: %s", c.name, a.raw)
					assert.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
					assert.NotEmpty(t, a.body["hint"])
				}
			}
		})
	}
}

// The table is all there is: nothing is served beside it but deliveries.
func TestNoRouteStandsOutsideTheTable(t *testing.T) {
	h := newHouse(t)
	known := []string{"GET " + httpapi.HealthPath}
	for _, r := range h.api.Routes() {
		known = append(known, r.Method+" "+httpapi.Prefix+r.Path)
	}
	for _, s := range httpapi.Subscriptions {
		known = append(known, "POST "+httpapi.Prefix+s.Path)
	}
	known = append(known, "POST "+httpapi.Prefix+httpapi.DeadLetters)
	served := []string{}
	for _, r := range h.engine.Routes() {
		served = append(served, r.Method+" "+r.Path)
	}
	assert.ElementsMatch(t, known, served)
}

func TestDeliveriesAreTakenFromTheOwnSidecarOnly(t *testing.T) {
	h := newHouse(t)
	paths := []string{"/deadletters/cart"}
	for _, s := range httpapi.Subscriptions {
		paths = append(paths, s.Path)
	}
	for _, path := range paths {
		for name, c := range map[string]struct {
			credential credential
			status     int
		}{
			"nobody":              {nobody, 401},
			"a wrong token":       {func(r *http.Request) { r.Header.Set("Dapr-Api-Token", "guess") }, 401},
			"an administrator":    {h.user(auth.Administrator, "acme"), 401},
			"a platform operator": {h.user(auth.Platform, ""), 401},
			"an invocation through the sidecar": {func(r *http.Request) {
				r.Header.Set("Dapr-Api-Token", appToken)
				r.Header.Set("Dapr-Caller-App-Id", "cart")
			}, 403},
		} {
			r := httptest.NewRequest(http.MethodPost, httpapi.Prefix+path, strings.NewReader(`{}`))
			c.credential(r)
			w := httptest.NewRecorder()
			h.engine.ServeHTTP(w, r)
			assert.Equal(t, c.status, w.Code, "%s by %s", path, name)
		}
	}
}

func TestATerminalSeesItsOwnJournalOnly(t *testing.T) {
	h := newHouse(t)
	own, other := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2)
	mine, theirs := own.Sale("1"), other.Sale("2")
	h.sell(mine, theirs)
	till := h.till("acme", "s1", 1)
	for _, path := range []string{"/tenants/acme/stores/s1/journals", "/tenants/acme/stores/s1/journals?terminalNo=1", "/tenants/acme/stores/s1/terminals/1/journals"} {
		a := h.get(till, path)
		assert.Equal(t, 200, a.status, a.raw)
		assert.EqualValues(t, 1, a.body["total"], path)
	}
	for _, path := range []string{"/tenants/acme/stores/s1/journals?terminalNo=2", "/tenants/acme/stores/s1/journals?terminalNo=1-2", "/tenants/acme/stores/s1/terminals/2/journals"} {
		assert.Equal(t, 403, h.get(till, path).status, path)
	}
	assert.Equal(t, 200, h.get(till, "/tenants/acme/stores/s1/journals/"+mine.EventID).status)
	assert.Equal(t, 404, h.get(till, "/tenants/acme/stores/s1/journals/"+theirs.EventID).status)
	assert.Equal(t, 404, h.get(till, "/tenants/acme/stores/s1/terminals/1/journals/"+theirs.EventID).status)
	auditor := h.user(auth.Auditor, "acme")
	for path, status := range map[string]int{"": 200, "/stores/s1": 200, "/stores/s1/terminals/1": 200, "/stores/s2": 404, "/stores/s1/terminals/2": 404} {
		assert.Equal(t, status, h.get(auditor, "/tenants/acme"+path+"/journals/"+mine.EventID).status, "an entry is found under its own store: %s", path)
	}
}
