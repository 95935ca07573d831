package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/app"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// TestEveryCentOfASessionIsAccountedFor sells at random for a session and then closes it: what the
// customers handed over, what they got back, what the transactions say, what the drawer is expected to
// hold and what the journal is told must be one and the same.
func TestEveryCentOfASessionIsAccountedFor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFixture(t, clockwork.NewFakeClockAt(evening))
		currency := rapid.SampledFrom([]money.Currency{"JPY", "EUR", "KWD"}).Draw(rt, "currency")
		f.follow(tenantSnapshot(1, true), storeSnapshot(1, currency, true), terminalSnapshot(1, event.StatusOpened, session1))
		people := &customers{rt: rt, f: f, currency: currency}
		for range rapid.IntRange(1, 4).Draw(rt, "customers") {
			people.next()
		}
		logs := f.logs()
		require.Len(rt, logs, people.ended)
		inDrawer := money.Zero
		for i, l := range logs {
			require.EqualValues(rt, i+1, l.TransactionNo)
			inDrawer = inDrawer.Add(accounted(rt, l))
			stored, err := f.app.Transaction(t.Context(), terminal, l.TransactionNo)
			require.NoError(rt, err)
			require.Equal(rt, form(rt, l), form(rt, stored), "what the journal is told is what is stored")
			printed(rt, l)
		}
		require.Equal(rt, people.cash.String(), inDrawer.String(), "the customers' cash is in the drawer")

		f.follow(terminalSnapshot(2, event.StatusClosing, session1))
		report := f.out.reports()[0]
		require.True(rt, report.IsSealed)
		require.Equal(rt, people.cash.String(), report.CashAmount.String(), "and is what the close expects there")
		require.EqualValues(rt, people.ended, report.TransactionCount)
	})
}

// customers come one after the other. cash is what they left in the drawer.
type customers struct {
	rt       *rapid.T
	f        *fixture
	currency money.Currency
	cash     money.Decimal
	ended    int
}

// amount of 0 to limit minor units.
func (p *customers) amount(least, limit int64, label string) money.Decimal {
	units := money.FromInt(rapid.Int64Range(least, limit).Draw(p.rt, label))
	unit := d(map[money.Currency]string{"JPY": "1", "EUR": "0.01", "KWD": "0.001"}[p.currency])
	amount, err := units.Mul(unit)
	require.NoError(p.rt, err)
	return amount
}

func (p *customers) next() {
	ctx, c := p.f.t.Context(), p.f.create()
	do := func(after cart.Cart, err error) {
		if err != nil { // refused by a rule: everything is as it was
			require.NotEqual(p.rt, problem.Unexpected, problem.Of(err).Kind, "%v", err)
			return
		}
		c = after
	}
	entries := make([]app.ItemEntry, rapid.IntRange(1, 5).Draw(p.rt, "items"))
	for i := range entries {
		code := rapid.SampledFrom([]string{"1001", "2001", "1005", "2003"}).Draw(p.rt, "item")
		price, quantity := p.amount(0, 100_000, "price"), d(fmt.Sprint(rapid.IntRange(1, 9).Draw(p.rt, "pieces")))
		if code == "1005" { // sold by weight
			quantity = d(fmt.Sprintf("%d.%03d", rapid.IntRange(0, 5).Draw(p.rt, "kilos"), rapid.IntRange(1, 999).Draw(p.rt, "grams")))
		}
		entries[i] = app.ItemEntry{Code: code, Quantity: quantity, UnitPrice: &price}
	}
	do(p.f.app.AddItems(ctx, p.f.on(c), entries))
	if rapid.Bool().Draw(p.rt, "changes their mind") {
		do(p.f.app.CancelLine(ctx, p.f.on(c), 1))
	}
	do(p.f.app.Subtotal(ctx, p.f.on(c)))
	handed := p.pay(&c, do)
	if rapid.IntRange(0, 4).Draw(p.rt, "goes away") == 0 {
		do(p.f.app.Cancel(ctx, p.f.on(c)))
	} else {
		do(p.f.app.Bill(ctx, p.f.on(c)))
	}
	switch c.Status {
	case cart.Completed:
		p.cash = p.cash.Add(handed.Sub(c.Totals.Change))
	default:
		do(p.f.app.Cancel(ctx, p.f.on(c)))
		require.Equal(p.rt, cart.Cancelled, c.Status)
	}
	p.ended++
}

