package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/tillroll/tillroll/test/stack"
)

// servers start what a broker needs, by its id: they give the settings that replace metadata of the
// repository's component file, which are where the test's server is, and shorter times.
var servers = map[string]func(t *testing.T, root string) (settings map[string]string){
	"jetstream": startJetStream, "redis": startRedis, "rabbitmq": startRabbitMQ,
}

// sidecars have the components, below bin/.
var sidecars = map[string]string{
	"jetstream": "daprd", "redis": "dapr-runtime/.dapr/bin/daprd", "rabbitmq": "dapr-runtime/.dapr/bin/daprd",
}

func startJetStream(t *testing.T, root string) map[string]string {
	port := stack.FreePort(t)
	stack.Run(t, filepath.Join(root, "bin", "broker"), t.TempDir(), "-insecure", "-port", port, "-dir", t.TempDir())
	require.Eventually(t, func() bool { return listens(port) }, time.Minute, 20*time.Millisecond)
	return map[string]string{"url": "nats://127.0.0.1:" + port, "user": "", "password": "", "nakDelay": "100ms"}
}

func startRedis(t *testing.T, _ string) map[string]string {
	server, err := stack.StartRedis()
	if errors.Is(err, stack.ErrNoRedis) {
		stack.Skip(t, err)
	}
	require.NoError(t, err)
	t.Cleanup(server.Remove)
	return map[string]string{"redisHost": server.Address, "redisPassword": server.Password, "processingTimeout": "4s", "redeliverInterval": "500",
		"poolSize": "1000"} // every subscription keeps a connection
}

func startRabbitMQ(t *testing.T, _ string) map[string]string {
	server, err := stack.StartRabbitMQ()
	if errors.Is(err, stack.ErrNoRabbitMQ) {
		stack.Skip(t, err)
	}
	require.NoError(t, err)
	t.Cleanup(server.Remove)
	return map[string]string{"connectionString": server.URL}
}

// lab is one broker with two sidecars: that of the probe and that of the undertaker.
type lab struct {
	probe    *probe
	rows     []Row
	sidecar  string // address of the probe's sidecar
	listener *http.Server
	port     string
}

// open starts everything and returns when every subscription delivers.
func open(t *testing.T, b Broker, rows []Row) *lab {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	require.NoError(t, stack.Build(os.Stderr))
	program := filepath.Join(root, "bin", sidecars[b.ID])
	if _, err := os.Stat(program); err != nil {
		stack.Skip(t, stack.ErrNoDaprCLI)
	}
	l := &lab{probe: newProbe(rows), rows: rows, port: stack.FreePort(t)}
	resources := t.TempDir()
	writeResources(t, resources, root, b, servers[b.ID](t, root), rows)
	l.listen(t)
	t.Cleanup(func() { _ = l.listener.Close() })
	deadPort := stack.FreePort(t)
	dead := &http.Server{Addr: "127.0.0.1:" + deadPort, Handler: l.probe.undertaker(), ReadHeaderTimeout: time.Second}
	go func() { _ = dead.ListenAndServe() }()
	t.Cleanup(func() { _ = dead.Close() })
	l.sidecar = stack.StartSidecar(t, program, "probe", l.port, resources).HTTP
	stack.StartSidecar(t, program, "undertaker", deadPort, resources)
	l.warmUp(t)
	return l
}

// listen makes the probe reachable at its port.
func (l *lab) listen(t *testing.T) {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:"+l.port)
	require.NoError(t, err)
	l.listener = &http.Server{Handler: l.probe, ReadHeaderTimeout: time.Second}
	go func() { _ = l.listener.Serve(socket) }()
}

// warmUp publishes to every topic until each of them has delivered.
func (l *lab) warmUp(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !l.probe.warmed(l.rows); time.Sleep(500 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "not every subscription delivers")
		l.publish(t, func(Row) []string { return []string{warm} })
	}
}

