package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// actAsBroker makes the test binary run the broker's main, so that a test can
// kill a real process without building one first.
const actAsBroker = "TILLROLL_TEST_ACT_AS_BROKER"

func TestMain(m *testing.M) {
	if os.Getenv(actAsBroker) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a broker running as a process of its own.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	url   string
	lines []map[string]any
}

// start runs a broker on a free port and waits until it is ready.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: command(append([]string{"-port", "0"}, args...)...)}
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = os.Stderr
	require.NoError(t, p.cmd.Start())
	t.Cleanup(p.kill)
	p.awaitReady(bufio.NewScanner(stdout))
	return p
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), actAsBroker+"=1")
	return cmd
}

func (p *process) awaitReady(out *bufio.Scanner) {
	p.t.Helper()
	for out.Scan() {
		var line map[string]any
		require.NoErrorf(p.t, json.Unmarshal(out.Bytes(), &line), "every line is JSON, this is not: %s", out.Text())
		p.lines = append(p.lines, line)
		if line["msg"] == "broker ready" {
			p.url = line["url"].(string)
			go func() {
				for out.Scan() { // or the broker would block on a full pipe
				}
			}()
			return
		}
	}
	p.t.Fatalf("the broker ended before it was ready: %v", p.lines)
}

func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
}

// refused runs a broker that is expected not to start and gives its last words.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), actAsBroker+"=1")
	out, err := cmd.Output()
	require.Error(t, err, "the broker must exit with a failure")
	require.NoError(t, ctx.Err(), "the broker must not hang")
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var last map[string]any
	require.NoError(t, json.Unmarshal(lines[len(lines)-1], &last))
	require.Equal(t, "error", last["level"])
	return last["error"].(string)
}

func connect(t *testing.T, url string, options ...nats.Option) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	nc, err := nats.Connect(url, append(options, nats.NoReconnect())...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return nc, js
}

func stream(t *testing.T, js jetstream.JetStream, topic string) jetstream.Stream {
	t.Helper()
	s, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: topic, Subjects: []string{topic}, Storage: jetstream.FileStorage})
	require.NoError(t, err)
	return s
}

func usersFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "broker.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

const cartAndAdmin = `{"users":[
	{"user":"cart","password":"cart-secret","publish":["topic-tranlog","topic-events"]},
	{"user":"ops","password":"ops-secret"}
]}`

func TestStrangersAreRefused(t *testing.T) {
	broker := start(t, "-dir", t.TempDir(), "-users", usersFile(t, cartAndAdmin))
	for name, options := range map[string][]nats.Option{
		"no credentials": nil,
		"wrong password": {nats.UserInfo("cart", "guess")},
		"no password":    {nats.UserInfo("cart", "")},
		"unknown user":   {nats.UserInfo("nobody", "cart-secret")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := nats.Connect(broker.url, append(options, nats.NoReconnect())...)
			require.ErrorIs(t, err, nats.ErrAuthorization)
		})
	}
}

func TestAUserPublishesToItsOwnTopicsOnly(t *testing.T) {
	broker := start(t, "-dir", t.TempDir(), "-users", usersFile(t, cartAndAdmin))
	violations := make(chan error, 10)
	nc, js := connect(t, broker.url, nats.UserInfo("cart", "cart-secret"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { violations <- err }))

	stream(t, js, "topic-tranlog")
	_, err := js.Publish(t.Context(), "topic-tranlog", []byte("sale"))
	require.NoError(t, err, "its own topic")

	require.NoError(t, nc.Publish("topic-cashlog", []byte("forged")))
	requireViolation(t, violations, "topic-cashlog")

	_, err = nc.SubscribeSync("topic-events")
	require.NoError(t, err)
	requireViolation(t, violations, "topic-events")

	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.Error(t, js.DeleteStream(short, "topic-tranlog"), "nobody deletes stored messages")
	requireViolation(t, violations, "STREAM.DELETE")
}

