package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// jitter makes goroutines meet between read and write.
func jitter([]state.Op) error {
	time.Sleep(rand.N(200 * time.Microsecond))
	return nil
}

// everyone runs fn n times at once and waits.
func everyone(n int, fn func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { fn(i) })
	}
	all.Wait()
}

func TestFiftyBillsAtOnceAreOneSale(t *testing.T) {
	f := newBusyShop(t)
	c := f.paid()
	f.store.BeforeWrite = jitter
	in := f.on(c)
	answers := make([]cart.Cart, 50)
	everyone(50, func(i int) {
		var err error
		answers[i], err = f.replica(i).Bill(t.Context(), in)
		assert.NoError(t, err)
	})
	for _, a := range answers {
		assert.Equal(t, answers[0].Numbers, a.Numbers)
		assert.Equal(t, answers[0].ReceiptID, a.ReceiptID)
	}
	assert.Len(t, f.logs(), 1)
	f.eventsTellTheCart(c.ID)
}

func TestManyCartsAtOnceTakeGaplessNumbers(t *testing.T) {
	f := newBusyShop(t)
	f.store.BeforeWrite = jitter
	const carts = 24
	till := f.till()
	ids := make([]string, carts)
	everyone(carts, func(i int) {
		service := f.replica(i)
		c, err := service.Create(t.Context(), app.CreateCart{Till: till, TransactionType: event.TypeSale})
		if !assert.NoError(t, err) {
			return
		}
		ids[i] = c.ID
		in := app.Command{Till: till, CartID: c.ID}
		_, err = service.AddItems(t.Context(), in, rice("1"))
		assert.NoError(t, err)
		if i%4 == 0 {
			_, err = service.Cancel(t.Context(), in)
			assert.NoError(t, err)
			return
		}
		_, err = service.Subtotal(t.Context(), in)
		assert.NoError(t, err)
		_, err = service.Pay(t.Context(), in, cashOf("140"))
		assert.NoError(t, err)
		_, err = service.Bill(t.Context(), in)
		assert.NoError(t, err)
	})
	seen := map[int64]string{}
	for _, log := range f.logs() {
		assert.Empty(t, seen[log.TransactionNo])
		seen[log.TransactionNo] = log.CartID
	}
	assert.Len(t, seen, carts)
	for no := int64(1); no <= carts; no++ {
		assert.NotEmpty(t, seen[no], "transaction %d", no)
	}
	for _, id := range ids {
		f.eventsTellTheCart(id)
	}
	f.follow(terminalSnapshot(2, event.StatusClosing, session1))
	r := f.out.reports()[0]
	assert.True(t, r.IsSealed)
	assert.EqualValues(t, carts, r.TransactionCount)
	assert.Equal(t, fmt.Sprint(140*carts*3/4), r.CashAmount.String())
}

// till is a client that repeats a request, with its key, until it is answered.
type client struct {
	t    *testing.T
	f    *fixture
	keys bool
	n    int
}

func (c *client) do(cartID string, fn func(in app.Command) (cart.Cart, error)) cart.Cart {
	c.t.Helper()
	c.n++
	in := app.Command{Till: c.f.till(), CartID: cartID}
	if c.keys {
		r, err := idempotency.NewRequest(fmt.Sprintf("key-%d", c.n), "op", nil)
		require.NoError(c.t, err)
		in.Repeat = &r
	}
	for range 20 {
		got, err := fn(in)
		if err == nil {
			return got
		}
		require.True(c.t, problem.Is(err, problem.Unavailable), "%v", err)
	}
	c.t.Fatal("never answered")
	return cart.Cart{}
}

