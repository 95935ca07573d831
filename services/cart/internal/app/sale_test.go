package app_test

import (
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

func TestASaleFromTheFirstItemToTheReceipt(t *testing.T) {
	f := newShop(t)
	ctx := t.Context()
	c := f.create()
	assert.Equal(t, cart.Idle, c.Status)
	c, err := f.app.AddItems(ctx, f.on(c), []app.ItemEntry{
		{Code: "4900000010015", Quantity: d("3")}, // rice balls by barcode, 130, external 8 %
		{Code: "2001", Quantity: d("1")},          // beer, 228, external 10 %
		{Code: "1005", Quantity: d("0.532")},      // apples, 598 a kilo, external 8 %
		{Code: "2003", Quantity: d("2"), UnitPrice: ptr(d("99"))},
	})
	require.NoError(t, err)
	c, err = f.app.ChangeQuantity(ctx, f.on(c), 1, d("2"))
	require.NoError(t, err)
	c, err = f.app.CancelLine(ctx, f.on(c), 2)
	require.NoError(t, err)
	c, err = f.app.Subtotal(ctx, f.on(c))
	require.NoError(t, err)
	assert.Equal(t, "822", c.Totals.AmountWithTax.String(), "260 + 318 + 46 tax + 198")
	c, err = f.app.Pay(ctx, f.on(c), cashOf("500"))
	require.NoError(t, err)
	c, err = f.app.ResumeItemEntry(ctx, f.on(c))
	require.NoError(t, err)
	c, err = f.app.Subtotal(ctx, f.on(c))
	require.NoError(t, err)
	c, err = f.app.Pay(ctx, f.on(c), []app.PaymentEntry{{Code: "11", Amount: d("322"), Detail: "approval 7"}, {Code: "01", Amount: d("1000")}})
	require.NoError(t, err)
	c = f.bill(c)

	assert.Equal(t, cart.Numbers{TransactionNo: 1, ReceiptNo: 1, GeneratedAt: "2026-03-29T18:08:00.123+09:00"}, c.Numbers)
	assert.Equal(t, "500", c.Totals.Change.String())
	logs := f.logs()
	require.Len(t, logs, 1)
	assert.Equal(t, c.ID, logs[0].CartID)
	assert.Equal(t, "S001", logs[0].Staff.ID)
	assert.EqualValues(t, 5, logs[0].Sales.TotalQuantity)
	stored, err := f.app.Transaction(ctx, terminal, 1)
	require.NoError(t, err)
	assert.Equal(t, form(t, logs[0]), form(t, stored))

	var types []string
	for _, b := range f.history(c.ID) {
		types = append(types, b.EventType)
		assert.Equal(t, "S001", b.UserID)
	}
	assert.Equal(t, []string{
		"Sales.OrderCreated", "Sales.ProductAdded", "Sales.ProductAdded", "Sales.ProductAdded", "Sales.ProductAdded",
		"Sales.ProductQuantityUpdated", "Sales.ProductRemoved", "Sales.OrderSubtotalled", "Sales.PaymentTendered",
		"Sales.PaymentReleased", "Sales.OrderEntryResumed", "Sales.OrderSubtotalled", "Sales.PaymentTendered",
		"Sales.PaymentTendered", "Sales.OrderCompleted", "Sales.ReceiptPrinted",
	}, types)
	f.eventsTellTheCart(c.ID)
}

func ptr[T any](v T) *T { return &v }

// eventsTellTheCart replays what the outbox holds and expects the stored cart and its transaction.
func (f *fixture) eventsTellTheCart(cartID string) {
	f.t.Helper()
	folded, err := cart.Fold(f.history(cartID))
	require.NoError(f.t, err)
	stored, err := f.app.Cart(f.t.Context(), f.till(), cartID)
	require.NoError(f.t, err)
	assert.Equal(f.t, form(f.t, stored), form(f.t, folded))
	if !stored.Status.Ended() {
		return
	}
	log, err := f.app.Transaction(f.t.Context(), terminal, stored.Numbers.TransactionNo)
	require.NoError(f.t, err)
	again := folded.TranLog()
	again.Envelope = log.Envelope
	assert.Equal(f.t, form(f.t, log), form(f.t, again))
}

func TestBillingAgainGivesTheSameSale(t *testing.T) {
	f := newShop(t)
	c := f.bill(f.paid())
	before := f.store.Keys()
	assert.Equal(t, c, f.bill(c))
	assert.Equal(t, before, f.store.Keys())
	assert.Len(t, f.logs(), 1)
}

func TestACancelledCartIsATransactionToo(t *testing.T) {
	f := newShop(t)
	c := f.paid()
	c, err := f.app.Cancel(t.Context(), f.on(c))
	require.NoError(t, err)
	assert.Equal(t, cart.Cancelled, c.Status)
	logs := f.logs()
	require.Len(t, logs, 1)
	assert.True(t, logs[0].Sales.IsCancelled)
	assert.EqualValues(t, 1, logs[0].TransactionNo)
	_, err = f.app.Bill(t.Context(), f.on(c))
	assert.True(t, problem.Is(err, problem.InvalidOperation))
	_, err = f.app.Cancel(t.Context(), f.on(c))
	assert.True(t, problem.Is(err, problem.InvalidOperation))
	next := f.bill(f.paid())
	assert.EqualValues(t, 2, next.Numbers.TransactionNo)
	f.eventsTellTheCart(c.ID)
}

func TestReceiptNumbersRollOverTheirRange(t *testing.T) {
	f := newShop(t)
	f.app.Receipts.First, f.app.Receipts.Last = 111111, 111112
	var receipts []int64
	for range 4 {
		receipts = append(receipts, f.bill(f.paid()).Numbers.ReceiptNo)
	}
	assert.Equal(t, []int64{111111, 111112, 111111, 111112}, receipts)
}

func TestACartIsItsTerminalsOnly(t *testing.T) {
	f := newShop(t)
	c := f.paid()
	stranger := f.on(c)
	stranger.Till.Terminal = identity.Terminal{TenantID: "acme", StoreCode: "s1", TerminalNo: 2}
	_, err := f.app.Cart(t.Context(), stranger.Till, c.ID)
	assert.True(t, problem.Is(err, cart.NotFound))
	for name, do := range map[string]func(app.Command) (cart.Cart, error){
		"add":      func(in app.Command) (cart.Cart, error) { return f.app.AddItems(t.Context(), in, rice("1")) },
		"cancel":   func(in app.Command) (cart.Cart, error) { return f.app.Cancel(t.Context(), in) },
		"line":     func(in app.Command) (cart.Cart, error) { return f.app.CancelLine(t.Context(), in, 1) },
		"quantity": func(in app.Command) (cart.Cart, error) { return f.app.ChangeQuantity(t.Context(), in, 1, d("1")) },
		"subtotal": func(in app.Command) (cart.Cart, error) { return f.app.Subtotal(t.Context(), in) },
		"resume":   func(in app.Command) (cart.Cart, error) { return f.app.ResumeItemEntry(t.Context(), in) },
		"pay":      func(in app.Command) (cart.Cart, error) { return f.app.Pay(t.Context(), in, cashOf("1")) },
		"bill":     func(in app.Command) (cart.Cart, error) { return f.app.Bill(t.Context(), in) },
	} {
		_, err := do(stranger)
		assert.True(t, problem.Is(err, cart.NotFound), "%s: %v", name, err)
		for _, id := range []string{"", "x", "../head/acme-s1-1", "{" + c.ID + "}"} {
			in := f.on(c)
			in.CartID = id
			_, err = do(in)
			assert.True(t, problem.Is(err, cart.NotFound), "%s: %v", name, err)
		}
	}
}

func TestOpenCartsAreFoundAfterARestart(t *testing.T) {
	f := newShop(t)
	first, second, gone := f.create(), f.paid(), f.paid()
	f.bill(gone)
	open, err := f.app.OpenCarts(t.Context(), f.till())
	require.NoError(t, err)
	require.Len(t, open, 2)
	assert.Equal(t, []string{first.ID, second.ID}, []string{open[0].ID, open[1].ID})
	assert.Equal(t, second, open[1])
}

func TestAnEndedCartIsForgottenInTimeItsTransactionNot(t *testing.T) {
	f := newShop(t)
	clock := f.clock.(*clockwork.FakeClock)
	c := f.bill(f.paid())
	clock.Advance(29 * 24 * time.Hour)
	_, err := f.app.Cart(t.Context(), f.till(), c.ID)
	require.NoError(t, err)
	clock.Advance(2 * 24 * time.Hour)
	_, err = f.app.Cart(t.Context(), f.till(), c.ID)
	assert.True(t, problem.Is(err, cart.NotFound))
	_, err = f.app.Transaction(t.Context(), terminal, 1)
	require.NoError(t, err)
}

func TestAKeyedRequestIsCarriedOutOnce(t *testing.T) {
	f := newShop(t)
	ctx := t.Context()
	create := app.CreateCart{Till: f.till(), TransactionType: event.TypeSale, Repeat: key(t, "k1", "create")}
	first, err := f.app.Create(ctx, create)
	require.NoError(t, err)
	second, err := f.app.Create(ctx, create)
	require.NoError(t, err)
	assert.Equal(t, first.ID, second.ID)

	in := f.on(first)
	in.Repeat = key(t, "k2", "add "+first.ID)
	for range 3 {
		c, err := f.app.AddItems(ctx, in, rice("2"))
		require.NoError(t, err)
		assert.Len(t, c.Lines, 1)
	}
	in.Repeat = key(t, "k2", "add something else")
	_, err = f.app.AddItems(ctx, in, rice("3"))
	assert.True(t, problem.Is(err, problem.IdempotencyReuse))

	in.Repeat = key(t, "k3", "cancel")
	_, err = f.app.Cancel(ctx, in)
	require.NoError(t, err)
	c, err := f.app.Cancel(ctx, in)
	require.NoError(t, err, "with its key even a cancel can be repeated")
	assert.Equal(t, cart.Cancelled, c.Status)
	assert.Len(t, f.logs(), 1)
}

func TestARefusedRequestLeavesItsKeyFree(t *testing.T) {
	f := newShop(t)
	c := f.create()
	in := f.on(c)
	in.Repeat = key(t, "k", "add")
	_, err := f.app.AddItems(t.Context(), in, []app.ItemEntry{{Code: "none", Quantity: d("1")}})
	assert.True(t, problem.Is(err, cart.ItemNotFound))
	assert.Equal(t, "[0].itemCode", problem.Of(err).Fields[0].Name)
	_, err = f.app.AddItems(t.Context(), in, rice("1"))
	require.NoError(t, err)
}

func TestPricesAreTheStoresCurrency(t *testing.T) {
	f := newShop(t)
	f.follow(storeSnapshot(2, "EUR", true))
	c, err := f.app.AddItems(t.Context(), f.on(f.create()), rice("3"))
	require.NoError(t, err)
	assert.Equal(t, "3.6", c.Totals.Subtotal.String())
	assert.Equal(t, "0.28", c.Totals.Tax.String())
	_, err = f.app.AddItems(t.Context(), f.on(c), []app.ItemEntry{{Code: "3002", Quantity: d("1")}})
	assert.True(t, problem.Is(err, cart.ItemWithoutPrice), "%v", err)
	c, err = f.app.AddItems(t.Context(), f.on(c), []app.ItemEntry{{Code: "3002", Quantity: d("1"), UnitPrice: ptr(d("7.50"))}})
	require.NoError(t, err)
	assert.False(t, c.Lines[1].PriceChanged())
	_, err = f.app.Pay(t.Context(), f.on(c), []app.PaymentEntry{{Code: "99", Amount: d("1")}})
	assert.True(t, problem.Is(err, cart.PaymentUnknown), "%v", err)
}

// A key is kept for longer than any till is offline, and then it is as good as new: what it stood for is
// neither repeated nor in the way.
func TestAKeyThatHasExpiredStandsForANewRequest(t *testing.T) {
	f := newShop(t)
	in := app.CreateCart{Till: f.till(), TransactionType: event.TypeSale, Repeat: key(t, "k", "create")}
	first, err := f.app.Create(t.Context(), in)
	require.NoError(t, err)
	clock := f.clock.(*clockwork.FakeClock)
	clock.Advance(idempotency.Keep - time.Second)
	again, err := f.app.Create(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, first.ID, again.ID)
	clock.Advance(2 * time.Second)
	second, err := f.app.Create(t.Context(), in)
	require.NoError(t, err)
	assert.NotEqual(t, first.ID, second.ID)
	open, err := f.app.OpenCarts(t.Context(), f.till())
	require.NoError(t, err)
	assert.Len(t, open, 2)
	in.Repeat = key(t, "k", "something else")
	_, err = f.app.Create(t.Context(), in)
	assert.True(t, problem.Is(err, problem.IdempotencyReuse), "%v", err)
}