// Two services with lists, as tillctl init writes them: each takes what it subscribes to with consumers
// of its own, and sees and does nothing else.
func TestAUserTakesFromItsOwnTopicsOnly(t *testing.T) {
	broker := start(t, "-dir", t.TempDir(), "-users", usersFile(t, `{"users":[
		{"user":"cart","password":"c","publish":["topic-tranlog"],"subscribe":["topic-status"]},
		{"user":"journal","password":"j","publish":["topic-status"],"subscribe":["topic-tranlog"]}]}`))
	violations := make(chan error, 10)
	as := func(user, password string) (*nats.Conn, jetstream.JetStream) {
		return connect(t, broker.url, nats.UserInfo(user, password), nats.CustomInboxPrefix("_INBOX."+user),
			nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { violations <- err }))
	}
	cart, cartStreams := as("cart", "c")
	_, journalStreams := as("journal", "j")
	stream(t, cartStreams, "topic-tranlog")
	_, err := cartStreams.Publish(t.Context(), "topic-tranlog", []byte("sale"))
	require.NoError(t, err)
	consumer, err := stream(t, journalStreams, "topic-tranlog").CreateOrUpdateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "journal", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	taken, err := consumer.Fetch(1, jetstream.FetchMaxWait(5*time.Second))
	require.NoError(t, err)
	for msg := range taken.Messages() {
		require.Equal(t, "sale", string(msg.Data()))
		require.NoError(t, msg.DoubleAck(t.Context()))
	}
	require.NoError(t, taken.Error())
	for _, forbidden := range []string{
		"topic-status", "$JS.API.CONSUMER.CREATE.topic-tranlog.cart", "$JS.API.CONSUMER.DURABLE.CREATE.topic-tranlog.cart", "$JS.API.CONSUMER.CREATE.topic-tranlog",
		"$JS.API.CONSUMER.MSG.NEXT.topic-tranlog.journal", "$JS.API.CONSUMER.MSG.NEXT.topic-status.journal", "$JS.ACK.topic-tranlog.journal.1.1.1.1.1",
		"$JS.API.STREAM.MSG.GET.topic-tranlog", "$JS.API.DIRECT.GET.topic-tranlog", "$JS.API.STREAM.CREATE.copy", "$JS.API.STREAM.UPDATE.topic-events",
		"$JS.API.STREAM.PURGE.topic-tranlog", "$JS.API.CONSUMER.DELETE.topic-status.cart", "$JS.API.STREAM.LIST", "_INBOX.journal.x",
	} {
		require.NoError(t, cart.Publish(forbidden, []byte("{}")))
		requireViolation(t, violations, forbidden)
	}
	for _, foreign := range []string{"topic-tranlog", "_INBOX.>", "_INBOX.journal.>", ">"} {
		_, err := cart.SubscribeSync(foreign)
		require.NoError(t, err)
		requireViolation(t, violations, foreign)
	}
}

func TestAUserWithoutAListPublishesToEveryTopic(t *testing.T) {
	broker := start(t, "-dir", t.TempDir(), "-users", usersFile(t, cartAndAdmin))
	_, js := connect(t, broker.url, nats.UserInfo("ops", "ops-secret"))
	for _, topic := range []string{"topic-cashlog", "anything"} {
		stream(t, js, topic)
		_, err := js.Publish(t.Context(), topic, []byte("x"))
		require.NoError(t, err)
	}
}

// tillctl events tail is such a user.
func TestAViewerReadsStoredMessagesAndDoesNothingElse(t *testing.T) {
	broker := start(t, "-dir", t.TempDir(), "-users", usersFile(t, `{"users":[
		{"user":"ops","password":"ops-secret"},{"user":"viewer","password":"viewer-secret","view":true}]}`))
	_, js := connect(t, broker.url, nats.UserInfo("ops", "ops-secret"))
	stream(t, js, "topic-tranlog")
	_, err := js.Publish(t.Context(), "topic-tranlog", []byte("sale"))
	require.NoError(t, err)

	violations := make(chan error, 10)
	nc, _ := connect(t, broker.url, nats.UserInfo("viewer", "viewer-secret"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { violations <- err }))
	answer, err := nc.Request("$JS.API.STREAM.LIST", nil, 5*time.Second)
	require.NoError(t, err)
	require.Contains(t, string(answer.Data), "topic-tranlog")
	answer, err = nc.Request("$JS.API.STREAM.MSG.GET.topic-tranlog", []byte(`{"seq":1}`), 5*time.Second)
	require.NoError(t, err)
	require.Contains(t, string(answer.Data), base64.StdEncoding.EncodeToString([]byte("sale")))
	for _, forbidden := range []string{
		"topic-tranlog", "$JS.API.CONSUMER.CREATE.topic-tranlog", "$JS.API.CONSUMER.DURABLE.CREATE.topic-tranlog.journal",
		"$JS.API.CONSUMER.MSG.NEXT.topic-tranlog.journal", "$JS.ACK.topic-tranlog.journal.1.1.1.1.1", "$JS.API.STREAM.PURGE.topic-tranlog",
		"$JS.API.CONSUMER.DELETE.topic-tranlog.journal", "$JS.API.STREAM.CREATE.other", "_INBOX.somebody",
	} {
		require.NoError(t, nc.Publish(forbidden, []byte("{}")))
		requireViolation(t, violations, forbidden)
	}
}

func requireViolation(t *testing.T, violations <-chan error, about string) {
	t.Helper()
	select {
	case err := <-violations:
		require.ErrorIs(t, err, nats.ErrPermissionViolation)
		require.Contains(t, err.Error(), about)
	case <-time.After(5 * time.Second):
		t.Fatalf("no permission violation for %s", about)
	}
}

