package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/auth/authtest"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/services/terminal/internal/apptest"
)

var anywhere = strings.NewReplacer(":tenant", "acme", ":store", "tokyo", ":staff", "S001", ":terminal", "acme-tokyo-1")

// attempt sends a request without looking at what the documentation says of it.
func (s *server) attempt(method, path string, header http.Header, body string) int {
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set(idempotency.Header, outbox.NewID())
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	s.engine.ServeHTTP(w, r)
	return w.Code
}

// What is forged opens nothing: every route × every forgery.
func TestNoForgedCredentialOpensAnyRoute(t *testing.T) {
	s, clock := newServer(t)
	house := authtest.House{Users: s.userKey, Tills: s.Key, Now: clock.Now(), TenantID: apptest.Tenant, StoreCode: apptest.Shop, TerminalNo: 1, APIKey: s.APIKey}
	require.Equal(t, 200, s.attempt(http.MethodGet, Prefix+"/tenants/acme/deliveries", house.Good(), ``), "what is forged differs from a good token in one thing")
	forged := house.Forged()
	for _, r := range (&API{}).routes() {
		path := Prefix + anywhere.Replace(r.path)
		require.NotContains(t, path, ":", "a parameter that this test does not know")
		for name, header := range forged {
			assert.Equal(t, http.StatusUnauthorized, s.attempt(r.method, path, header, `{}`), "%s %s with a %s", r.method, path, name)
		}
	}
	for _, r := range s.engine.Routes() {
		if strings.Contains(r.Path, "/subscriptions/") || strings.HasSuffix(r.Path, "/auth/token") {
			for name, header := range forged {
				if name == "header: a bad token beside a good key" {
					continue // here a key is what is asked for
				}
				assert.Contains(t, []int{401, 403}, s.attempt(r.Method, r.Path, header, `{}`), "%s with a %s", r.Path, name)
			}
		}
	}
}

// What a path or a new thing's name says is a code or nothing.
func TestHostileCodesAreRefusedOnEveryRoute(t *testing.T) {
	s, _ := newServer(t)
	for name, who := range map[string]credential{"administrator": s.admin(), "platform": s.user(auth.Platform, ""), "terminal": s.till()} {
		header := http.Header{}
		who(header)
		for _, route := range (&API{}).routes() {
			for _, param := range []string{":tenant", ":store", ":staff", ":terminal"} {
				if !strings.Contains(route.path, param) {
					continue
				}
				for _, code := range authtest.HostileCodes {
					path := Prefix + anywhere.Replace(strings.Replace(route.path, param, code, 1))
					assert.Contains(t, []int{400, 403, 404, 422}, s.attempt(route.method, path, header, `{}`), "%s %s as %s", route.method, path, name)
				}
			}
		}
	}
}
