package runfile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
)

const ports = `
    daprHTTPPort: 3503
    daprGRPCPort: 50003
    daprInternalGRPCPort: 50103
    metricsPort: 9093`

const cart = `
  - appID: cart
    appDirPath: ..
    appPort: 8003
    command: ["cart"]` + ports

const till = `
  - appID: till
    appDirPath: ..` + ports

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "embedded.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommonSettingsReachEveryAppAndTheAppsOwnWin(t *testing.T) {
	path := write(t, `version: 1
common:
  resourcesPaths: ["../components/local"]
  configFilePath: config.yaml
  enableAppHealthCheck: true
  appHealthProbeInterval: 2
  env: {LEVEL: info, REGION: north}
apps:`+cart+`
    env: {LEVEL: debug}
    enableAppHealthCheck: false
`+till)
	file, err := runfile.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	app, sidecarOnly := file.Apps[0], file.Apps[1]
	root := filepath.Dir(filepath.Dir(path))

	if app.HealthCheck() || !sidecarOnly.HealthCheck() {
		t.Error("the app's own enableAppHealthCheck: false must win, the other app takes the common one")
	}
	if app.Env["LEVEL"] != "debug" || app.Env["REGION"] != "north" || sidecarOnly.Env["LEVEL"] != "info" {
		t.Errorf("env is %v and %v", app.Env, sidecarOnly.Env)
	}
	if want := []string{filepath.Join(root, "components", "local")}; !slices.Equal(app.ResourcesPaths, want) {
		t.Errorf("resourcesPaths %v, want %v", app.ResourcesPaths, want)
	}
	if app.Dir != root || app.ConfigFilePath != filepath.Join(filepath.Dir(path), "config.yaml") {
		t.Errorf("paths must be relative to the run file's folder: %s, %s", app.Dir, app.ConfigFilePath)
	}
	if !app.HasApp() || sidecarOnly.HasApp() {
		t.Error("an app without a command is a sidecar alone")
	}
	if app.AppLogDestination != runfile.ToFileAndConsole {
		t.Errorf("appLogDestination is %q by default", app.AppLogDestination)
	}
}

func TestFaultsNameTheirLine(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"misspelt field of an app":    {"version: 1\napps:" + cart + "\n    appport: 1\n", `:11: unknown field "appport"`},
		"misspelt field at the top":   {"version: 1\nbroker: {}\napps:" + cart, `:2: unknown field "broker"`},
		"misspelt field of common":    {"version: 1\ncommon:\n  resourcePath: x\napps:" + cart, `:3: unknown field "resourcePath"`},
		"a word where a number goes":  {"version: 1\napps:" + strings.Replace(cart, "8003", "high", 1), ":5: cannot unmarshal"},
		"broken YAML":                 {"version: 1\napps: [\n", ": "},
		"another version":             {"version: 2\napps:" + cart, ":1: version is 2; the runner reads version 1"},
		"no version":                  {"apps:" + cart, ":1: version is 0"},
		"empty file":                  {"", ":1: version is 0"},
		"no apps":                     {"version: 1\napps: []\n", ":1: apps: is empty"},
		"the same id twice":           {"version: 1\napps:" + cart + cart, `:11: appID "cart" is already used on line 3`},
		"an id with a slash":          {"version: 1\napps:" + strings.Replace(cart, "appID: cart", "appID: ../cart", 1), `:3: appID "../cart" must be`},
		"the broker's name":           {"version: 1\napps:" + strings.Replace(cart, "appID: cart", "appID: broker", 1), `is the name of a part of the stack`},
		"no folder":                   {"version: 1\napps:" + strings.Replace(cart, "appDirPath: ..", "", 1), `:3: app cart has no appDirPath`},
		"a missing port":              {"version: 1\napps:" + strings.Replace(cart, "metricsPort: 9093", "", 1), `:3: app cart: metricsPort is 0`},
		"a command without a port":    {"version: 1\napps:" + strings.Replace(cart, "appPort: 8003", "", 1), `:3: app cart has a command, so it needs an appPort`},
		"a port without a command":    {"version: 1\napps:" + till + "\n    appPort: 8000\n", `:3: app till has an appPort but no command`},
		"an unknown log destination":  {"version: 1\napps:" + cart + "\n    appLogDestination: nowhere\n", `log destination "nowhere"`},
		"two faults are both told, 1": {"version: 1\napps:" + strings.NewReplacer("appPort: 8003", "", "appDirPath: ..", "").Replace(cart), "no appDirPath"},
		"two faults are both told, 2": {"version: 1\napps:" + strings.NewReplacer("appPort: 8003", "", "appDirPath: ..", "").Replace(cart), "needs an appPort"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.text)
			_, err := runfile.Read(path)
			if err == nil {
				t.Fatal("was accepted")
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("message is\n  %v\nit must name the file and contain\n  %s", err, test.want)
			}
		})
	}
}

func TestAMissingFileIsSaidPlainly(t *testing.T) {
	_, err := runfile.Read(filepath.Join(t.TempDir(), "none.yaml"))
	if err == nil || !strings.Contains(err.Error(), "the run file cannot be read") {
		t.Errorf("got %v", err)
	}
}
