package doctor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/tillctl/internal/doctor"
)

func expect(t *testing.T, got doctor.Check, status doctor.Status, words ...string) {
	t.Helper()
	assert.Equal(t, status, got.Status, "%+v", got)
	assert.Equal(t, status == doctor.OK, got.Next == "", "a next step goes with what is wrong, and with nothing else: %+v", got)
	for _, word := range words {
		assert.Contains(t, got.Message+" "+got.Next, word)
	}
}

// system knows these programs by what they answer; an error is what an error says.
func system(programs map[string]any, env map[string]string) doctor.System {
	return doctor.System{
		Look: func(name string) (string, error) {
			if _, ok := programs[name]; ok {
				return "/usr/bin/" + name, nil
			}
			return "", os.ErrNotExist
		},
		Run: func(_ context.Context, name string, args ...string) (string, error) {
			switch answer := programs[name].(type) {
			case string:
				return answer, nil
			case func(args []string) (string, error):
				return answer(args)
			}
			return "", os.ErrNotExist
		},
		Env: func(name string) string { return env[name] },
	}
}

func TestCompiler(t *testing.T) {
	expect(t, system(map[string]any{"clang": ""}, nil).Compiler(), doctor.OK, "/usr/bin/clang")
	expect(t, system(map[string]any{"zig": ""}, map[string]string{"CC": "zig"}).Compiler(), doctor.OK, "/usr/bin/zig")
	expect(t, system(nil, nil).Compiler(), doctor.Warn, "make test", "apt-get install gcc")
}

func TestSidecar(t *testing.T) {
	check := func(programs map[string]any) doctor.Check {
		return system(programs, nil).Sidecar(t.Context(), "bin/daprd")
	}
	expect(t, check(map[string]any{"bin/daprd": "1.18.3"}), doctor.OK, "1.18.3")
	expect(t, check(map[string]any{"bin/daprd": "1.17.9"}), doctor.Fail, "1.17.9", "make build")
	expect(t, check(map[string]any{"bin/daprd": "edge"}), doctor.Fail, "edge")
	expect(t, check(nil), doctor.Warn, "not built yet", "make build")
}

func TestStockDapr(t *testing.T) {
	check := func(programs map[string]any) doctor.Check {
		return system(programs, nil).Stock(t.Context(), "daprd")
	}
	expect(t, check(map[string]any{"dapr": "", "daprd": "v2.0.0-rc.1"}), doctor.OK, "enough for `dapr run -f dapr`")
	expect(t, check(map[string]any{"daprd": "1.18.2"}), doctor.Warn, "dapr is not on PATH", "make dapr-cli")
	expect(t, check(map[string]any{"dapr": ""}), doctor.Warn, "no sidecar", "dapr init")
	expect(t, check(map[string]any{"dapr": "", "daprd": "1.14.4"}), doctor.Warn, "version 1.14.4", "dapr uninstall && dapr init")
}

func TestTheRunnerIsAskedForTheLocalStack(t *testing.T) {
	var asked []string
	found := system(map[string]any{"runner": func(args []string) (string, error) {
		asked = args
		return `{"ok":false,"checks":[{"name":"disk","status":"fail","message":"none left","next":"make room"}]}`, errors.New("exit status 1")
	}}, nil).Runner(t.Context(), "runner", "data")
	require.Len(t, found, 1)
	expect(t, found[0], doctor.Fail, "none left", "make room")
	assert.Equal(t, []string{"doctor", "-json", "-data", "data"}, asked)
	missing := system(nil, nil).Runner(t.Context(), "runner", "")
	require.Len(t, missing, 1)
	expect(t, missing[0], doctor.Warn, "could not be asked", "make runner")
	odd := system(map[string]any{"runner": "?"}, nil).Runner(t.Context(), "runner", "")
	require.Len(t, odd, 1)
	expect(t, odd[0], doctor.Warn, "no answer that can be read", "make runner")
}

