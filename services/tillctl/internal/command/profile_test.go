package command_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// journalOf answers every search, and remembers who asked for what.
func journalOf(t *testing.T, secure bool) (url string, asked *[]string, server *httptest.Server) {
	t.Helper()
	asked = &[]string{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Path+" "+r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, `{"items":[],"total":0}`)
	})
	if secure {
		server = httptest.NewTLSServer(handler)
	} else {
		server = httptest.NewServer(handler)
	}
	t.Cleanup(server.Close)
	return server.URL, asked, server
}

func secretFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

func TestAProfileSaysWhereAndAsWhom(t *testing.T) {
	url, asked, _ := journalOf(t, false)
	w, file := newWorld(t), secretFile(t, "from-file\n")
	require.Equal(t, 0, w.run("profile", "add", "hq", "--journal-url", url, "--tenant", "acme", "--store", "main", "--token-file", file), &w.err)
	require.Equal(t, 0, w.run("search", "--profile", "hq"), &w.err)
	require.Equal(t, 0, w.run("profile", "use", "hq"), &w.err)
	require.Equal(t, 0, w.run("search"), &w.err)
	t.Setenv("TILLROLL_TENANT", "umbrella")
	t.Setenv("TILLROLL_TOKEN", "from-env")
	require.Equal(t, 0, w.run("search", "--store", ""), &w.err)
	require.Equal(t, 0, w.run("search", "--profile", "hq"), &w.err)
	require.Equal(t, 0, w.run("search", "--profile", "hq", "--tenant", "typed", "--token", "typed"), &w.err)
	assert.Equal(t, []string{
		"/api/v1/tenants/acme/stores/main/journals Bearer from-file",
		"/api/v1/tenants/acme/stores/main/journals Bearer from-file",
		"/api/v1/tenants/umbrella/journals Bearer from-env",          // the environment counts more than what is in use
		"/api/v1/tenants/acme/stores/main/journals Bearer from-file", // and less than what is typed
		"/api/v1/tenants/typed/stores/main/journals Bearer typed",
	}, *asked)
}

func TestAProfileInUseIsLeftAsideWhenSomethingElseSaysWhereToGo(t *testing.T) {
	here, asked, _ := journalOf(t, false)
	w, data := newWorld(t), t.TempDir()
	require.Equal(t, 0, w.run("init", "--data", data))
	require.Equal(t, 0, w.run("profile", "add", "hq", "--journal-url", "http://127.0.0.1:1", "--tenant", "acme", "--token-file", secretFile(t, "secret"), "--use"), &w.err)
	require.Equal(t, 0, w.run("search", "--tenant", "mine", "--data", data, "--journal-url", here), &w.err)
	require.Len(t, *asked, 1)
	assert.NotContains(t, (*asked)[0], "secret", "a token goes to its own stack only")
	assert.Contains(t, (*asked)[0], "/tenants/mine/")
	assert.Equal(t, 2, w.run("search", "--journal-url", here), "nor does its tenant count")
	assert.Equal(t, 1, w.run("search"), "it counts when nothing is said")
	assert.Contains(t, w.err.String(), "127.0.0.1:1")
	w.err.Reset()
	assert.Equal(t, 1, w.run("tenants", "list"))
	assert.Contains(t, w.err.String(), "nobody has said where the terminal service is", "nothing of this machine is asked instead")
	require.Equal(t, 0, w.run("profile", "use", "local"), &w.err)
	assert.Equal(t, 2, w.run("search"), "no tenant any more")
}

func TestATokenComesFromACommand(t *testing.T) {
	url, asked, _ := journalOf(t, false)
	w := newWorld(t)
	require.Equal(t, 0, w.run("profile", "add", "hq", "--journal-url", url, "--tenant", "acme", "--token-command", "echo from-command"), &w.err)
	require.Equal(t, 0, w.run("search", "--profile", "hq"), &w.err)
	t.Setenv("TILLROLL_PROFILE", "hq")
	require.Equal(t, 0, w.run("search"), &w.err)
	assert.Equal(t, []string{"/api/v1/tenants/acme/journals Bearer from-command", "/api/v1/tenants/acme/journals Bearer from-command"}, *asked)
	require.Equal(t, 0, w.run("profile", "add", "bad", "--journal-url", url, "--tenant", "acme", "--token-command", "exit 7"), &w.err)
	assert.Equal(t, 1, w.run("search", "--profile", "bad"))
	assert.Contains(t, w.err.String(), "exit status 7")
}

