package auth_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/problem"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

type keys struct{ users, terminals, stranger jose.JSONWebKey }

func newKeys(t *testing.T) keys {
	t.Helper()
	k := func() jose.JSONWebKey {
		key, err := auth.NewSigningKey(rand.Reader)
		require.NoError(t, err)
		return key
	}
	return keys{k(), k(), k()}
}

func (k keys) verifier() *auth.Verifier {
	return auth.NewVerifier(func(issuer string) (jose.JSONWebKeySet, bool) {
		switch issuer {
		case auth.UserIssuer:
			return auth.PublicSet(k.users), true
		case auth.TerminalIssuer:
			return auth.PublicSet(k.terminals), true
		}
		return jose.JSONWebKeySet{}, false
	}, clock)
}

func token(t *testing.T, issuer string, key jose.JSONWebKey, p auth.Principal, life time.Duration) string {
	t.Helper()
	i, err := auth.NewIssuer(issuer, key, clock)
	require.NoError(t, err)
	s, err := i.Issue(p, life)
	require.NoError(t, err)
	return s
}

var (
	admin = auth.Principal{Subject: "ann", Role: auth.Administrator, TenantID: "acme"}
	till  = auth.Principal{Subject: "terminal:acme-s1-1", Role: auth.TerminalRole, TenantID: "acme", Terminal: &auth.TerminalClaims{StoreCode: "s1", TerminalNo: 1, Version: 3, Status: "Opened"}}
)

func TestAGoodTokenSaysWhoItIs(t *testing.T) {
	k := newKeys(t)
	p, err := k.verifier().Verify(token(t, auth.UserIssuer, k.users, admin, time.Hour))
	require.NoError(t, err)
	assert.Equal(t, &admin, p)
	p, err = k.verifier().Verify(token(t, auth.TerminalIssuer, k.terminals, till, time.Hour))
	require.NoError(t, err)
	assert.Equal(t, &till, p)
	assert.Equal(t, "acme-s1-1", p.TerminalIdentity().ID())
}

