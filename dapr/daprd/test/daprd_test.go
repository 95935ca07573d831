// Package test runs the sidecar as a program, with our broker and a small app.
//
// It is a package of its own, and not beside main, because a test there would
// compile the whole Dapr runtime once more for the race detector.
package test

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The programs under test, built as the runner builds them.
var daprdBinary, brokerBinary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "daprd")
	exitOn(err)
	daprdBinary, brokerBinary = filepath.Join(folder, "daprd"), filepath.Join(folder, "broker")
	flags, err := os.ReadFile(filepath.Join("..", "build.flags"))
	exitOn(err)
	exitOn(build("..", "-trimpath", "-ldflags", strings.Join(strings.Fields(string(flags)), " "), "-o", daprdBinary))
	exitOn(build(filepath.Join("..", "..", "broker"), "-o", brokerBinary))
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// build shares the build cache with the runner only when it builds in the same way.
func build(module string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-C", module, "-buildvcs=false"}, args...)...)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func TestTheVersionIsTheOneOfTheModule(t *testing.T) {
	out, err := exec.Command(daprdBinary, "--version").Output()
	require.NoError(t, err)
	info, err := buildinfo.ReadFile(daprdBinary)
	require.NoError(t, err)
	for _, module := range info.Deps {
		if module.Path == "github.com/dapr/dapr" {
			require.Equal(t, strings.TrimPrefix(module.Version, "v"), strings.TrimSpace(string(out)), "after an update of dapr change build.flags too")
			return
		}
	}
	t.Fatal("daprd is not built from dapr")
}

// A component registered by mistake would bring its cloud's SDK, and minutes of
// build time with it.
func TestNoCloudIsBuiltIn(t *testing.T) {
	info, err := buildinfo.ReadFile(daprdBinary)
	require.NoError(t, err)
	for _, module := range info.Deps {
		for _, cloud := range []string{"github.com/aws/", "github.com/Azure/", "cloud.google.com/", "github.com/redis/"} {
			require.False(t, strings.HasPrefix(module.Path, cloud), module.Path)
		}
	}
}

// folder is a data folder with the resources of a small stack.
type folder struct {
	dir    string
	broker int
}

func newFolder(t *testing.T) folder {
	t.Helper()
	f := folder{dir: t.TempDir(), broker: freePort(t)}
	for name, content := range map[string]string{
		"config.yaml": `
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: config}
spec:
  nameResolution: {component: sqlite, configuration: {connectionString: names.db}}`,
		"broker.json":          `{"users":[{"user":"cart","password":"secret of cart","publish":["topic-tranlog"]},{"user":"journal","password":"secret of journal","publish":[]}]}`,
		"secrets/cart.json":    `{"broker-user":"cart","broker-password":"secret of cart"}`,
		"secrets/journal.json": `{"broker-user":"journal","broker-password":"secret of journal"}`,
		"resources/secretstore.yaml": `
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: secretstore}
spec:
  type: secretstores.local.file
  version: v1
  metadata: [{name: secretsFile, value: "secrets/{appID}.json"}]`,
		"resources/statestore.yaml": `
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: statestore}
spec:
  type: state.sqlite
  version: v1
  metadata: [{name: connectionString, value: "{appID}.db"}]`,
		"resources/pubsub.yaml": `
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
auth: {secretStore: secretstore}
spec:
  type: pubsub.jetstream-pull
  version: v1
  metadata:
  - {name: url, envRef: TILLROLL_BROKER_URL}
  - {name: user, secretKeyRef: {name: broker-user, key: broker-user}}
  - {name: password, secretKeyRef: {name: broker-password, key: broker-password}}
  - {name: nakDelay, value: 100ms}
  - {name: publishingScopes, value: "cart=topic-tranlog;journal="}`,
		"resources/subscription.yaml": `
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: tranlog}
spec:
  pubsubname: pubsub
  topic: topic-tranlog
  routes: {default: /tranlog}
  bulkSubscribe: {enabled: true, maxMessagesCount: 20, maxAwaitDurationMs: 50}
scopes: [journal]`,
	} {
		path := filepath.Join(f.dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return f
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// process is a program of the stack; its output is shown when a test fails.
type process struct {
	cmd *exec.Cmd
	out lockedBuffer
}

func (f folder) run(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program, args...)}
	p.cmd.Dir = f.dir
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.Env = append(os.Environ(), fmt.Sprintf("TILLROLL_BROKER_URL=nats://127.0.0.1:%d", f.broker))
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		if t.Failed() {
			t.Logf("%s %v:\n%s", filepath.Base(program), args, p.out.String())
		}
	})
	return p
}

func (f folder) startBroker(t *testing.T) *process {
	t.Helper()
	return f.run(t, brokerBinary, "-port", fmt.Sprint(f.broker), "-dir", "broker", "-users", "broker.json")
}

// sidecar is a running daprd.
type sidecar struct {
	*process
	url string
}

