package event

import (
	"encoding/json"
	"fmt"

	"github.com/tillroll/tillroll/pkg/money"
)

// Business is one fine-grained business event (topic-events). The first six fields carry the
// event-journal's own names; EventIDSeed repeats event_id, UserID is the staff, StoreID the store
// code and CorrelationID the order, i.e. the cart id (empty for Terminal.* events).
type Business struct {
	Envelope
	EventIDSeed   string          `json:"eventId"`
	EventType     string          `json:"eventType"`
	Timestamp     string          `json:"timestamp"`
	UserID        string          `json:"userId"`
	StoreID       string          `json:"storeId"`
	CorrelationID string          `json:"correlationId,omitempty"`
	Payload       json.RawMessage `json:"payload"`
}

// Topic of a Business event.
func (*Business) Topic() string { return TopicEvents }

// Payload is what a business event says; its type is the event type.
type Payload interface{ EventType() string }

// NewBusiness wraps payload. The outbox fills the envelope and the fields repeated from it.
func NewBusiness(userID, correlationID string, payload Payload) (*Business, error) {
	raw, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("payload of %s: %w", payload.EventType(), err)
	}
	return &Business{EventType: payload.EventType(), UserID: userID, CorrelationID: correlationID, Payload: raw}, nil
}

// The payloads of the Sales.* events. OrderID is the cart id.

type (
	// OrderCreated says that a new order is started, and freezes whose and where it is.
	OrderCreated struct {
		OrderID         string         `json:"orderId"`
		Customer        *Person        `json:"customer,omitempty"`
		TransactionType int            `json:"transactionType"`
		Currency        money.Currency `json:"currency"`
		BusinessDate    string         `json:"businessDate"`
		OpenCounter     int            `json:"openCounter"`
		BusinessCounter int            `json:"businessCounter"`
		Staff           *Person        `json:"staff,omitempty"`
		User            *Person        `json:"user,omitempty"`
		Store           *OrderStore    `json:"store,omitempty"`
	}
	// OrderStore is what of the store is frozen into the order when it is made.
	OrderStore struct {
		Name                      string   `json:"name,omitempty"`
		TimeZone                  string   `json:"timeZone"`
		Language                  string   `json:"language,omitempty"`
		InvoiceRegistrationNumber string   `json:"invoiceRegistrationNumber,omitempty"`
		ReceiptHeaders            []string `json:"receiptHeaders,omitempty"`
		ReceiptFooters            []string `json:"receiptFooters,omitempty"`
		ReceiptWidth              int      `json:"receiptWidth,omitempty"` // columns
	}
	// ProductAdded says that an item is rung up, at its price and tax of that moment.
	ProductAdded struct {
		OrderID            string        `json:"orderId"`
		ProductID          string        `json:"productId"`
		Quantity           money.Decimal `json:"quantity"`
		Price              money.Decimal `json:"price"`
		LineNo             int           `json:"lineNo"`
		OriginalPrice      money.Decimal `json:"originalPrice"`
		Description        string        `json:"description"`
		CategoryCode       string        `json:"categoryCode,omitempty"`
		Unit               string        `json:"unit,omitempty"`
		DiscountRestricted bool          `json:"discountRestricted,omitempty"`
		Tax                OrderTax      `json:"tax"`
	}
	// OrderTax is the tax rule frozen into the line when it is rung up.
	OrderTax struct {
		Code     string         `json:"code"`
		Type     string         `json:"type"`
		Name     string         `json:"name"`
		Rate     money.Decimal  `json:"rate"`
		Rounding money.Rounding `json:"rounding"`
	}
	// ProductQuantityUpdated says that the quantity of a line is changed.
	ProductQuantityUpdated struct {
		OrderID     string        `json:"orderId"`
		ProductID   string        `json:"productId"`
		OldQuantity money.Decimal `json:"oldQuantity"`
		NewQuantity money.Decimal `json:"newQuantity"`
		LineNo      int           `json:"lineNo"`
	}
	// PriceOverridden says that a line is sold at another unit price. What it costs ordinarily stays in
	// the line.
	PriceOverridden struct {
		OrderID   string        `json:"orderId"`
		ProductID string        `json:"productId"`
		OldPrice  money.Decimal `json:"oldPrice"`
		NewPrice  money.Decimal `json:"newPrice"`
		LineNo    int           `json:"lineNo"`
	}
	// ProductRemoved says that a line is cancelled; it stays visible.
	ProductRemoved struct {
		OrderID   string `json:"orderId"`
		ProductID string `json:"productId"`
		LineNo    int    `json:"lineNo"`
	}
	// OrderSubtotalled says that item entry ended and paying begins.
	OrderSubtotalled struct {
		OrderID string `json:"orderId"`
	}
	// OrderEntryResumed says that item entry began again.
	OrderEntryResumed struct {
		OrderID string `json:"orderId"`
	}
	// PaymentTendered says that a payment is made: Amount of Deposit pays the bill, the rest is change.
	PaymentTendered struct {
		OrderID     string        `json:"orderId"`
		PaymentType string        `json:"paymentType"`
		Amount      money.Decimal `json:"amount"`
		PaymentNo   int           `json:"paymentNo"`
		PaymentCode string        `json:"paymentCode"`
		Deposit     money.Decimal `json:"deposit"`
		Description string        `json:"description,omitempty"`
		Detail      string        `json:"detail,omitempty"`
	}
	// PaymentReleased says that a payment is given back.
	PaymentReleased struct {
		OrderID   string `json:"orderId"`
		PaymentNo int    `json:"paymentNo"`
	}
	// ReceiptPrinted names one printed copy of the receipt.
	ReceiptPrinted struct {
		OrderID   string `json:"orderId"`
		ReceiptID string `json:"receiptId"`
	}
	// OrderCompleted says that the order is billed, under which numbers.
	OrderCompleted struct {
		OrderID          string `json:"orderId"`
		TransactionNo    int64  `json:"transactionNo"`
		ReceiptNo        int64  `json:"receiptNo"`
		GenerateDateTime string `json:"generateDateTime"`
	}
	// OrderCancelled says that the order is given up; it takes numbers all the same.
	OrderCancelled struct {
		OrderID          string `json:"orderId"`
		TransactionNo    int64  `json:"transactionNo"`
		ReceiptNo        int64  `json:"receiptNo"`
		GenerateDateTime string `json:"generateDateTime"`
	}
)

