package command_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/problem"
)

// services is a stack whose answers a test writes down: a pattern of http.ServeMux to what is
// answered, JSON text or a handler.
type services map[string]any

// server starts the stack and gives its address.
func (s services) server(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, answer := range s {
		mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
			if handler, ok := answer.(func(http.ResponseWriter, *http.Request)); ok {
				handler(rw, r)
				return
			}
			_, _ = io.WriteString(rw, answer.(string))
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// against runs a verb against s, with a token that nobody checks.
func (w *world) against(t *testing.T, s services, args ...string) int {
	t.Helper()
	server := s.server(t)
	t.Setenv("TILLROLL_TERMINAL_URL", server)
	t.Setenv("TILLROLL_CART_URL", server)
	t.Setenv("TILLROLL_JOURNAL_URL", server)
	t.Setenv("TILLROLL_TOKEN", "token")
	return w.run(args...)
}

// refuse answers with a problem.
func refuse(p *problem.Error) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", problem.MediaType)
		w.WriteHeader(p.Kind.Status)
		_, _ = w.Write(p.Document(""))
	}
}

// body of a request.
func body(t *testing.T, r *http.Request) map[string]any {
	t.Helper()
	var v map[string]any
	raw, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &v))
	return v
}

func TestAProblemOfAServiceFailsTheVerb(t *testing.T) {
	w := newWorld(t)
	code := w.against(t, services{"/api/v1/": refuse(problem.Forbidden.New("the credential belongs to another tenant"))},
		"show", "--tenant", "acme", "x")
	assert.Equal(t, 1, code)
	assert.Contains(t, w.err.String(), "journal: The caller may not do this (200002)\n  the credential belongs to another tenant")
}

func TestWithoutATokenAndAKeyTheVerbSaysBothWays(t *testing.T) {
	w := newWorld(t)
	assert.Equal(t, 1, w.run("show", "--tenant", "acme", "x", "--data", t.TempDir()))
	assert.Contains(t, w.err.String(), "--token")
	assert.Contains(t, w.err.String(), "tillctl init")
}
