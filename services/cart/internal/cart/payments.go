package cart

import (
	"fmt"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
)

// Types of payment method. Only cash gives change.
const (
	PaymentCash     = "cash"
	PaymentCashless = "cashless" // cards
	PaymentWallet   = "wallet"
	PaymentVoucher  = "voucher"
	PaymentOther    = "other"
)

// PaymentTypes are all of them.
var PaymentTypes = []string{PaymentCash, PaymentCashless, PaymentWallet, PaymentVoucher, PaymentOther}

// Method is a payment method of the catalogue.
type Method struct {
	Code string
	Type string
	Name string
	// Min is the least that one payment may pay, Max the most that all payments of this method may pay
	// for one cart, whatever is handed over; nil: no limit.
	Min, Max *money.Decimal
}

// Tender is a payment to be made. Detail is a reference such as an approval code.
type Tender struct {
	Method  Method
	Deposit money.Decimal
	Detail  string
}

// Subtotal ends item entry. It fails with problem.InvalidOperation, also when no line is left to be
// sold: such a cart is cancelled, not billed.
func (c Cart) Subtotal() (Decision, error) {
	if err := c.may(OpSubtotal); err != nil {
		return Decision{}, err
	}
	if len(c.LiveLines()) == 0 {
		return Decision{}, problem.InvalidOperation.New("the cart has no line that is not cancelled").WithHint("Add an item, or cancel the cart.")
	}
	return c.decide(event.OrderSubtotalled{OrderID: c.ID})
}

// Pay takes payments, all or none. It fails with problem.InvalidOperation, problem.Invalid,
// BalanceZero, DepositTooLarge, PaymentLimit or CartFull.
func (c Cart) Pay(tenders []Tender) (Decision, error) {
	if err := c.may(OpPay); err != nil {
		return Decision{}, err
	}
	if n := len(c.Payments) + len(tenders); n > MaxPayments {
		return Decision{}, CartFull.New("the cart would have %d payments, at most %d are possible", n, MaxPayments)
	}
	events := make([]event.Payload, len(tenders))
	balance, handedOver := c.Totals.Balance, c.Totals.Deposit
	paidBy := c.paidByMethod()
	for i, t := range tenders {
		amount, err := t.amount(balance, c.Currency)
		if err != nil {
			return Decision{}, InEntry(i, "amount", err)
		}
		paidBy[t.Method.Code] = paidBy[t.Method.Code].Add(amount)
		if err := t.Method.allows(amount, paidBy[t.Method.Code]); err != nil {
			return Decision{}, InEntry(i, "amount", err)
		}
		if handedOver = handedOver.Add(t.Deposit); handedOver.Cmp(maxTotal) > 0 {
			return Decision{}, InEntry(i, "amount", CartFull.New("%s would be handed over, at most %s is possible", handedOver, maxTotal))
		}
		balance = balance.Sub(amount)
		events[i] = event.PaymentTendered{
			OrderID: c.ID, PaymentType: t.Method.Type, Amount: amount, PaymentNo: len(c.Payments) + i + 1,
			PaymentCode: t.Method.Code, Deposit: t.Deposit, Description: t.Method.Name, Detail: t.Detail,
		}
	}
	return c.decide(events...)
}

// paidByMethod is what the payments so far pay, by the code of their method.
func (c Cart) paidByMethod() map[string]money.Decimal {
	paid := map[string]money.Decimal{}
	for _, p := range c.Payments {
		paid[p.Code] = paid[p.Code].Add(p.Amount)
	}
	return paid
}

// allows tells whether one payment may pay amount, with which all of the method pay sum.
func (m Method) allows(amount, sum money.Decimal) error {
	switch {
	case m.Min != nil && amount.Cmp(*m.Min) < 0:
		return PaymentLimit.New("%s would pay %s, the least is %s", m.Name, amount, *m.Min)
	case m.Max != nil && sum.Cmp(*m.Max) > 0:
		return PaymentLimit.New("%s would pay %s of this cart, the most is %s", m.Name, sum, *m.Max)
	}
	return nil
}

// amount is what of the deposit pays a balance.
func (t Tender) amount(balance money.Decimal, currency money.Currency) (money.Decimal, error) {
	if t.Deposit.Sign() <= 0 || t.Deposit.Cmp(maxTotal) > 0 {
		return money.Zero, invalid("amount", "range", fmt.Sprintf("must be more than 0 and at most %s", maxTotal))
	}
	if err := currency.Check(t.Deposit); err != nil {
		return money.Zero, invalid("amount", "currency", err.Error())
	}
	if HoldsCardNumber(t.Detail) {
		return money.Zero, invalid("detail", "card-number", "must not hold a card number: send the payment provider's token or approval code")
	}
	if balance.IsZero() {
		return money.Zero, BalanceZero.New("the balance is 0")
	}
	if t.Deposit.Cmp(balance) <= 0 {
		return t.Deposit, nil
	}
	if t.Method.Type != PaymentCash {
		return money.Zero, DepositTooLarge.New("%s is more than the balance of %s, and %s gives no change", t.Deposit, balance, t.Method.Name)
	}
	return balance, nil
}

// ResumeItemEntry goes back from paying to entering items; all payments are released. It fails with
// problem.InvalidOperation.
func (c Cart) ResumeItemEntry() (Decision, error) {
	if err := c.may(OpResumeItemEntry); err != nil {
		return Decision{}, err
	}
	return c.decide(append(c.releases(), event.OrderEntryResumed{OrderID: c.ID})...)
}

// releases gives back every payment.
func (c Cart) releases() []event.Payload {
	var events []event.Payload
	for _, p := range c.Payments {
		events = append(events, event.PaymentReleased{OrderID: c.ID, PaymentNo: p.No})
	}
	return events
}
