package finder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readpref"
)

// How long things may take.
const (
	startWait  = time.Minute     // a server, to answer and to become primary
	dockerWait = 5 * time.Second // the Docker daemon, to say that it is there
	pullWait   = 10 * time.Minute
	pause      = 100 * time.Millisecond
)

// startMongod starts a replica set of one member in a temporary folder.
func startMongod(ctx context.Context, _ bool) (*Found, error) {
	path, err := exec.LookPath("mongod")
	if err != nil {
		return nil, errAbsent
	}
	dir, err := os.MkdirTemp("", "tillroll-mongod-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	key, log := filepath.Join(dir, "key"), filepath.Join(dir, "log")
	if err := os.WriteFile(key, []byte(strings.Repeat(rand.Text(), 4)), 0o600); err != nil {
		return nil, err
	}
	flags := append([]string{"--dbpath", dir, "--port", port, "--bind_ip", "127.0.0.1", "--keyFile", key, "--logpath", log, "--logappend"}, member...)
	cmd := exec.Command(path, flags...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	kill := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	stop := func() error {
		kill()
		return os.RemoveAll(dir)
	}
	uri := "mongodb://127.0.0.1:" + port + "/?replicaSet=" + setName
	if err := initiate(ctx, uri, port); err != nil {
		said, _ := os.ReadFile(log)
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, said), stop())
	}
	restart := func() error {
		kill()
		cmd = exec.Command(path, flags...)
		if err := cmd.Start(); err != nil {
			return err
		}
		return answers(ctx, withAdmin(uri))
	}
	return &Found{URI: withAdmin(uri), Engine: path, Offers: []string{"failpoints", "admin"}, stop: stop, restart: restart}, nil
}

// image is the server that Docker runs.
const image = "mongo:7"

// startDocker starts the same in a container. Unless Docker is asked for, it must have the image
// already: a test run does not begin with a download of several hundred megabytes.
func startDocker(ctx context.Context, asked bool) (*Found, error) {
	short, cancel := context.WithTimeout(ctx, dockerWait)
	defer cancel()
	if err := exec.CommandContext(short, "docker", "version", "--format", "{{.Server.Version}}").Run(); err != nil {
		return nil, errAbsent
	}
	if err := exec.CommandContext(short, "docker", "image", "inspect", image).Run(); err != nil && !asked {
		return nil, errAbsent
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	long, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	// The key file must belong to who runs mongod, so it is made inside.
	script := "[ -f /tmp/key ] || { head -c 256 /dev/urandom | base64 -w0 > /tmp/key && chmod 400 /tmp/key; }; exec mongod --bind_ip_all --keyFile /tmp/key --port " +
		port + " " + strings.Join(member, " ")
	out, err := exec.CommandContext(long, "docker", "run", "-d", "-p", "127.0.0.1:"+port+":"+port, "--entrypoint", "bash", image, "-c", script).Output()
	if err != nil {
		return nil, fmt.Errorf("docker run: %w", err)
	}
	container := strings.TrimSpace(string(out))
	stop := func() error { return exec.Command("docker", "rm", "-f", "-v", container).Run() }
	// A server lets its first user be made from the same host only: from inside.
	inside := fmt.Sprintf(`
for (let i = 0; i < 300; i++) { try { rs.initiate({_id: %q, members: [{_id: 0, host: "127.0.0.1:%s"}]}); break } catch (e) { if (e.code === 23) break; sleep(200) } }
while (!db.hello().isWritablePrimary) sleep(100);
db.getSiblingDB("admin").createUser({user: %q, pwd: %q, roles: ["root"]})`, setName, port, adminName, adminPassword)
	for until := time.Now().Add(startWait); ; time.Sleep(pause) {
		said, err := exec.CommandContext(ctx, "docker", "exec", container, "mongosh", "--quiet", "--port", port, "--eval", inside).CombinedOutput()
		if err == nil {
			break
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("docker exec mongosh: %w\n%s", err, said), stop())
		}
	}
	uri := "mongodb://127.0.0.1:" + port + "/?replicaSet=" + setName
	restart := func() error {
		if err := exec.Command("docker", "restart", "-t", "0", container).Run(); err != nil {
			return err
		}
		return answers(ctx, withAdmin(uri))
	}
	return &Found{URI: withAdmin(uri), Engine: image + " in Docker", Offers: []string{"failpoints", "admin"}, stop: stop, restart: restart}, nil
}

const setName = "rs0"

// member are the flags of every server that is started: a replica set, with the fail points of
// MongoDB's own tests.
var member = []string{"--replSet", setName, "--setParameter", "enableTestCommands=1", "--quiet"}

// initiate makes a replica set of a server that has just started, and its first user.
func initiate(ctx context.Context, uri, port string) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	direct, err := mongo.Connect(ctx, options.Client().ApplyURI("mongodb://127.0.0.1:"+port+"/?directConnection=true"))
	if err != nil {
		return err
	}
	defer func() { _ = direct.Disconnect(ctx) }()
	host := bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: "127.0.0.1:" + port}}
	set := bson.D{{Key: "_id", Value: setName}, {Key: "members", Value: bson.A{host}}}
	if err := direct.Database("admin").RunCommand(ctx, bson.D{{Key: "replSetInitiate", Value: set}}).Err(); err != nil {
		return fmt.Errorf("replSetInitiate: %w", err)
	}
	return makeAdmin(ctx, uri)
}

// makeAdmin makes the first user, as soon as there is a primary.
func makeAdmin(ctx context.Context, uri string) error {
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri).SetServerSelectionTimeout(startWait))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(ctx) }()
	err = client.Database("admin").RunCommand(ctx, bson.D{{Key: "createUser", Value: adminName}, {Key: "pwd", Value: adminPassword}, {Key: "roles", Value: bson.A{"root"}}}).Err()
	if err != nil {
		return fmt.Errorf("createUser: %w", err)
	}
	return nil
}

// answers waits until a server takes writes.
func answers(ctx context.Context, uri string) error {
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri).SetServerSelectionTimeout(startWait))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(ctx) }()
	return client.Ping(ctx, readpref.Primary())
}

// Drop drops all databases whose names begin with prefix.
func Drop(ctx context.Context, uri, prefix string) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(ctx) }()
	names, err := client.ListDatabaseNames(ctx, bson.D{})
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			err = errors.Join(err, client.Database(name).Drop(ctx))
		}
	}
	return err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}
