package doctor

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// probeWait is how long a server may take to answer.
const probeWait = 3 * time.Second

// Redis checks the Redis of `dapr run -f dapr`.
func Redis(ctx context.Context, address, password string) Check {
	const name = "Redis"
	version, err := askRedis(ctx, address, password)
	switch {
	case err != nil && strings.Contains(err.Error(), "NOAUTH"), err != nil && strings.Contains(err.Error(), "WRONGPASS"):
		return Check{name, Warn, fmt.Sprintf("%s wants another password", address), "export TILLROLL_REDIS_PASSWORD=..."}
	case err != nil:
		return Check{name, Warn, fmt.Sprintf("nothing answers at %s (%v); `make run` needs none, `dapr run -f dapr` does", address, err),
			"Start one: dapr init does, or apt-get install redis-server; elsewhere: export TILLROLL_REDIS=HOST:PORT."}
	case !atLeast(version, [2]int{6, 2}):
		return Check{name, Warn, fmt.Sprintf("%s is version %s", address, version), "Redis Streams as Dapr uses them want 6.2 or newer: upgrade it."}
	}
	return fine(name, "%s is version %s", address, version)
}

// askRedis speaks just enough of the protocol: AUTH and INFO, both on one line.
func askRedis(ctx context.Context, address, password string) (version string, err error) {
	dialer := net.Dialer{Timeout: probeWait}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close() //nolint:errcheck // only read from
	if err := conn.SetDeadline(time.Now().Add(probeWait)); err != nil {
		return "", err
	}
	lines := bufio.NewScanner(conn)
	if password != "" {
		fmt.Fprintf(conn, "*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(password), password)
		if lines.Scan() && strings.HasPrefix(lines.Text(), "-") {
			return "", fmt.Errorf("%s", lines.Text())
		}
	}
	fmt.Fprint(conn, "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n")
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "-") {
			return "", fmt.Errorf("%s", line)
		}
		if version, found := strings.CutPrefix(line, "redis_version:"); found {
			return version, nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	return "", fmt.Errorf("it does not speak like Redis")
}

// Mongo is what a MongoDB server says of itself.
type Mongo struct {
	Version, ReplicaSet string
	Sharded             bool
}

// MongoDB checks the journal's server, when the journal is kept in one. hello asks the server.
func MongoDB(uri string, hello func(uri string) (Mongo, error)) Check {
	const name = "MongoDB"
	if uri == "" {
		return fine(name, "MONGODB_URI is not set: the journal is kept in SQLite, which needs no server")
	}
	where := "the server of MONGODB_URI"
	if u, err := url.Parse(uri); err == nil && u.Host != "" {
		where = u.Host // without user and password
	}
	server, err := hello(uri)
	switch {
	case err != nil:
		return Check{name, Fail, fmt.Sprintf("%s cannot be used: %v", where, err), "Start it, or look at MONGODB_URI: host, port, user, password, tls."}
	case server.ReplicaSet == "" && !server.Sharded:
		return Check{name, Fail, where + " stands alone; only a replica set has transactions",
			"Start mongod with --replSet rs0, run rs.initiate() in mongosh once, and add ?replicaSet=rs0 to MONGODB_URI."}
	case !atLeast(server.Version, [2]int{5, 0}):
		return Check{name, Fail, fmt.Sprintf("%s is version %s; the journal needs 5.0", where, server.Version), "Upgrade it, one major version after the other."}
	}
	kind := "replica set " + server.ReplicaSet
	if server.Sharded {
		kind = "a sharded cluster"
	}
	return fine(name, "%s is version %s, %s", where, server.Version, kind)
}

// Service asks a service whether it is ready. expected: the runner says that it runs.
func Service(ctx context.Context, name, address string, expected bool) Check {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/readyz", nil)
	if err != nil {
		return Check{name, Fail, err.Error(), "Look at the address."}
	}
	res, err := http.DefaultClient.Do(req)
	switch {
	case err != nil && !expected:
		return fine(name, "not running")
	case err != nil:
		return Check{name, Fail, fmt.Sprintf("%s does not answer, and it should run: %v", address, err), "make status tells more, make logs SERVICE=" + name + " why."}
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	var answer struct {
		Ready  bool              `json:"ready"`
		Checks map[string]string `json:"checks"`
	}
	if json.NewDecoder(res.Body).Decode(&answer) != nil || res.StatusCode != http.StatusOK && len(answer.Checks) == 0 {
		return Check{name, Fail, fmt.Sprintf("what answers at %s is no service of Tillroll", address), "Stop that, or say where the service is: --" + name + "-url."}
	}
	if answer.Ready {
		return fine(name, "ready at %s", address)
	}
	missing := []string{}
	for what, state := range answer.Checks {
		if state != "ok" {
			missing = append(missing, what)
		}
	}
	return Check{name, Fail, fmt.Sprintf("%s is not ready: %s", address, strings.Join(missing, ", ")), "make logs SERVICE=" + name + " tells why."}
}
