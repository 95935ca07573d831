package integration_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/test/shop"
)

// Random baskets in three currencies, paid in several ways: the journal shows each as the till was
// answered, and the drawer is expected to hold what the customers left in it, to the last minor unit.
func TestEveryCentReachesTheJournalAndTheDrawer(t *testing.T) {
	s, _ := open(t, "cents", 0)
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // no secret
	for code, currency := range map[string]money.Currency{"yen": "JPY", "euro": "EUR", "dinar": "KWD"} {
		t.Run(code, func(t *testing.T) {
			branch := branchOf(t, s, code, currency)
			till, err := branch.AddTill(t.Context(), 1)
			require.NoError(t, err)
			counter := &cashier{t: t, till: till, random: random, digits: currency.Digits()}
			float := counter.amount(1, 50_000)
			require.NoError(t, till.SignInAndOpen(t.Context(), float.String()))
			cash := float
			var sold []shop.Sale
			for range 12 {
				sale, left := counter.sell()
				sold, cash = append(sold, sale), cash.Add(left)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			require.NoError(t, branch.Audit(ctx, map[int][]shop.Sale{1: sold}))
			closed, err := till.Close(ctx, cash.String())
			require.NoError(t, err)
			assert.Equal(t, cash.String(), closed.ExpectedAmount.String())
			assert.Equal(t, "0", closed.OverShort.String())
			assert.EqualValues(t, len(sold), closed.CartTransactionCount)
		})
	}
}

// branchOf makes another store of the tenant.
func branchOf(t *testing.T, s *shop.Shop, code string, currency money.Currency) *shop.Shop {
	t.Helper()
	stores := "/api/v1/tenants/" + s.Tenant + "/stores"
	require.NoError(t, s.Admin.Insist(t.Context(), http.MethodPost, stores, map[string]any{
		"storeCode": code, "storeName": code, "timeZone": "Asia/Kuwait", "currency": currency, "language": "en"}, nil))
	require.NoError(t, s.Admin.Insist(t.Context(), http.MethodPost, stores+"/"+code+"/staff", map[string]any{
		"staffId": "s01", "name": "Ann", "pin": "4711"}, nil))
	branch := *s
	branch.Store = code
	return &branch
}

// cashier sells whatever comes.
type cashier struct {
	t      *testing.T
	till   *shop.Till
	random *rand.Rand
	digits int
}

// amount of some minor units.
func (c *cashier) amount(least, most int64) money.Decimal {
	d, err := money.FromInt(least+c.random.Int64N(most)).MulDiv(money.FromInt(1), powerOfTen(c.digits), c.digits, money.Floor)
	require.NoError(c.t, err)
	return d
}

func powerOfTen(n int) money.Decimal {
	p := int64(1)
	for range n {
		p *= 10
	}
	return money.FromInt(p)
}

func (c *cashier) call(method, path string, body, answer any) {
	c.t.Helper()
	require.NoError(c.t, c.till.Cart.Insist(c.t.Context(), method, path, body, answer))
}

// sell gives the sale and the cash that it left in the drawer.
func (c *cashier) sell() (sale shop.Sale, left money.Decimal) {
	c.call(http.MethodPost, "/api/v1/carts", map[string]any{}, &sale)
	path := "/api/v1/carts/" + sale.CartID
	var items []map[string]any
	for range 1 + c.random.IntN(5) {
		items = append(items, map[string]any{
			"itemCode": sampleItems[c.random.IntN(len(sampleItems))], "quantity": 1 + c.random.IntN(9), "unitPrice": c.amount(1, 20_000)})
	}
	c.call(http.MethodPost, path+"/lineItems", items, nil)
	c.call(http.MethodPatch, path+"/lineItems/1/unitPrice", map[string]any{"unitPrice": c.amount(1, 20_000)}, nil)
	c.call(http.MethodPost, path+"/subtotal", nil, &sale)
	owed := decimal(c.t, sale.BalanceAmount)
	if part := c.amount(1, 10_000); part.Cmp(owed) < 0 {
		c.call(http.MethodPost, path+"/payments", []map[string]any{{"paymentCode": "11", "amount": part}}, &sale)
		owed = decimal(c.t, sale.BalanceAmount)
	}
	handed := owed.Add(c.amount(0, 5000))
	c.call(http.MethodPost, path+"/payments", []map[string]any{{"paymentCode": "01", "amount": handed}}, nil)
	c.call(http.MethodPost, path+"/bill", nil, &sale)
	change := decimal(c.t, sale.ChangeAmount)
	require.Equal(c.t, owed.String(), handed.Sub(change).String(), "what was handed over less the change is what was owed")
	return sale, owed
}

func decimal(t *testing.T, n json.Number) money.Decimal {
	t.Helper()
	d, err := money.Parse(n.String())
	require.NoError(t, err)
	return d
}
