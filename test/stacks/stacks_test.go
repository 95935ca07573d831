// Package stacks_test plays one scenario on every kind of stack: what is promised on components/local
// and SQLite holds on Redis, under the stock Dapr CLI, and with the journal in MongoDB.
package stacks_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/scenario"
	"github.com/tillroll/tillroll/test/stack"
)

// redis starts a server for the test, or skips it when this machine lacks what a stack on Redis needs.
func redis(t *testing.T, kind stack.Kind) *stack.Redis {
	t.Helper()
	kind.Redis = &stack.Redis{}
	err := kind.Missing()
	var server *stack.Redis
	if err == nil {
		server, err = stack.StartRedis()
	}
	if errors.Is(err, stack.ErrNoRedis) || errors.Is(err, stack.ErrNoDaprCLI) {
		stack.Skip(t, err)
	}
	require.NoError(t, err)
	t.Cleanup(server.Remove)
	return server
}

// start a stack that ends with the test, in order.
func start(t *testing.T, kind stack.Kind, env ...string) *stack.Stack {
	t.Helper()
	s, err := stack.StartKind(kind, os.Stderr, env...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Tail())
		}
		assert.NoError(t, s.Remove(), "the stack did not stop in order")
	})
	require.NoError(t, err)
	return s
}

// The same day of a shop, on every stack.
func TestTheSameDayOnEveryStack(t *testing.T) {
	table := []string{fmt.Sprintf("%-16s %-18s %-18s %s", "pub/sub", "journal", "started by", "a shop's day and its audit")}
	for _, row := range []struct {
		redis, mongo bool
	}{{}, {mongo: true}, {redis: true}, {redis: true, mongo: true}} {
		kind, pubsub, journal, by := stack.Kind{DaprCLI: row.redis}, "JetStream", "SQLite", "our runner"
		if row.redis {
			pubsub, by = "Redis Streams", "dapr run -f dapr"
		}
		if row.mongo {
			journal = "MongoDB"
		}
		result := "skipped"
		t.Run(pubsub+" and "+journal, func(t *testing.T) {
			began := time.Now()
			if row.redis {
				kind.Redis = redis(t, kind)
			}
			result = "FAILED"
			env := []string{"MONGODB_URI="} // whatever the test run was told
			if row.mongo {
				mongo, err := stack.StartMongo()
				require.NoError(t, err)
				t.Cleanup(mongo.Remove)
				journal, env = mongo.Engine, mongo.Env()
			}
			s := start(t, kind, env...)
			scenario.ShopDay(t, s, fmt.Sprintf("day%d", began.UnixNano()%1_000_000_000))
			if !t.Failed() {
				result = fmt.Sprintf("holds (%s)", time.Since(began).Round(100*time.Millisecond))
			}
		})
		table = append(table, fmt.Sprintf("%-16s %-18s %-18s %s", pubsub, journal, by, result))
	}
	stack.Note("%s", strings.Join(table, "\n"))
}

// kill -9 of every service, every sidecar and Redis in turn while tills sell. The Dapr CLI would
// restart nothing, so here components/redis runs under our runner.
func TestKillEverythingOnRedisWhileSalesRun(t *testing.T) {
	server := redis(t, stack.Kind{})
	s := start(t, stack.Kind{Redis: server})
	killRedis := scenario.Victim{Name: "redis-server", Kill: server.KillAndRestart}
	victims := append(scenario.Processes(s, "journal", "cart"), killRedis)
	victims = append(victims, scenario.Processes(s, "terminal", "journal.daprd", "cart.daprd")...)
	victims = append(victims, killRedis)
	victims = append(victims, scenario.Processes(s, "terminal.daprd", "till.daprd", "journal", "cart")...)
	scenario.KillInTurn(t, s, "chaos", victims)
}

// kill -9 of the database under the journal, of the journal, and of both in turn while tills sell.
func TestKillTheDatabaseWhileSalesRun(t *testing.T) {
	mongo, err := stack.StartMongo()
	require.NoError(t, err)
	t.Cleanup(mongo.Remove)
	if !mongo.Started {
		stack.Skip(t, errors.New("the server of MONGODB_URI is not ours to kill"))
	}
	s := start(t, stack.Kind{}, mongo.Env()...)
	kill := scenario.Victim{Name: mongo.Engine, Kill: mongo.KillAndRestart}
	victims := []scenario.Victim{kill, kill}
	victims = append(victims, scenario.Processes(s, "journal")...)
	victims = append(victims, kill)
	victims = append(victims, scenario.Processes(s, "journal.daprd", "cart")...)
	scenario.KillInTurn(t, s, "base", append(victims, kill))
	stack.Note("kill -9 of MongoDB (%s) while tills sell: nothing lost, nothing doubled", mongo.Engine)
}

// Redis says that it has transactions, and writes half of one: the cart service, given such a store
// for its outbox, says so and ends. It talks to the journal's sidecar here, which has one.
func TestAServiceRefusesAnOutboxOnRedis(t *testing.T) {
	server := redis(t, stack.Kind{})
	s := start(t, stack.Kind{Redis: server})
	token, err := s.Secret("journal", "api-token")
	require.NoError(t, err)
	_, http, _ := strings.Cut(s.SidecarURL("journal"), "127.0.0.1:")
	_, grpc, _ := strings.Cut(s.SidecarGRPC("journal"), "127.0.0.1:")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cart := exec.CommandContext(ctx, filepath.Join(s.Root, "bin", "cart")) //nolint:gosec // our own program
	cart.Env = append(os.Environ(), "APP_PORT=1", "APP_API_TOKEN=any", "DAPR_API_TOKEN="+token,
		"DAPR_HTTP_PORT="+http, "DAPR_GRPC_PORT="+grpc, "TILLROLL_STATESTORE=processed")
	out, err := cart.CombinedOutput()
	require.NoError(t, ctx.Err(), "it did not end:\n%s", out)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, string(out), `cart: state component "processed" has no atomic transactions with ETags: use state.sqlite, or state.postgresql with version v2; Redis does not do`)
}