// sell is one whole sale as a till makes it.
func (c *client) sell(ctx context.Context) cart.Cart {
	c.t.Helper()
	made := c.do("", func(in app.Command) (cart.Cart, error) {
		return c.f.app.Create(ctx, app.CreateCart{Till: in.Till, TransactionType: event.TypeSale, Repeat: in.Repeat})
	})
	c.do(made.ID, func(in app.Command) (cart.Cart, error) { return c.f.app.AddItems(ctx, in, rice("1")) })
	c.do(made.ID, func(in app.Command) (cart.Cart, error) {
		return c.f.app.AddItems(ctx, in, []app.ItemEntry{{Code: "2001", Quantity: d("2")}, {Code: "1005", Quantity: d("0.532")}})
	})
	c.do(made.ID, func(in app.Command) (cart.Cart, error) { return c.f.app.CancelLine(ctx, in, 1) })
	c.do(made.ID, func(in app.Command) (cart.Cart, error) { return c.f.app.Subtotal(ctx, in) })
	c.do(made.ID, func(in app.Command) (cart.Cart, error) { return c.f.app.Pay(ctx, in, cashOf("500")) })
	c.do(made.ID, func(in app.Command) (cart.Cart, error) { return c.f.app.Pay(ctx, in, cashOf("500")) })
	return c.do(made.ID, func(in app.Command) (cart.Cart, error) { return c.f.app.Bill(ctx, in) })
}

// writesOfASale is more than a sale makes, so that every one of them is hit.
const writesOfASale = 12

// TestDeathAtAnyWriteIsOneSale stands at every write of a sale and lets the process die before it, or
// after it so that the reply is lost; or lets something below repeat the write, so that the service
// hears of a conflict with itself. The till repeats what was not answered. There is one sale in the
// end, as if nothing had happened.
func TestDeathAtAnyWriteIsOneSale(t *testing.T) {
	type hook func(f *fixture, fail func([]state.Op) error)
	before := func(f *fixture, fail func([]state.Op) error) { f.store.BeforeWrite = fail }
	after := func(f *fixture, fail func([]state.Op) error) { f.store.AfterWrite = fail }
	for name, c := range map[string]struct {
		install hook
		err     error
		keys    bool
	}{
		"dies before the write":              {before, state.ErrUnavailable, true},
		"reply lost":                         {after, state.ErrUnavailable, true},
		"loses a race":                       {before, state.ErrConflict, false},
		"write repeated below, without keys": {after, state.ErrConflict, false},
		"write repeated below, with keys":    {after, state.ErrConflict, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hit := 0
			for at := range writesOfASale {
				f := newBusyShop(t)
				writes := 0
				c.install(f, func([]state.Op) error {
					if writes++; writes == at+1 {
						hit++
						return c.err
					}
					return nil
				})
				sold := (&client{t: t, f: f, keys: c.keys}).sell(t.Context())
				f.store.BeforeWrite, f.store.AfterWrite = nil, nil
				f.oneSale(sold)
			}
			assert.Equal(t, 8, hit, "every write of the sale was hit")
		})
	}
}

// oneSale expects exactly the sale that client.sell makes, told once.
func (f *fixture) oneSale(sold cart.Cart) {
	f.t.Helper()
	assert.Equal(f.t, cart.Completed, sold.Status)
	assert.Len(f.t, sold.Lines, 3)
	assert.EqualValues(f.t, 1, sold.Numbers.TransactionNo)
	assert.Equal(f.t, "844", sold.Totals.AmountWithTax.String(), "456 + 318 + 45 + 25 tax")
	assert.Equal(f.t, "1000", sold.Totals.Deposit.String())
	require.Len(f.t, f.logs(), 1)
	f.eventsTellTheCart(sold.ID)
	completed := 0
	for _, b := range f.history(sold.ID) {
		if b.EventType == (event.OrderCompleted{}).EventType() {
			completed++
		}
	}
	assert.Equal(f.t, 1, completed)
	f.follow(terminalSnapshot(2, event.StatusClosing, session1))
	r := f.out.reports()[0]
	assert.True(f.t, r.IsSealed, "no cart is left open: %v", r.CartsInProgress)
	assert.EqualValues(f.t, 1, r.TransactionCount)
	assert.Equal(f.t, "844", r.CashAmount.String())
}

