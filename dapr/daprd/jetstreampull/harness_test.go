package jetstreampull

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/kit/logger"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// brokerBinary is our own broker. It is built here and not linked in, because
// nats-server in this module would lift dependencies of daprd.
var brokerBinary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "jetstreampull")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	brokerBinary = filepath.Join(folder, "broker")
	build := exec.Command("go", "build", "-C", filepath.Join("..", "..", "broker"), "-buildvcs=false", "-trimpath", "-o", brokerBinary, ".")
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0") // as the runner builds it: from the cache
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the broker: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}))
}

// testBroker is a broker process that a test may kill, wipe and start again on
// the same port.
type testBroker struct {
	t     *testing.T
	port  int
	dir   string
	users string
	cmd   *exec.Cmd
}

func newBroker(t *testing.T) *testBroker {
	t.Helper()
	b := absentBroker(t)
	b.start()
	return b
}

// absentBroker has an address and is not running.
func absentBroker(t *testing.T) *testBroker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	b := &testBroker{t: t, port: listener.Addr().(*net.TCPAddr).Port, dir: filepath.Join(t.TempDir(), "broker")}
	t.Cleanup(b.kill)
	return b
}

func (b *testBroker) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", b.port) }

func (b *testBroker) start() {
	b.t.Helper()
	args := []string{"-port", strconv.Itoa(b.port), "-dir", b.dir}
	if b.users == "" {
		args = append(args, "-insecure")
	} else {
		args = append(args, "-users", b.users)
	}
	b.cmd = exec.Command(brokerBinary, args...)
	stdout, err := b.cmd.StdoutPipe()
	require.NoError(b.t, err)
	require.NoError(b.t, b.cmd.Start())
	out := bufio.NewScanner(stdout)
	for out.Scan() {
		var line struct{ Msg, Error string }
		_ = json.Unmarshal(out.Bytes(), &line)
		if line.Error != "" {
			b.t.Fatalf("the broker does not start: %s", line.Error)
		}
		if line.Msg == "broker ready" {
			go func() {
				for out.Scan() { // or the broker would block on a full pipe
				}
			}()
			return
		}
	}
	b.t.Fatal("the broker ended before it was ready")
}

// kill is kill -9: nothing is flushed, nobody is told.
func (b *testBroker) kill() {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
	b.cmd = nil
}

// freeze stops the process without closing its connections, as a machine that
// hangs does, and returns when it has stopped.
func (b *testBroker) freeze() {
	b.t.Helper()
	require.NoError(b.t, b.cmd.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	_, err := syscall.Wait4(b.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
	require.NoError(b.t, err)
	require.True(b.t, status.Stopped())
}

func (b *testBroker) wipe() {
	b.t.Helper()
	require.NoError(b.t, os.RemoveAll(b.dir))
}

// admin is a client of the test's own, to look behind the component's back.
func (b *testBroker) admin() jetstream.JetStream {
	b.t.Helper()
	nc, err := nats.Connect(b.url(), nats.NoReconnect())
	require.NoError(b.t, err)
	b.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(b.t, err)
	return js
}

func (b *testBroker) pending(topic string) (unacknowledged, undelivered int) {
	b.t.Helper()
	consumer, err := b.admin().Consumer(b.t.Context(), brokerName(topic), "app")
	require.NoError(b.t, err)
	return consumer.CachedInfo().NumAckPending, int(consumer.CachedInfo().NumPending)
}

// eventuallySettled waits until the app owes the broker no answer and has been
// given every message.
func (b *testBroker) eventuallySettled(topic string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		unacknowledged, undelivered := b.pending(topic)
		return unacknowledged == 0 && undelivered == 0
	}, time.Minute, 20*time.Millisecond)
}

func (b *testBroker) waitingRequests(topic string) int {
	b.t.Helper()
	consumer, err := b.admin().Consumer(b.t.Context(), brokerName(topic), "app")
	require.NoError(b.t, err)
	return consumer.CachedInfo().NumWaiting
}