// EventType of each Sales.* payload.
func (OrderCreated) EventType() string           { return "Sales.OrderCreated" }
func (ProductAdded) EventType() string           { return "Sales.ProductAdded" }
func (ProductQuantityUpdated) EventType() string { return "Sales.ProductQuantityUpdated" }

// EventType implements Payload.
func (PriceOverridden) EventType() string   { return "Sales.PriceOverridden" }
func (ProductRemoved) EventType() string    { return "Sales.ProductRemoved" }
func (OrderSubtotalled) EventType() string  { return "Sales.OrderSubtotalled" }
func (OrderEntryResumed) EventType() string { return "Sales.OrderEntryResumed" }
func (PaymentTendered) EventType() string   { return "Sales.PaymentTendered" }
func (PaymentReleased) EventType() string   { return "Sales.PaymentReleased" }
func (ReceiptPrinted) EventType() string    { return "Sales.ReceiptPrinted" }
func (OrderCompleted) EventType() string    { return "Sales.OrderCompleted" }
func (OrderCancelled) EventType() string    { return "Sales.OrderCancelled" }

// The payloads of the Terminal.* events.

type (
	// SignedIn says that a member of staff stands at the till.
	SignedIn struct {
		TerminalID string `json:"terminalId"`
		StaffID    string `json:"staffId"`
		StaffName  string `json:"staffName,omitempty"`
	}
	// SignedOut says that nobody does any more.
	SignedOut struct {
		TerminalID string `json:"terminalId"`
		StaffID    string `json:"staffId"`
	}
	// Opened says that a session of the till begins.
	Opened struct {
		TerminalID      string        `json:"terminalId"`
		StaffID         string        `json:"staffId,omitempty"`
		BusinessDate    string        `json:"businessDate"`
		OpenCounter     int           `json:"openCounter"`
		BusinessCounter int           `json:"businessCounter"`
		InitialAmount   money.Decimal `json:"initialAmount"`
	}
	// Closing says that the session is about to end: no new carts.
	Closing struct {
		TerminalID   string `json:"terminalId"`
		StaffID      string `json:"staffId,omitempty"`
		BusinessDate string `json:"businessDate"`
		OpenCounter  int    `json:"openCounter"`
	}
	// Closed says that the session has ended, and what was counted.
	Closed struct {
		TerminalID   string         `json:"terminalId"`
		StaffID      string         `json:"staffId,omitempty"`
		BusinessDate string         `json:"businessDate"`
		OpenCounter  int            `json:"openCounter"`
		ExpectedCash *money.Decimal `json:"expectedCash,omitempty"`
		CountedCash  *money.Decimal `json:"countedCash,omitempty"`
		OverShort    *money.Decimal `json:"overShort,omitempty"`
		Provisional  bool           `json:"provisional,omitempty"`
	}
	// CloseAbandoned says that carts in progress kept the terminal open.
	CloseAbandoned struct {
		TerminalID      string   `json:"terminalId"`
		StaffID         string   `json:"staffId,omitempty"`
		CartsInProgress []string `json:"cartsInProgress"`
	}
	// CashMoved says that cash went in (positive) or out (negative).
	CashMoved struct {
		TerminalID  string        `json:"terminalId"`
		StaffID     string        `json:"staffId"`
		Amount      money.Decimal `json:"amount"`
		Description string        `json:"description,omitempty"`
	}
)

// EventType of each Terminal.* payload.
func (SignedIn) EventType() string       { return "Terminal.SignedIn" }
func (SignedOut) EventType() string      { return "Terminal.SignedOut" }
func (Opened) EventType() string         { return "Terminal.Opened" }
func (Closing) EventType() string        { return "Terminal.Closing" }
func (Closed) EventType() string         { return "Terminal.Closed" }
func (CloseAbandoned) EventType() string { return "Terminal.CloseAbandoned" }
func (CashMoved) EventType() string      { return "Terminal.CashMoved" }