func TestAStoreThatIsAwayIsUnavailableAndNothingHappens(t *testing.T) {
	f := newShop(t)
	c := f.paid()
	in, till, keys := f.on(c), f.till(), f.store.Keys()
	f.forgetCopies()
	f.store.BeforeGet = func([]string) error { return state.ErrUnavailable }
	for name, do := range map[string]func() error{
		"create": func() error {
			_, err := f.app.Create(t.Context(), app.CreateCart{Till: till, TransactionType: event.TypeSale})
			return err
		},
		"add":         func() error { _, err := f.app.AddItems(t.Context(), in, rice("1")); return err },
		"bill":        func() error { _, err := f.app.Bill(t.Context(), in); return err },
		"get":         func() error { _, err := f.app.Cart(t.Context(), till, c.ID); return err },
		"list":        func() error { _, err := f.app.OpenCarts(t.Context(), till); return err },
		"transaction": func() error { _, err := f.app.Transaction(t.Context(), terminal, 1); return err },
		"transactions": func() error {
			_, err := f.app.Transactions(t.Context(), terminal, app.TransactionFilter{Limit: 1})
			return err
		},
		"dated": func() error {
			_, err := f.app.Transactions(t.Context(), terminal, app.TransactionFilter{Limit: 1, BusinessDate: "20260329"})
			return err
		},
		"key": func() error { _, err := f.app.CheckKey(t.Context(), terminal.ID(), apiKey); return err },
		"token": func() error {
			_, err := f.app.JudgeToken(t.Context(), token(1, event.StatusOpened, session1))
			return err
		},
		"summaries": func() error { _, err := f.app.Summaries(t.Context(), "acme"); return err },
		"deliveries": func() error {
			_, err := f.app.Deliveries(t.Context(), app.DeliveryQuery{TenantID: "acme", TerminalID: terminal.ID(), Limit: 1})
			return err
		},
		"redeliver": func() error {
			_, err := f.app.Redeliver(t.Context(), outbox.Redelivery{TenantID: "acme", FromSequence: 1})
			return err
		},
	} {
		err := do()
		assert.True(t, problem.Is(err, problem.Unavailable), "%s: %v", name, err)
		assert.NotZero(t, problem.Of(err).RetryAfter, name)
	}
	f.store.BeforeGet = nil
	assert.Equal(t, keys, f.store.Keys())
}

// TestSealAndBillMeet lets a closing race with bills and creations, over and over. What a sealed
// session reports is final: every transaction is in its count, and none comes after.
func TestSealAndBillMeet(t *testing.T) {
	sealedAtOnce := 0
	for round := range 60 {
		f := newBusyShop(t)
		f.store.BeforeWrite = jitter
		c := f.paid()
		in, till := f.on(c), f.till()
		var billed, made atomic.Int64
		everyone(3, func(i int) {
			time.Sleep(rand.N(300 * time.Microsecond))
			switch i {
			case 0:
				if _, err := f.replica(round).Bill(t.Context(), in); err == nil {
					billed.Add(1)
				} else {
					assert.True(t, problem.Is(err, cart.SessionSealed), "%v", err)
				}
			case 1:
				if _, err := f.replica(i).Create(t.Context(), app.CreateCart{Till: till, TransactionType: event.TypeSale}); err == nil {
					made.Add(1)
				} else {
					assert.True(t, problem.Is(err, cart.SessionSealed) || problem.Is(err, cart.TerminalNotOpened), "%v", err)
				}
			case 2:
				assert.NoError(t, f.app.Follow(t.Context(), terminalSnapshot(2, event.StatusClosing, session1)))
			}
		})
		r := f.out.reports()[0]
		open, err := f.app.OpenCarts(t.Context(), till)
		require.NoError(t, err)
		if r.IsSealed {
			sealedAtOnce++
			assert.EqualValues(t, billed.Load(), r.TransactionCount)
			assert.EqualValues(t, billed.Load(), len(f.logs()))
			assert.Zero(t, made.Load(), "no cart was made behind the seal")
			assert.Empty(t, open)
			assert.EqualValues(t, len(f.recordedEvents()), r.LastSequence)
		} else {
			assert.NotEmpty(t, r.CartsInProgress)
		}
	}
	t.Logf("%d of 60 were sealed at once", sealedAtOnce)
}
