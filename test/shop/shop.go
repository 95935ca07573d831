package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/tillroll/tillroll/test/stack"
)

// Shop is one tenant with one store.
type Shop struct {
	Stack    *stack.Stack
	Tenant   string
	Store    string
	Platform *Client // platform operator, at the terminal service
	Admin    *Client // administrator of the tenant, at the terminal service
	Cart     *Client // administrator, at the cart service
	Journal  *Client // auditor of the tenant, at the journal service
}

// Open makes a tenant and a store with one member of staff.
func Open(ctx context.Context, s *stack.Stack, tenant string) (*Shop, error) {
	bearer := func(role string) (string, error) {
		token, err := s.Token(role, tenant)
		return "Bearer " + token, err
	}
	platform, err := bearer("platform")
	if err != nil {
		return nil, fmt.Errorf("token: %w: %s", err, platform)
	}
	admin, err := bearer("administrator")
	if err != nil {
		return nil, err
	}
	auditor, err := bearer("auditor")
	if err != nil {
		return nil, err
	}
	shop := &Shop{
		Stack: s, Tenant: tenant, Store: "s1",
		Platform: NewClient(s.URL("terminal"), "Authorization", platform),
		Admin:    NewClient(s.URL("terminal"), "Authorization", admin),
		Cart:     NewClient(s.URL("cart"), "Authorization", admin),
		Journal:  NewClient(s.URL("journal"), "Authorization", auditor),
	}
	if err := shop.Platform.Insist(ctx, http.MethodPost, "/api/v1/tenants", map[string]any{"tenantId": tenant, "tenantName": "Test " + tenant}, nil); err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	if err := shop.Admin.Insist(ctx, http.MethodPost, "/api/v1/tenants/"+tenant+"/stores", map[string]any{
		"storeCode": "s1", "storeName": "テスト店舗", "timeZone": "Asia/Tokyo", "currency": "JPY", "language": "ja",
	}, nil); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := shop.Admin.Insist(ctx, http.MethodPost, "/api/v1/tenants/"+tenant+"/stores/s1/staff", map[string]any{
		"staffId": "s01", "name": "Ann", "pin": "4711",
	}, nil); err != nil {
		return nil, fmt.Errorf("staff: %w", err)
	}
	return shop, nil
}

// Till is one terminal with its clients.
type Till struct {
	Shop     *Shop
	No       int
	ID       string
	APIKey   string
	Terminal *Client
	Cart     *Client
}

// AddTill makes a terminal; its clients carry its API key.
func (s *Shop) AddTill(ctx context.Context, no int) (*Till, error) {
	var made struct {
		TerminalID string `json:"terminalId"`
		APIKey     string `json:"apiKey"`
	}
	if err := s.Admin.Insist(ctx, http.MethodPost, "/api/v1/tenants/"+s.Tenant+"/stores/"+s.Store+"/terminals", map[string]any{
		"terminalNo": no, "description": fmt.Sprintf("Till %d", no),
	}, &made); err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	return &Till{
		Shop: s, No: no, ID: made.TerminalID, APIKey: made.APIKey,
		Terminal: NewClient(s.Stack.URL("terminal"), "X-API-Key", made.APIKey),
		Cart:     NewClient(s.Stack.URL("cart"), "X-API-Key", made.APIKey),
	}, nil
}

// SignInAndOpen with a float.
func (t *Till) SignInAndOpen(ctx context.Context, float string) error {
	if err := t.Terminal.Insist(ctx, http.MethodPost, "/api/v1/terminals/"+t.ID+"/sign-in", map[string]any{"staffId": "s01", "pin": "4711"}, nil); err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	if err := t.Terminal.Insist(ctx, http.MethodPost, "/api/v1/terminals/"+t.ID+"/open", map[string]any{"initialAmount": json.Number(float)}, nil); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	return nil
}

// Sale is one completed transaction, as the cart service answered it.
type Sale struct {
	CartID             string      `json:"cartId"`
	TransactionNo      int64       `json:"transactionNo"`
	ReceiptNo          int64       `json:"receiptNo"`
	TotalAmountWithTax json.Number `json:"totalAmountWithTax"`
	ChangeAmount       json.Number `json:"changeAmount"`
	BalanceAmount      json.Number `json:"balanceAmount"`
	CartStatus         string      `json:"cartStatus"`
	ReceiptText        string      `json:"receiptText"`
}

// Item rung up.
type Item struct {
	ItemCode string `json:"itemCode"`
	Quantity int    `json:"quantity"`
}
