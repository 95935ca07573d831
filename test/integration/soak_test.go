//go:build soak

package integration_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/shop"
)

// TestSoak is TestEveryEventIsStoredOnceHoweverItIsDelivered over MINUTES (default 10), tenant after
// tenant, with ten times as many events each. MONGODB_URI puts the journal into MongoDB.
func TestSoak(t *testing.T) {
	minutes, err := strconv.Atoi(os.Getenv("MINUTES"))
	if err != nil {
		minutes = 10
	}
	until := time.Now().Add(time.Duration(minutes) * time.Minute)
	for n := 1; time.Now().Before(until); n++ {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			s, err := shop.Open(ctx, running, fmt.Sprintf("soak%d", n))
			require.NoError(t, err)
			onceInEffect(ctx, t, running, s, 400, 5)
		})
	}
}
