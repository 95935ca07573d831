package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/auth/authtest"
	"github.com/tillroll/tillroll/services/journal/internal/httpapi"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func as(header http.Header) credential {
	return func(r *http.Request) {
		for name, values := range header {
			r.Header[name] = values
		}
	}
}

// What is forged opens nothing: every route × every forgery.
func TestNoForgedCredentialOpensAnyRoute(t *testing.T) {
	h := newHouse(t)
	h.sell(tilltest.New("acme", "s1", 1).TerminalSnapshot(1, "acme-s1-1.key"))
	require.Equal(t, 200, h.get(apiKey("acme-s1-1.key"), "/tenants/acme/stores/s1/terminals/1/journals").status, "the key that is forged here is a good one")
	house := authtest.House{Users: h.users, Tills: h.tills, Now: time.Now(), TenantID: "acme", StoreCode: "s1", TerminalNo: 1, APIKey: "acme-s1-1.key"}
	require.Equal(t, 200, h.get(as(house.Good()), "/tenants/acme/journals").status, "what is forged differs from a good token in one thing")
	forged := house.Forged()
	for _, r := range h.api.Routes() {
		path := hostile.Replace(r.Path)
		require.NotContains(t, path, ":", "a parameter that this test does not know")
		for name, header := range forged {
			a := h.do(as(header), r.Method, path, `{}`)
			assert.Equal(t, http.StatusUnauthorized, a.status, "%s %s with a %s: %s", r.Method, path, name, a.raw)
		}
	}
	for _, s := range append(subscriptionPaths(), "/deadletters/cart") {
		for name, header := range forged {
			assert.Contains(t, []int{401, 403}, h.do(as(header), http.MethodPost, s, `{}`).status, "%s with a %s", s, name)
		}
	}
}

func subscriptionPaths() []string {
	var paths []string
	for _, s := range httpapi.Subscriptions {
		paths = append(paths, s.Path)
	}
	return paths
}

var hostile = strings.NewReplacer(":tenant", "acme", ":store", "s1", ":no", "1", ":journal", "x", ":order", "x", ":item", "x", ":discrepancy", "x")

// What a path names is a tenant or nothing: every route × every code that tries to be something else.
// Nothing of it comes near the database.
func TestHostileCodesAreRefusedOnEveryRoute(t *testing.T) {
	h := newHouse(t)
	who := map[string]credential{
		"administrator": h.user(auth.Administrator, "acme"), "auditor": h.user(auth.Auditor, "acme"),
		"platform": h.user(auth.Platform, ""), "terminal": h.till("acme", "s1", 1),
	}
	before, err := h.store.Tenants(t.Context())
	require.NoError(t, err)
	for _, r := range h.api.Routes() {
		for _, code := range authtest.HostileCodes {
			for name, credential := range who {
				if strings.Contains(r.Path, ":tenant") {
					path := hostile.Replace(strings.Replace(r.Path, ":tenant", code, 1))
					a := h.do(credential, r.Method, path, `{}`)
					assert.Contains(t, []int{400, 403, 404, 422}, a.status, "%s %s as %s: %s", r.Method, path, name, a.raw)
				}
				for _, param := range []string{":store", ":no", ":journal", ":order", ":item", ":discrepancy"} {
					if strings.Contains(r.Path, param) {
						path := hostile.Replace(strings.Replace(r.Path, param, code, 1))
						a := h.do(credential, r.Method, path, `{}`)
						assert.Less(t, a.status, 500, "%s %s as %s: %s", r.Method, path, name, a.raw)
					}
				}
			}
		}
	}
	for _, code := range authtest.HostileCodes {
		plain, err := url.PathUnescape(code)
		require.NoError(t, err)
		a := h.do(who["platform"], http.MethodPost, "/tenants", `{"tenantId":`+quoted(t, plain)+`}`)
		assert.Contains(t, []int{400, 422}, a.status, "%q: %s", plain, a.raw)
	}
	after, err := h.store.Tenants(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

func quoted(t *testing.T, s string) string {
	t.Helper()
	text, err := json.Marshal(s)
	require.NoError(t, err)
	return string(text)
}
