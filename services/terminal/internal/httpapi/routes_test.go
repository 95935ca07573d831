package httpapi

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/apptest"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

var update = flag.Bool("update", false, "rewrite testdata/routes.txt: a change of who may do what")

// The table in words, so that a change of who may do what is seen in a review.
func TestTheRoutesAreTheAgreedOnes(t *testing.T) {
	var b strings.Builder
	for _, r := range (&API{}).routes() {
		roles := make([]string, len(r.roles))
		for i, role := range r.roles {
			roles[i] = string(role)
		}
		slices.Sort(roles)
		fmt.Fprintf(&b, "%-5s %-60s %s\n", r.method, r.path, strings.Join(roles, " "))
	}
	const path = "testdata/routes.txt"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), b.String())
}

func TestNoRouteIsOutsideTheTable(t *testing.T) {
	s, _ := newServer(t)
	known := map[string]bool{
		"GET /.well-known/jwks.json": true, "POST /api/v1/auth/token": true, "POST /api/v1/subscriptions/session": true,
		"POST /api/v1/subscriptions/snapshot-wanted": true, "POST /api/v1/subscriptions/journal-status": true,
	}
	for _, r := range (&API{}).routes() {
		known[r.method+" "+Prefix+r.path] = true
	}
	for _, r := range s.engine.Routes() {
		assert.True(t, known[r.Method+" "+r.Path], "%s %s is behind no wall that a test looks at", r.Method, r.Path)
	}
}

// caller is one kind of credential, and whose it is.
type caller struct {
	name   string
	header func(s *server) credential
	role   auth.Role         // "" for one that nobody may trust
	at     identity.Terminal // of a user only the tenant
}

var (
	ownTenant   = identity.Terminal{TenantID: apptest.Tenant}
	otherTenant = identity.Terminal{TenantID: "other"}
	otherTill   = identity.Terminal{TenantID: apptest.Tenant, StoreCode: apptest.Shop, TerminalNo: 2}
	otherStore  = identity.Terminal{TenantID: apptest.Tenant, StoreCode: "osaka", TerminalNo: 1}
	foreignTill = identity.Terminal{TenantID: "other", StoreCode: apptest.Shop, TerminalNo: 1}
)

func (s *server) tokenOf(key string) credential {
	s.t.Helper()
	token, err := s.App.BuyToken(s.t.Context(), key)
	require.NoError(s.t, err)
	return bearer(token)
}

func (s *server) disabled() {
	s.t.Helper()
	off := false
	_, err := s.App.ChangeTerminal(s.t.Context(), app.ChangeTerminal{Terminal: apptest.Till, IsActive: &off})
	require.NoError(s.t, err)
}

// callers are every kind of credential × own and foreign tenant, store and terminal.
var callers = []caller{
	{name: "nobody", header: func(*server) credential { return nobody }},
	{name: "garbage token", header: func(*server) credential { return bearer("garbage") }},
	{name: "basic authentication", header: func(*server) credential { return func(h http.Header) { h.Set("Authorization", "Basic YTpi") } }},
	{name: "garbage key", header: func(*server) credential { return apiKey("garbage") }},
	{name: "key with a wrong secret", header: func(s *server) credential { return apiKey(s.APIKey[:len(s.APIKey)-1] + "~") }},
	{name: "rotated key", header: func(s *server) credential {
		_, err := s.App.RotateKey(s.t.Context(), apptest.Till)
		require.NoError(s.t, err)
		return s.till()
	}},
	{name: "user's token of an untrusted issuer", header: func(s *server) credential { return serve(s.t, s.World).admin() }},
	{name: "expired token", header: func(s *server) credential {
		token, err := s.users.Issue(auth.Principal{Subject: "ann", Role: auth.Administrator, TenantID: "acme"}, -time.Hour)
		require.NoError(s.t, err)
		return bearer(token)
	}},
	{name: "disabled terminal's key", header: func(s *server) credential { s.disabled(); return s.till() }},
	{name: "disabled terminal's token", header: func(s *server) credential { who := s.tokenOf(s.APIKey); s.disabled(); return who }},

	{name: "administrator", role: auth.Administrator, at: ownTenant, header: func(s *server) credential { return s.admin() }},
	{name: "auditor", role: auth.Auditor, at: ownTenant, header: func(s *server) credential { return s.user(auth.Auditor, "acme") }},
	{name: "platform operator", role: auth.Platform, header: func(s *server) credential { return s.user(auth.Platform, "") }},
	{name: "terminal's key", role: auth.TerminalRole, at: apptest.Till, header: func(s *server) credential { return s.till() }},
	{name: "terminal's token", role: auth.TerminalRole, at: apptest.Till, header: func(s *server) credential { return s.tokenOf(s.APIKey) }},

	{name: "foreign administrator", role: auth.Administrator, at: otherTenant, header: func(s *server) credential { return s.user(auth.Administrator, "other") }},
	{name: "foreign auditor", role: auth.Auditor, at: otherTenant, header: func(s *server) credential { return s.user(auth.Auditor, "other") }},
	{name: "other terminal's key", role: auth.TerminalRole, at: otherTill, header: func(s *server) credential { return apiKey(s.AddTill(otherTill)) }},
	{name: "other terminal's token", role: auth.TerminalRole, at: otherTill, header: func(s *server) credential { return s.tokenOf(s.AddTill(otherTill)) }},
	{name: "other store's terminal's key", role: auth.TerminalRole, at: otherStore, header: func(s *server) credential {
		_, err := s.App.CreateStore(s.t.Context(), app.CreateStore{TenantID: "acme", StoreCode: "osaka", Settings: apptest.Settings()})
		require.NoError(s.t, err)
		return apiKey(s.AddTill(otherStore))
	}},
	{name: "other tenant's terminal's key", role: auth.TerminalRole, at: foreignTill, header: func(s *server) credential {
		s.Found("other", apptest.Shop)
		return apiKey(s.AddTill(foreignTill))
	}},
}