func TestBadTokensAreRefused(t *testing.T) {
	k := newKeys(t)
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"tillroll-users","role":"administrator","tenant_id":"acme"}`)) + "."
	hs, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("k", 32))}, nil)
	require.NoError(t, err)
	hmac, err := jwt.Signed(hs).Claims(map[string]any{"iss": auth.UserIssuer}).Serialize()
	require.NoError(t, err)
	ed, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: k.users}, nil)
	require.NoError(t, err)
	raw := func(claims map[string]any) string {
		s, err := jwt.Signed(ed).Claims(claims).Serialize()
		require.NoError(t, err)
		return s
	}
	with := func(p auth.Principal, change func(*auth.Principal)) auth.Principal { change(&p); return p }
	for name, bad := range map[string]string{
		"empty": "", "garbage": "a.b.c", "alg none": none, "HMAC": hmac,
		"foreign key":                 token(t, auth.UserIssuer, k.stranger, admin, time.Hour),
		"unknown issuer":              token(t, "somebody", k.users, admin, time.Hour),
		"terminal key as user issuer": token(t, auth.UserIssuer, k.terminals, admin, time.Hour),
		"expired":                     token(t, auth.UserIssuer, k.users, admin, -time.Hour),
		"terminal issuer makes admin": token(t, auth.TerminalIssuer, k.terminals, admin, time.Hour),
		"user issuer makes terminal":  token(t, auth.UserIssuer, k.users, till, time.Hour),
		"no tenant":                   token(t, auth.UserIssuer, k.users, with(admin, func(p *auth.Principal) { p.TenantID = "" }), time.Hour),
		"tenant as path":              token(t, auth.UserIssuer, k.users, with(admin, func(p *auth.Principal) { p.TenantID = "../x" }), time.Hour),
		"no such role":                token(t, auth.UserIssuer, k.users, with(admin, func(p *auth.Principal) { p.Role = "root" }), time.Hour),
		"other audience":              raw(map[string]any{"iss": auth.UserIssuer, "aud": "else", "exp": now.Add(time.Hour).Unix(), "role": "administrator", "tenant_id": "acme"}),
		"never expires":               raw(map[string]any{"iss": auth.UserIssuer, "aud": auth.Audience, "role": "administrator", "tenant_id": "acme"}),
		"not yet valid":               raw(map[string]any{"iss": auth.UserIssuer, "aud": auth.Audience, "nbf": now.Add(time.Hour).Unix(), "exp": now.Add(2 * time.Hour).Unix(), "role": "administrator", "tenant_id": "acme"}),
	} {
		_, err := k.verifier().Verify(bad)
		assert.True(t, problem.Is(err, problem.Unauthenticated), "%s: %v", name, err)
	}
}

func TestKeysRotateWithoutAStop(t *testing.T) {
	k := newKeys(t)
	set := auth.PublicSet(k.users)
	v := auth.NewVerifier(func(string) (jose.JSONWebKeySet, bool) { return set, true }, clock)
	fresh, err := auth.NewSigningKey(rand.Reader)
	require.NoError(t, err)
	newToken, oldToken := token(t, auth.UserIssuer, fresh, admin, time.Hour), token(t, auth.UserIssuer, k.users, admin, time.Hour)
	_, err = v.Verify(newToken)
	require.Error(t, err)
	set = auth.PublicSet(k.users, fresh)
	for _, s := range []string{newToken, oldToken} {
		_, err = v.Verify(s)
		require.NoError(t, err)
	}
	set = auth.PublicSet(fresh)
	_, err = v.Verify(oldToken)
	require.Error(t, err)
}

func TestKeysSurviveTheirJSON(t *testing.T) {
	k := newKeys(t)
	private, err := json.Marshal(k.users)
	require.NoError(t, err)
	back, err := auth.ParseSigningKey(string(private))
	require.NoError(t, err)
	public, err := json.Marshal(auth.PublicSet(back))
	require.NoError(t, err)
	set, err := auth.ParseSet(string(public))
	require.NoError(t, err)
	assert.Equal(t, k.users.KeyID, set.Keys[0].KeyID)
	_, err = auth.ParseSigningKey(`{"kty":"oct","k":"AAAA"}`)
	require.Error(t, err)
	_, err = auth.ParseSet(`{"keys":[` + string(private) + `]}`)
	require.Error(t, err, "a private key is no verification key")
}

func TestAPIKeys(t *testing.T) {
	key, fingerprint, err := auth.NewAPIKey(rand.Reader, "acme-s1-1")
	require.NoError(t, err)
	id, ok := auth.APIKeyTerminal(key)
	assert.True(t, ok)
	assert.Equal(t, "acme-s1-1", id)
	assert.True(t, auth.MatchFingerprint(key, fingerprint))
	assert.False(t, auth.MatchFingerprint(key+"x", fingerprint))
	assert.False(t, auth.MatchFingerprint(key, ""))
	for _, bad := range []string{"", ".", "nodot", ".x", strings.Repeat("a", 300) + ".x"} {
		_, ok := auth.APIKeyTerminal(bad)
		assert.False(t, ok, bad)
	}
}

// Who may come through which gate: the path's tenant, store and terminal must be the caller's.
func TestGate(t *testing.T) {
	k := newKeys(t)
	gate := auth.NewGate(k.verifier(), func(_ context.Context, id, key string) (*auth.Principal, error) {
		if key != "acme-s1-1.good" {
			return nil, problem.Unauthenticated.New("wrong key")
		}
		return &till, nil
	})
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	ok := func(c *gin.Context) { c.String(http.StatusOK, auth.Of(c).Subject) }
	e.GET("/t/:tenant", gate.Allow(auth.Administrator, auth.Auditor), ok)
	e.GET("/any/:tenant", gate.Allow(auth.Platform, auth.Administrator), ok)
	e.GET("/s/:tenant/:store/:no", gate.Allow(auth.Administrator, auth.TerminalRole), ok)
	e.GET("/i/:terminal", gate.Allow(auth.TerminalRole), ok)
	bearer := func(p auth.Principal) string { return "Bearer " + token(t, auth.UserIssuer, k.users, p, time.Hour) }
	asTill := "Bearer " + token(t, auth.TerminalIssuer, k.terminals, till, time.Hour)
	foreign := bearer(auth.Principal{Subject: "eve", Role: auth.Administrator, TenantID: "evil"})
	platform := bearer(auth.Principal{Subject: "op", Role: auth.Platform})
	for _, c := range []struct {
		path, header, value string
		want                int
	}{
		{"/t/acme", "", "", 401},
		{"/t/acme", "Authorization", "Basic x", 401},
		{"/t/acme", "Authorization", "Bearer x", 401},
		{"/t/acme", "Authorization", bearer(admin), 200},
		{"/t/acme", "Authorization", foreign, 403},
		{"/t/acme", "Authorization", platform, 403},
		{"/any/acme", "Authorization", platform, 200},
		{"/any/ACME", "Authorization", platform, 422},
		{"/any/$where", "Authorization", platform, 422},
		{"/t/acme", "X-API-Key", "acme-s1-1.good", 403},
		{"/t/acme", "X-API-Key", "garbage", 401},
		{"/s/acme/s1/1", "X-API-Key", "acme-s1-1.good", 200},
		{"/s/acme/s1/1", "X-API-Key", "acme-s1-1.bad", 401},
		{"/s/acme/s1/1", "Authorization", asTill, 200},
		{"/s/acme/s1/01", "Authorization", asTill, 200},
		{"/s/acme/s1/2", "Authorization", asTill, 403},
		{"/s/acme/s1/x", "Authorization", asTill, 403},
		{"/s/acme/s2/1", "Authorization", asTill, 403},
		{"/s/evil/s1/1", "Authorization", asTill, 403},
		{"/i/acme-s1-1", "Authorization", asTill, 200},
		{"/i/acme-s1-2", "Authorization", asTill, 403},
	} {
		req := httptest.NewRequest(http.MethodGet, c.path, nil)
		if c.header != "" {
			req.Header.Set(c.header, c.value)
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, req)
		assert.Equal(t, c.want, w.Code, "%s %s %.40s: %s", c.path, c.header, c.value, w.Body)
		if c.want != 200 {
			assert.Equal(t, problem.MediaType, w.Header().Get("Content-Type"))
		}
	}
}
