package command_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRealShells builds tillctl once for everything that is typed into a real shell.
func TestRealShells(t *testing.T) {
	folder := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(folder, "tillctl"), "../../cmd/tillctl") //nolint:gosec // our own program
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	env := append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "HOME="+folder, "XDG_CONFIG_HOME="+folder, "TILLROLL_PROFILE=", "LC_ALL=C.UTF-8")
	for _, name := range []string{"near", "shop7"} {
		add := exec.Command(filepath.Join(folder, "tillctl"), "profile", "add", name, "--journal-url", "https://"+name+".example.com") //nolint:gosec // our own program
		add.Env = env
		out, err := add.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	t.Run("bash completes", func(t *testing.T) { bashCompletes(t, env) })
	t.Run("zsh completes", func(t *testing.T) { zshCompletes(t, env) })
	t.Run("fish completes", func(t *testing.T) { fishCompletes(t, env) })
	t.Run("the README runs", func(t *testing.T) { theReadmeRuns(t, env) })
}

// inShell runs a script in a real shell, or says loudly that there is none.
func inShell(t *testing.T, env []string, name string, args ...string) []string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed here (apt-get install %[1]s): its completion is not proven", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Dir = env, t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(cmd.Dir, "keys.pem"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(cmd.Dir, "kept"), 0o700))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.Fields(string(out))
}

// Cases that every shell completes.
var tabbed = map[string][]string{
	"sea":                   {"search"},
	"quarantine ":           {"list", "show", "replay", "discard"},
	"token --role a":        {"administrator", "auditor"},
	"search --am":           {"--amount-from", "--amount-to"},
	"profile use ":          {"local", "near", "shop7"},
	"search --profile n":    {"near"},
	"profile list -o ":      {"table", "json", "csv", "ids"},
	"verify --key k":        {"keys.pem", "kept"},
	"search --sort amount:": {"amount:asc", "amount:desc"},
}

func bashCompletes(t *testing.T, env []string) {
	t.Helper()
	for line, want := range tabbed {
		// As readline does it: words are taken apart at = and :, too, and only the last part is replaced.
		script := `source <(tillctl completion bash)
			complete -p tillctl >/dev/null || exit 9
			COMP_WORDS=(tillctl ` + strings.NewReplacer(":", " : ", "=", " = ").Replace(line) + `)
			[[ '` + line + `' == *[\ :] ]] && COMP_WORDS+=('')
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			_tillctl tillctl "${COMP_WORDS[COMP_CWORD]}" ""
			printf '%s\n' "${COMPREPLY[@]}"`
		if strings.HasSuffix(line, ":") {
			want = []string{"asc", "desc"}
		}
		assert.ElementsMatch(t, want, inShell(t, env, "bash", "--norc", "-c", script), line)
	}
}

func zshCompletes(t *testing.T, env []string) {
	t.Helper()
	for line, want := range tabbed {
		// The functions of zsh's completion system write down what they are given.
		script := `compdef() { [[ $2 == tillctl ]] || exit 9 }
			_describe() { for found in ${(P)2}; do print -r -- ${${found//\\:/;}%%:*}; done }
			_files() { print -rl -- k* }
			source <(tillctl completion zsh)
			words=(tillctl ` + line + `); [[ '` + line + `' == *' ' ]] && words+=('')
			CURRENT=${#words}
			_tillctl`
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], ":", ";")
		}
		assert.ElementsMatch(t, want, inShell(t, env, "zsh", "-f", "-c", script), line)
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], ";", ":")
		}
	}
}

func fishCompletes(t *testing.T, env []string) {
	t.Helper()
	for line, want := range tabbed {
		found := inShell(t, env, "fish", "--no-config", "-c", "tillctl completion fish | source; complete -C 'tillctl "+line+"' | string replace -r '\\t.*' ''; true")
		for i := range found {
			found[i] = strings.TrimSuffix(found[i], "/")
		}
		assert.ElementsMatch(t, want, found, line)
	}
}

func TestTenantsAndStoresAreCompletedWhileAStackAnswers(t *testing.T) {
	w := newWorld(t)
	stack := services{
		"GET /api/v1/tenants":             `{"items":[{"tenantId":"acme","tenantName":"Acme Ltd"},{"tenantId":"umbrella"}],"total":2}`,
		"GET /api/v1/tenants/acme/stores": `{"items":[{"storeCode":"main","storeName":"High Street"}],"total":1}`,
	}
	require.Equal(t, 0, w.against(t, stack, "complete", "zsh", "--", "search", "--tenant", ""))
	require.Equal(t, 0, w.against(t, stack, "complete", "zsh", "--", "search", "--tenant", "acme", "--store", "m"))
	assert.Equal(t, "acme\tAcme Ltd\numbrella\nmain\tHigh Street\n", w.out.String())
	require.Equal(t, 0, newWorld(t).run("complete", "zsh", "--", "search", "--journal-url", "nonsense", "--tenant", ""), "somebody is typing")
	assert.Empty(t, w.err.String())
}

func TestNoCommandIsRunForATokenWhileSomebodyTypes(t *testing.T) {
	w, mark := newWorld(t), filepath.Join(t.TempDir(), "ran")
	require.Equal(t, 0, w.run("profile", "add", "hq", "--terminal-url", "http://127.0.0.1:1", "--token-command", "touch "+mark, "--use"), &w.err)
	w.out.Reset()
	require.Equal(t, 0, w.run("complete", "zsh", "--", "search", "--tenant", ""))
	require.Equal(t, 0, w.run("complete", "zsh", "--", "search", "--profile", "hq", "--tenant", ""))
	assert.NoFileExists(t, mark)
	assert.Empty(t, w.out.String())
}