// stored is the content of a topic's stream.
func (b *testBroker) stored(topic string) (payloads []string) {
	b.t.Helper()
	stream, err := b.admin().Stream(b.t.Context(), brokerName(topic))
	require.NoError(b.t, err)
	for seq := stream.CachedInfo().State.FirstSeq; seq <= stream.CachedInfo().State.LastSeq; seq++ {
		msg, err := stream.GetMsg(b.t.Context(), seq)
		require.NoError(b.t, err)
		payloads = append(payloads, string(msg.Data))
	}
	return payloads
}

// newComponent makes a component of the app "app". Times are short, so that a
// test sees redeliveries; changes are pairs of metadata name and value.
func newComponent(t *testing.T, b *testBroker, changes ...string) *Component {
	t.Helper()
	properties := map[string]string{"url": b.url(), "consumerID": "app", "nakDelay": "50ms", "ackWait": "2s"}
	for i := 0; i < len(changes); i += 2 {
		properties[changes[i]] = changes[i+1]
	}
	log := logger.NewLogger(t.Name())
	c := New(log).(*Component)
	require.NoError(t, c.Init(t.Context(), pubsub.Metadata{Base: metadata.Base{Properties: properties}}))
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func publish(t *testing.T, c *Component, topic string, payloads ...string) {
	t.Helper()
	for _, payload := range payloads {
		require.NoError(t, tryPublish(c, topic, payload))
	}
}

func tryPublish(c *Component, topic, payload string) error {
	return c.Publish(context.Background(), &pubsub.PublishRequest{Topic: topic, Data: []byte(payload)})
}

func (c *Component) eventuallyPublishes(t *testing.T, payload string) {
	t.Helper()
	require.Eventually(t, func() bool { return tryPublish(c, topic, payload) == nil }, time.Minute, 20*time.Millisecond)
}

// sink is a handler that notes what it gets and answers as the test says.
type sink struct {
	mu     sync.Mutex
	got    []string
	answer func(payload string, attempt int) error
}

func (s *sink) take(payload string) error {
	s.mu.Lock()
	s.got = append(s.got, payload)
	attempt := 0
	for _, earlier := range s.got {
		if earlier == payload {
			attempt++
		}
	}
	answer := s.answer
	s.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(payload, attempt)
}

func (s *sink) handle(_ context.Context, msg *pubsub.NewMessage) error {
	return s.take(string(msg.Data))
}

func (s *sink) handleBulk(_ context.Context, msg *pubsub.BulkMessage) ([]pubsub.BulkSubscribeResponseEntry, error) {
	answers := make([]pubsub.BulkSubscribeResponseEntry, len(msg.Entries))
	var failed error
	for i, entry := range msg.Entries {
		answers[i] = pubsub.BulkSubscribeResponseEntry{EntryId: entry.EntryId, Error: s.take(string(entry.Event))}
		if answers[i].Error != nil {
			failed = answers[i].Error
		}
	}
	return answers, failed
}

func (s *sink) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.got...)
}

func (s *sink) count(payload string) (n int) {
	for _, got := range s.all() {
		if got == payload {
			n++
		}
	}
	return n
}

func (s *sink) eventually(t *testing.T, payloads ...string) {
	t.Helper()
	require.Eventuallyf(t, func() bool {
		for _, payload := range payloads {
			if s.count(payload) == 0 {
				return false
			}
		}
		return true
	}, time.Minute, 10*time.Millisecond, "waiting for %v", payloads)
}

func subscribe(t *testing.T, c *Component, topic string, s *sink) (stop context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	require.NoError(t, c.Subscribe(ctx, pubsub.SubscribeRequest{Topic: topic}, s.handle))
	return cancel
}

func bulkSubscribe(t *testing.T, c *Component, topic string, most, waitMs int, handler pubsub.BulkHandler) (stop context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	request := pubsub.SubscribeRequest{Topic: topic, BulkSubscribeConfig: pubsub.BulkSubscribeConfig{MaxMessagesCount: most, MaxAwaitDurationMs: waitMs}}
	require.NoError(t, c.BulkSubscribe(ctx, request, handler))
	return cancel
}
