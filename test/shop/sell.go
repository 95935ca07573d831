package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// invalidOperation is the code of "not possible in this state".
const invalidOperation = 300004

// Sell rings up items, takes cash and bills, whatever breaks in between.
func (t *Till) Sell(ctx context.Context, cash int, items ...Item) (Sale, error) {
	var sale Sale
	if err := t.Cart.Insist(ctx, http.MethodPost, "/api/v1/carts", map[string]any{}, &sale); err != nil {
		return sale, fmt.Errorf("cart: %w", err)
	}
	path := "/api/v1/carts/" + sale.CartID
	if err := t.Cart.Insist(ctx, http.MethodPost, path+"/lineItems", items, nil); err != nil {
		return sale, fmt.Errorf("items: %w", err)
	}
	if err := t.step(ctx, path, "/subtotal", nil, "Paying"); err != nil {
		return sale, fmt.Errorf("subtotal: %w", err)
	}
	payment := []map[string]any{{"paymentCode": "01", "amount": cash}}
	if err := t.Cart.Insist(ctx, http.MethodPost, path+"/payments", payment, nil); err != nil {
		return sale, fmt.Errorf("payment: %w", err)
	}
	if err := t.Cart.Insist(ctx, http.MethodPost, path+"/bill", nil, &sale); err != nil {
		return sale, fmt.Errorf("bill: %w", err)
	}
	return sale, nil
}

// step does what can be done once; when the answer of the first time was lost, the cart's state
// tells that it was done.
func (t *Till) step(ctx context.Context, path, operation string, body any, done string) error {
	err := t.Cart.Insist(ctx, http.MethodPost, path+operation, body, nil)
	var p *Problem
	if !errors.As(err, &p) || p.Code != invalidOperation {
		return err
	}
	var cart Sale
	if err := t.Cart.Insist(ctx, http.MethodGet, path, nil, &cart); err != nil {
		return err
	}
	if cart.CartStatus != done {
		return fmt.Errorf("the cart is %s: %w", cart.CartStatus, err)
	}
	return nil
}

// Closed is the answer to a close.
type Closed struct {
	Status                string      `json:"status"`
	CartTransactionCount  int64       `json:"cartTransactionCount"`
	CartTransactionLastNo int64       `json:"cartTransactionLastNo"`
	CashInOutCount        int64       `json:"cashInOutCount"`
	ExpectedAmount        json.Number `json:"expectedAmount"`
	OverShort             json.Number `json:"overShort"`
	ReceiptText           string      `json:"receiptText"`
}

// Close the till with counted cash; 202 is followed up until the till is closed.
func (t *Till) Close(ctx context.Context, counted string) (Closed, error) {
	var closed Closed
	err := t.Terminal.Insist(ctx, http.MethodPost, "/api/v1/terminals/"+t.ID+"/close", map[string]any{"physicalAmount": json.Number(counted)}, &closed)
	return closed, err
}

// Entry is what the tests read of a journal entry.
type Entry struct {
	JournalID       string      `json:"journalId"`
	TerminalNo      int         `json:"terminalNo"`
	TransactionNo   string      `json:"transactionNo"`
	TransactionType int         `json:"transactionType"`
	BusinessDate    string      `json:"businessDate"`
	ReceiptNo       int64       `json:"receiptNo"`
	Amount          json.Number `json:"amount"`
	StaffID         string      `json:"staffId"`
	JournalText     string      `json:"journalText"`
	ReceiptText     string      `json:"receiptText"`
}

// Search the journal of the store, all pages.
func (s *Shop) Search(ctx context.Context, query string) ([]Entry, error) {
	var all []Entry
	for {
		var page struct {
			Items []Entry `json:"items"`
			Total int     `json:"total"`
		}
		path := fmt.Sprintf("/api/v1/tenants/%s/stores/%s/journals?limit=100&skip=%d&%s", s.Tenant, s.Store, len(all), query)
		if err := s.Journal.Call(ctx, http.MethodGet, strings.TrimSuffix(path, "&"), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if len(all) >= page.Total || len(page.Items) == 0 {
			return all, nil
		}
	}
}

// Summary of one stream's outbox.
type Summary struct {
	Service         string `json:"-"`
	StreamID        string `json:"streamId"`
	LastSequence    uint64 `json:"lastSequence"`
	ReceivedThrough uint64 `json:"receivedThrough"`
	Unconfirmed     uint64 `json:"unconfirmed"`
	Parked          int    `json:"parked"`
}

// Outboxes of all streams of the tenant in both services.
func (s *Shop) Outboxes(ctx context.Context) ([]Summary, error) {
	var all []Summary
	for service, c := range map[string]*Client{"terminal": s.Admin, "cart": s.Cart} {
		var list struct {
			Items []Summary `json:"items"`
		}
		if err := c.Call(ctx, http.MethodGet, "/api/v1/tenants/"+s.Tenant+"/deliveries", nil, &list); err != nil {
			return nil, err
		}
		for _, o := range list.Items {
			o.Service = service
			all = append(all, o)
		}
	}
	return all, nil
}
