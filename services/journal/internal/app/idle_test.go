package app_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// tenantsOf is a store that says it has many tenants, all of them one and the same, and counts what of
// their logs is read and written.
type tenantsOf struct {
	app.Store
	tenants       []string
	reads, writes int
}

func (s *tenantsOf) Tenants(context.Context) ([]string, error) { return s.tenants, nil }

func (s *tenantsOf) Unlogged(ctx context.Context, _ string, limit int) ([]proof.Leaf, error) {
	s.reads++
	return s.Store.Unlogged(ctx, "acme", limit)
}

func (s *tenantsOf) LogSize(ctx context.Context, _ string) (uint64, error) {
	s.reads++
	return s.Store.LogSize(ctx, "acme")
}

func (s *tenantsOf) Checkpoints(ctx context.Context, _ string, q app.CheckpointQuery) ([]proof.Checkpoint, error) {
	s.reads++
	return s.Store.Checkpoints(ctx, "acme", q)
}

func (s *tenantsOf) Row(ctx context.Context, _ string, level int, begin, end uint64) ([]proof.Hash, error) {
	s.reads++
	return s.Store.Row(ctx, "acme", level, begin, end)
}

func (s *tenantsOf) Lease(ctx context.Context, _, holder string, life time.Duration) (bool, error) {
	s.writes++
	return s.Store.Lease(ctx, "acme", holder, life)
}

func (s *tenantsOf) Extend(ctx context.Context, _ string, size uint64, leaves []proof.Leaf, tiles []proof.Tile) error {
	s.writes++
	return s.Store.Extend(ctx, "acme", size, leaves, tiles)
}

func (s *tenantsOf) PutCheckpoint(ctx context.Context, c proof.Checkpoint) error {
	s.writes++
	return s.Store.PutCheckpoint(ctx, c)
}

// Hundreds of tenants in which nothing happens cost a few small reads each, and not one write.
func TestIdleTenantsCostNoWrites(t *testing.T) {
	for engine, open := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			b := newBench(t) // for its keys
			whole := open(t)()
			defer func() { require.NoError(t, whole.Close()) }()
			_, err := whole.Provision(t.Context(), "acme")
			require.NoError(t, err)
			s := &tenantsOf{Store: whole, tenants: []string{"acme"}}
			a := app.New(app.Config{Store: s, Clock: clockwork.NewRealClock(), NewID: outbox.NewID, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Signer: b.signer, PublicKey: b.publicKey})
			till := tilltest.New("acme", "s1", 1)
			commit := func(events ...event.Event) {
				_, err := whole.Commit(t.Context(), "acme", tilltest.Records(t, events...))
				require.NoError(t, err)
			}
			newest := func() uint64 {
				list, err := whole.Checkpoints(t.Context(), "acme", app.CheckpointQuery{Limit: 1, LargestFirst: true})
				require.NoError(t, err)
				require.NotEmpty(t, list)
				return list[0].Size
			}
			app.SweepLog(t.Context(), a)
			assert.Zero(t, newest(), "a tenant without a checkpoint gets one")
			commit(till.Open(), till.Sale("1"))
			app.SweepLog(t.Context(), a)
			assert.Equal(t, uint64(2), newest(), "what another process left is found")

			for i := range 199 {
				s.tenants = append(s.tenants, fmt.Sprintf("idle%d", i))
			}
			s.reads, s.writes = 0, 0
			for range 10 {
				app.SweepLog(t.Context(), a)
			}
			assert.Zero(t, s.writes)
			assert.LessOrEqual(t, s.reads, 10*200*3)
			t.Logf("200 idle tenants, ten rounds: %d reads, %d writes", s.reads, s.writes)

			s.tenants = s.tenants[:1]
			commit(till.Sale("2"))
			app.SweepLog(t.Context(), a)
			assert.Equal(t, uint64(3), newest())
		})
	}
}

// unsigned is a store that cannot keep checkpoints for a while.
type unsigned struct {
	app.Store
	err error
}

func (u *unsigned) PutCheckpoint(ctx context.Context, c proof.Checkpoint) error {
	if u.err != nil {
		return u.err
	}
	return u.Store.PutCheckpoint(ctx, c)
}

// A process that died between the log and its checkpoint leaves no tenant idle.
func TestALogWithoutItsCheckpointIsNotIdle(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	shopDay(b, 1)
	b.checkpoint("acme")
	shopDay(b, 1)
	u := &unsigned{Store: b.store.Store, err: errors.New("away")}
	b.store.Store = u
	app.SweepLog(t.Context(), b.app)
	b.restart()
	app.SweepLog(t.Context(), b.app)
	list, err := b.store.Checkpoints(t.Context(), "acme", app.CheckpointQuery{Limit: 9})
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, uint64(11), list[1].Size)
}