func TestAnUnsafeOrExpiredTokenGoesNowhere(t *testing.T) {
	url, asked, _ := journalOf(t, false)
	w, data := newWorld(t), t.TempDir()
	require.Equal(t, 0, w.run("init", "--data", data))
	w.out.Reset()
	require.Equal(t, 0, w.run("token", "--data", data, "--role", "auditor", "--tenant", "acme", "--subject", "ann", "--life", "1h"))
	file := secretFile(t, w.out.String())
	require.Equal(t, 0, w.run("profile", "add", "hq", "--journal-url", url, "--tenant", "acme", "--token-file", file), &w.err)
	require.Equal(t, 0, w.run("search", "--profile", "hq"), &w.err)

	require.NoError(t, os.Chmod(file, 0o644))
	assert.Equal(t, 1, w.run("search", "--profile", "hq"))
	assert.Contains(t, w.err.String(), "chmod 600 "+file)
	require.NoError(t, os.Chmod(file, 0o600))

	w.clock.Advance(3 * time.Hour)
	w.err.Reset()
	assert.Equal(t, 1, w.run("search", "--profile", "hq"))
	assert.Equal(t, "tillctl: the token of ann has expired: it held until 2026-04-01 10:00:00Z, 2h0m0s ago\n  → get a new one and write it into "+file+"\n", w.err.String())
	assert.Len(t, *asked, 1)
}

func TestNoTokenIsEverPrinted(t *testing.T) {
	w, data := newWorld(t), t.TempDir()
	require.Equal(t, 0, w.run("init", "--data", data))
	w.out.Reset()
	require.Equal(t, 0, w.run("token", "--data", data, "--role", "auditor", "--tenant", "acme", "--subject", "ann"))
	token := w.out.String()[:len(w.out.String())-1]
	w.out.Reset()
	require.Equal(t, 0, w.run("profile", "add", "hq", "--journal-url", "https://j.example.com", "--tenant", "other", "--token-file", secretFile(t, token)), &w.err)
	require.Equal(t, 0, w.run("profile", "list"), &w.err)
	require.Equal(t, 0, w.run("profile", "list", "-o", "csv"), &w.err)
	require.Equal(t, 0, w.run("profile", "show", "hq", "-o", "json"), &w.err)
	require.Equal(t, 0, w.run("profile", "show", "hq"), &w.err)
	kept, err := os.ReadFile(filepath.Join(w.config, "tillroll", "profiles.json"))
	require.NoError(t, err)
	for _, text := range []string{w.out.String(), w.err.String(), string(kept)} {
		assert.NotContains(t, text, token)
	}
	assert.Contains(t, w.out.String(), "Token of     ann, auditor, acme\nHolds until  2026-04-01 17:00:00Z, for 8h0m0s\n")
	assert.Contains(t, w.out.String(), "it is of the tenant acme, and the profile of other")
}

func TestCertificatesOfOnesOwnAreTrusted(t *testing.T) {
	url, asked, server := journalOf(t, true)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	w := newWorld(t)
	ask := []string{"search", "--tenant", "acme", "--journal-url", url, "--token", "x"}
	assert.Equal(t, 1, w.run(ask...))
	assert.Contains(t, w.err.String(), "--ca")
	assert.Equal(t, 0, w.run(append(ask, "--ca", ca)...), &w.err)
	require.Equal(t, 0, w.run("profile", "add", "hq", "--journal-url", url, "--tenant", "acme", "--ca", ca, "--token-file", secretFile(t, "x")), &w.err)
	assert.Equal(t, 0, w.run("search", "--profile", "hq"), &w.err)
	assert.Equal(t, 0, w.run("verify", "--profile", "hq", "--tenant", "acme", "--output", "json")-3, "also what is waited for: it says nothing holds")
	assert.Len(t, *asked, 3)
	assert.Equal(t, 1, w.run("profile", "add", "no", "--journal-url", url, "--ca", secretFile(t, "no pem")))
}

