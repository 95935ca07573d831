package cart_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

var currencies = []money.Currency{"JPY", "EUR", "USD", "KWD"}

func drawTax(rt *rapid.T) event.OrderTax {
	rule := event.OrderTax{
		Code:     fmt.Sprintf("%02d", rapid.IntRange(0, 5).Draw(rt, "tax code")),
		Type:     rapid.SampledFrom([]string{cart.TaxExternal, cart.TaxInternal, cart.TaxExempt}).Draw(rt, "tax type"),
		Rounding: rapid.SampledFrom([]money.Rounding{money.HalfUp, money.Floor, money.Ceil}).Draw(rt, "rounding"),
		Name:     "tax",
	}
	if rule.Type != cart.TaxExempt {
		rule.Rate = money.MustParse(fmt.Sprintf("%d.%03d", rapid.IntRange(0, 99).Draw(rt, "rate"), rapid.SampledFrom([]int{0, 0, 500, 875}).Draw(rt, "thousandths")))
	}
	return rule
}

// drawMoney of up to limit minor units.
func drawMoney(rt *rapid.T, currency money.Currency, limit int64, label string) money.Decimal {
	units := rapid.Int64Range(1, limit).Draw(rt, label)
	amount, err := money.FromInt(units).MulDiv(money.FromInt(1), pow10(currency.Digits()), currency.Digits(), money.Floor)
	require.NoError(rt, err)
	return amount
}

func pow10(n int) money.Decimal {
	p := money.FromInt(1)
	for range n {
		p, _ = p.Mul(money.FromInt(10))
	}
	return p
}

func drawAddition(rt *rapid.T, currency money.Currency) cart.Addition {
	a := cart.Addition{Item: cart.Item{
		Code: rapid.StringMatching(`[0-9]{4,13}`).Draw(rt, "code"), Name: rapid.SampledFrom([]string{"おにぎり鮭", "Milk", "とても長い名前の商品テスト"}).Draw(rt, "name"),
		Price: ptr(drawMoney(rt, currency, 1_000_000, "price")), Tax: drawTax(rt),
	}}
	if rapid.Bool().Draw(rt, "weighed") {
		a.Item.Unit = "kg"
		a.Quantity = money.MustParse(fmt.Sprintf("%d.%03d", rapid.IntRange(0, 99).Draw(rt, "kilos"), rapid.IntRange(1, 999).Draw(rt, "grams")))
	} else {
		a.Quantity = money.FromInt(rapid.Int64Range(1, 99).Draw(rt, "pieces"))
	}
	if rapid.IntRange(0, 4).Draw(rt, "override") == 0 {
		a.UnitPrice = ptr(drawMoney(rt, currency, 1_000_000, "unit price"))
	}
	return a
}

// step does one random thing to the cart; a refusal by a rule is fine.
func step(rt *rapid.T, c cart.Cart) (cart.Decision, error) {
	line := rapid.IntRange(0, len(c.Lines)+1)
	switch rapid.SampledFrom([]string{"add", "add", "add", "quantity", "price", "cancel line", "subtotal", "pay", "resume"}).Draw(rt, "step") {
	case "add":
		additions := make([]cart.Addition, rapid.IntRange(1, 4).Draw(rt, "items"))
		for i := range additions {
			additions[i] = drawAddition(rt, c.Currency)
		}
		return c.AddItems(additions)
	case "quantity":
		return c.ChangeQuantity(line.Draw(rt, "line"), money.FromInt(rapid.Int64Range(0, 50).Draw(rt, "quantity")))
	case "price":
		return c.ChangePrice(line.Draw(rt, "line"), drawMoney(rt, c.Currency, 1_000_000, "other price"))
	case "cancel line":
		return c.CancelLine(line.Draw(rt, "line"))
	case "subtotal":
		return c.Subtotal()
	case "pay":
		return c.Pay([]cart.Tender{drawTender(rt, c)})
	default:
		return c.ResumeItemEntry()
	}
}

func drawTender(rt *rapid.T, c cart.Cart) cart.Tender {
	method := rapid.SampledFrom([]cart.Method{cash, cashless, other}).Draw(rt, "method")
	return cart.Tender{Method: method, Deposit: drawMoney(rt, c.Currency, 2_000_000, "deposit"), Detail: "ref"}
}

// TestAnyBasketAddsUp makes random sales and holds every one, at every step, to the arithmetic of a
// receipt, and in the end to its events.
func TestAnyBasketAddsUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		currency := rapid.SampledFrom(currencies).Draw(rt, "currency")
		dec, err := cart.Create(opening(currency, rapid.SampledFrom([]string{"ja", "en"}).Draw(rt, "language")))
		require.NoError(rt, err)
		c, events := dec.Cart, dec.Events
		take := func(dec cart.Decision, err error) {
			if err != nil {
				var p = problem.Of(err)
				require.NotEqual(rt, problem.Unexpected, p.Kind, "%v", err)
				return
			}
			c, events = dec.Cart, append(events, dec.Events...)
			addsUp(rt, c)
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			take(step(rt, c))
		}
		finish(rt, &c, take)
		if c.Status == cart.Completed {
			require.True(rt, c.Totals.Balance.IsZero())
			require.True(rt, c.Totals.Deposit.Sub(c.Totals.Change).Equal(c.Totals.AmountWithTax), "paid − change = total")
		}
		eventsTellTheSale(rt, c, events)
	})
}

