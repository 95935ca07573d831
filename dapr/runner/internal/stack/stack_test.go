package stack_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
	"github.com/tillroll/tillroll/dapr/runner/internal/stack"
)

const runFile = `version: 1
common:
  resourcesPaths: ["../components/local"]
  configFilePath: config.yaml
  enableAppHealthCheck: true
  appHealthCheckPath: /readyz
  appHealthProbeInterval: 2
  maxBodySize: 16Mi
apps:
  - {appID: cart, appDirPath: .., command: [cart, -v], appPort: 8003, daprHTTPPort: 3503, daprGRPCPort: 50003, daprInternalGRPCPort: 50103, metricsPort: 9093, env: {REGION: north, APP_PORT: "1"}}
  - {appID: till, appDirPath: .., daprHTTPPort: 3500, daprGRPCPort: 50000, daprInternalGRPCPort: 50100, metricsPort: 9090}
`

// repository is a made-up one with a run file, and a program for the app in bin.
func repository(t *testing.T) (*runfile.File, stack.Options) {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"dapr/embedded.yaml":             runFile,
		"bin/cart":                       "",
		"services/cart/cmd/cart/main.go": "package main",
		"data/secrets/cart.json":         `{"app-token":"of the app","api-token":"of the sidecar","broker-password":"p"}`,
		"data/secrets/till.json":         `{"api-token":"of the till"}`,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := runfile.Read(filepath.Join(root, "dapr", "embedded.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return file, stack.Options{Root: root, Data: filepath.Join(root, "data"), Bin: filepath.Join(root, "bin")}
}

func plan(t *testing.T, file *runfile.File, o stack.Options) map[string]stack.Program {
	t.Helper()
	programs, err := stack.Plan(file, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.AddSecrets(programs, o.Data); err != nil {
		t.Fatal(err)
	}
	byName := map[string]stack.Program{}
	for _, program := range programs {
		byName[program.Name] = program
	}
	return byName
}

// variable is what a program sees: the last entry of a name wins.
func variable(p stack.Program, name string) string {
	for _, entry := range slices.Backward(p.Environment()) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

func TestThePrograms(t *testing.T) {
	file, o := repository(t)
	t.Setenv("DAPR_API_TOKEN", "of another Dapr")
	t.Setenv("NAMESPACE", "of a cluster")
	t.Setenv("MONGODB_URI", "mongodb://here")
	t.Setenv("TILLROLL_LOG_LEVEL", "debug")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
	programs := plan(t, file, o)
	if len(programs) != 4 {
		t.Fatalf("programs: %v", programs)
	}

	for _, test := range []struct{ program, variable, want string }{
		{"cart", "APP_ID", "cart"},
		{"cart", "APP_PORT", "8003"},
		{"cart", "APP_API_TOKEN", "of the app"},
		{"cart", "DAPR_HTTP_PORT", "3503"},
		{"cart", "DAPR_GRPC_PORT", "50003"},
		{"cart", "DAPR_API_TOKEN", "of the sidecar"},
		{"cart", "DAPR_METRICS_PORT", "9093"},
		{"cart", "TILLROLL_DATA", o.Data},
		{"cart", "REGION", "north"},
		{"cart", "MONGODB_URI", "mongodb://here"},
		{"cart", "TILLROLL_LOG_LEVEL", "debug"},
		{"cart", "NAMESPACE", ""},
		{"cart.daprd", "APP_API_TOKEN", "of the app"},
		{"cart.daprd", "DAPR_API_TOKEN", "of the sidecar"},
		{"cart.daprd", "TILLROLL_BROKER_URL", "nats://127.0.0.1:4222"},
		{"cart.daprd", "DAPR_HOST_IP", "127.0.0.1"},
		{"cart.daprd", "NAMESPACE", ""},
		{"cart.daprd", "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"},
		{"cart.daprd", "OTEL_EXPORTER_OTLP_INSECURE", "true"},
		{"till.daprd", "DAPR_API_TOKEN", "of the till"},
		{"till.daprd", "APP_API_TOKEN", ""},
		{"broker", "DAPR_API_TOKEN", ""},
	} {
		if got := variable(programs[test.program], test.variable); got != test.want {
			t.Errorf("%s sees %s=%q, want %q", test.program, test.variable, got, test.want)
		}
	}
}

func TestTheSidecarsFlags(t *testing.T) {
	file, o := repository(t)
	programs := plan(t, file, o)
	of := func(name string) string { return strings.Join(programs[name].Args, " ") + " " }
	for _, want := range []string{
		"--app-id cart ", "--app-port 8003 ", "--app-protocol http ", "--dapr-http-port 3503 ", "--dapr-grpc-port 50003 ",
		"--dapr-internal-grpc-port 50103 ", "--metrics-port 9093 ", "--dapr-listen-addresses 127.0.0.1 ",
		"--dapr-internal-grpc-listen-address 127.0.0.1 ", "--metrics-listen-address 127.0.0.1 ", "--enable-app-health-check ",
		"--app-health-check-path /readyz ", "--app-health-probe-interval 2 ", "--max-body-size 16Mi ", "--log-as-json ",
		"--resources-path " + filepath.Join(o.Root, "components", "local"), "--config " + filepath.Join(o.Root, "dapr", "config.yaml"),
		"--placement-host-address  --scheduler-host-address   ",
	} {
		if !strings.Contains(of("cart.daprd"), want) {
			t.Errorf("%q is missing in %s", want, of("cart.daprd"))
		}
	}
	if strings.Contains(of("till.daprd"), "--app-") && strings.Contains(of("till.daprd"), "--app-port") {
		t.Errorf("a sidecar without an app has %s", of("till.daprd"))
	}
	if programs["cart.daprd"].Dir != o.Data {
		t.Errorf("works in %s; the paths of the components are relative to the data folder", programs["cart.daprd"].Dir)
	}
}

func TestWhereEachIsAsked(t *testing.T) {
	file, o := repository(t)
	for except, want := range map[string]string{"": "http://127.0.0.1:3503/v1.0/healthz", "cart": "http://127.0.0.1:3503/v1.0/healthz/outbound"} {
		o.Except = strings.Fields(except)
		programs := plan(t, file, o)
		if got := programs["cart.daprd"].Health; got != want {
			t.Errorf("except %q: %s, want %s", except, got, want)
		}
		if programs["cart"].LeftOut != (except == "cart") || programs["cart"].Health != "http://127.0.0.1:8003/readyz" {
			t.Errorf("except %q: %+v", except, programs["cart"])
		}
	}
}

func TestPortsCanBeShiftedAndReplaced(t *testing.T) {
	file, o := repository(t)
	o.Offset = 1000
	o.Ports = map[string]int{"cart": 8103, "till.http": 3600, "broker": 5222}
	programs := plan(t, file, o)
	for _, test := range []struct {
		program string
		index   int
		want    int
		setting string
	}{
		{"broker", 0, 5222, "-port broker=5222"},
		{"cart", 0, 8103, "-port cart=8103"},
		{"cart.daprd", 0, 4503, "daprHTTPPort in dapr/embedded.yaml and -port-offset 1000"},
		{"till.daprd", 0, 3600, "-port till.http=3600"},
		{"till.daprd", 3, 10090, "metricsPort in dapr/embedded.yaml and -port-offset 1000"},
	} {
		port := programs[test.program].Ports[test.index]
		if port.Number != test.want || port.Setting != test.setting {
			t.Errorf("%s: port %d (%s), want %d (%s)", test.program, port.Number, port.Setting, test.want, test.setting)
		}
	}
	if !strings.Contains(strings.Join(programs["cart.daprd"].Args, " "), "--app-port 8103") {
		t.Error("the sidecar is not told")
	}
	if variable(programs["till.daprd"], "TILLROLL_BROKER_URL") != "nats://127.0.0.1:5222" {
		t.Error("the broker's new port is not told")
	}
}

func TestNamesThatDoNotExistAreRefused(t *testing.T) {
	file, o := repository(t)
	for want, change := range map[string]func(*stack.Options){
		"-port card=1: there is no such port; there are broker, broker.client, cart, ": func(o *stack.Options) { o.Ports = map[string]int{"card": 1} },
		"-port till=1: there is no such port":                                          func(o *stack.Options) { o.Ports = map[string]int{"till": 1} },
		"-except card: there is no such app; there are cart":                           func(o *stack.Options) { o.Except = []string{"card"} },
		"-except till: there is no such app":                                           func(o *stack.Options) { o.Except = []string{"till"} },
	} {
		options := o
		change(&options)
		if _, err := stack.Plan(file, options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestAPortOfAnAppThatIsLeftOutMayBeHeld(t *testing.T) {
	file, o := repository(t)
	o.Except = []string{"cart"}
	programs, err := stack.Plan(file, o)
	if err != nil {
		t.Fatal(err)
	}
	ports := stack.ToCheck(programs)
	if len(ports) != 9 {
		t.Errorf("%d ports, want the broker's and four of each sidecar", len(ports))
	}
	for _, port := range ports {
		if port.Number == 8003 {
			t.Error("the port of the app that is left out is checked")
		}
	}
}

func TestATokenThatIsMissingStopsTheStart(t *testing.T) {
	for text, want := range map[string]string{
		`{"app-token":"x"}`:  `has no "api-token": add one`,
		`{"api-token":"x"}`:  `has no "app-token": add one`,
		`not JSON`:           "is damaged",
		`{"api-token":false`: "is damaged",
	} {
		file, o := repository(t)
		if err := os.WriteFile(filepath.Join(o.Data, "secrets", "cart.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		programs, err := stack.Plan(file, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := stack.AddSecrets(programs, o.Data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestAProgramThatIsNowhere(t *testing.T) {
	file, o := repository(t)
	file.Apps[0].Command[0] = "no-such-program"
	if _, err := stack.Plan(file, o); err == nil || !strings.Contains(err.Error(), "no-such-program of app cart is neither in") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsBuilt(t *testing.T) {
	file, o := repository(t)
	var names []string
	for _, target := range stack.Targets(o.Root, file) {
		names = append(names, target.Name+" "+target.Package)
	}
	want := []string{"daprd .", "tillctl ./cmd/tillctl", "broker .", "cart ./cmd/cart"}
	if !slices.Equal(names, want) {
		t.Errorf("builds %v, want %v", names, want)
	}
}
