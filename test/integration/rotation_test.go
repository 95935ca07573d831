package integration_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/test/shop"
)

// secretsOf changes the secrets of an app, as a whole file at once.
func secretsOf(t *testing.T, app string, change func(secrets map[string]string)) {
	t.Helper()
	path := filepath.Join(running.Data, "secrets", app+".json")
	raw, err := os.ReadFile(path) //nolint:gosec // our own
	require.NoError(t, err)
	secrets := map[string]string{}
	require.NoError(t, json.Unmarshal(raw, &secrets))
	change(secrets)
	raw, err = json.Marshal(secrets)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".new", raw, 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

func text(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

// Keys of users and of terminals are changed while everything runs: the new key beside the old, then
// signing with it, then without the old one. Nothing is started anew, and nobody is locked out in
// between who should not be.
func TestKeysAreChangedWithoutAStop(t *testing.T) {
	s, tills := open(t, "rotation", 1)
	ctx := t.Context()
	apps := []string{"terminal", "cart", "journal"}
	before, err := running.PIDs()
	require.NoError(t, err)

	admits := func(token string) map[string]int {
		out := map[string]int{}
		for app, path := range map[string]string{
			"terminal": "/api/v1/tenants/rotation/deliveries", "cart": "/api/v1/tenants/rotation/deliveries", "journal": "/api/v1/tenants/rotation/journals",
		} {
			res, _ := shop.NewClient(running.URL(app), "Authorization", "Bearer "+token).Do(ctx, http.MethodGet, path, nil)
			if res != nil {
				out[app] = res.Status
			}
		}
		return out
	}
	everywhere := func(token string, status int) {
		t.Helper()
		require.Eventually(t, func() bool {
			for _, got := range admits(token) {
				if got != status {
					return false
				}
			}
			return true
		}, time.Minute, 50*time.Millisecond, "%v, and not %d", admits(token), status)
	}
	old, err := running.Token("administrator", "rotation")
	require.NoError(t, err)
	everywhere(old, http.StatusOK)

	// The users' key.
	fresh, err := auth.NewSigningKey(rand.Reader)
	require.NoError(t, err)
	issuer, err := auth.NewIssuer(auth.UserIssuer, fresh, time.Now)
	require.NoError(t, err)
	token, err := issuer.Issue(auth.Principal{Subject: "ann", Role: auth.Administrator, TenantID: "rotation"}, time.Hour)
	require.NoError(t, err)
	everywhere(token, http.StatusUnauthorized)
	originals := map[string]string{}
	for _, app := range apps {
		secretsOf(t, app, func(secrets map[string]string) {
			originals[app] = secrets["user-jwks"]
			set, err := auth.ParseSet(secrets["user-jwks"])
			require.NoError(t, err)
			set.Keys = append(set.Keys, fresh.Public())
			secrets["user-jwks"] = text(t, set)
		})
	}
	everywhere(token, http.StatusOK)
	everywhere(old, http.StatusOK)
	for _, app := range apps {
		secretsOf(t, app, func(secrets map[string]string) { secrets["user-jwks"] = text(t, auth.PublicSet(fresh)) })
	}
	everywhere(old, http.StatusUnauthorized)
	everywhere(token, http.StatusOK)
	for _, app := range apps { // as the other tests need it
		secretsOf(t, app, func(secrets map[string]string) { secrets["user-jwks"] = originals[app] })
	}
	everywhere(old, http.StatusOK)

	// The terminals' key: its tokens open carts, and the terminal service signs with it.
	buy := func() string {
		t.Helper()
		var bought struct {
			AccessToken string `json:"accessToken"`
		}
		require.NoError(t, tills[0].Terminal.Call(ctx, http.MethodPost, "/api/v1/auth/token", nil, &bought))
		return bought.AccessToken
	}
	opens := func(token string) int {
		res, _ := shop.NewClient(running.URL("cart"), "Authorization", "Bearer "+token).Do(ctx, http.MethodGet, "/api/v1/carts", nil)
		return res.Status
	}
	first := buy()
	require.Equal(t, http.StatusOK, opens(first))
	next, err := auth.NewSigningKey(rand.Reader)
	require.NoError(t, err)
	for _, app := range apps {
		secretsOf(t, app, func(secrets map[string]string) {
			set, err := auth.ParseSet(secrets["terminal-jwks"])
			require.NoError(t, err)
			secrets["terminal-jwks"] = text(t, jose.JSONWebKeySet{Keys: append(set.Keys, next.Public())})
		})
	}
	secretsOf(t, "terminal", func(secrets map[string]string) { secrets["terminal-key"] = text(t, next) })
	kid := func(token string) string {
		parsed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
		require.NoError(t, err)
		return parsed.Signatures[0].Header.KeyID
	}
	require.Eventually(t, func() bool { return kid(buy()) == next.KeyID }, time.Minute, 50*time.Millisecond, "the terminal service signs with the new key")
	require.Eventually(t, func() bool { return opens(buy()) == http.StatusOK }, time.Minute, 50*time.Millisecond)
	require.Equal(t, http.StatusOK, opens(first), "what was bought before still opens")
	for _, app := range apps {
		secretsOf(t, app, func(secrets map[string]string) { secrets["terminal-jwks"] = text(t, auth.PublicSet(next)) })
	}
	require.Eventually(t, func() bool { return opens(first) == http.StatusUnauthorized }, time.Minute, 50*time.Millisecond)
	require.Equal(t, http.StatusOK, opens(buy()))

	sale, err := tills[0].Sell(ctx, 10_000, item(0, 1))
	require.NoError(t, err)
	require.NoError(t, s.Audit(ctx, map[int][]shop.Sale{1: {sale}}))
	after, err := running.PIDs()
	require.NoError(t, err)
	require.Equal(t, before, after, "nothing was started anew")
}