// finish pays what is owed and bills, or cancels.
func finish(rt *rapid.T, c *cart.Cart, take func(cart.Decision, error)) {
	if rapid.IntRange(0, 5).Draw(rt, "abandon") > 0 {
		take(c.Subtotal())
		if c.Totals.Balance.Sign() > 0 && len(c.Payments) < cart.MaxPayments {
			over := drawMoney(rt, c.Currency, 1000, "over")
			take(c.Pay([]cart.Tender{{Method: cash, Deposit: c.Totals.Balance.Add(over)}}))
		}
		take(c.Bill(numbers, "receipt"))
	}
	if !c.Status.Ended() {
		take(c.Cancel(numbers))
	}
	require.True(rt, c.Status.Ended())
}

// addsUp computes everything again from the lines, with big rationals.
func addsUp(rt *rapid.T, c cart.Cart) {
	t, digits := c.Totals, c.Currency.Digits()
	sum, perTax, pieces := money.Zero, money.Zero, int64(0)
	for _, l := range c.LiveLines() {
		exact := new(big.Rat).Mul(rat(l.UnitPrice), rat(l.Quantity))
		require.LessOrEqual(rt, new(big.Rat).Abs(new(big.Rat).Sub(exact, rat(l.Amount))).Cmp(new(big.Rat).Quo(unit(digits), big.NewRat(2, 1))), 0, "half a unit at most is rounded")
		require.NoError(rt, c.Currency.Check(l.Amount))
		sum, pieces = sum.Add(l.Amount), pieces+l.Pieces()
	}
	require.True(rt, sum.Equal(t.Subtotal), "lines sum to the subtotal")
	external, targets, taxPieces := money.Zero, money.Zero, int64(0)
	for _, tax := range t.Taxes {
		perTax = perTax.Add(tax.Amount)
		targets, taxPieces = targets.Add(tax.Target), taxPieces+tax.Pieces
		require.NoError(rt, c.Currency.Check(tax.Amount))
		require.Less(rt, new(big.Rat).Abs(new(big.Rat).Sub(exactTax(tax), rat(tax.Amount))).Cmp(unit(digits)), 1, "less than a unit is rounded")
		if tax.Rule.Type == cart.TaxExternal {
			external = external.Add(tax.Amount)
		}
	}
	require.True(rt, targets.Equal(t.Amount), "every line is taxed by exactly one rule")
	require.Equal(rt, pieces, taxPieces)
	require.Equal(rt, pieces, t.Pieces)
	require.True(rt, external.Equal(t.Tax), "exclusive taxes sum to the tax")
	require.True(rt, t.Amount.Add(t.Tax).Equal(t.AmountWithTax))
	require.True(rt, t.AmountWithTax.Sub(t.Paid).Equal(t.Balance))
	require.True(rt, t.Deposit.Sub(t.Paid).Equal(t.Change))
	require.GreaterOrEqual(rt, t.Change.Sign(), 0)
	require.GreaterOrEqual(rt, t.Balance.Sign(), 0)
}

func exactTax(t cart.Tax) *big.Rat {
	rate := rat(t.Rule.Rate)
	switch t.Rule.Type {
	case cart.TaxExternal:
		return new(big.Rat).Mul(rat(t.Target), new(big.Rat).Quo(rate, big.NewRat(100, 1)))
	case cart.TaxInternal:
		return new(big.Rat).Mul(rat(t.Target), new(big.Rat).Quo(rate, new(big.Rat).Add(rate, big.NewRat(100, 1))))
	}
	return new(big.Rat)
}

func rat(d money.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic(d.String())
	}
	return r
}

func unit(digits int) *big.Rat {
	return new(big.Rat).Inv(rat(pow10(digits)))
}

// eventsTellTheSale replays the events as they were made and as a broker hands them on, and expects
// the same cart, the same stored document and the same transaction log.
func eventsTellTheSale(rt *rapid.T, c cart.Cart, events []event.Payload) {
	out := business(rt, c.Terminal, events)
	travelled := make([]*event.Business, len(out))
	for i, b := range out {
		travelled[i] = &event.Business{}
		require.NoError(rt, json.Unmarshal(throughFloat(rt, b), travelled[i]))
	}
	for _, history := range [][]*event.Business{out, travelled} {
		again, err := cart.Fold(history)
		require.NoError(rt, err)
		require.Equal(rt, form(rt, c), form(rt, again))
		require.Equal(rt, form(rt, c.TranLog()), form(rt, again.TranLog()))
	}
	var stored cart.Cart
	require.NoError(rt, json.Unmarshal(throughFloat(rt, c), &stored))
	require.Equal(rt, form(rt, c), form(rt, stored))
	require.Equal(rt, form(rt, c.TranLog()), form(rt, stored.TranLog()))
}

// throughFloat is what some brokers do to JSON: keys in another order, 10.90 as 10.9.
func throughFloat(rt *rapid.T, v any) []byte {
	raw, err := json.Marshal(v)
	require.NoError(rt, err)
	var loose any
	require.NoError(rt, json.Unmarshal(raw, &loose))
	raw, err = json.Marshal(loose)
	require.NoError(rt, err)
	return raw
}

func form(rt *rapid.T, v any) string {
	raw, err := json.Marshal(v)
	require.NoError(rt, err)
	out, err := canonical.JSON(raw)
	require.NoError(rt, err)
	return string(out)
}
