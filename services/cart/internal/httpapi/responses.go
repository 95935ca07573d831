package httpapi

import (
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
)

// transactionBody is a transaction as clients see it. Numbers, time and texts are there once it is
// completed or cancelled.
type transactionBody struct {
	TenantID            string         `json:"tenantId"`
	StoreCode           string         `json:"storeCode"`
	StoreName           string         `json:"storeName,omitempty"`
	TerminalNo          int            `json:"terminalNo"`
	CartID              string         `json:"cartId"`
	TransactionNo       int64          `json:"transactionNo,omitempty"`
	TransactionType     int            `json:"transactionType"`
	ReceiptNo           int64          `json:"receiptNo,omitempty"`
	BusinessDate        string         `json:"businessDate"`
	OpenCounter         int            `json:"openCounter"`
	BusinessCounter     int            `json:"businessCounter"`
	GenerateDateTime    string         `json:"generateDateTime,omitempty"`
	Currency            money.Currency `json:"currency"`
	TotalAmount         money.Decimal  `json:"totalAmount"`
	TotalAmountWithTax  money.Decimal  `json:"totalAmountWithTax"`
	TaxAmount           money.Decimal  `json:"taxAmount"`
	TotalQuantity       int64          `json:"totalQuantity"`
	TotalDiscountAmount money.Decimal  `json:"totalDiscountAmount"`
	DepositAmount       money.Decimal  `json:"depositAmount"`
	ChangeAmount        money.Decimal  `json:"changeAmount"`
	LineItems           []lineBody     `json:"lineItems"`
	Payments            []paymentBody  `json:"payments"`
	Taxes               []taxBody      `json:"taxes"`
	SubtotalDiscounts   []discountBody `json:"subtotalDiscounts"`
	ReceiptText         string         `json:"receiptText,omitempty"`
	JournalText         string         `json:"journalText,omitempty"`
	Staff               *personBody    `json:"staff,omitempty"`
	User                *personBody    `json:"user,omitempty"`
	Status              statusBody     `json:"status"`
}

type personBody struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type statusBody struct {
	IsCancelled bool `json:"isCancelled"`
	IsVoided    bool `json:"isVoided"`
	IsRefunded  bool `json:"isRefunded"`
	// Delivery is where the transaction is on its way to the journal. Only the answer about one
	// transaction has it.
	Delivery string `json:"delivery,omitempty" validate:"omitempty,oneof=pending published received parked"`
}

type lineBody struct {
	LineNo               int            `json:"lineNo"`
	ItemCode             string         `json:"itemCode"`
	ItemName             string         `json:"itemName"`
	CategoryCode         string         `json:"categoryCode,omitempty"`
	UnitPrice            money.Decimal  `json:"unitPrice"`
	UnitPriceOriginal    money.Decimal  `json:"unitPriceOriginal"`
	IsUnitPriceChanged   bool           `json:"isUnitPriceChanged"`
	Quantity             money.Decimal  `json:"quantity"`
	Unit                 string         `json:"unit,omitempty"`
	Amount               money.Decimal  `json:"amount"`
	Discounts            []discountBody `json:"discounts"`
	TaxCode              string         `json:"taxCode"`
	IsCancelled          bool           `json:"isCancelled"`
	IsDiscountRestricted bool           `json:"isDiscountRestricted"`
}

type discountBody struct {
	DiscountType   string        `json:"discountType"`
	DiscountValue  money.Decimal `json:"discountValue"`
	DiscountAmount money.Decimal `json:"discountAmount"`
	DiscountDetail string        `json:"discountDetail,omitempty"`
	PromotionCode  string        `json:"promotionCode,omitempty"`
	PromotionType  string        `json:"promotionType,omitempty"`
}

type paymentBody struct {
	PaymentNo     int           `json:"paymentNo"`
	PaymentCode   string        `json:"paymentCode"`
	PaymentType   string        `json:"paymentType"`
	PaymentName   string        `json:"paymentName"`
	PaymentAmount money.Decimal `json:"paymentAmount"`
	DepositAmount money.Decimal `json:"depositAmount"`
	PaymentDetail string        `json:"paymentDetail,omitempty"`
}

type taxBody struct {
	TaxNo          int           `json:"taxNo"`
	TaxCode        string        `json:"taxCode"`
	TaxType        string        `json:"taxType"`
	TaxName        string        `json:"taxName"`
	Rate           money.Decimal `json:"rate"`
	TaxAmount      money.Decimal `json:"taxAmount"`
	TargetAmount   money.Decimal `json:"targetAmount"`
	TargetQuantity money.Decimal `json:"targetQuantity"`
}