// publish sends events of every row in every setup.
func (l *lab) publish(t *testing.T, events func(Row) []string) {
	t.Helper()
	type one struct{ pubsub, topic, body string }
	work, failed := make(chan one), make(chan error, 16)
	for range cap(failed) {
		go func() {
			var err error
			for w := range work {
				if err == nil {
					err = post("http://"+l.sidecar+"/v1.0/publish/"+w.pubsub+"/"+w.topic, w.body)
				}
			}
			failed <- err
		}()
	}
	for _, setup := range Setups {
		for _, row := range l.rows {
			if !row.triedIn(setup) {
				continue
			}
			for _, name := range events(row) {
				work <- one{pubsubOf(setup), topicOf(setup, row), fmt.Sprintf(`{"event":"%s","row":"%s","setup":"%s"}`, name, row.ID, setup.ID)}
			}
		}
	}
	close(work)
	for range cap(failed) {
		require.NoError(t, <-failed)
	}
}

func post(url, body string) error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		said, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s: %s: %s", url, res.Status, said)
	}
	return nil
}

// pubsubOf a setup: a resiliency policy is for a component, so there are two of them.
func pubsubOf(s Setup) string {
	if s.Retry {
		return "patient"
	}
	return "bare"
}

func topicOf(s Setup, r Row) string { return s.ID + "-" + r.ID }

type pair struct {
	Name  string `yaml:"name"`
	Value string `yaml:"value"`
}

// writeResources makes the component of the repository's file twice, with and without a retry policy,
// and a subscription for every row and setup.
func writeResources(t *testing.T, folder, root string, b Broker, settings map[string]string, rows []Row) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "components", b.File))
	require.NoError(t, err)
	var file struct {
		Spec struct {
			Type, Version string
			Metadata      []pair
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	var metadata []pair
	for _, m := range file.Spec.Metadata {
		if value, own := settings[m.Name]; own {
			m.Value = value
			delete(settings, m.Name)
		}
		if m.Value != "" && !strings.HasSuffix(m.Name, "Topics") && !strings.HasSuffix(m.Name, "Scopes") {
			metadata = append(metadata, m)
		}
	}
	for name, value := range settings {
		if value != "" {
			metadata = append(metadata, pair{name, value})
		}
	}
	list, err := yaml.Marshal(metadata)
	require.NoError(t, err)
	var out bytes.Buffer
	for _, name := range []string{"patient", "bare"} {
		fmt.Fprintf(&out, "---\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: %s}\nspec:\n  type: %s\n  version: %s\n  metadata:\n%s",
			name, file.Spec.Type, file.Spec.Version, indent(string(list)))
	}
	// In a file of its own: of a file with several documents the sidecar reads a Resiliency only when it
	// is the first.
	policy := fmt.Sprintf(`apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: delivery}
spec:
  policies:
    timeouts: {answer: 500ms}
    retries: {some: {policy: constant, duration: 100ms, maxRetries: %d}}
  targets:
    components:
      patient: {inbound: {timeout: answer, retry: some}}
`, Retries)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "resiliency.yaml"), []byte(policy), 0o600))
	for _, setup := range Setups {
		for _, row := range rows {
			if !row.triedIn(setup) {
				continue
			}
			fmt.Fprintf(&out, "---\napiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: %s}\nscopes: [probe]\nspec:\n  pubsubname: %s\n  topic: %s\n  routes: {default: /%s/%s}\n",
				topicOf(setup, row), pubsubOf(setup), topicOf(setup, row), setup.ID, row.ID)
			if setup.DeadLetters {
				fmt.Fprintf(&out, "  deadLetterTopic: dead\n")
			}
			if row.Bulk {
				fmt.Fprintf(&out, "  bulkSubscribe: {enabled: true, maxMessagesCount: 3, maxAwaitDurationMs: 300}\n")
			}
		}
	}
	for _, name := range []string{"patient", "bare"} {
		fmt.Fprintf(&out, "---\napiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: dead-%s}\nscopes: [undertaker]\nspec:\n  pubsubname: %s\n  topic: dead\n  routes: {default: /dead}\n", name, name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "resources.yaml"), out.Bytes(), 0o600))
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}

func listens(port string) bool {
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
