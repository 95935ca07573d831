package cart

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/pkg/layout"
	"github.com/tillroll/tillroll/pkg/money"
)

// Columns of a receipt. Behind the amounts stand two columns for the tax mark.
const (
	minWidth, maxWidth = 24, 64
	markWidth          = 2
	quantityRight      = 12 // where a line's quantity ends
)

// paper is one receipt or journal text while it is set.
type paper struct {
	*layout.Page
	width int
	cart  Cart
	*wording
}

func (c Cart) paper() *paper {
	width := c.Store.ReceiptWidth
	if width < minWidth || width > maxWidth {
		width = layout.DefaultWidth
	}
	return &paper{Page: layout.NewPage(width), width: width, cart: c, wording: wordingOf(c.Store.Language)}
}

// ReceiptText is what the customer gets: the store's own lines around the live lines, the totals and
// the payments.
func (c Cart) ReceiptText() string {
	p := c.paper()
	p.storeHeader()
	p.head()
	p.Rule()
	p.lines(c.LiveLines(), false)
	p.Rule()
	p.totals()
	p.payments(false)
	p.Rule()
	p.Left(fmt.Sprintf(p.receiptNo, c.Numbers.ReceiptNo))
	p.storeFooter()
	return p.String()
}

// CopyText is a receipt that is printed again: as it was, marked as a copy. Language and width are the
// store's; a width that no receipt has is the ordinary one.
func CopyText(receipt, language string, width int) string {
	if width < minWidth || width > maxWidth {
		width = layout.DefaultWidth
	}
	return layout.NewPage(width).Centre(wordingOf(language).copy).String() + receipt
}

// JournalText is what the journal keeps for reading and searching: the sale with cancelled lines,
// ordinary prices, payment references and numbers, without the store's advertising.
func (c Cart) JournalText() string {
	p := c.paper()
	p.head()
	p.Split(p.businessDate, p.localDate(c.Session.BusinessDate))
	p.Rule()
	p.lines(c.Lines, true)
	p.Rule()
	p.totals()
	p.payments(true)
	p.Rule()
	p.Left(fmt.Sprintf(p.receiptNo, c.Numbers.ReceiptNo))
	p.Left(fmt.Sprintf(p.number, c.Numbers.TransactionNo))
	return p.String()
}

func (p *paper) storeHeader() {
	if p.cart.Store.Name != "" {
		p.Centre(p.cart.Store.Name)
	}
	for _, l := range p.cart.Store.ReceiptHeaders {
		p.Centre(l)
	}
}

func (p *paper) head() {
	staff := ""
	if p.cart.Staff != nil {
		staff = fmt.Sprintf(p.staff, p.cart.Staff.ID)
	}
	p.Split(fmt.Sprintf(p.register, p.cart.Terminal.TerminalNo), staff)
	p.Left(p.localTime(p.cart.Numbers.GeneratedAt))
	title := p.sale
	if p.cart.Status == Cancelled {
		title = p.abandoned
	}
	p.Centre(title)
}

// lines sets items with quantity and price; in full with what the customer need not see.
func (p *paper) lines(lines []Line, full bool) {
	reduced := false
	for _, l := range lines {
		name := l.Description
		if l.Cancelled {
			name = fmt.Sprintf(p.cancelledLine, name)
		}
		p.amount(name, grouped(l.Amount, p.cart.Currency.Digits()), p.mark(l.Tax))
		if l.Weighed() || !l.Quantity.Equal(money.FromInt(1)) {
			p.Left(flushRight(p.quantity(l), quantityRight) + "@" + p.price(l.UnitPrice))
		}
		if full && l.PriceChanged() {
			p.Left(strings.Repeat(" ", quantityRight) + fmt.Sprintf(p.originalPrice, p.price(l.OriginalPrice)))
		}
		reduced = reduced || p.reduced(l.Tax) && !l.Cancelled
	}
	if reduced {
		p.Left(p.reducedLegend)
	}
}

func (p *paper) quantity(l Line) string {
	if l.Weighed() {
		return l.Quantity.String() + " " + l.Unit
	}
	return p.count(l.Pieces())
}

func (p *paper) price(d money.Decimal) string { return grouped(d, p.cart.Currency.Digits()) }

func (p *paper) totals() {
	t, tag := p.cart.Totals, func(d money.Decimal) string { return priceTag(d, p.cart.Currency) }
	countRight := p.width * 5 / 8 // where the subtotal's count ends
	p.amount(p.subtotal+flushRight(" "+p.count(t.Pieces), countRight-layout.Width(p.subtotal)), tag(t.Subtotal), "")
	for _, tax := range t.Taxes {
		if tax.Rule.Type == TaxExternal {
			p.amount("  "+tax.Rule.Name, tag(tax.Amount), "")
		}
	}
	p.amount(p.total, tag(t.AmountWithTax), "")
	for _, tax := range t.Taxes {
		p.amount("  ("+tax.Rule.Name+" "+p.target, tag(tax.Target)+")", "")
		if tax.Rule.Type != TaxExempt {
			p.amount("  ("+tax.Rule.Name, tag(tax.Amount)+")", "")
		}
	}
}

// payments sets what cash was handed over and given back, then every payment by its code.
func (p *paper) payments(full bool) {
	payments := slices.Clone(p.cart.Payments)
	if len(payments) == 0 {
		return
	}
	tag := func(d money.Decimal) string { return priceTag(d, p.cart.Currency) }
	if cash := cashDeposit(payments); cash.Sign() > 0 {
		p.amount(p.deposit, tag(cash), "")
		p.amount(p.change, tag(p.cart.Totals.Change), "")
	}
	p.Rule()
	slices.SortStableFunc(payments, func(a, b Payment) int { return cmp.Compare(a.Code, b.Code) })
	for _, pay := range payments {
		p.amount(pay.Description, tag(pay.Amount), "")
		if full && pay.Detail != "" {
			p.Left(fmt.Sprintf(p.paymentDetailIndented, pay.Detail))
		}
	}
}

func cashDeposit(payments []Payment) money.Decimal {
	cash := money.Zero
	for _, p := range payments {
		if p.Type == PaymentCash {
			cash = cash.Add(p.Deposit)
		}
	}
	return cash
}

func (p *paper) storeFooter() {
	if n := p.cart.Store.InvoiceRegistrationNumber; n != "" {
		p.Left(fmt.Sprintf(p.registration, n))
	}
	if len(p.cart.Store.ReceiptFooters) > 0 {
		p.Blank()
	}
	for _, l := range p.cart.Store.ReceiptFooters {
		p.Centre(l)
	}
}

// amount sets a text and an amount, which ends before the column of tax marks.
func (p *paper) amount(text, amount, mark string) {
	p.Split(text, amount+mark+strings.Repeat(" ", markWidth-layout.Width(mark)))
}

func flushRight(s string, width int) string {
	return strings.Repeat(" ", max(0, width-layout.Width(s))) + s
}
