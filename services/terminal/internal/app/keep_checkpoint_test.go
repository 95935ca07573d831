package app_test

import (
	"context"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/apptest"
)

// signed is a status of the journal that brings a checkpoint.
func signed(t *testing.T, tenant string, size uint64, root byte) (*event.JournalStatus, proof.Checkpoint) {
	t.Helper()
	private, _, err := proof.NewKey(nil)
	require.NoError(t, err)
	signer, _, err := proof.NewSigner(private)
	require.NoError(t, err)
	c, err := signer.Sign(proof.Checkpoint{Tenant: tenant, Size: size, Root: proof.Hash{root}, Time: time.Now()})
	require.NoError(t, err)
	return &event.JournalStatus{Envelope: event.Envelope{TenantID: "acme"}, Checkpoint: c.Note}, c
}

// closes closes the till and gives the receipt.
func closes(t *testing.T, w *apptest.World, a *app.App) string {
	t.Helper()
	w.Open(till)
	closing := app.Close{Terminal: till, Request: request(t, time.Now().Format("close-150405.000000000"), "close"), Force: true}
	done, err := a.Close(t.Context(), closing)
	require.NoError(t, err)
	require.NotNil(t, done.Log)
	assert.Contains(t, done.Log.JournalText, "精 算")
	_, err = a.SignOut(t.Context(), till, "")
	require.NoError(t, err)
	return done.Log.ReceiptText
}

func TestTheCloseReceiptShowsTheNewestCheckpoint(t *testing.T) {
	w := real(t, brief)
	assert.NotContains(t, closes(t, w, w.App), "検証値", "none is known yet")
	status, c := signed(t, "acme", 700, 7)
	w.App.KeepCheckpoint(t.Context(), status)
	receipt := closes(t, w, w.App)
	assert.Contains(t, receipt, "700\n"+proof.ShortRoot(c.Root))
	older, _ := signed(t, "acme", 600, 6)
	foreign, _ := signed(t, "bolt", 900, 9)
	for _, s := range []*event.JournalStatus{older, foreign, {Checkpoint: "nonsense"}, {}} {
		w.App.KeepCheckpoint(t.Context(), s)
	}
	assert.Contains(t, closes(t, w, w.App), "700\n")
	newer, _ := signed(t, "acme", 800, 8)
	w.App.KeepCheckpoint(t.Context(), newer)
	assert.Contains(t, closes(t, w, w.App), "800\n", "what is not written down yet is remembered")
	assert.Contains(t, closes(t, w, app.New(w.App.Needs)), "700\n", "after a restart the one that was written down")
}

func TestACheckpointIsWrittenDownOnceAMinute(t *testing.T) {
	clock := clockwork.NewFakeClockAt(time.Now())
	w := apptest.New(t, clock, brief)
	store := &counting{Store: w.App.Store}
	needs := w.App.Needs
	needs.Store = store
	a := app.New(needs)
	for size := range uint64(10) {
		status, _ := signed(t, "acme", 100+size, 1)
		a.KeepCheckpoint(t.Context(), status)
	}
	assert.Equal(t, 1, store.writes)
	clock.Advance(time.Minute)
	for size := range uint64(10) {
		status, _ := signed(t, "acme", 200+size, 1)
		a.KeepCheckpoint(t.Context(), status)
	}
	assert.Equal(t, 2, store.writes)
}

func TestTwoHistoriesOfOneLengthAreAnAlert(t *testing.T) {
	w := real(t, brief)
	needs := w.App.Needs
	core, logs := observer.New(zap.ErrorLevel)
	needs.Log = zap.New(core)
	a := app.New(needs)
	one, _ := signed(t, "acme", 700, 1)
	other, _ := signed(t, "acme", 700, 2)
	a.KeepCheckpoint(t.Context(), one)
	a.KeepCheckpoint(t.Context(), one)
	assert.Zero(t, logs.Len())
	a.KeepCheckpoint(t.Context(), other)
	require.Equal(t, 1, logs.Len())
	assert.Contains(t, logs.All()[0].Message, "two different histories")
}

// A journal that is written anew while this service is down is found out when it is up again.
func TestTwoHistoriesAreFoundOutAfterARestart(t *testing.T) {
	w := real(t, brief)
	one, _ := signed(t, "acme", 700, 1)
	w.App.KeepCheckpoint(t.Context(), one)
	needs := w.App.Needs
	core, logs := observer.New(zap.WarnLevel)
	needs.Log = zap.New(core)
	a := app.New(needs)
	other, _ := signed(t, "acme", 700, 2)
	foreign, _ := signed(t, "bolt", 700, 3)
	foreign.TenantID = "bolt"
	a.KeepCheckpoint(t.Context(), foreign)
	assert.Zero(t, logs.Len(), "of another tenant nothing is known")
	a.KeepCheckpoint(t.Context(), other)
	require.Equal(t, 1, logs.Len())
	assert.Contains(t, logs.All()[0].Message, "two different histories")
	a = app.New(needs)
	a.KeepCheckpoint(t.Context(), one)
	assert.Equal(t, 1, logs.Len(), "the same again is no other history")
}

// counting counts writes.
type counting struct {
	state.Store
	writes int
}

func (c *counting) Write(ctx context.Context, ops ...state.Op) error {
	c.writes++
	return c.Store.Write(ctx, ops...)
}