// pay tenders at random until nothing is owed, and gives what was handed over in cash.
func (p *customers) pay(c *cart.Cart, do func(cart.Cart, error)) (handed money.Decimal) {
	for range 3 {
		entry := app.PaymentEntry{
			Code: rapid.SampledFrom([]string{"01", "01", "11", "12"}).Draw(p.rt, "method"), Amount: p.amount(1, 300_000, "tender")}
		before := len(c.Payments)
		do(p.f.app.Pay(p.f.t.Context(), p.f.on(*c), []app.PaymentEntry{entry}))
		if len(c.Payments) > before && entry.Code == "01" {
			handed = handed.Add(entry.Amount)
		}
		if rapid.IntRange(0, 5).Draw(p.rt, "wants something else") == 0 {
			do(p.f.app.ResumeItemEntry(p.f.t.Context(), p.f.on(*c)))
			do(p.f.app.Subtotal(p.f.t.Context(), p.f.on(*c)))
			handed = money.Zero // all payments were given back
		}
	}
	if owed := c.Totals.Balance; owed.Sign() > 0 {
		do(p.f.app.Pay(p.f.t.Context(), p.f.on(*c), []app.PaymentEntry{{Code: "01", Amount: owed}}))
		handed = handed.Add(owed)
	}
	return handed
}

// accounted computes a transaction again from its lines and payments, and gives the cash that it left
// in the drawer.
func accounted(rt *rapid.T, l *event.TranLog) money.Decimal {
	lines, tax, paid, deposited, cash := money.Zero, money.Zero, money.Zero, money.Zero, money.Zero
	targets := money.Zero
	for _, line := range l.LineItems {
		if line.IsCancelled {
			continue
		}
		amount, err := line.UnitPrice.MulDiv(line.Quantity, d("1"), l.Currency.Digits(), money.HalfUp)
		require.NoError(rt, err)
		require.Equal(rt, amount.String(), line.Amount.String())
		lines = lines.Add(line.Amount)
	}
	for _, one := range l.Taxes {
		targets = targets.Add(one.TargetAmount)
		if one.TaxType == cart.TaxExternal {
			tax = tax.Add(one.TaxAmount)
		}
		require.NoError(rt, l.Currency.Check(one.TaxAmount))
	}
	require.Equal(rt, lines.String(), targets.String(), "every line is taxed once")
	require.Equal(rt, lines.String(), l.Sales.TotalAmount.String())
	require.Equal(rt, tax.String(), l.Sales.TaxAmount.String())
	require.Equal(rt, lines.Add(tax).String(), l.Sales.TotalAmountWithTax.String())
	for _, p := range l.Payments {
		paid, deposited = paid.Add(p.Amount), deposited.Add(p.DepositAmount)
		require.True(rt, p.Amount.Sign() > 0 && p.Amount.Cmp(p.DepositAmount) <= 0)
		if p.PaymentType == cart.PaymentCash {
			cash = cash.Add(p.Amount)
		} else {
			require.True(rt, p.Amount.Equal(p.DepositAmount), "only cash gives change")
		}
	}
	require.Equal(rt, deposited.Sub(paid).String(), l.Sales.ChangeAmount.String())
	if l.Sales.IsCancelled {
		require.Empty(rt, l.Payments)
		return money.Zero
	}
	require.Equal(rt, l.Sales.TotalAmountWithTax.String(), paid.String(), "what is billed is paid")
	return cash
}

// printed expects what the customer owes, and gets back, on paper as it is in the books.
func printed(rt *rapid.T, l *event.TranLog) {
	total := strings.NewReplacer("¥", "", "€", "", "KWD ", "", ",", "").Replace(l.ReceiptText)
	require.Contains(rt, total, l.Sales.TotalAmountWithTax.Fixed(l.Currency.Digits()))
	if l.Sales.ChangeAmount.Sign() > 0 {
		require.Contains(rt, total, l.Sales.ChangeAmount.Fixed(l.Currency.Digits()))
	}
}
