package command_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/tillctl/internal/command"
)

// Every exit code, and how it comes about. Whoever writes a script may rely on it.
func TestEveryExitCodeIsProduced(t *testing.T) {
	w, data := newWorld(t), t.TempDir()
	seen := map[int]bool{}
	expect := func(code int, why string, got int) {
		t.Helper()
		seen[code] = true
		assert.Equal(t, code, got, "%s: %s", why, &w.err)
		w.err.Reset()
	}
	nothing := services{"GET /api/v1/tenants/acme/discrepancies": `{"items":[],"total":0}`}
	open := services{"GET /api/v1/tenants/acme/discrepancies": `{"items":[` + gapItem + `],"total":1}`}
	list := []string{"discrepancies", "list", "--tenant", "acme"}

	expect(0, "done", w.run("init", "--data", data))
	expect(0, "asked, and nothing is wrong", w.against(t, nothing, list...))
	expect(0, "help", w.run("search", "--help"))

	expect(1, "a service refuses", w.against(t, services{"/": refuse(problem.Forbidden.New(""))}, list...))
	expect(1, "something else than a service answers", w.against(t, services{}, list...))
	expect(1, "nobody answers", w.run("discrepancies", "list", "--tenant", "acme", "--journal-url", "http://127.0.0.1:1", "--token", "x"))
	ctx, cancel := context.WithCancel(t.Context())
	waiting := services{"/": func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() }}
	server := waiting.server(t)
	expect(1, "interrupted", command.Run(ctx, append(list, "--journal-url", server, "--token", "x"),
		command.World{Out: &w.out, Err: &w.err, Clock: w.clock, Random: rand.Reader}))

	expect(2, "no such verb", w.run("serch"))
	expect(2, "no such flag", w.run("search", "--tenat", "acme"))
	expect(2, "no such value", w.run("token", "--role", "audtor"))
	expect(2, "half of what is needed", w.run("search"))
	expect(2, "no such profile", w.run("search", "--tenant", "acme", "--profile", "nobody"))

	expect(3, "something wrong was found", w.against(t, open, list...))
	require.NoError(t, os.Chmod(filepath.Join(data, "keys", "issuer.jwk"), 0o644))
	expect(3, "unsafe secrets, and it was asked for them", w.run("init", "--data", data))
	t.Setenv("TILLROLL_TOKEN", "")
	expect(1, "unsafe secrets, and it was asked for something else", w.run("discrepancies", "list", "--tenant", "acme", "--data", data))

	w.out.Reset()
	require.Equal(t, 0, w.run("--help"))
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	told := map[int]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([0-9]) \| \S`).FindAllStringSubmatch(string(readme), -1) {
		told[int(row[1][0]-'0')] = true
		assert.Regexp(t, `[: ]`+row[1]+` \w+`, strings.ReplaceAll(w.out.String(), "\n", " "), "the help tells it, too")
	}
	assert.Equal(t, seen, told, "the README tells exactly those that there are")
}

func TestWhatWasMeantIsSuggested(t *testing.T) {
	for typed, want := range map[string]string{
		"serch":                               `did you mean "search"?`,
		"quarantine lst":                      `did you mean "list"?`,
		"search --tenat acme":                 `did you mean "--tenant"?`,
		"token --role audtor":                 `did you mean "auditor"?`,
		"search --tenant acme --output jsn":   `did you mean "json"?`,
		"completion zhs":                      `did you mean "zsh"?`,
		"search --tenant acme --profile locl": `did you mean "local"?`,
		"generate --tenant acme --entires 5":  `did you mean "--entries"?`,
		"token --role cashier":                `must be one of "administrator","auditor","platform" but got "cashier"` + "\n",
	} {
		w := newWorld(t)
		assert.Equal(t, 2, w.run(strings.Fields(typed)...), typed)
		assert.Contains(t, w.err.String(), want, typed)
		assert.Contains(t, w.err.String(), "\nSee `tillctl ", "and where all of it stands")
	}
}
