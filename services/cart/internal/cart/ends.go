package cart

import (
	"github.com/tillroll/tillroll/pkg/event"
)

// Bill completes the sale under its numbers. It fails with problem.InvalidOperation or BalanceLeft.
func (c Cart) Bill(n Numbers, receiptID string) (Decision, error) {
	if err := c.may(OpBill); err != nil {
		return Decision{}, err
	}
	if c.Totals.Balance.Sign() > 0 {
		return Decision{}, BalanceLeft.New("%s of %s is not paid", c.Totals.Balance, c.Totals.AmountWithTax)
	}
	return c.decide(
		event.OrderCompleted{OrderID: c.ID, TransactionNo: n.TransactionNo, ReceiptNo: n.ReceiptNo, GenerateDateTime: n.GeneratedAt},
		event.ReceiptPrinted{OrderID: c.ID, ReceiptID: receiptID})
}

// Cancel ends the cart without a sale; payments are given back. It takes numbers as a sale does, so
// that the journal shows it. It fails with problem.InvalidOperation.
func (c Cart) Cancel(n Numbers) (Decision, error) {
	if err := c.may(OpCancel); err != nil {
		return Decision{}, err
	}
	return c.decide(append(c.releases(), event.OrderCancelled{
		OrderID: c.ID, TransactionNo: n.TransactionNo, ReceiptNo: n.ReceiptNo, GenerateDateTime: n.GeneratedAt})...)
}
