package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tillroll/tillroll/pkg/money"
)

// Cart is a sale in the making or made.
type Cart struct {
	CartID             string        `json:"cartId"`
	CartStatus         string        `json:"cartStatus"`
	TotalAmountWithTax money.Decimal `json:"totalAmountWithTax"`
	BalanceAmount      money.Decimal `json:"balanceAmount"`
	DepositAmount      money.Decimal `json:"depositAmount"`
	ChangeAmount       money.Decimal `json:"changeAmount"`
	TransactionNo      int64         `json:"transactionNo"`
	ReceiptNo          int64         `json:"receiptNo"`
	LineItems          []CartLine    `json:"lineItems"`
	ReceiptText        string        `json:"receiptText"`
}

// CartLine is one line of a cart.
type CartLine struct {
	LineNo      int  `json:"lineNo"`
	IsCancelled bool `json:"isCancelled"`
}

// Addition is an item to be rung up.
type Addition struct {
	ItemCode string        `json:"itemCode"`
	Quantity money.Decimal `json:"quantity"`
}

// Tender is a payment: a payment code of the catalogue, and what is handed over.
type Tender struct {
	PaymentCode string        `json:"paymentCode"`
	Amount      money.Decimal `json:"amount"`
}

func (c Carts) change(ctx context.Context, method, where string, body any, key string) (cart Cart, err error) {
	_, err = c.do(ctx, call{method: method, path: where, body: body, key: key}, &cart)
	return cart, err
}

// Create makes an empty cart at the terminal that asks.
func (c Carts) Create(ctx context.Context, key string) (Cart, error) {
	return c.change(ctx, http.MethodPost, path("carts"), nil, key)
}

// Add rings items up.
func (c Carts) Add(ctx context.Context, cart string, items []Addition, key string) (Cart, error) {
	return c.change(ctx, http.MethodPost, path("carts", cart, "lineItems"), items, key)
}

// CancelLine takes a line out of the sale.
func (c Carts) CancelLine(ctx context.Context, cart string, line int) (Cart, error) {
	return c.change(ctx, http.MethodPost, path("carts", cart, "lineItems", strconv.Itoa(line), "cancel"), nil, "")
}

// ChangeQuantity gives a line another quantity.
func (c Carts) ChangeQuantity(ctx context.Context, cart string, line int, quantity money.Decimal) (Cart, error) {
	return c.change(ctx, http.MethodPatch, path("carts", cart, "lineItems", strconv.Itoa(line), "quantity"),
		map[string]money.Decimal{"quantity": quantity}, "")
}

// Subtotal ends the ringing up.
func (c Carts) Subtotal(ctx context.Context, cart string) (Cart, error) {
	return c.change(ctx, http.MethodPost, path("carts", cart, "subtotal"), nil, "")
}

// Pay takes payments.
func (c Carts) Pay(ctx context.Context, cart string, tenders []Tender, key string) (Cart, error) {
	return c.change(ctx, http.MethodPost, path("carts", cart, "payments"), tenders, key)
}

// Bill completes the sale.
func (c Carts) Bill(ctx context.Context, cart, key string) (Cart, error) {
	return c.change(ctx, http.MethodPost, path("carts", cart, "bill"), nil, key)
}

// Cancel ends a cart without a sale.
func (c Carts) Cancel(ctx context.Context, cart string) (Cart, error) {
	return c.change(ctx, http.MethodPost, path("carts", cart, "cancel"), nil, "")
}

// Open lists the carts of the asking terminal that are neither billed nor cancelled.
func (c Carts) Open(ctx context.Context) (List[Cart], error) {
	var list List[Cart]
	return list, c.get(ctx, path("carts"), url.Values{"status": {"open"}}, &list)
}
