package app_test

import (
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// prover is a journal that proves, on a database.
func (b *bench) prover(store app.Store) *app.Proof {
	return app.New(app.Config{
		Store: store, Clock: clockwork.NewRealClock(), NewID: outbox.NewID, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
		Signer: b.signer, PublicKey: b.publicKey,
	}).Proof
}

// An administrator of the database puts one in its place in which every hash, the log and even the
// signatures are right: the service itself signs whatever it finds after a start. Only what was kept
// elsewhere tells, and it does, on real files as well as on MongoDB.
func TestADatabaseRebuiltFromTheGroundIsFoundByAKeptCheckpoint(t *testing.T) {
	for engine, open := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			b := newBench(t) // for its keys
			till := tilltest.New("acme", "s1", 1)
			var day []event.Event
			for range 20 {
				day = append(day, till.Sale("10"))
			}
			fill := func(store app.Store) {
				_, err := store.Provision(t.Context(), "acme")
				require.NoError(t, err)
				_, err = store.Commit(t.Context(), "acme", tilltest.Records(t, day...))
				require.NoError(t, err)
			}
			honest := open(t)()
			defer func() { require.NoError(t, honest.Close()) }()
			fill(honest)
			kept, err := b.prover(honest).Checkpoint(t.Context(), "acme")
			require.NoError(t, err)

			day[7].(*event.TranLog).Sales.TotalAmountWithTax = money.MustParse("1")
			day = append(day, till.Sale("11"))
			rebuilt := open(t)()
			defer func() { require.NoError(t, rebuilt.Close()) }()
			fill(rebuilt)
			journal := b.prover(rebuilt)
			now, err := journal.Checkpoint(t.Context(), "acme")
			require.NoError(t, err)
			v, err := journal.Verify(t.Context(), "acme")
			require.NoError(t, err)
			require.True(t, v.Holds(), "by itself it is flawless")

			found, err := journal.Consistency(t.Context(), "acme", kept.Size, 0)
			require.NoError(t, err)
			assert.Error(t, proof.CheckConsistency(kept.Size, now.Size, found.Path, kept.Root, now.Root))
			b.app.Proof = journal
			file := b.export("acme", 100)
			assert.Nil(t, check(t, b.keys(), file))
			fault := check(t, b.keys(), file, kept.Note)
			require.NotNil(t, fault)
			assert.LessOrEqual(t, fault.Index, uint64(7))
			assert.GreaterOrEqual(t, fault.Last, uint64(7))

			// The honest one still continues what was kept.
			found, err = b.prover(honest).Consistency(t.Context(), "acme", kept.Size, 0)
			require.NoError(t, err)
			assert.NoError(t, proof.CheckConsistency(kept.Size, found.To.Size, found.Path, kept.Root, found.To.Root))
		})
	}
}

// A process that goes on signs nothing over a database that was exchanged under it.
func TestADatabaseExchangedUnderARunningJournalIsNotSigned(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	shopDay(b, 5)
	b.checkpoint("acme")
	forged := newBench(t)
	forged.provision("acme")
	till := tilltest.New("acme", "s1", 1)
	for range 40 {
		forged.deliver(till.Sale("1"))
	}
	forged.checkpoint("acme")
	b.store.Store = forged.store.Store
	_, err := b.app.Proof.Checkpoint(t.Context(), "acme")
	require.Error(t, err)
	assert.ErrorContains(t, err, "does not begin with what its last checkpoint says")
}