// mayCome is the rule, told once more and without the gate.
func (c caller) mayCome(r route) bool {
	names := func(parameter string) bool { return strings.Contains(r.path, parameter) }
	switch {
	case !slices.Contains(r.roles, c.role):
		return false
	case c.role == auth.Platform:
		return true
	case (names(":tenant") || names(":terminal")) && c.at.TenantID != apptest.Till.TenantID:
		return false
	case c.role != auth.TerminalRole:
		return true
	case names(":store"):
		return c.at.StoreCode == apptest.Till.StoreCode
	case names(":terminal"):
		return c.at == apptest.Till
	}
	return true
}

// walls are the codes that say that a caller did not come in. A foreign terminal is not even said
// to be there.
var walls = []int{problem.Unauthenticated.Code, problem.Forbidden.Code, terminal.Disabled.Code, terminal.TerminalNotFound.Code}

func TestOnlyWhoMayComesIn(t *testing.T) {
	fill := strings.NewReplacer(":tenant", "acme", ":store", "tokyo", ":staff", "S001", ":terminal", "acme-tokyo-1")
	for _, r := range (&API{}).routes() {
		t.Run(r.method+" "+r.path, func(t *testing.T) {
			for _, c := range callers {
				s, _ := newServer(t)
				got := s.call(r.method, fill.Replace(r.path), c.header(s), `{}`)
				assert.Equal(t, c.mayCome(r), !slices.Contains(walls, got.code()), "%s got %d %s", c.name, got.status, got.raw)
				assert.Less(t, got.status, 500, "%s: %s", c.name, got.raw)
			}
		})
	}
}

func TestATokenIsBoughtWithAKeyOnly(t *testing.T) {
	s, _ := newServer(t)
	for name, who := range map[string]credential{
		"nobody": nobody, "administrator": s.admin(), "terminal's token": s.tokenOf(s.APIKey), "garbage": apiKey("x"),
	} {
		got := s.call("POST", "/auth/token", who, nil)
		assert.Equal(t, problem.Unauthenticated.Code, got.code(), name)
		assert.Equal(t, 401, got.status, name)
	}
	got := s.call("POST", "/auth/token", s.till(), nil).ok(200)
	assert.Equal(t, "bearer", got.text("tokenType"))
	assert.EqualValues(t, 900, got.body["expiresIn"])
	s.call("GET", tillPath, bearer(got.text("accessToken")), nil).ok(200)
	s.disabled()
	assert.Equal(t, terminal.Disabled.Code, s.call("POST", "/auth/token", s.till(), nil).code())
}

func TestSubscriptionsTakeOnlyTheSidecarsDeliveries(t *testing.T) {
	s, _ := newServer(t)
	for _, r := range s.engine.Routes() {
		if !strings.Contains(r.Path, "/subscriptions/") {
			continue
		}
		path := strings.TrimPrefix(r.Path, Prefix)
		for name, who := range map[string]credential{
			"nobody": nobody, "administrator": s.admin(), "terminal": s.till(),
			"wrong token":   func(h http.Header) { h.Set("Dapr-Api-Token", "x") },
			"an invocation": func(h http.Header) { h.Set("Dapr-Api-Token", appToken); h.Set("Dapr-Caller-App-Id", "till") },
		} {
			assert.Contains(t, walls, s.call("POST", path, who, `{}`).code(), "%s as %s", path, name)
		}
	}
}
