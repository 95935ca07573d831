package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

func TestMoneyIsTakenOnlyWhileSomebodyIsSignedIn(t *testing.T) {
	f := newShop(t)
	unpaid, owed, done := f.create(), f.paid(), f.bill(f.paid())
	unpaid, err := f.app.AddItems(t.Context(), f.on(unpaid), rice("1"))
	require.NoError(t, err)

	signedOut := terminalSnapshot(2, event.StatusOpened, session1)
	signedOut.Terminal.Staff = nil
	f.follow(signedOut)
	events := len(f.recordedEvents())
	_, err = f.app.Pay(t.Context(), f.on(unpaid), cashOf("200"))
	assert.True(t, problem.Is(err, cart.NobodySignedIn), "%v", err)
	_, err = f.app.Bill(t.Context(), f.on(owed))
	assert.True(t, problem.Is(err, cart.NobodySignedIn), "%v", err)
	assert.Len(t, f.recordedEvents(), events)
	again, err := f.app.Bill(t.Context(), f.on(done))
	require.NoError(t, err, "what was billed is told again")
	assert.Equal(t, done.Numbers, again.Numbers)
	_, err = f.app.Cancel(t.Context(), f.on(unpaid))
	require.NoError(t, err, "what nobody wants any more can be cancelled")

	f.follow(terminalSnapshot(3, event.StatusOpened, session1))
	f.bill(owed)
}

// The till signs in and bills in one breath: the snapshot of the sign-in is a moment late.
func TestALateSignInIsWaitedFor(t *testing.T) {
	f := newBusyShop(t)
	f.app.Patience = 10 * time.Second
	owed := f.paid()
	signedOut := terminalSnapshot(2, event.StatusOpened, session1)
	signedOut.Terminal.Staff = nil
	f.follow(signedOut)
	in := f.on(owed)
	var billed cart.Cart
	var err error
	done := make(chan struct{})
	go func() { billed, err = f.app.Bill(t.Context(), in); close(done) }()
	time.Sleep(50 * time.Millisecond)
	f.follow(terminalSnapshot(3, event.StatusOpened, session1))
	<-done
	require.NoError(t, err)
	assert.Equal(t, cart.Completed, billed.Status)
}
