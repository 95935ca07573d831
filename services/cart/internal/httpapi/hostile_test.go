package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/auth/authtest"
)

var anywhere = strings.NewReplacer(":cart", "x", ":line", "1", ":tenant", "acme", ":store", "s1", ":no", "1", ":transaction", "1", ":terminal", terminal.ID())

// attempt sends a request without looking at what the documentation says of it.
func (f *fixture) attempt(method, path string, header http.Header) int {
	r := httptest.NewRequest(method, path, strings.NewReader(`{}`))
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	f.engine.ServeHTTP(w, r)
	return w.Code
}

// What is forged opens nothing: every route × every forgery.
func TestNoForgedCredentialOpensAnyRoute(t *testing.T) {
	f := newShop(t)
	house := authtest.House{Users: f.signing.users, Tills: f.signing.tills, Now: evening, TenantID: "acme", StoreCode: "s1", TerminalNo: 1, APIKey: f.keys[terminal.ID()]}
	require.Equal(t, 200, f.attempt(http.MethodGet, "/api/v1/tenants/acme/deliveries", house.Good()), "what is forged differs from a good token in one thing")
	forged, keys := house.Forged(), f.store.Keys()
	for _, r := range f.api.Routes() {
		path := anywhere.Replace(r.Path)
		require.NotContains(t, path, ":", "a parameter that this test does not know")
		for name, header := range forged {
			want := http.StatusUnauthorized
			if r.Roles != nil && name == "key: of a terminal that is none" {
				want = http.StatusServiceUnavailable // it may be so new that the copy has not come
			}
			assert.Equal(t, want, f.attempt(r.Method, path, header), "%s %s with a %s", r.Method, path, name)
		}
	}
	assert.Equal(t, keys, f.store.Keys(), "nothing was written")
}

// What a path names is a tenant, a store, a terminal or nothing.
func TestHostileCodesAreRefusedOnEveryRoute(t *testing.T) {
	f := newShop(t)
	keys := f.store.Keys()
	for name, who := range map[string]credential{
		"administrator": f.user(auth.Administrator, "acme"), "platform": f.user(auth.Platform, ""), "terminal": f.key(),
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		who(r)
		for _, route := range f.api.Routes() {
			for _, param := range []string{":tenant", ":store", ":no", ":terminal", ":cart", ":line", ":transaction"} {
				if route.Roles == nil || !strings.Contains(route.Path, param) {
					continue
				}
				for _, code := range authtest.HostileCodes {
					path := anywhere.Replace(strings.Replace(route.Path, param, code, 1))
					assert.Contains(t, []int{400, 403, 404, 422}, f.attempt(route.Method, path, r.Header), "%s %s as %s", route.Method, path, name)
				}
			}
		}
	}
	assert.Equal(t, keys, f.store.Keys(), "nothing was written")
}
