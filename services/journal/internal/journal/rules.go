package journal

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
)

// These rules look at one log by itself. A log that breaks one is stored all the same.

// taxOnTop is the type of tax that comes on top of prices.
const taxOnTop = "External"

// checkTotals lists where a transaction's amounts do not add up: lines, discounts, taxes, payments.
// Logs is what the parts add up to, and CloseLog what the transaction says.
func checkTotals(l *event.TranLog) []Difference {
	c := &adder{}
	var lines, discounts, allocated, taxes, paid, handed sum
	anyAllocated := false
	for i := range l.LineItems {
		item := &l.LineItems[i]
		c.line(item, l.Currency)
		if item.IsCancelled {
			continue
		}
		lines.add(item.Amount)
		for _, d := range item.DiscountsAllocated {
			anyAllocated = true
			allocated.add(d.DiscountAmount)
		}
	}
	for _, d := range l.SubtotalDiscounts {
		discounts.add(d.DiscountAmount)
	}
	if anyAllocated {
		c.same("discounts allocated to lines", &allocated, &discounts)
	}
	lines.micros.Sub(&lines.micros, &discounts.micros)
	c.equal("total_amount", &lines, l.Sales.TotalAmount)
	for _, t := range l.Taxes {
		if t.TaxType == taxOnTop {
			taxes.add(t.TaxAmount)
		}
	}
	c.equal("tax_amount", &taxes, l.Sales.TaxAmount)
	var total sum
	total.add(l.Sales.TotalAmount)
	total.add(l.Sales.TaxAmount)
	c.equal("total_amount_with_tax", &total, l.Sales.TotalAmountWithTax)
	if l.Sales.IsCancelled { // what was paid was given back
		return c.found
	}
	for _, p := range l.Payments {
		paid.add(p.Amount)
		handed.add(p.DepositAmount)
	}
	c.equal("payments", &paid, l.Sales.TotalAmountWithTax)
	handed.micros.Sub(&handed.micros, &paid.micros)
	c.equal("change_amount", &handed, l.Sales.ChangeAmount)
	return c.found
}

// adder collects what does not add up.
type adder struct{ found []Difference }

func (c *adder) equal(field string, parts *sum, said money.Decimal) {
	var total sum
	total.add(said)
	c.same(field, parts, &total)
}

func (c *adder) same(field string, parts, said *sum) {
	if parts.micros.Cmp(&said.micros) != 0 {
		c.found = append(c.found, Difference{field, parts.String(), said.String()})
	}
}

// line checks price × quantity − discounts. Weighed goods leave fractions of the smallest coin, and how
// those are rounded is the till's business: a line is wrong when it is off by a whole coin.
func (c *adder) line(item *event.LineItem, currency money.Currency) {
	var price, quantity, want, discounts, said, off sum
	price.add(item.UnitPrice)
	quantity.add(item.Quantity)
	want.micros.Div(want.micros.Mul(&price.micros, &quantity.micros), big.NewInt(micro))
	for _, d := range item.Discounts {
		discounts.add(d.DiscountAmount)
	}
	want.micros.Sub(&want.micros, &discounts.micros)
	said.add(item.Amount)
	off.micros.Sub(&want.micros, &said.micros)
	coin := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(money.MaxScale-currency.Digits())), nil)
	if off.micros.CmpAbs(coin) >= 0 {
		c.found = append(c.found, Difference{fmt.Sprintf("line %d amount", item.LineNo), want.String(), said.String()})
	}
}

// checkComplete lists what every entry must have and this one has not.
func checkComplete(generated, journalText string) (missing []string) {
	if _, err := time.Parse(time.RFC3339, generated); err != nil {
		missing = append(missing, fmt.Sprintf("generate_date_time %.40q is no time in ISO form", generated))
	}
	if strings.TrimSpace(journalText) == "" {
		missing = append(missing, "journal_text is empty")
	}
	return missing
}
