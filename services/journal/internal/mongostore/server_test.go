package mongostore

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// server is what the tests run on.
var server struct{ uri, engine string }

// unproven is what only a real server proves.
const unproven = `UNPROVEN on the stand-in: that the real planner takes the indexes; that a role without update and
remove suffices; a step-down in the middle of a commit; the timing of real write conflicts; that what a
majority has on disk survives the loss of a member; sharding; the cost of the text index.`

func TestMain(m *testing.M) {
	if os.Getenv("JOURNAL_SELLER_URI") != "" {
		seller()
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "mongostore")
	must(err)
	stop, err := start(dir)
	if err == nil {
		fmt.Println("engine:", server.engine)
		if strings.HasPrefix(server.engine, "stand-in") {
			fmt.Println(unproven)
		}
	} else {
		fmt.Println("engine: none:", err)
	}
	code := m.Run()
	if stop != nil {
		stop()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// start takes the first server that is there: MONGODB_URI, mongod on the path, the stand-in. Docker
// is not tried.
func start(dir string) (stop func(), err error) {
	if uri := os.Getenv("MONGODB_URI"); uri != "" {
		server.uri, server.engine = uri, "MONGODB_URI"
		return nil, nil
	}
	if path, err := exec.LookPath("mongod"); err == nil {
		return startMongod(path, dir)
	}
	return startStandIn(dir)
}

func startMongod(path, dir string) (func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().(*net.TCPAddr)
	_ = l.Close()
	cmd := exec.Command(path, "--dbpath", dir, "--port", fmt.Sprint(address.Port), "--bind_ip", "127.0.0.1", "--replSet", "rs0", "--quiet")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	direct, err := mongo.Connect(ctx, options.Client().ApplyURI(fmt.Sprintf("mongodb://%s/?directConnection=true", address)))
	if err != nil {
		return stop, err
	}
	defer func() { _ = direct.Disconnect(ctx) }()
	set := bson.D{{Key: "_id", Value: "rs0"}, {Key: "members", Value: bson.A{bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: address.String()}}}}}
	if err := direct.Database("admin").RunCommand(ctx, bson.D{{Key: "replSetInitiate", Value: set}}).Err(); err != nil {
		return stop, err
	}
	server.uri, server.engine = fmt.Sprintf("mongodb://%s/?replicaSet=rs0", address), "mongod "+path
	return stop, nil
}

func startStandIn(dir string) (func(), error) {
	binary := filepath.Join(dir, "standin")
	build := exec.Command("go", "build", "-C", "../../../../test/standin", "-o", binary, "./cmd/standin")
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the stand-in: %w\n%s", err, out)
	}
	cmd := exec.Command(binary)
	in, err := cmd.StdinPipe() // it ends when this closes
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() }
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, uri, ok := strings.Cut(lines.Text(), "mongodb://"); ok {
			server.uri, server.engine = "mongodb://"+strings.Fields(uri)[0], "stand-in"
			return stop, nil
		}
	}
	stop()
	return nil, fmt.Errorf("the stand-in ended: %w", lines.Err())
}

var namespaces atomic.Int64

// databases gives names that no other test and no other run has.
func databases() Config {
	base := fmt.Sprintf("t%d_%d_", time.Now().UnixNano()%1_000_000_000, namespaces.Add(1))
	return Config{URI: server.uri, Clock: clockwork.NewRealClock(), Platform: base + "p", TenantPrefix: base + "j_"}
}

// open gives an empty store; its databases go with it.
func open(t testing.TB) *Store { return openAs(t, databases()) }

func openAs(t testing.TB, cfg Config) *Store {
	t.Helper()
	if server.uri == "" {
		t.Fatal("no MongoDB server: set MONGODB_URI, install mongod, or make test/standin build")
	}
	s, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		tenants, _ := s.Tenants(ctx)
		for _, tenant := range tenants {
			_ = s.database(tenant).Drop(ctx)
		}
		_ = s.platform.Drop(ctx)
		require.NoError(t, s.Close())
	})
	return s
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
