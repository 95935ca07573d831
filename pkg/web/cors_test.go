package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/web"
)

const page = "https://till.example"

func corsEngine(origins ...string) *gin.Engine {
	e := web.New("test", zap.NewNop(), prometheus.NewRegistry())
	if len(origins) > 0 {
		e.Use(web.CORS(origins))
	}
	e.PATCH("/thing", func(c *gin.Context) { c.Status(http.StatusOK) })
	return e
}

func ask(e *gin.Engine, method, origin, wants, headers string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/thing", nil)
	r.Header.Set("Origin", origin)
	if wants != "" {
		r.Header.Set("Access-Control-Request-Method", wants)
	}
	if headers != "" {
		r.Header.Set("Access-Control-Request-Headers", headers)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func TestPagesOfAllowedOriginsMayCall(t *testing.T) {
	e := corsEngine(page)
	preflight := ask(e, http.MethodOptions, page, http.MethodPatch, "authorization,idempotency-key")
	assert.Equal(t, http.StatusNoContent, preflight.Code)
	assert.Equal(t, page, preflight.Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, http.MethodPatch, preflight.Header().Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "authorization,idempotency-key", preflight.Header().Get("Access-Control-Allow-Headers"))
	assert.Equal(t, "600", preflight.Header().Get("Access-Control-Max-Age"))
	assert.Empty(t, preflight.Header().Get("Access-Control-Allow-Credentials"))
	call := ask(e, http.MethodPatch, page, "", "")
	assert.Equal(t, http.StatusOK, call.Code)
	assert.Equal(t, page, call.Header().Get("Access-Control-Allow-Origin"))
	assert.Contains(t, call.Header().Get("Access-Control-Expose-Headers"), "X-New-Token")
	assert.Contains(t, call.Header().Values("Vary"), "Origin")
}

func TestPagesOfOtherOriginsMayNot(t *testing.T) {
	for name, w := range map[string]*httptest.ResponseRecorder{
		"another origin":           ask(corsEngine(page), http.MethodOptions, "https://evil.example", http.MethodPatch, ""),
		"another port":             ask(corsEngine(page), http.MethodOptions, page+":8443", http.MethodPatch, ""),
		"a method that is not set": ask(corsEngine(page), http.MethodOptions, page, http.MethodDelete, ""),
		"a header that is not set": ask(corsEngine(page), http.MethodOptions, page, http.MethodPatch, "dapr-api-token"),
		"null":                     ask(corsEngine(page), http.MethodOptions, "null", http.MethodPatch, ""),
		"off by default":           ask(corsEngine(), http.MethodOptions, page, http.MethodPatch, ""),
		"a call, off by default":   ask(corsEngine(), http.MethodPatch, page, "", ""),
		"a call of another origin": ask(corsEngine(page), http.MethodPatch, "https://evil.example", "", ""),
	} {
		assert.Empty(t, w.Header().Get("Access-Control-Allow-Origin"), name)
	}
}

func TestAnOriginIsWhatABrowserSends(t *testing.T) {
	for _, good := range []string{page, "http://127.0.0.1:5173", "http://localhost"} {
		assert.NoError(t, web.CheckOrigin(good))
	}
	for _, bad := range []string{"*", "", "till.example", "https://till.example/", "https://*", "https://a b", "ftp://x", "https://user@till.example"} {
		assert.Error(t, web.CheckOrigin(bad), bad)
	}
}
