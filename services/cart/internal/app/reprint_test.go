package app_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/layout"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

func TestAReceiptPrintedAgainIsACopyAndIsRecorded(t *testing.T) {
	f := newShop(t)
	c := f.bill(f.paid())
	log, err := f.app.Transaction(t.Context(), terminal, 1)
	require.NoError(t, err)
	in := app.Reprint{Till: f.till(), TransactionNo: 1}
	first, err := f.app.Reprint(t.Context(), in)
	require.NoError(t, err)
	title, rest, _ := strings.Cut(first.ReceiptText, "\n")
	assert.Equal(t, "【 再 発 行 】", strings.TrimSpace(title))
	assert.LessOrEqual(t, layout.Width(title), layout.DefaultWidth)
	assert.Equal(t, log.ReceiptText, rest, "nothing else is different")
	assert.EqualValues(t, 1, first.ReceiptNo)

	second, err := f.app.Reprint(t.Context(), in)
	require.NoError(t, err)
	assert.NotEqual(t, first.ReceiptID, second.ReceiptID, "each copy has an id of its own")
	assert.NotContains(t, []string{first.ReceiptID, second.ReceiptID}, c.ReceiptID)
	history := f.history(c.ID)
	for i, id := range []string{c.ReceiptID, first.ReceiptID, second.ReceiptID} {
		told := history[len(history)-3+i]
		assert.Equal(t, "Sales.ReceiptPrinted", told.EventType)
		assert.Contains(t, string(told.Payload), id)
		assert.Equal(t, "S001", told.UserID)
	}
	f.eventsTellTheCart(c.ID)
	assert.Len(t, f.logs(), 1, "no transaction is made")
}

func TestAReprintIsRepeatedUnderItsKey(t *testing.T) {
	f := newShop(t)
	f.bill(f.paid())
	f.bill(f.paid())
	in := app.Reprint{Till: f.till(), TransactionNo: 1, Repeat: key(t, "k", "reprint 1")}
	first, err := f.app.Reprint(t.Context(), in)
	require.NoError(t, err)
	events := len(f.recordedEvents())
	again, err := f.twin.Reprint(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Len(t, f.recordedEvents(), events)
	in.TransactionNo, in.Repeat = 2, key(t, "k", "reprint 2")
	_, err = f.app.Reprint(t.Context(), in)
	assert.True(t, problem.Is(err, problem.IdempotencyReuse), "%v", err)
}

func TestWhatCannotBePrintedAgain(t *testing.T) {
	f := newShop(t)
	f.bill(f.paid())
	for _, no := range []int64{2, 0, -1, 1 << 62} {
		_, err := f.app.Reprint(t.Context(), app.Reprint{Till: f.till(), TransactionNo: no})
		assert.True(t, problem.Is(err, problem.NotFound), "%d: %v", no, err)
	}
	signedOut := terminalSnapshot(2, event.StatusOpened, session1)
	signedOut.Terminal.Staff = nil
	f.follow(signedOut)
	events := len(f.recordedEvents())
	_, err := f.app.Reprint(t.Context(), app.Reprint{Till: f.till(), TransactionNo: 1})
	assert.True(t, problem.Is(err, cart.NobodySignedIn), "%v", err)
	assert.Len(t, f.recordedEvents(), events)
}