// redis answers AUTH and INFO, as Redis does.
func redis(t *testing.T, password, info string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // at the end
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close() //nolint:errcheck // at the end
				proven := password == ""
				for lines := bufio.NewScanner(c); lines.Scan(); {
					switch line := lines.Text(); {
					case line == password && password != "":
						proven = true
						fmt.Fprint(c, "+OK\r\n")
					case line == "wrong":
						fmt.Fprint(c, "-WRONGPASS invalid username-password pair\r\n")
					case line == "server" && proven:
						fmt.Fprint(c, info)
						return
					case line == "server":
						fmt.Fprint(c, "-NOAUTH Authentication required.\r\n")
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func TestRedis(t *testing.T) {
	const good = "$40\r\n# Server\r\nredis_version:7.0.15\r\n\r\n"
	expect(t, doctor.Redis(t.Context(), redis(t, "", good), ""), doctor.OK, "version 7.0.15")
	expect(t, doctor.Redis(t.Context(), redis(t, "pw", good), "pw"), doctor.OK, "version 7.0.15")
	expect(t, doctor.Redis(t.Context(), redis(t, "pw", good), ""), doctor.Warn, "wants another password", "TILLROLL_REDIS_PASSWORD")
	expect(t, doctor.Redis(t.Context(), redis(t, "pw", good), "wrong"), doctor.Warn, "wants another password")
	expect(t, doctor.Redis(t.Context(), redis(t, "", "redis_version:5.0.7\r\n"), ""), doctor.Warn, "version 5.0.7", "6.2")
	expect(t, doctor.Redis(t.Context(), redis(t, "", "hello\r\n"), ""), doctor.Warn, "does not speak like Redis")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	expect(t, doctor.Redis(t.Context(), l.Addr().String(), ""), doctor.Warn, "nothing answers", "apt-get install redis-server")
}

func TestMongoDB(t *testing.T) {
	const uri = "mongodb://ann:secret@db.example:27017/?replicaSet=rs0"
	check := func(server doctor.Mongo, err error) doctor.Check {
		got := doctor.MongoDB(uri, func(asked string) (doctor.Mongo, error) { assert.Equal(t, uri, asked); return server, err })
		assert.NotContains(t, got.Message+got.Next, "secret")
		return got
	}
	expect(t, doctor.MongoDB("", nil), doctor.OK, "SQLite")
	expect(t, check(doctor.Mongo{Version: "7.0.2", ReplicaSet: "rs0"}, nil), doctor.OK, "db.example:27017 is version 7.0.2, replica set rs0")
	expect(t, check(doctor.Mongo{Version: "8.0.0", Sharded: true}, nil), doctor.OK, "sharded cluster")
	expect(t, check(doctor.Mongo{Version: "7.0.2"}, nil), doctor.Fail, "stands alone", "rs.initiate()")
	expect(t, check(doctor.Mongo{Version: "4.4.1", ReplicaSet: "rs0"}, nil), doctor.Fail, "needs 5.0", "Upgrade")
	expect(t, check(doctor.Mongo{}, errors.New("server selection timeout")), doctor.Fail, "cannot be used: server selection timeout", "MONGODB_URI")
	bad := doctor.MongoDB("mongodb+srv://ann:sec%ret@", func(string) (doctor.Mongo, error) { return doctor.Mongo{}, errors.New("cannot be read") })
	expect(t, bad, doctor.Fail, "the server of MONGODB_URI")
}

func service(t *testing.T, status int, body, date string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if date != "" {
			w.Header().Set("Date", date)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestServices(t *testing.T) {
	ask := func(address string, expected bool) doctor.Check {
		return doctor.Service(t.Context(), "cart", address, expected)
	}
	expect(t, ask(service(t, 200, `{"ready":true,"checks":{"sidecar":"ok"}}`, ""), true), doctor.OK, "ready at")
	expect(t, ask(service(t, 503, `{"ready":false,"checks":{"sidecar":"Something","database":"ok"}}`, ""), true), doctor.Fail, "not ready: sidecar", "make logs SERVICE=cart")
	expect(t, ask(service(t, 404, `<html>`, ""), true), doctor.Fail, "no service of Tillroll", "--cart-url")
	expect(t, ask(service(t, 404, `{}`, ""), true), doctor.Fail, "no service of Tillroll")
	gone := httptest.NewServer(nil)
	gone.Close()
	expect(t, ask(gone.URL, false), doctor.OK, "not running")
	expect(t, ask(gone.URL, true), doctor.Fail, "it should run", "make status")
	expect(t, ask("http://127.0.0.1:1:2", true), doctor.Fail, "Look at the address")
}

func TestClock(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC) }
	kept := func(synchronised, known bool) func() (bool, bool) {
		return func() (bool, bool) { return synchronised, known }
	}
	at := func(d time.Duration) string { return now().Add(d).Format(http.TimeFormat) }
	folder := t.TempDir()
	file := filepath.Join(folder, "journal.db")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	written := func(d time.Duration) { require.NoError(t, os.Chtimes(file, now().Add(d), now().Add(d))) }

	written(-time.Hour)
	same, other := service(t, 200, "", at(0)), service(t, 200, "", at(90*time.Second))
	expect(t, doctor.Clock(t.Context(), now, kept(true, true), folder, []string{same}), doctor.OK, "keeps it right")
	expect(t, doctor.Clock(t.Context(), now, kept(false, false), "", nil), doctor.OK, "does not tell")
	expect(t, doctor.Clock(t.Context(), now, kept(false, true), folder, nil), doctor.Warn, "no time server", "timedatectl")
	expect(t, doctor.Clock(t.Context(), now, kept(true, true), folder, []string{same, other}), doctor.Fail, "1m30s apart", "chrony")
	written(time.Hour)
	expect(t, doctor.Clock(t.Context(), now, kept(true, true), folder, nil), doctor.Fail, "journal.db", "1h0m0s in the future", "Set the clock")
}

func TestThisMachineCanBeAsked(t *testing.T) {
	here := doctor.Here(os.Getenv)
	path, err := here.Look("go")
	require.NoError(t, err)
	out, err := here.Run(t.Context(), path, "version")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(out, "go version"), out)
	_, _ = doctor.Kept()
}
