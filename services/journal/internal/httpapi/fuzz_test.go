package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/auth/authtest"
)

// FuzzRequest sends queries, cursors, ids and bodies of all kinds to every route: each is answered with
// something that is not the service's own fault.
func FuzzRequest(f *testing.F) {
	for _, query := range []string{
		"", "limit=1", "limit=0&skip=-1", "cursor=eyJ2IjoxLCJmIjoiIiwiYSI6IngiLCJ0IjowfQ", "cursor=%00", "sort=amount:desc,receiptNo:asc", "sort=:", "terminalNo=1-5,9", "terminalNo=5-1",
		"transactionType=sales,cash", "transactionType=1-,-5", "businessDateFrom=20260101&businessDateTo=20260231", "keywords=%22a+b%22+c", "regex=true&keywords=(a%2B)%2B$", "amountFrom=1e400",
		"amountFrom=-0.1&amountTo=x", "total=exact", "state=open", "from=1&size=2", "size=18446744073709551616", "limit=99999999999999999999", "a=1;b=2", "%zz=1", "receiptNoFrom=9223372036854775807",
	} {
		f.Add(0, query, "x", "{}")
	}
	for i, code := range authtest.HostileCodes {
		f.Add(i, "limit=5", code, `{"reason":"x"}`)
	}
	for _, body := range []string{"", "{", "null", "[]", `{"tenantId":1}`, `{"tenantId":"a","extra":1}`, `{"reason":""}`, `{"reason":"` + strings.Repeat("x", 5000) + `"}`, "\xff"} {
		f.Add(1, "", "x", body)
	}
	h := newHouse(f)
	routes := h.api.Routes()
	administrator, platform := h.user(auth.Administrator, "acme"), h.user(auth.Platform, "")
	f.Fuzz(func(t *testing.T, n int, query, id, body string) {
		r := routes[((n%len(routes))+len(routes))%len(routes)]
		path := strings.NewReplacer(":tenant", "acme", ":store", "s1", ":no", "1", ":journal", id, ":order", id, ":item", id, ":discrepancy", id).Replace(r.Path)
		target, err := url.ParseRequestURI("/api/v1" + path)
		if err != nil {
			return // no client could ask so
		}
		target.RawQuery = query
		for _, who := range []credential{administrator, platform} {
			request := httptest.NewRequest(r.Method, "/", strings.NewReader(body))
			request.URL = target
			request.Header.Set("Idempotency-Key", "01890a5d-ac96-774b-bcce-b302099a8057")
			who(request)
			w := httptest.NewRecorder()
			h.engine.ServeHTTP(w, request)
			if w.Code >= http.StatusInternalServerError {
				t.Fatalf("%s %s?%s with %q: %d %s", r.Method, path, query, body, w.Code, w.Body)
			}
		}
	})
}