func TestMessagesSurviveAKill(t *testing.T) {
	dir := t.TempDir()
	broker := start(t, "-dir", dir, "-insecure")
	_, js := connect(t, broker.url)
	stream(t, js, "topic-tranlog")
	for i := range 100 {
		_, err := js.Publish(t.Context(), "topic-tranlog", []byte(strconv.Itoa(i)))
		require.NoError(t, err)
	}
	broker.kill()

	broker = start(t, "-dir", dir, "-insecure")
	_, js = connect(t, broker.url)
	s, err := js.Stream(t.Context(), "topic-tranlog")
	require.NoError(t, err)
	require.EqualValues(t, 100, s.CachedInfo().State.Msgs)
	last, err := s.GetMsg(t.Context(), 100)
	require.NoError(t, err)
	require.Equal(t, "99", string(last.Data))
}

func TestAWipedFolderIsAFreshStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "broker")
	broker := start(t, "-dir", dir, "-insecure")
	_, js := connect(t, broker.url)
	stream(t, js, "topic-tranlog")
	broker.kill()
	require.NoError(t, os.RemoveAll(dir))

	broker = start(t, "-dir", dir, "-insecure")
	_, js = connect(t, broker.url)
	_, err := js.Stream(t.Context(), "topic-tranlog")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	stream(t, js, "topic-tranlog")
}

func TestSignalsStopItInOrder(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		broker := start(t, "-dir", t.TempDir(), "-insecure")
		require.NoError(t, broker.cmd.Process.Signal(signal))
		require.NoError(t, broker.cmd.Wait(), "exit code 0 after %s", signal)
	}
}

func TestLogLinesHaveTheKeysOfTheServices(t *testing.T) {
	broker := start(t, "-dir", t.TempDir(), "-insecure")
	for _, line := range broker.lines {
		for _, key := range []string{"ts", "level", "logger", "msg"} {
			require.Containsf(t, line, key, "in %v", line)
		}
		_, err := time.Parse(logTime, line["ts"].(string))
		require.NoError(t, err)
	}
}

func TestAPortInUseIsRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	require.Contains(t, refused(t, "-dir", t.TempDir(), "-insecure", "-port", port), "is in use: stop the program that listens there, or choose another port with -port")
}

func TestAStoreInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	start(t, "-dir", dir, "-insecure")
	require.Contains(t, refused(t, "-dir", dir, "-insecure", "-port", "0"), "is held by another broker")
}

func TestAWrongCommandLineSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no folder":         {[]string{"-insecure"}, "-dir is missing"},
		"no users":          {[]string{"-dir", dir}, "-users is missing"},
		"users and nobody":  {[]string{"-dir", dir, "-users", "x", "-insecure"}, "contradict each other"},
		"no port":           {[]string{"-dir", dir, "-insecure", "-port", "70000"}, "is no port"},
		"no interval":       {[]string{"-dir", dir, "-insecure", "-sync-interval", "0s"}, "too short"},
		"a stray argument":  {[]string{"-dir", dir, "-insecure", "start"}, "unexpected argument"},
		"users not there":   {[]string{"-dir", dir, "-users", filepath.Join(dir, "no.json")}, "no such file"},
		"folder not usable": {[]string{"-dir", "/dev/null/store", "-insecure"}, "check -dir"},
	} {
		t.Run(name, func(t *testing.T) { require.Contains(t, refused(t, c.args...), c.want) })
	}
}

func TestAWrongUsersFileSaysWhatToDo(t *testing.T) {
	for content, want := range map[string]string{
		`{"users":[]}`:                 "names no user",
		`{"users":[{"password":"x"}]}`: "entry 1 has no user name",
		`{"users":[{"user":"cart"}]}`:  `"cart" has no password`,
		`{"users":[{"user":"a","password":"x"},{"user":"a","password":"y"}]}`:      "listed twice",
		`{"users":[{"user":"a","password":"x","publsh":["t"]}]}`:                   `unknown field "publsh"`,
		`{"users":[{"user":"a","password":"x","publish":["topic.*"]}]}`:            "no topic name",
		`{"users":[{"user":"a","password":"x","publish":[">"]}]}`:                  "no topic name",
		`{"users":[{"user":"a","password":"x","publish":["$JS.API.STREAM.x"]}]}`:   "no topic name",
		`{"users":[{"user":"a","password":"x","publish":["_INBOX.somebody"]}]}`:    "no topic name",
		`{"users":[{"user":"a","password":"x","subscribe":["topic"]}]}`:            "list both",
		`{"users":[{"user":"a.b","password":"x","publish":[],"subscribe":[]}]}`:    "such a name has letters",
		`{"users":[{"user":"a","password":"x","publish":[],"subscribe":["a.b"]}]}`: "no plain topic name",
		`{"users":[{"user":"a","password":"x","view":true,"subscribe":[]}]}`:       "a viewer reads everything",
		`{"users":[{"user":"a","password":"x"}]} {"users":[]}`:                     "after the closing brace",
		`users: a`: `it must read {"users"`,
	} {
		_, err := readUsers(usersFile(t, content))
		require.ErrorContains(t, err, want, content)
	}
}

func TestAnEmptyListAllowsNoTopic(t *testing.T) {
	rights := permissions(userEntry{User: "a", Password: "x", Publish: []string{}})
	require.Equal(t, protocolSubjects, rights.Publish.Allow)
}
