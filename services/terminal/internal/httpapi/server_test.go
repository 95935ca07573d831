package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"
	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/terminal/internal/apptest"
)

const appToken = "the-sidecar"

// server is a world with its HTTP side.
type server struct {
	*apptest.World
	t      *testing.T
	api    *API
	engine *gin.Engine
	users  *auth.Issuer
	// userKey is what users signs with.
	userKey jose.JSONWebKey
}

// credential sets the headers of a caller.
type credential func(http.Header)

// start serves a world on the real clock; newServer one at noon of a fixed day.
func newServer(t *testing.T) (*server, *clockwork.FakeClock) {
	clock := clockwork.NewFakeClockAt(time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC))
	return serve(t, apptest.New(t, clock, 0)), clock
}

func serve(t *testing.T, w *apptest.World) *server {
	t.Helper()
	key, err := auth.NewSigningKey(rand.Reader)
	require.NoError(t, err)
	users, err := auth.NewIssuer(auth.UserIssuer, key, w.Clock.Now)
	require.NoError(t, err)
	sets := map[string]jose.JSONWebKeySet{auth.UserIssuer: auth.PublicSet(key), auth.TerminalIssuer: auth.PublicSet(w.Key)}
	verifier := auth.NewVerifier(func(issuer string) (jose.JSONWebKeySet, bool) { set, ok := sets[issuer]; return set, ok }, w.Clock.Now)
	engine := web.New("terminal", zap.NewNop(), prometheus.NewRegistry())
	api := &API{App: w.App, Log: zap.NewNop(), Keys: func(context.Context) (jose.JSONWebKeySet, error) { return auth.PublicSet(w.Key), nil }}
	api.Mount(engine, verifier, appToken)
	return &server{World: w, t: t, api: api, engine: engine, users: users, userKey: key}
}

func bearer(token string) credential {
	return func(h http.Header) { h.Set("Authorization", "Bearer "+token) }
}

func apiKey(key string) credential { return func(h http.Header) { h.Set("X-API-Key", key) } }

func nobody(http.Header) {}

func (s *server) user(role auth.Role, tenantID string) credential {
	s.t.Helper()
	token, err := s.users.Issue(auth.Principal{Subject: "ann", Role: role, TenantID: tenantID}, time.Hour)
	require.NoError(s.t, err)
	return bearer(token)
}

func (s *server) admin() credential { return s.user(auth.Administrator, apptest.Tenant) }
func (s *server) till() credential  { return apiKey(s.APIKey) }

// answer is a response that was read.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// call a route below the prefix; a body that is not a string is sent as JSON.
func (s *server) call(method, path string, who credential, body any) answer {
	s.t.Helper()
	text, isText := body.(string)
	if body != nil && !isText {
		raw, err := json.Marshal(body)
		require.NoError(s.t, err)
		text = string(raw)
	}
	r := httptest.NewRequestWithContext(s.t.Context(), method, Prefix+path, strings.NewReader(text))
	r.Header.Set(idempotency.Header, outbox.NewID())
	who(r.Header)
	w := httptest.NewRecorder()
	s.engine.ServeHTTP(w, r)
	a := answer{t: s.t, status: w.Code, header: w.Header(), raw: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &a.body)
	documented.Exchanged(s.t, s.api.Endpoints, r, text, a.status, a.header, []byte(a.raw))
	return a
}

func withKey(who credential, key string) credential {
	return func(h http.Header) { who(h); h.Set(idempotency.Header, key) }
}

func (a answer) ok(status int) answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.raw)
	return a
}

// code of a problem, or 0.
func (a answer) code() int {
	code, _ := a.body["code"].(float64)
	if a.header.Get("Content-Type") != "application/problem+json" {
		return 0
	}
	return int(code)
}

func (a answer) text(field string) string { return fmt.Sprint(a.body[field]) }

const (
	tillPath  = "/terminals/acme-tokyo-1"
	storePath = "/tenants/acme/stores/tokyo"
)

// atTill signs in and opens over HTTP.
func (s *server) atTill() {
	s.t.Helper()
	s.call("POST", tillPath+"/sign-in", s.till(), `{"staffId":"S001","pin":"2468"}`).ok(200)
	s.call("POST", tillPath+"/open", s.till(), `{"initialAmount":10000}`).ok(200)
}

func TestAnswersNeverHaveWhatIsSecret(t *testing.T) {
	s, _ := newServer(t)
	s.atTill()
	_, secret, _ := strings.Cut(s.APIKey, ".")
	for _, path := range []string{tillPath, storePath + "/terminals", storePath + "/staff", storePath + "/staff/S001", storePath, "/tenants/acme", tillPath + "/deliveries"} {
		got := s.call("GET", path, s.admin(), nil).ok(200)
		for _, hidden := range []string{secret, auth.Fingerprint(s.APIKey), "argon2", "pin", "2468"} {
			assert.NotContains(t, strings.ToLower(got.raw), strings.ToLower(hidden), path)
		}
	}
}
