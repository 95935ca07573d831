//go:build load

// Package load_test measures the running stack. It is no part of `make test`: `make load` runs it.
package load_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	dapr "github.com/dapr/go-sdk/client"

	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/pkg/state/daprstate"
	"github.com/tillroll/tillroll/pkg/state/gather"
	"github.com/tillroll/tillroll/test/shop"
	"github.com/tillroll/tillroll/test/stack"
)

// number reads a knob from the environment.
func number(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return fallback
}

// requestsASale: cart, items, subtotal, payment, bill.
const requestsASale = 5

// TestSales sells SALES times at each of TILLS tills at once, RATE requests a second in all (0: as fast as
// they are answered), directly or with VIA=sidecar through the sidecar of a till. It puts what comes
// out beside the sidecar's own state transactions of the same run, because a slow machine slows both.
func TestSales(t *testing.T) {
	tills, each, rate := number("TILLS", 4), number("SALES", 50), number("RATE", 0)
	s, err := stack.Start(os.Stderr)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Remove()) }()
	shopping, err := shop.Open(t.Context(), s, "load")
	require.NoError(t, err)
	bare := newBare(t, s)
	before := bare.measure(t, tills)

	m := &measured{byKind: map[string][]time.Duration{}, sold: map[int][]shop.Sale{}}
	var open []*shop.Till
	for no := 1; no <= tills; no++ {
		till, err := shopping.AddTill(t.Context(), no)
		require.NoError(t, err)
		require.NoError(t, till.SignInAndOpen(t.Context(), "10000"))
		if os.Getenv("VIA") == "sidecar" {
			throughSidecar(t, s, till)
		}
		till.Cart.Took = m.took
		open = append(open, till)
	}
	began, used := time.Now(), costOf(t, s)
	var wg sync.WaitGroup
	for i, till := range open {
		wg.Go(func() { m.sell(t, i+1, till, each, pace(t.Context(), i, tills, rate)) })
	}
	wg.Wait()
	elapsed := time.Since(began)
	require.NoError(t, shopping.Drained(t.Context()))
	drained := time.Since(began) - elapsed
	spent := costOf(t, s)
	require.NoError(t, shopping.Audit(t.Context(), m.sold))
	after := bare.measure(t, tills)
	m.report(tills, elapsed, drained, before, after)
	spent.since(used, tills*each)
}

// throughSidecar makes a till call the cart service as a till does that has a sidecar of its own.
func throughSidecar(t *testing.T, s *stack.Stack, till *shop.Till) {
	t.Helper()
	token, err := s.Secret("till", "api-token")
	require.NoError(t, err)
	till.Cart.Base = s.SidecarURL("till") + "/v1.0/invoke/cart/method"
	till.Cart.Header.Set("dapr-api-token", token)
}

// pace gives what waits for the beginning of a till's next sale, so that all tills together make rate
// requests a second; those that are late catch up.
func pace(ctx context.Context, till, tills, rate int) func() {
	if rate == 0 {
		return func() {}
	}
	every := time.Duration(float64(time.Second) * requestsASale * float64(tills) / float64(rate))
	next := time.Now().Add(every * time.Duration(till) / time.Duration(tills))
	return func() {
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(next)):
		}
		next = next.Add(every)
	}
}

// measured is what the tills saw.
type measured struct {
	mu     sync.Mutex
	byKind map[string][]time.Duration // by the last part of the request's path
	sold   map[int][]shop.Sale
}

func (m *measured) took(_, request string, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kind := path.Base(request)
	m.byKind[kind] = append(m.byKind[kind], took)
}

func (m *measured) sell(t *testing.T, no int, till *shop.Till, each int, wait func()) {
	for range each {
		wait()
		sale, err := till.Sell(t.Context(), 10_000, shop.Item{ItemCode: "1001", Quantity: 2}, shop.Item{ItemCode: "1003", Quantity: 1})
		if err != nil {
			t.Error(err)
			return
		}
		m.mu.Lock()
		m.sold[no] = append(m.sold[no], sale)
		m.mu.Unlock()
	}
}

func (m *measured) report(tills int, elapsed, drained time.Duration, before, after rates) {
	requests := 0
	for _, all := range m.byKind {
		requests += len(all)
	}
	rate := float64(requests) / elapsed.Seconds()
	fmt.Printf("%d tills: %d requests in %s, %.0f/s; the journal had all of it %s later\n",
		tills, requests, elapsed.Round(time.Millisecond), rate, drained.Round(time.Millisecond))
	alone := slices.Concat(before.alone, after.alone)
	for _, kind := range slices.Sorted(maps.Keys(m.byKind)) {
		took := m.byKind[kind]
		fmt.Printf("  %-18s p50 %-8s p99 %-8s × bare transaction: p50 %.1f p99 %.1f\n", kind, percentile(took, 50), percentile(took, 99), ratio(took, alone, 50), ratio(took, alone, 99))
	}
	fmt.Printf("  bare transaction   p50 %-8s p99 %s (one client, three keys of 2 kB; before and after the sales)\n", percentile(alone, 50), percentile(alone, 99))
	possible := (before.turns + after.turns) / 2
	gathered := (before.gathered + after.gathered) / 2
	fmt.Printf("  bare transactions  %.0f/s one at a time, %.0f/s gathered, by %d clients; requests are %.0f %% and %.0f %% of that\n",
		possible, gathered, tills, 100*rate/possible, 100*rate/gathered)
}

// bare is the sidecar's own state store, without any service.
type bare struct{ store state.Store }

// rates are what it can do: the times of one client, and transactions a second of many that write one
// at a time or share transactions.
type rates struct {
	alone           []time.Duration
	turns, gathered float64
}

func newBare(t *testing.T, s *stack.Stack) *bare {
	t.Helper()
	token, err := s.Secret("cart", "api-token")
	require.NoError(t, err)
	client, err := dapr.NewClientWithAddressContext(t.Context(), s.SidecarGRPC("cart"))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	client.WithAuthToken(token)
	return &bare{daprstate.New(client, "statestore")}
}

func (b *bare) measure(t *testing.T, clients int) rates {
	const each = 300
	var r rates
	for range each {
		start := time.Now()
		require.NoError(t, write(t.Context(), b.store, 0))
		r.alone = append(r.alone, time.Since(start))
	}
	var turn sync.Mutex
	r.turns = rateOf(t, clients, each, func(client int) error {
		turn.Lock()
		defer turn.Unlock()
		return write(t.Context(), b.store, client)
	})
	shared := gather.New(b.store, 1)
	r.gathered = rateOf(t, clients, each, func(client int) error { return write(t.Context(), shared, client) })
	return r
}

// rateOf is how often a second clients do something that each of them does often.
func rateOf(t *testing.T, clients, each int, do func(client int) error) float64 {
	began := time.Now()
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for range each {
				if err := do(c); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(clients*each) / time.Since(began).Seconds()
}

// write is one transaction of three keys, about as much as adding an item writes.
func write(ctx context.Context, store state.Store, client int) error {
	value := make([]byte, 2000)
	for i := range value {
		value[i] = '1'
	}
	ops := make([]state.Op, 3)
	for k := range ops {
		ops[k] = state.Op{Key: fmt.Sprintf("load/%d/%d", client, k), Value: value, Blind: true}
	}
	return store.Write(ctx, ops...)
}

func percentile(all []time.Duration, p int) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, len(all)*p/100)].Round(10 * time.Microsecond)
}

func ratio(a, b []time.Duration, p int) float64 {
	return float64(percentile(a, p)) / float64(percentile(b, p))
}
