// Package stack starts the real local stack for tests: our daprd, the broker, the services, all as
// processes of their own, on ports and a data folder of the test's. It starts them as a person does,
// with the runner, and can kill any of them.
package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Stack is one running local stack.
type Stack struct {
	Root   string // of the repository
	Data   string
	Offset int
	// Journal says where the journal is kept, for the record of the run.
	Journal string
	env     []string
	log     io.Writer
	mongo   *Mongo

	kind       Kind
	ports      *os.File // whose lock keeps other tests from the same ports while this stack is down
	aux        string   // folder of what the kind needs; empty for the zero Kind
	runnerArgs []string // what our runner is told beside data folder and ports
	dapr       *daprRun // when the Dapr CLI runs it
}

// Root finds the repository from the test's working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("the test does not run inside the repository")
}

var built struct {
	once sync.Once
	err  error
}

// build makes the runner and, with it, everything else; what is up to date is not built again.
func build(root string, out io.Writer) error {
	built.once.Do(func() {
		runner := filepath.Join(root, "bin", "runner")
		cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-o", runner, ".")
		cmd.Dir = filepath.Join(root, "dapr", "runner")
		cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
		cmd.Stdout, cmd.Stderr = out, out
		if built.err = cmd.Run(); built.err != nil {
			return
		}
		cmd = exec.Command(runner, "build")
		cmd.Dir, cmd.Stdout, cmd.Stderr = root, out, out
		built.err = cmd.Run()
	})
	return built.err
}

// Build makes every program of the stack that is not up to date.
func Build(out io.Writer) error {
	root, err := Root()
	if err != nil {
		return err
	}
	return build(root, out)
}

// Start builds what is needed and starts a stack on free ports with a data folder of its own. env is
// given to every process beside the test's own environment.
func Start(out io.Writer, env ...string) (*Stack, error) { return StartKind(Kind{}, out, env...) }

// StartKind is Start for a stack of that kind. It fails with ErrNoDaprCLI.
func StartKind(kind Kind, out io.Writer, env ...string) (*Stack, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	if err := build(root, out); err != nil {
		return nil, fmt.Errorf("building the stack: %w", err)
	}
	data, err := os.MkdirTemp("", "tillroll-test-")
	if err != nil {
		return nil, err
	}
	s := &Stack{Root: root, Data: data, Journal: "SQLite", env: env, log: out}
	if err := s.chooseJournal(); err != nil {
		return s, err
	}
	if err := s.choosePorts(); err != nil {
		return s, err
	}
	if err := s.prepare(kind); err != nil {
		return s, err
	}
	return s, s.Up()
}

// chooseJournal takes MongoDB when the test run was told so and the test itself says nothing about it.
func (s *Stack) chooseJournal() (err error) {
	for _, variable := range s.env {
		if uri, told := strings.CutPrefix(variable, "MONGODB_URI="); told {
			if uri != "" {
				s.Journal = "MongoDB"
			}
			return nil
		}
	}
	if !wantsMongo() {
		return nil
	}
	if s.mongo, err = StartMongo(); err != nil {
		return err
	}
	s.env, s.Journal = append(s.env, s.mongo.Env()...), "MongoDB, "+s.mongo.Engine
	return nil
}

func (s *Stack) runner(args ...string) *exec.Cmd {
	args = append(append(args, s.runnerArgs...), "-data", s.Data, "-port-offset", strconv.Itoa(s.Offset))
	cmd := exec.Command(filepath.Join(s.Root, "bin", "runner"), args...) //nolint:gosec // our own program
	cmd.Dir, cmd.Env = s.Root, append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	return cmd
}

// Up starts the stack, without the apps named in except (their sidecars run), and returns when it is
// ready.
func (s *Stack) Up(except ...string) error {
	if s.kind.DaprCLI {
		return s.startDaprCLI()
	}
	args := []string{"up"}
	for _, app := range except {
		args = append(args, "-except", app)
	}
	var said strings.Builder
	start := s.runner(args...)
	start.Stdout = io.MultiWriter(s.log, &said)
	start.Stderr = start.Stdout
	if err := start.Run(); err != nil {
		return fmt.Errorf("the stack did not start: %w\n%s\n%s", err, s.Tail(), said.String())
	}
	return nil
}

// Down stops everything in order.
func (s *Stack) Down() error {
	if s.kind.DaprCLI {
		return s.stopDaprCLI()
	}
	return s.runner("down").Run()
}

// Remove stops everything and removes the data.
func (s *Stack) Remove() error {
	err := s.Down()
	if s.mongo != nil {
		s.mongo.Remove()
	}
	if s.ports != nil {
		_ = s.ports.Close()
	}
	return errors.Join(err, os.RemoveAll(s.Data), os.RemoveAll(s.aux))
}