func (f folder) startSidecar(t *testing.T, app string, args ...string) sidecar {
	t.Helper()
	http := freePort(t)
	p := f.run(t, daprdBinary, append([]string{
		"--app-id", app, "--resources-path", "resources",
		"--dapr-http-port", fmt.Sprint(http), "--dapr-grpc-port", fmt.Sprint(freePort(t)),
		"--dapr-internal-grpc-port", fmt.Sprint(freePort(t)), "--metrics-port", fmt.Sprint(freePort(t)),
		"--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1", "--metrics-listen-address", "127.0.0.1",
	}, args...)...)
	s := sidecar{process: p, url: fmt.Sprintf("http://127.0.0.1:%d/v1.0/", http)}
	require.Eventually(t, func() bool { code, _ := s.call("GET", "healthz", ""); return code == 204 }, time.Minute, 20*time.Millisecond, "the sidecar of %s is not healthy", app)
	return s
}

func (s sidecar) call(method, path, body string) (code int, answer string) {
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(content)
}

// journal is an app that takes batches, and refuses the event "bad" once.
type journal struct {
	mu  sync.Mutex
	got map[string]int
}

func (j *journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/tranlog":
		j.take(w, r)
	case "/health":
		fmt.Fprint(w, `"well"`)
	default: // also daprd's question for subscriptions, which are declared in YAML
		http.NotFound(w, r)
	}
}

func (j *journal) take(w http.ResponseWriter, r *http.Request) {
	var batch struct {
		Entries []struct {
			EntryID string `json:"entryId"`
			Event   struct {
				Data string `json:"data"`
			} `json:"event"`
		} `json:"entries"`
	}
	_ = json.NewDecoder(r.Body).Decode(&batch)
	var statuses []map[string]string
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, entry := range batch.Entries {
		j.got[entry.Event.Data]++
		status := "SUCCESS"
		if entry.Event.Data == "bad" && j.got["bad"] == 1 {
			status = "RETRY"
		}
		statuses = append(statuses, map[string]string{"entryId": entry.EntryID, "status": status})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"statuses": statuses})
}

func (j *journal) count(event string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.got[event]
}

// TestTheLocalStack walks once through what Tillroll needs of its sidecars.
func TestTheLocalStack(t *testing.T) {
	f := newFolder(t)
	app := &journal{got: map[string]int{}}
	server := httptest.NewServer(app)
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":")+1:]

	journal := f.startSidecar(t, "journal", "--config", "config.yaml", "--app-port", port)
	cart := f.startSidecar(t, "cart", "--config", "config.yaml", "--log-as-json")

	code, answer := cart.call("POST", "publish/pubsub/topic-tranlog", `"early"`)
	require.Equal(t, 500, code)
	require.Contains(t, answer, "is not available", "both sidecars came up before the broker")

	broker := f.startBroker(t)
	require.Eventually(t, func() bool {
		code, _ := cart.call("POST", "publish/pubsub/topic-tranlog", `"first"`)
		return code == 204
	}, time.Minute, 50*time.Millisecond)

	code, answer = cart.call("POST", "publish/bulk/pubsub/topic-tranlog", `[{"entryId":"1","event":"good","contentType":"application/json"},{"entryId":"2","event":"bad","contentType":"application/json"}]`)
	require.Equal(t, 204, code, answer)
	require.Eventually(t, func() bool { return app.count("first") == 1 && app.count("good") == 1 && app.count("bad") == 2 }, time.Minute, 20*time.Millisecond)

	code, answer = journal.call("POST", "publish/pubsub/topic-tranlog", `"forged"`)
	require.Equal(t, 403, code, answer)

	_, answer = cart.call("GET", "invoke/journal/method/health", "")
	require.Equal(t, `"well"`, answer, "found by the names in SQLite")

	code, _ = cart.call("POST", "state/statestore", `[{"key":"head/1","value":7}]`)
	require.Equal(t, 204, code)
	_, answer = cart.call("GET", "state/statestore/head%2F1", "")
	require.Equal(t, "7", answer)

	require.NoError(t, broker.cmd.Process.Kill())
	_ = broker.cmd.Wait()
	began := time.Now()
	code, _ = cart.call("POST", "publish/pubsub/topic-tranlog", `"away"`)
	require.Equal(t, 500, code)
	require.Less(t, time.Since(began), 2*time.Second)

	require.NoError(t, os.RemoveAll(filepath.Join(f.dir, "broker")))
	f.startBroker(t)
	require.Eventually(t, func() bool {
		code, _ := cart.call("POST", "publish/pubsub/topic-tranlog", `"last"`)
		return code == 204
	}, time.Minute, 50*time.Millisecond)
	require.Eventually(t, func() bool { return app.count("last") >= 1 }, time.Minute, 20*time.Millisecond, "after a wipe, without a restart of any sidecar")

	for _, s := range []sidecar{cart, journal} {
		stopping := time.Now()
		require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, s.cmd.Wait(), "an orderly stop")
		require.Less(t, time.Since(stopping), 5*time.Second)
	}
	for line := range strings.Lines(cart.out.String()) {
		require.Truef(t, json.Valid([]byte(line)), "--log-as-json reaches every logger: %s", line)
	}
}

func TestASidecarWithoutNameResolutionSaysSoWhenItIsNeeded(t *testing.T) {
	f := newFolder(t)
	cart := f.startSidecar(t, "cart")
	code, answer := cart.call("GET", "invoke/journal/method/health", "")
	require.Equal(t, 500, code)
	require.Contains(t, answer, "spec.nameResolution.component: sqlite")
}

// lockedBuffer can be read while a process still writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
