//go:build load

// Package load_test measures the running stack. It is no part of `make test`: `make load` runs it.
package load_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	dapr "github.com/dapr/go-sdk/client"

	"github.com/tillroll/tillroll/pkg/state"
	"github.com/tillroll/tillroll/pkg/state/daprstate"
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

// TestSales sells SALES times at each of TILLS tills at once, and puts the times of the requests
// beside those of the sidecar's own state transactions of the same size, made by the same number of
// clients in the same run: a slow machine slows both.
func TestSales(t *testing.T) {
	tills, each := number("TILLS", 4), number("SALES", 50)
	s, err := stack.Start(os.Stderr)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Remove()) }()
	shopping, err := shop.Open(t.Context(), s, "load")
	require.NoError(t, err)
	baseline := transactions(t, s, tills, 5*each)

	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	sold := map[int][]shop.Sale{}
	before, began := costOf(t, s), time.Now()
	for no := 1; no <= tills; no++ {
		till, err := shopping.AddTill(t.Context(), no)
		require.NoError(t, err)
		require.NoError(t, till.SignInAndOpen(t.Context(), "10000"))
		wg.Go(func() {
			for range each {
				start := time.Now()
				sale, err := till.Sell(t.Context(), 10_000, shop.Item{ItemCode: "1001", Quantity: 2}, shop.Item{ItemCode: "1003", Quantity: 1})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				took, sold[no] = append(took, time.Since(start)/5), append(sold[no], sale)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	require.NoError(t, shopping.Drained(t.Context()))
	after := costOf(t, s)
	require.NoError(t, shopping.Audit(t.Context(), sold))
	requests := 5 * len(took)
	fmt.Printf("%d tills: %d requests in %s, %.0f/s; the journal had all of it %s later\n", tills, requests, elapsed.Round(time.Millisecond), float64(requests)/elapsed.Seconds(), (time.Since(began) - elapsed).Round(time.Millisecond))
	fmt.Printf("  request            p50 %-8s p99 %s (means of the five requests of a sale)\n", percentile(took, 50), percentile(took, 99))
	fmt.Printf("  state transaction  p50 %-8s p99 %s\n", percentile(baseline, 50), percentile(baseline, 99))
	fmt.Printf("  ratio              p50 %.1f      p99 %.1f\n", ratio(took, baseline, 50), ratio(took, baseline, 99))
	after.since(before, len(took))
}

// transactions times the sidecar's own transaction of three keys.
func transactions(t *testing.T, s *stack.Stack, clients, each int) []time.Duration {
	token, err := s.Secret("cart", "api-token")
	require.NoError(t, err)
	client, err := dapr.NewClientWithAddressContext(t.Context(), s.SidecarGRPC("cart"))
	require.NoError(t, err)
	defer client.Close()
	client.WithAuthToken(token)
	store := daprstate.New(client, "statestore")
	value := make([]byte, 2000)
	for i := range value {
		value[i] = '1'
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	for c := range clients {
		wg.Go(func() {
			for range each {
				start := time.Now()
				ops := make([]state.Op, 3)
				for k := range ops {
					ops[k] = state.Op{Key: fmt.Sprintf("load/%d/%d", c, k), Value: value, Blind: true}
				}
				if err := store.Write(t.Context(), ops...); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(start))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return took
}

func percentile(all []time.Duration, p int) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, len(all)*p/100)].Round(10 * time.Microsecond)
}

func ratio(a, b []time.Duration, p int) float64 {
	return float64(percentile(a, p)) / float64(percentile(b, p))
}