// URL of a service: terminal, cart or journal.
func (s *Stack) URL(app string) string {
	return s.local(map[string]int{"terminal": 8001, "cart": 8003, "journal": 8005}[app])
}

// SidecarURL of an app's sidecar; "till" is the one of a terminal itself.
func (s *Stack) SidecarURL(app string) string {
	return s.local(map[string]int{"till": 3500, "terminal": 3501, "cart": 3503, "journal": 3505}[app])
}

func (s *Stack) local(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port+s.Offset) }

// SidecarGRPC is the address of an app's sidecar for the Dapr SDK.
func (s *Stack) SidecarGRPC(app string) string {
	port := map[string]int{"till": 3600, "terminal": 3601, "cart": 3603, "journal": 3605}[app]
	return fmt.Sprintf("127.0.0.1:%d", port+s.Offset)
}

// Secret of an app, such as its api-token.
func (s *Stack) Secret(app, name string) (string, error) {
	if s.kind.DaprCLI {
		app = "dapr-run" // all apps share its tokens
	}
	raw, err := os.ReadFile(filepath.Join(s.Data, "secrets", app+".json"))
	if err != nil {
		return "", err
	}
	var secrets map[string]string
	if err := json.Unmarshal(raw, &secrets); err != nil {
		return "", err
	}
	return secrets[name], nil
}

// Tillctl runs the command line and gives its output.
func (s *Stack) Tillctl(args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(s.Root, "bin", "tillctl"), args...) //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), "TILLROLL_DATA="+s.Data, "TILLROLL_TERMINAL_URL="+s.URL("terminal"), "TILLROLL_CART_URL="+s.URL("cart"), "TILLROLL_JOURNAL_URL="+s.URL("journal"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Token for a user of tenant.
func (s *Stack) Token(role, tenant string) (string, error) {
	out, err := s.Tillctl("token", "--role", role, "--tenant", tenant, "--data", s.Data)
	return strings.TrimSpace(out), err
}

// process is what run.json says of one.
type process struct {
	Name  string `json:"name"`
	PID   int    `json:"pid"`
	State string `json:"state"`
}

func (s *Stack) processes() (map[string]process, error) {
	raw, err := os.ReadFile(filepath.Join(s.Data, "run.json"))
	if err != nil {
		return nil, err
	}
	var run struct {
		Processes []process `json:"processes"`
	}
	if err := json.Unmarshal(raw, &run); err != nil {
		return nil, err
	}
	found := map[string]process{}
	for _, p := range run.Processes {
		found[p.Name] = p
	}
	return found, nil
}

// Signal a process by name: broker, cart, cart.daprd …
func (s *Stack) Signal(name string, signal syscall.Signal) error {
	all, err := s.processes()
	if err != nil {
		return err
	}
	p, ok := all[name]
	if !ok || p.PID == 0 {
		return fmt.Errorf("no process %q runs", name)
	}
	return syscall.Kill(p.PID, signal)
}

// Kill -9 a process; the runner starts it again.
func (s *Stack) Kill(name string) error { return s.Signal(name, syscall.SIGKILL) }

// Ready waits until the runner says that all is.
func (s *Stack) Ready(patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for s.kind.DaprCLI {
		err := s.answering()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready after %s: %w\n%s", patience, err, s.Tail())
		}
		time.Sleep(100 * time.Millisecond)
	}
	for {
		cmd := s.runner("status")
		cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
		err := cmd.Run()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			out, _ := exec.Command(cmd.Path, cmd.Args[1:]...).CombinedOutput() //nolint:gosec // our own program
			return fmt.Errorf("not ready after %s:\n%s", patience, out)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// Tail is the end of every log, for a failed test.
func (s *Stack) Tail() string {
	var b strings.Builder
	logs, _ := filepath.Glob(filepath.Join(s.Data, "logs", "*.log"))
	byCLI, _ := filepath.Glob(filepath.Join(s.Data, ".dapr", "logs", "*.log"))
	logs = append(logs, byCLI...)
	for _, name := range logs {
		raw, err := os.ReadFile(name) //nolint:gosec // our own logs
		if err != nil {
			continue
		}
		if len(raw) > 3000 {
			raw = raw[len(raw)-3000:]
		}
		fmt.Fprintf(&b, "--- %s\n%s\n", filepath.Base(name), raw)
	}
	return b.String()
}

// PIDs of the processes that run, by name.
func (s *Stack) PIDs() (map[string]int, error) {
	all, err := s.processes()
	pids := map[string]int{}
	for name, p := range all {
		pids[name] = p.PID
	}
	return pids, err
}