func TestProfilesAreListedUsedAndRemoved(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, 0, w.run("profile", "list"))
	assert.Equal(t, "   NAME   JOURNAL       TOKEN FROM\n*  local  this machine  the keys of the local stack\n", w.out.String())
	require.Equal(t, 0, w.run("profile", "add", "hq", "--journal-url", "https://j.example.com", "--tenant", "acme", "--token-command", "pass show x", "--use"), &w.err)
	require.Equal(t, 0, w.run("profile", "add", "lab", "--stack", "/srv/lab"), &w.err)
	assert.Equal(t, 1, w.run("profile", "add", "lab", "--stack", "/srv/lab2"), "it is there")
	require.Equal(t, 0, w.run("profile", "add", "lab", "--stack", "/srv/lab2", "--replace"), &w.err)
	w.out.Reset()
	require.Equal(t, 0, w.run("profile", "list", "--output", "ids"))
	assert.Equal(t, "local\nhq\nlab\n", w.out.String())
	w.out.Reset()
	require.Equal(t, 0, w.run("profile", "list", "--output", "json"))
	var list struct{ Items []map[string]any }
	require.NoError(t, json.Unmarshal(w.out.Bytes(), &list))
	assert.Equal(t, map[string]any{"name": "hq", "current": true, "journalUrl": "https://j.example.com", "tenant": "acme", "tokenCommand": "pass show x"}, list.Items[1])
	w.out.Reset()
	require.Equal(t, 0, w.run("profile", "remove", "hq"))
	assert.Equal(t, "Removed hq. From now on: local.\n", w.out.String())

	w.err.Reset()
	assert.Equal(t, 2, w.run("search", "--profile", "labb"))
	assert.Contains(t, w.err.String(), `there is no profile "labb", did you mean "lab"?`)
	assert.Equal(t, 2, w.run("profile", "use", "hq"))
	assert.Equal(t, 2, w.run("profile", "remove", "local"))
	assert.Equal(t, 2, w.run("profile", "show", "nothing"))
}

func TestAProfileThatCannotWorkIsNotKept(t *testing.T) {
	for _, args := range [][]string{
		{"local", "--tenant", "a"}, {"a b", "--tenant", "a"}, {"x"}, {"x", "--journal-url", "j.example.com"}, {"x", "--journal-url", "https://me:pw@j"},
		{"x", "--tenant", "A"}, {"x", "--token-file", "f", "--token-command", "c"}, {"x", "--stack", "d", "--token-command", "c"},
	} {
		assert.Equal(t, 2, newWorld(t).run(append([]string{"profile", "add"}, args...)...), args)
	}
	w, file := newWorld(t), secretFile(t, "secret")
	require.NoError(t, os.Chmod(file, 0o644))
	assert.Equal(t, 1, w.run("profile", "add", "x", "--token-file", file))
	assert.Contains(t, w.err.String(), "chmod 600")
	require.Equal(t, 0, w.run("profile", "add", "x", "--journal-url", "http://j.example.com"), &w.err)
	assert.Contains(t, w.err.String(), "use https")
	assert.Equal(t, 1, w.run("search", "--profile", "x", "--tenant", "acme"))
	assert.Contains(t, w.err.String(), "not with whose token", "no token of this machine is sent there")
}

func TestADamagedFileOfProfilesDoesNotStopTheLocalStack(t *testing.T) {
	w, data := newWorld(t), t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(w.config, "tillroll"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(w.config, "tillroll", "profiles.json"), []byte("{"), 0o600))
	assert.Equal(t, 0, w.run("init", "--data", data), &w.err)
	assert.Equal(t, 0, w.run("token", "--profile", "local", "--data", data, "--role", "platform"), &w.err)
	assert.Equal(t, 1, w.run("search", "--tenant", "a"))
	assert.Contains(t, w.err.String(), "is damaged")
	assert.Equal(t, 2, w.run("demo", "--token-file", secretFile(t, "x"), "--data", data), fmt.Sprint("the demo makes its own: ", &w.err))
}
