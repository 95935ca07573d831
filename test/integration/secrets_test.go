package integration_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/shop"
)

// knownSecrets are the values of the stack that nobody may read anywhere, by where they come from.
func knownSecrets(t *testing.T) map[string]string {
	t.Helper()
	secrets := map[string]string{}
	var collect func(name string, v any)
	collect = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if d, private := v["d"].(string); private {
				secrets[name+".d"] = d // of a key, the rest may be known
				return
			}
			for k, inner := range v {
				collect(name+"."+k, inner)
			}
		case []any:
			for _, inner := range v {
				collect(name, inner)
			}
		case string:
			var inner any
			if json.Unmarshal([]byte(v), &inner) == nil {
				collect(name, inner)
			} else if strings.HasSuffix(name, ".publish") || strings.HasSuffix(name, ".subscribe") {
				return // names of topics
			} else if strings.Contains(name, "token") || strings.Contains(name, "password") || len(v) >= 20 && !strings.Contains(name, "jwks") {
				secrets[name] = v
			}
		}
	}
	for _, folder := range []string{"secrets", "keys"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(running.Data, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path) //nolint:gosec // our own
			if err != nil {
				return err
			}
			var v any
			if json.Unmarshal(raw, &v) == nil {
				collect(filepath.Base(path), v)
			}
			return nil
		}))
	}
	return secrets
}

// leaks tells which of the secrets stand in text.
func leaks(secrets map[string]string, where string, text []byte) []string {
	var found []string
	for name, secret := range secrets {
		if bytes.Contains(text, []byte(secret)) {
			found = append(found, name+" in "+where)
		}
	}
	return found
}

// logs of all processes, by name.
func logs(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(running.Data, "logs", "*"))
	require.NoError(t, err)
	for _, name := range names {
		raw, err := os.ReadFile(name) //nolint:gosec // our own
		require.NoError(t, err)
		out[filepath.Base(name)] = raw
	}
	require.Greater(t, len(out), 7, "the logs of all processes")
	return out
}

// A day at the till with everything that goes wrong with secrets: wrong PINs, wrong keys, secrets in
// the wrong places. None of them stands in a log (at the level debug), an answer, a trace or a metric.
func TestSecretsStandNowhere(t *testing.T) {
	s, tills := open(t, "secretive", 1)
	ctx, till := t.Context(), tills[0]
	const pin, wrongPIN = "73910482", "64028517"
	admin, err := running.Token("administrator", "secretive")
	require.NoError(t, err)
	var bought struct {
		AccessToken string `json:"accessToken"`
	}
	require.NoError(t, till.Terminal.Call(ctx, http.MethodPost, "/api/v1/auth/token", nil, &bought))
	require.NoError(t, s.Admin.Insist(ctx, http.MethodPost, "/api/v1/tenants/secretive/stores/s1/staff", map[string]any{"staffId": "s02", "name": "Bo", "pin": pin}, nil))

	secrets := knownSecrets(t)
	require.Greater(t, len(secrets), 12, "%v", secrets)
	secrets["PIN"], secrets["a wrong PIN"] = pin, wrongPIN
	secrets["API key"], secrets["a wrong API key"] = till.APIKey[strings.LastIndexByte(till.APIKey, '.')+1:], "wrong-QkJ3eHl6MTIzNDU2Nzg5MGFiY2RlZmdo"
	secrets["terminal's token"] = bought.AccessToken[strings.LastIndexByte(bought.AccessToken, '.')+1:]
	secrets["administrator's token"] = admin[strings.LastIndexByte(admin, '.')+1:]
	appToken, err := running.Secret("journal", "app-token")
	require.NoError(t, err)

	// What comes back may hold a secret only where it was bought.
	try := func(c *shop.Client, method, path string, body any, header ...string) {
		t.Helper()
		res, _ := c.Do(ctx, method, path, body, header...)
		if assert.NotNil(t, res, path) {
			assert.Empty(t, leaks(secrets, method+" "+path, res.Body))
		}
	}
	anybody := func(service string) *shop.Client { return shop.NewClient(running.URL(service)) }
	signIn := "/api/v1/terminals/" + till.ID + "/sign-in"
	try(till.Terminal, http.MethodPost, signIn, map[string]any{"staffId": "s02", "pin": wrongPIN})
	try(till.Terminal, http.MethodPost, signIn, map[string]any{"staffId": "s02", "pin": pin})
	try(till.Terminal, http.MethodPost, signIn, `{"staffId":"s02","pin":"`+pin+`"`) // cut short
	try(till.Terminal, http.MethodPost, signIn, `{"staffId":"s02","pin":`+pin+`}`)  // a number

	try(s.Admin, http.MethodPost, "/api/v1/tenants/secretive/stores/s1/staff", `{"staffId":"s03","pin":"`+strings.Repeat(pin, 20)+`"}`)
	for _, service := range []string{"terminal", "cart", "journal"} {
		token := "Bearer " + admin
		try(anybody(service), http.MethodGet, "/api/v1/tenants/secretive/deliveries", nil, "Authorization", token+"x")
		try(anybody(service), http.MethodGet, "/api/v1/tenants/secretive/deliveries", nil, "Authorization", admin)
		try(anybody(service), http.MethodGet, "/api/v1/tenants/secretive/deliveries", nil, "X-API-Key", till.ID+"."+secrets["a wrong API key"])
		try(anybody(service), http.MethodGet, "/api/v1/tenants/secretive/stores/s1/journals?token="+admin, nil)
		try(anybody(service), http.MethodGet, "/api/v1/tenants/secretive/journals?apiKey="+till.APIKey, nil, "Authorization", token)
		try(anybody(service), http.MethodPost, "/api/v1/tranlog", `{"token":"`+appToken+`"}`, "Dapr-Api-Token", appToken+"x")
		try(anybody(service), http.MethodGet, "/metrics", nil)
		try(anybody(service), http.MethodGet, "/readyz", nil)
		try(anybody(service), http.MethodGet, "/openapi.json", nil)
	}
	sale, err := till.Sell(ctx, 10_000, item(0, 1))
	require.NoError(t, err)
	require.NoError(t, s.Audit(ctx, map[int][]shop.Sale{1: {sale}}))
	for _, path := range []string{"/streams", "/journals", "/verification", "/quarantine"} {
		try(shop.NewClient(running.URL("journal"), "Authorization", "Bearer "+admin), http.MethodGet, "/api/v1/tenants/secretive"+path, nil)
	}

	require.Eventually(t, func() bool { return bytes.Contains(spans.Everything(), []byte("/api/v1/carts")) }, time.Minute, 100*time.Millisecond, "traces come a moment later")
	said := logs(t)
	var all []byte
	for name, text := range said {
		assert.Empty(t, leaks(secrets, name, text))
		all = append(all, text...)
	}
	assert.Empty(t, leaks(secrets, "traces", spans.Everything()))

	// The search finds what is there: a control for the logs, the traces and the secrets themselves.
	assert.NotEmpty(t, leaks(map[string]string{"what is said at the level debug": `"event handled"`}, "logs", all))
	assert.NotEmpty(t, leaks(map[string]string{"a route": "/api/v1/carts"}, "traces", spans.Everything()))
	for name, secret := range secrets {
		assert.Len(t, leaks(secrets, "x", []byte("…"+secret+"…")), 1, name)
		assert.GreaterOrEqual(t, len(secret), 8, "%s is too short to be looked for", name)
	}
}
