package cart

import "github.com/tillroll/tillroll/pkg/money"

// Totals of a cart; every number in them follows from lines and payments.
type Totals struct {
	Subtotal      money.Decimal `json:"subtotal"`        // the live lines
	Discount      money.Decimal `json:"discount"`        // taken off lines and cart
	Amount        money.Decimal `json:"amount"`          // subtotal less cart discounts, before exclusive tax
	Tax           money.Decimal `json:"tax"`             // exclusive tax; inclusive tax is inside the amount
	AmountWithTax money.Decimal `json:"amount_with_tax"` // what the customer owes
	Pieces        int64         `json:"pieces"`
	Taxes         []Tax         `json:"taxes,omitempty"`
	Deposit       money.Decimal `json:"deposit"` // handed over
	Paid          money.Decimal `json:"paid"`    // of it, what pays for the cart
	Change        money.Decimal `json:"change"`  // the rest
	Balance       money.Decimal `json:"balance"` // still owed
}

// lineAmount is price × quantity in whole minor units. Weighed goods leave fractions; they are
// rounded half up.
func lineAmount(price, quantity money.Decimal, currency money.Currency) (money.Decimal, error) {
	return price.MulDiv(quantity, money.FromInt(1), currency.Digits(), money.HalfUp)
}

func (c Cart) total() (Totals, error) {
	var t Totals
	lines := c.LiveLines()
	for _, l := range lines {
		t.Subtotal = t.Subtotal.Add(l.Amount)
		t.Pieces += l.Pieces()
	}
	t.Amount = t.Subtotal.Sub(t.Discount)
	taxes, err := taxesOf(lines, c.Currency.Digits())
	if err != nil {
		return t, err
	}
	t.Taxes = taxes
	for _, tax := range taxes {
		if tax.Rule.Type == TaxExternal {
			t.Tax = t.Tax.Add(tax.Amount)
		}
	}
	t.AmountWithTax = t.Amount.Add(t.Tax)
	for _, p := range c.Payments {
		t.Deposit, t.Paid = t.Deposit.Add(p.Deposit), t.Paid.Add(p.Amount)
	}
	t.Change = t.Deposit.Sub(t.Paid)
	t.Balance = t.AmountWithTax.Sub(t.Paid)
	return t, nil
}
