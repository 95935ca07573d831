// Package scenario plays whole stories on a running stack, whatever the stack is made of, and fails
// the test when the journal does not hold exactly what was sold.
package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/shop"
	"github.com/tillroll/tillroll/test/stack"
)

// patience is how long the journal may take to have everything.
const patience = time.Minute

// items are codes of the sample catalogue that ships with the cart service.
var items = []string{"1001", "1003"}

// item of the sample catalogue.
func item(i, quantity int) shop.Item { return shop.Item{ItemCode: items[i], Quantity: quantity} }

// open makes a shop with tills 1…n signed in and open with a float of 10000.
func open(ctx context.Context, t *testing.T, s *stack.Stack, tenant string, tills int) (*shop.Shop, []*shop.Till) {
	t.Helper()
	opened, err := shop.Open(ctx, s, tenant)
	require.NoError(t, err)
	var all []*shop.Till
	for no := 1; no <= tills; no++ {
		till, err := opened.AddTill(ctx, no)
		require.NoError(t, err)
		require.NoError(t, till.SignInAndOpen(ctx, "10000"))
		all = append(all, till)
	}
	return opened, all
}

// ShopDay opens two tills, sells, finds the sales in the journal, closes the tills and audits.
func ShopDay(t *testing.T, s *stack.Stack, tenant string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	day, tills := open(ctx, t, s, tenant, 2)
	sales := map[int][]shop.Sale{}
	for i := range 5 {
		for _, till := range tills {
			sale, err := till.Sell(ctx, 10_000, item(0, 1+i), item(1, 1))
			require.NoError(t, err)
			assert.Equal(t, "Completed", sale.CartStatus)
			sales[till.No] = append(sales[till.No], sale)
		}
	}
	require.NoError(t, day.Audit(ctx, sales))
	businessDate := findsSales(ctx, t, day, sales)
	for _, till := range tills {
		closes(ctx, t, day, till, sales[till.No], businessDate)
	}
	require.NoError(t, day.Audit(ctx, sales))
}

// findsSales searches by number and by date, and gives the business date.
func findsSales(ctx context.Context, t *testing.T, day *shop.Shop, sales map[int][]shop.Sale) string {
	t.Helper()
	first := sales[1][0]
	entries, err := day.Search(ctx, fmt.Sprintf("terminalNo=1&transactionType=sales&receiptNoFrom=%d&receiptNoTo=%d", first.ReceiptNo, first.ReceiptNo))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, first.ReceiptText, entries[0].ReceiptText, "the journal has the receipt as it was printed")
	date := entries[0].BusinessDate
	byDate, err := day.Search(ctx, "businessDateFrom="+date+"&businessDateTo="+date)
	require.NoError(t, err)
	assert.Len(t, byDate, 2*5+2*2, "ten sales, two openings, two floats")
	none, err := day.Search(ctx, "businessDateFrom=20200101&businessDateTo=20200102")
	require.NoError(t, err)
	assert.Empty(t, none)
	return date
}

func closes(ctx context.Context, t *testing.T, day *shop.Shop, till *shop.Till, sold []shop.Sale, businessDate string) {
	t.Helper()
	closed, err := till.Close(ctx, "10000")
	require.NoError(t, err)
	assert.EqualValues(t, len(sold), closed.CartTransactionCount)
	assert.Equal(t, sold[len(sold)-1].TransactionNo, closed.CartTransactionLastNo)
	assert.EqualValues(t, 1, closed.CashInOutCount, "the float")
	assert.NotEqual(t, json.Number("0"), closed.ExpectedAmount)
	require.NoError(t, day.Drained(ctx))
	var reconciled struct {
		Matches     bool  `json:"matches"`
		Differences []any `json:"differences"`
	}
	require.NoError(t, day.Journal.Call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/tenants/%s/stores/s1/terminals/%d/reconciliation?businessDate=%s&openCounter=1", day.Tenant, till.No, businessDate), nil, &reconciled))
	assert.True(t, reconciled.Matches, "%v", reconciled.Differences)
	_, err = till.Sell(ctx, 10_000, item(0, 1))
	assert.Error(t, err, "a closed till sells nothing")
}
