package command_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/command"
)

// Every program of the stack under test, and the runner itself, is this test
// binary under another name.
func TestMain(m *testing.M) {
	play, ok := roles[filepath.Base(os.Args[0])]
	switch {
	case ok:
		play(os.Args[1:])
	case os.Getenv(underTest) != "":
		// A program that lost its name would run all tests, and each of them itself.
		os.Exit(66)
	default:
		os.Exit(m.Run())
	}
}

// underTest marks the environment of every process that a test starts.
const underTest = "RUNNER_UNDER_TEST"

var roles = map[string]func(args []string){
	"runner":  func(args []string) { os.Exit(command.Run(args, os.Stdout, os.Stderr)) },
	"tillctl": playTillctl,
	"broker":  func(args []string) { serve(flagOf(args, "-port"), greetLikeNATS) },
	"daprd":   playSidecar,
	"cart":    func([]string) { serve(os.Getenv("APP_PORT"), answer(http.StatusOK)) },
	"broken": func([]string) {
		fmt.Println(`{"level":"error","ts":"2026-01-02T12:00:00.000Z","msg":"no such table","table":"head"}`)
		os.Exit(7)
	},
}

func playTillctl(args []string) {
	secrets := filepath.Join(flagOf(args, "--data"), "secrets")
	must(os.MkdirAll(secrets, 0o700))
	for _, app := range []string{"cart", "till", "broken"} {
		must(os.WriteFile(filepath.Join(secrets, app+".json"), []byte(`{"app-token":"a'b","api-token":"c"}`), 0o600))
	}
}

func playSidecar(args []string) {
	if os.Getenv("DAPR_API_TOKEN") != "c" || flagOf(args, "--scheduler-host-address") != " " {
		os.Exit(9)
	}
	fmt.Println(`{"app_id":"x","level":"info","msg":"chatter of a sidecar","scope":"s","time":"2026-01-02T12:00:00Z"}`)
	fmt.Println(`{"app_id":"x","level":"warning","msg":"warning of a sidecar","scope":"s","time":"2026-01-02T12:00:01Z"}`)
	serve(flagOf(args, "--dapr-http-port"), answer(http.StatusNoContent))
}

// serve listens until SIGTERM, logs its stop, and takes part in nothing else.
func serve(port string, handle func(net.Listener)) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	must(err)
	go handle(listener)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}

func answer(code int) func(net.Listener) {
	return func(l net.Listener) {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
	}
}

func greetLikeNATS(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte("INFO {}\r\n"))
		c.Close()
	}
}

