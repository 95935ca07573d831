package cart

import (
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
)

// TranLog is the complete transaction, without its envelope. It is made of the cart alone, so the cart's
// events are enough to make it again. A cart that has not ended has no numbers and no texts yet.
func (c Cart) TranLog() *event.TranLog {
	log := &event.TranLog{
		CartID: c.ID, StoreName: c.Store.Name,
		TransactionNo: c.Numbers.TransactionNo, TransactionType: c.TransactionType,
		BusinessDate: c.Session.BusinessDate, OpenCounter: c.Session.OpenCounter, BusinessCounter: c.BusinessCounter,
		ReceiptNo: c.Numbers.ReceiptNo, GenerateDateTime: c.Numbers.GeneratedAt,
		Currency: c.Currency, User: c.User, Staff: c.Staff,
		Sales: event.Sales{
			TotalAmount: c.Totals.Amount, TotalAmountWithTax: c.Totals.AmountWithTax, TaxAmount: c.Totals.Tax,
			TotalQuantity: c.Totals.Pieces, ChangeAmount: c.Totals.Change, TotalDiscountAmount: c.Totals.Discount,
			IsCancelled: c.Status == Cancelled,
		},
		LineItems: c.lineItems(), Payments: c.payments(), Taxes: c.taxes(), SubtotalDiscounts: []event.Discount{},
		AdditionalInfo: c.additionalInfo(),
	}
	if c.Status.Ended() {
		log.ReceiptText, log.JournalText = c.ReceiptText(), c.JournalText()
	}
	return log
}

func (c Cart) lineItems() []event.LineItem {
	items := make([]event.LineItem, len(c.Lines))
	for i, l := range c.Lines {
		items[i] = event.LineItem{
			LineNo: l.No, ItemCode: l.ItemCode, CategoryCode: l.CategoryCode, Description: l.Description,
			UnitPrice: l.UnitPrice, UnitPriceOriginal: l.OriginalPrice, IsUnitPriceChanged: l.PriceChanged(),
			Quantity: l.Quantity, Unit: l.Unit, Discounts: []event.Discount{}, DiscountsAllocated: []event.Discount{},
			Amount: l.Amount, TaxCode: l.Tax.Code, IsCancelled: l.Cancelled, IsDiscountRestricted: l.DiscountRestricted,
		}
	}
	return items
}

func (c Cart) payments() []event.Payment {
	payments := make([]event.Payment, len(c.Payments))
	for i, p := range c.Payments {
		payments[i] = event.Payment{
			PaymentNo: p.No, PaymentCode: p.Code, PaymentType: p.Type, DepositAmount: p.Deposit, Amount: p.Amount,
			Description: p.Description, Detail: p.Detail,
		}
	}
	return payments
}

func (c Cart) taxes() []event.Tax {
	taxes := make([]event.Tax, len(c.Totals.Taxes))
	for i, t := range c.Totals.Taxes {
		taxes[i] = event.Tax{
			TaxNo: i + 1, TaxCode: t.Rule.Code, TaxType: t.Rule.Type, TaxName: t.Rule.Name, Rate: t.Rule.Rate,
			TaxAmount: t.Amount, TargetAmount: t.Target, TargetQuantity: money.FromInt(t.Pieces),
		}
	}
	return taxes
}

func (c Cart) additionalInfo() *event.AdditionalInfo {
	s := c.Store
	if s.InvoiceRegistrationNumber == "" && len(s.ReceiptHeaders) == 0 && len(s.ReceiptFooters) == 0 {
		return nil
	}
	return &event.AdditionalInfo{
		InvoiceRegistrationNumber: s.InvoiceRegistrationNumber, ReceiptHeaders: s.ReceiptHeaders, ReceiptFooters: s.ReceiptFooters,
	}
}
