package app_test

import (
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// closedShop is a service whose copy of the terminal is not open yet.
func closedShop(t *testing.T, patience time.Duration) *fixture {
	f := newFixture(t, clockwork.NewRealClock())
	f.app.Patience = patience
	f.follow(tenantSnapshot(1, true), storeSnapshot(1, "JPY", true), terminalSnapshot(1, event.StatusIdle, cart.Session{}))
	return f
}

func TestATillThatOpensAndSellsInOneBreathIsNotToldThatItIsClosed(t *testing.T) {
	f := closedShop(t, 10*time.Second)
	in := app.CreateCart{Till: f.till(), TransactionType: event.TypeSale}
	made := make(chan error, 1)
	go func() { _, err := f.app.Create(t.Context(), in); made <- err }()
	time.Sleep(50 * time.Millisecond)
	f.follow(terminalSnapshot(2, event.StatusOpened, session1))
	require.NoError(t, <-made)
}

func TestATillThatStaysClosedIsToldSoInTheEnd(t *testing.T) {
	f := closedShop(t, 60*time.Millisecond)
	_, err := f.app.Create(t.Context(), app.CreateCart{Till: f.till(), TransactionType: event.TypeSale})
	assert.True(t, problem.Is(err, cart.TerminalNotOpened), "%v", err)
	assert.Len(t, f.out.wanted(), 1, "the copy may be out of date")
	_, err = f.app.Create(t.Context(), app.CreateCart{Till: f.till(), TransactionType: event.TypeSale})
	assert.True(t, problem.Is(err, cart.TerminalNotOpened), "%v", err)
	assert.Len(t, f.out.wanted(), 1, "but it is not asked for at every try")
}
