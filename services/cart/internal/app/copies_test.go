package app_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// copyReads counts how often the copy of the terminal is read.
func (f *fixture) copyReads() *int {
	n := 0
	f.store.BeforeGet = func(keys []string) error {
		for _, k := range keys {
			if strings.HasPrefix(k, "copy/terminal/") {
				n++
			}
		}
		return nil
	}
	return &n
}

func TestATillThatSellsHasItsCopyReadOnceASecond(t *testing.T) {
	f := newShop(t)
	f.forgetCopies()
	reads := f.copyReads()
	f.bill(f.paid())
	assert.Equal(t, 1, *reads)
	f.forgetCopies()
	f.bill(f.paid())
	assert.Equal(t, 2, *reads)
}

// What comes to this replica counts at once, however fresh the copy was.
func TestASnapshotCountsAtOnce(t *testing.T) {
	f := newShop(t)
	f.create()
	other := terminalSnapshot(2, event.StatusOpened, session1)
	other.Terminal.APIKeySHA256 = auth.Fingerprint("acme-s1-1.other")
	f.follow(other)
	_, err := f.app.CheckKey(t.Context(), terminal.ID(), apiKey)
	assert.True(t, problem.Is(err, problem.Unauthenticated), "the old key ends with the snapshot of the new one")
	_, err = f.app.CheckKey(t.Context(), terminal.ID(), "acme-s1-1.other")
	require.NoError(t, err)

	f.follow(terminalSnapshot(1, event.StatusOpened, session1)) // late and old
	_, err = f.app.CheckKey(t.Context(), terminal.ID(), apiKey)
	assert.True(t, problem.Is(err, problem.Unauthenticated), "an old snapshot does not bring the old key back")
	f.forgetCopies()
	f.follow(terminalSnapshot(1, event.StatusOpened, session1))
	_, err = f.app.CheckKey(t.Context(), terminal.ID(), apiKey)
	assert.True(t, problem.Is(err, problem.Unauthenticated), "nor when nothing is remembered")

	off := terminalSnapshot(3, event.StatusOpened, session1)
	off.Terminal.IsActive, off.Terminal.APIKeySHA256 = false, other.Terminal.APIKeySHA256
	f.follow(off)
	_, err = f.app.CheckKey(t.Context(), terminal.ID(), "acme-s1-1.other")
	assert.True(t, problem.Is(err, problem.Unauthenticated))
}

// Another replica takes the snapshots: what this one remembers is out of date for a moment, and must
// not cost more than that.
func TestWhatAnotherReplicaHearsCountsSoon(t *testing.T) {
	f := newShop(t)
	_, err := f.twin.CheckKey(t.Context(), terminal.ID(), apiKey)
	require.NoError(t, err)
	opening := terminalSnapshot(2, event.StatusOpened, session1)
	opening.Terminal.APIKeySHA256 = auth.Fingerprint("acme-s1-1.other")
	f.follow(opening)
	_, err = f.twin.CheckKey(t.Context(), terminal.ID(), "acme-s1-1.other")
	require.NoError(t, err, "a new key is looked up")

	// The session is closed and sealed; the other replica still takes the terminal for open.
	f.follow(func() *event.Snapshot {
		s := terminalSnapshot(3, event.StatusClosing, session1)
		s.Terminal.APIKeySHA256 = opening.Terminal.APIKeySHA256
		return s
	}())
	p, err := f.twin.CheckKey(t.Context(), terminal.ID(), "acme-s1-1.other")
	require.NoError(t, err)
	require.Equal(t, event.StatusOpened, app.TillOf(p).Status, "that is the case")
	_, err = f.twin.Create(t.Context(), app.CreateCart{Till: app.TillOf(p), TransactionType: event.TypeSale})
	assert.True(t, problem.Is(err, cart.SessionSealed), "the book decides: %v", err)
	f.forgetCopies()
	p, err = f.twin.CheckKey(t.Context(), terminal.ID(), "acme-s1-1.other")
	require.NoError(t, err)
	assert.Equal(t, event.StatusClosing, app.TillOf(p).Status)
}
