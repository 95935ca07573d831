package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
)

// slowly is a store whose log takes few leaves at a time, so that little is much.
type slowly struct{ app.Store }

func (s slowly) Unlogged(ctx context.Context, tenant string, limit int) ([]proof.Leaf, error) {
	return s.Store.Unlogged(ctx, tenant, min(limit, 3))
}

// The log of a journal that an older program wrote has everything to make. It is made turn by turn, also
// over a crash; until then no checkpoint is signed, and whoever asks is told so.
func TestALogThatLacksMuchIsMadeTurnByTurn(t *testing.T) {
	b := newBench(t)
	b.provision("acme", "bolt")
	shopDay(b, 40) // 163 events; a turn is 60
	b.store.Store = slowly{b.store.Store}
	size := func() uint64 {
		n, err := b.store.LogSize(t.Context(), "acme")
		require.NoError(t, err)
		return n
	}
	checkpoints := func() int {
		list, err := b.store.Checkpoints(t.Context(), "acme", app.CheckpointQuery{Limit: 9})
		require.NoError(t, err)
		return len(list)
	}
	app.SweepLog(t.Context(), b.app)
	assert.Equal(t, uint64(60), size())
	assert.InDelta(t, 103, b.metric("tillroll_journal_log_behind_events"), 0)
	list, err := b.store.Checkpoints(t.Context(), "bolt", app.CheckpointQuery{Limit: 9})
	require.NoError(t, err)
	assert.Len(t, list, 1, "nobody else waits for it")

	_, err = b.app.Proof.Checkpoint(t.Context(), "acme")
	require.Equal(t, problem.Unavailable, problem.Of(err).Kind)
	assert.ErrorContains(t, err, "is being made")
	assert.Equal(t, uint64(120), size(), "who asks lends a hand")
	assert.Zero(t, checkpoints())
	v, err := b.app.Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	assert.True(t, v.Holds(), "%+v", v.Log.Bad)
	assert.Equal(t, uint64(43), v.Log.Waiting)

	b.restart()
	b.store.Store = slowly{b.store.Store}
	app.SweepLog(t.Context(), b.app)
	assert.Equal(t, uint64(163), size())
	assert.Equal(t, 1, checkpoints())
	assert.Zero(t, b.metric("tillroll_journal_log_behind_events"))
	v, err = b.app.Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	assert.Zero(t, v.Log.Waiting)
	b.holds("acme")
}

// Turn follows turn without anybody's commit.
func TestALogThatIsBehindGoesOnByItself(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	shopDay(b, 60) // 243 events; a turn is 60
	b.restart()
	b.store.Store = slowly{b.store.Store}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.RunLog(ctx, b.app) }()
	require.Eventually(t, func() bool {
		b.clock.Advance(time.Second)
		list, err := b.store.Checkpoints(t.Context(), "acme", app.CheckpointQuery{Limit: 1})
		return err == nil && len(list) == 1 && list[0].Size == 243
	}, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}