// cartBody is a cart: the transaction that it is or will be, and where it stands.
type cartBody struct {
	transactionBody
	CartStatus     cart.Status   `json:"cartStatus"`
	SubtotalAmount money.Decimal `json:"subtotalAmount"`
	BalanceAmount  money.Decimal `json:"balanceAmount"`
}

func cartOf(c cart.Cart) cartBody {
	log := c.TranLog()
	log.TenantID, log.StoreCode, log.TerminalNo = c.Terminal.TenantID, c.Terminal.StoreCode, c.Terminal.TerminalNo
	return cartBody{
		transactionBody: transactionOf(log), CartStatus: c.Status,
		SubtotalAmount: c.Totals.Subtotal, BalanceAmount: c.Totals.Balance,
	}
}

func transactionOf(l *event.TranLog) transactionBody {
	return transactionBody{
		TenantID: l.TenantID, StoreCode: l.StoreCode, StoreName: l.StoreName, TerminalNo: l.TerminalNo,
		CartID: l.CartID, TransactionNo: l.TransactionNo, TransactionType: l.TransactionType, ReceiptNo: l.ReceiptNo,
		BusinessDate: l.BusinessDate, OpenCounter: l.OpenCounter, BusinessCounter: l.BusinessCounter,
		GenerateDateTime: l.GenerateDateTime, Currency: l.Currency,
		TotalAmount: l.Sales.TotalAmount, TotalAmountWithTax: l.Sales.TotalAmountWithTax, TaxAmount: l.Sales.TaxAmount,
		TotalQuantity: l.Sales.TotalQuantity, TotalDiscountAmount: l.Sales.TotalDiscountAmount,
		DepositAmount: deposit(l.Payments), ChangeAmount: l.Sales.ChangeAmount,
		LineItems: each(l.LineItems, lineOfLog), Payments: each(l.Payments, paymentOf), Taxes: each(l.Taxes, taxOf),
		SubtotalDiscounts: each(l.SubtotalDiscounts, discountOf),
		ReceiptText:       l.ReceiptText, JournalText: l.JournalText,
		Staff: personOf(l.Staff), User: personOf(l.User),
		Status: statusBody{IsCancelled: l.Sales.IsCancelled},
	}
}

func deposit(payments []event.Payment) money.Decimal {
	sum := money.Zero
	for _, p := range payments {
		sum = sum.Add(p.DepositAmount)
	}
	return sum
}

func personOf(p *event.Person) *personBody {
	if p == nil {
		return nil
	}
	return &personBody{ID: p.ID, Name: p.Name}
}

func lineOfLog(l event.LineItem) lineBody {
	return lineBody{
		LineNo: l.LineNo, ItemCode: l.ItemCode, ItemName: l.Description, CategoryCode: l.CategoryCode,
		UnitPrice: l.UnitPrice, UnitPriceOriginal: l.UnitPriceOriginal, IsUnitPriceChanged: l.IsUnitPriceChanged,
		Quantity: l.Quantity, Unit: l.Unit, Amount: l.Amount, Discounts: each(l.Discounts, discountOf), TaxCode: l.TaxCode,
		IsCancelled: l.IsCancelled, IsDiscountRestricted: l.IsDiscountRestricted,
	}
}

func discountOf(d event.Discount) discountBody {
	return discountBody{
		DiscountType: d.DiscountType, DiscountValue: d.DiscountValue, DiscountAmount: d.DiscountAmount,
		DiscountDetail: d.Detail, PromotionCode: d.PromotionCode, PromotionType: d.PromotionType,
	}
}

func paymentOf(p event.Payment) paymentBody {
	return paymentBody{
		PaymentNo: p.PaymentNo, PaymentCode: p.PaymentCode, PaymentType: p.PaymentType, PaymentName: p.Description,
		PaymentAmount: p.Amount, DepositAmount: p.DepositAmount, PaymentDetail: p.Detail,
	}
}

func taxOf(t event.Tax) taxBody {
	return taxBody{
		TaxNo: t.TaxNo, TaxCode: t.TaxCode, TaxType: t.TaxType, TaxName: t.TaxName, Rate: t.Rate,
		TaxAmount: t.TaxAmount, TargetAmount: t.TargetAmount, TargetQuantity: t.TargetQuantity,
	}
}

// each turns a list into its wire form; a list without entries is [], never null.
func each[F, T any](list []F, turn func(F) T) []T {
	out := make([]T, len(list))
	for i, f := range list {
		out[i] = turn(f)
	}
	return out
}