func flagOf(args []string, name string) string {
	if i := slices.Index(args, name); i >= 0 {
		return args[i+1]
	}
	return ""
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// house is a repository with a run file, programs and a data folder.
type house struct {
	*testing.T
	root, data string
	ports      []int
}

const ofCart = `
  - {appID: cart, appDirPath: .., command: [%s], appPort: %d, daprHTTPPort: %d, daprGRPCPort: %d, daprInternalGRPCPort: %d, metricsPort: %d, appHealthCheckPath: /readyz}`

const ofTill = `
  - {appID: till, appDirPath: .., daprHTTPPort: %d, daprGRPCPort: %d, daprInternalGRPCPort: %d, metricsPort: %d}
`

func newHouse(t *testing.T, app string) *house {
	t.Helper()
	h := &house{T: t, root: t.TempDir()}
	h.data = filepath.Join(h.root, ".tillroll")
	must(os.MkdirAll(filepath.Join(h.root, "dapr"), 0o700))
	must(os.MkdirAll(filepath.Join(h.root, "programs"), 0o700))
	program, err := os.ReadFile(os.Args[0])
	must(err)
	for name := range roles {
		// A copy, since a process started by a link goes by the name of what is linked.
		must(os.WriteFile(filepath.Join(h.root, "programs", name), program, 0o700))
	}
	h.ports = freePorts(t, 10)
	p := h.ports
	text := "version: 1\napps:" + fmt.Sprintf(ofCart, app, p[1], p[2], p[3], p[4], p[5]) + fmt.Sprintf(ofTill, p[6], p[7], p[8], p[9])
	must(os.WriteFile(filepath.Join(h.root, "dapr", "embedded.yaml"), []byte(text), 0o600))
	t.Cleanup(func() { h.runner("down") })
	return h
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (h *house) command(verb string, args ...string) *exec.Cmd {
	flags := []string{verb}
	if slices.Contains([]string{"run", "up"}, verb) {
		flags = append(flags, "-bin", "programs", "-port", fmt.Sprintf("broker=%d", h.ports[0]))
	}
	cmd := exec.Command(filepath.Join(h.root, "programs", "runner"), append(flags, args...)...)
	cmd.Dir = h.root
	cmd.Env = append(os.Environ(), underTest+"=1", "GORACE=atexit_sleep_ms=0", "TILLROLL_DATA="+h.data)
	return cmd
}

// runner runs a verb to its end.
func (h *house) runner(verb string, args ...string) (said string, code int) {
	h.Helper()
	cmd := h.command(verb, args...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		h.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (h *house) expect(code int, want []string, verb string, args ...string) {
	h.Helper()
	said, got := h.runner(verb, args...)
	if got != code {
		h.Errorf("%s %v: exit code %d, want %d; it says\n%s", verb, args, got, code, said)
	}
	for _, text := range want {
		if !strings.Contains(said, text) {
			h.Errorf("%s %v does not say %q:\n%s", verb, args, text, said)
		}
	}
}

type view struct {
	Ready     bool
	State     string
	Processes []struct {
		Name, Kind, State, URL string
		PID, Restarts          int
		Ports                  map[string]int
	}
}

func (h *house) status() view {
	h.Helper()
	var seen view
	said, _ := h.runner("status", "-json")
	if err := json.Unmarshal([]byte(said), &seen); err != nil {
		h.Fatalf("%v in %s", err, said)
	}
	return seen
}

func (h *house) pid(name string) int {
	h.Helper()
	for _, process := range h.status().Processes {
		if process.Name == name {
			return process.PID
		}
	}
	return 0
}

func (h *house) eventually(what string, is func() bool) {
	h.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if is() {
			return
		}
	}
	h.Fatalf("did not happen: %s", what)
}

func TestUpAndDown(t *testing.T) {
	h := newHouse(t, "cart")
	h.expect(1, []string{"Nothing runs in .tillroll"}, "status")
	h.expect(1, []string{"there are no logs"}, "logs")
	h.expect(0, []string{
		"Tillroll is ready", "nats://127.0.0.1:" + fmt.Sprint(h.ports[0]), "http://127.0.0.1:" + fmt.Sprint(h.ports[1]), "make demo", "make down",
	}, "up")

	seen := h.status()
	if !seen.Ready || len(seen.Processes) != 4 {
		t.Fatalf("%+v", seen)
	}
	h.expect(0, []string{"PROCESS", "cart.daprd", "http " + fmt.Sprint(h.ports[2])}, "status")
	h.expect(1, []string{"already runs in .tillroll (runner ", "make down", "-port-offset"}, "up")
	h.expect(1, []string{"the stack runs in .tillroll: stop it first"}, "clean", "-yes")

	before := h.pid("cart")
	must(syscall.Kill(before, syscall.SIGKILL))
	h.eventually("cart is restarted alone", func() bool {
		now := h.status()
		return now.Ready && now.Processes[1].Restarts == 1 && now.Processes[2].Restarts == 0 && now.Processes[1].PID != before
	})

	h.expect(0, []string{"warning of a sidecar", "cart died and is started again", `reason="signal: killed"`}, "logs")
	if said, _ := h.runner("logs"); strings.Contains(said, "chatter of a sidecar") {
		t.Errorf("a sidecar's chatter is among all logs:\n%s", said)
	}
	h.expect(0, []string{"chatter of a sidecar"}, "logs", "till.daprd")
	h.expect(1, []string{`there is no log of "card"; there are broker, cart, `}, "logs", "card")

	h.expect(0, []string{"Stopping broker, cart, cart.daprd, till.daprd.", "Stopped ("}, "down")
	h.expect(0, []string{"Nothing runs in .tillroll."}, "down")
	h.expect(0, []string{"Deleted .tillroll."}, "clean", "-yes")
	h.expect(0, []string{"There is no .tillroll."}, "clean", "-yes")
}

func TestTheStopIsInOrder(t *testing.T) {
	h := newHouse(t, "cart")
	h.expect(0, nil, "up")
	h.expect(0, nil, "down")
	log, err := os.ReadFile(filepath.Join(h.data, "logs", "runner.log"))
	must(err)
	var order []string
	for _, found := range regexp.MustCompile(`"msg":"(\S+) stopped"`).FindAllSubmatch(log, -1) {
		order = append(order, string(found[1]))
	}
	if len(order) != 4 || order[0] != "cart" || order[3] != "broker" {
		t.Errorf("stopped in the order %v:\n%s", order, log)
	}
}

func TestAStackThatCannotStartShowsWhyAndLeavesNothing(t *testing.T) {
	h := newHouse(t, "broken")
	h.expect(1, []string{
		"The last lines of .tillroll/logs/cart.log:", "ERROR no such table table=head", "cart did not start: exit status 7, 5 times",
	}, "up")
	h.expect(1, []string{"Nothing runs"}, "status")
	h.expect(1, []string{"cart did not start"}, "run")
}

func TestAPortInUse(t *testing.T) {
	h := newHouse(t, "cart")
	holder, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", h.ports[1]))
	must(err)
	defer holder.Close()
	h.expect(1, []string{"the app port of cart (appPort in dapr/embedded.yaml), is in use by", "-port cart=N"}, "up")
	h.expect(0, []string{"Tillroll is ready"}, "up", "-port", fmt.Sprintf("cart=%d", freePorts(t, 1)[0]))
}

func TestAnAppThatIsLeftOut(t *testing.T) {
	h := newHouse(t, "cart")
	h.expect(0, []string{"left out; start it with the variables in .tillroll/env/cart.env"}, "up", "-except", "cart")
	variables, err := os.ReadFile(filepath.Join(h.data, "env", "cart.env"))
	must(err)
	for _, want := range []string{fmt.Sprintf("APP_PORT='%d'\n", h.ports[1]), `APP_API_TOKEN='a'\''b'`, "DAPR_API_TOKEN='c'\n"} {
		if !strings.Contains(string(variables), want) {
			t.Errorf("%q is missing in\n%s", want, variables)
		}
	}
	if seen := h.status(); !seen.Ready || seen.Processes[1].State != "left out" || seen.Processes[2].State != "ready" {
		t.Errorf("%+v", seen)
	}
}

func TestForegroundRunStopsAtCtrlC(t *testing.T) {
	h := newHouse(t, "cart")
	cmd := h.command("run")
	var out safeBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(cmd.Start())
	h.eventually("it is ready", func() bool { return strings.Contains(out.String(), "Tillroll is ready") })
	must(cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"Stopping in order", "INFO  cart stopped", "INFO  broker stopped", "WARN  warning of a sidecar"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q:\n%s", want, out.String())
		}
	}
	h.expect(1, []string{"Nothing runs"}, "status")
}

func TestAKilledRunnerLeavesNothingForGood(t *testing.T) {
	h := newHouse(t, "cart")
	cmd := h.command("run")
	must(cmd.Start())
	h.eventually("it is ready", func() bool { return h.status().Ready })
	must(cmd.Process.Kill())
	_ = cmd.Wait()
	if seen := h.status(); seen.State != "crashed" || seen.Ready {
		t.Errorf("%+v", seen)
	}
	h.expect(0, []string{"Tillroll is ready"}, "up")
}

func TestWrongCalls(t *testing.T) {
	h := newHouse(t, "cart")
	h.expect(2, []string{`there is no "start"`, "runner VERB [flags]"}, "start")
	h.expect(2, []string{`down takes no "cart"`}, "down", "cart")
	h.expect(2, []string{"write it as NAME=N, such as cart=8103"}, "up", "-port", "cart")
	h.expect(1, []string{"there is no such port; there are broker, "}, "up", "-port", "card=1")
	h.expect(0, []string{"runner VERB [flags]", "also TILLROLL_PORT_OFFSET"}, "help")
	h.expect(1, []string{"give -yes to delete without asking"}, "clean", "-data", h.root)

	t.Setenv("TILLROLL_PORT_OFFSET", "many")
	h.expect(2, []string{`TILLROLL_PORT_OFFSET is "many": it must be a number`}, "status")
}

func TestCleanDeletesOnlyWhatIsOurs(t *testing.T) {
	h := newHouse(t, "cart")
	must(os.MkdirAll(filepath.Join(h.data, "keys"), 0o700))
	must(os.WriteFile(filepath.Join(h.data, "thesis.txt"), nil, 0o600))
	h.expect(0, []string{"what else is in it stays"}, "clean", "-yes")
	left, _ := os.ReadDir(h.data)
	if len(left) != 1 || left[0].Name() != "thesis.txt" {
		t.Errorf("left: %v", left)
	}
}

type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var _ io.Writer = (*safeBuffer)(nil)
