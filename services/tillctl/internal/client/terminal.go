package client

import (
	"context"
	"net/http"
	"time"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
)

// Problems of the terminal service that tillctl reacts to.
var (
	TenantExists    = &problem.Kind{Code: 407002}
	StoreExists     = &problem.Kind{Code: 407102}
	StaffExists     = &problem.Kind{Code: 406202}
	TerminalExists  = &problem.Kind{Code: 406002}
	CartsInProgress = &problem.Kind{Code: 406008}
)

// Tenant is a customer of the platform.
type Tenant struct {
	TenantID   string `json:"tenantId"`
	TenantName string `json:"tenantName"`
	IsActive   bool   `json:"isActive"`

	EntryDatetime time.Time `json:"entryDatetime"`
}

// NewTenant is the request for one.
type NewTenant struct {
	TenantID   string `json:"tenantId"`
	TenantName string `json:"tenantName"`
}

// CreateTenant makes a tenant. It fails with a TenantExists problem.
func (t Terminals) CreateTenant(ctx context.Context, n NewTenant) (Answer[Tenant], error) {
	var made Answer[Tenant]
	_, err := t.do(ctx, call{method: http.MethodPost, path: path("tenants"), body: n}, &made)
	return made, err
}

// Tenants lists all tenants.
func (t Terminals) Tenants(ctx context.Context) (List[Tenant], error) {
	return everything[Tenant](ctx, t.Service, path("tenants"))
}

// Tenant gives a tenant.
func (t Terminals) Tenant(ctx context.Context, tenant string) (Answer[Tenant], error) {
	var found Answer[Tenant]
	return found, t.get(ctx, path("tenants", tenant), nil, &found)
}

// Store is a shop of a tenant.
type Store struct {
	StoreCode                 string         `json:"storeCode"`
	StoreName                 string         `json:"storeName"`
	TimeZone                  string         `json:"timeZone,omitempty"`
	CutOver                   string         `json:"cutOver,omitempty"`
	Language                  string         `json:"language,omitempty"`
	Currency                  money.Currency `json:"currency,omitempty"`
	InvoiceRegistrationNumber string         `json:"invoiceRegistrationNumber,omitempty"`
	ReceiptHeaders            []string       `json:"receiptHeaders,omitempty"`
	ReceiptFooters            []string       `json:"receiptFooters,omitempty"`
}

// CreateStore makes a store. It fails with a StoreExists problem.
func (t Terminals) CreateStore(ctx context.Context, tenant string, s Store) error {
	_, err := t.do(ctx, call{method: http.MethodPost, path: path("tenants", tenant, "stores"), body: s}, nil)
	return err
}

// Store gives a store.
func (t Terminals) Store(ctx context.Context, tenant, store string) (s Store, err error) {
	return s, t.get(ctx, path("tenants", tenant, "stores", store), nil, &s)
}

// Stores lists the stores of a tenant.
func (t Terminals) Stores(ctx context.Context, tenant string) (List[Store], error) {
	return everything[Store](ctx, t.Service, path("tenants", tenant, "stores"))
}

// NewStaff is the request for a member of staff.
type NewStaff struct {
	StaffID string   `json:"staffId"`
	Name    string   `json:"name"`
	PIN     string   `json:"pin"`
	Roles   []string `json:"roles,omitempty"`
}

// CreateStaff makes a member of staff. It fails with a StaffExists problem.
func (t Terminals) CreateStaff(ctx context.Context, tenant, store string, n NewStaff) error {
	_, err := t.do(ctx, call{method: http.MethodPost, path: path("tenants", tenant, "stores", store, "staff"), body: n}, nil)
	return err
}

// ChangePIN gives a member of staff another PIN.
func (t Terminals) ChangePIN(ctx context.Context, tenant, store, staff, pin string) error {
	_, err := t.do(ctx, call{
		method: http.MethodPatch, path: path("tenants", tenant, "stores", store, "staff", staff), body: map[string]string{"pin": pin},
	}, nil)
	return err
}

// Till is a terminal.
type Till struct {
	TerminalID   string `json:"terminalId"`
	TerminalNo   int    `json:"terminalNo"`
	Status       string `json:"status"`
	BusinessDate string `json:"businessDate"`
	OpenCounter  int    `json:"openCounter"`
	Staff        *struct {
		StaffID string `json:"staffId"`
	} `json:"staff"`
	APIKey string `json:"apiKey,omitempty"` // of a terminal that was just made
}

// Tills lists the terminals of a store.
func (t Terminals) Tills(ctx context.Context, tenant, store string) (List[Till], error) {
	return everything[Till](ctx, t.Service, path("tenants", tenant, "stores", store, "terminals"))
}

// NewTill is the request for a terminal.
type NewTill struct {
	TerminalNo  int    `json:"terminalNo"`
	Description string `json:"description,omitempty"`
}

// CreateTill makes a terminal. It fails with a TerminalExists problem.
func (t Terminals) CreateTill(ctx context.Context, tenant, store string, n NewTill) (till Till, err error) {
	_, err = t.do(ctx, call{method: http.MethodPost, path: path("tenants", tenant, "stores", store, "terminals"), body: n}, &till)
	return till, err
}

// Till gives a terminal.
func (t Terminals) Till(ctx context.Context, terminalID string) (till Till, err error) {
	return till, t.get(ctx, path("terminals", terminalID), nil, &till)
}

// RotateKey gives a terminal a new API key; the old one is worth nothing any more.
func (t Terminals) RotateKey(ctx context.Context, terminalID string) (apiKey string, err error) {
	var answer struct {
		APIKey string `json:"apiKey"`
	}
	_, err = t.do(ctx, call{method: http.MethodPost, path: path("terminals", terminalID, "api-key")}, &answer)
	return answer.APIKey, err
}

// BuyToken gives the token for the API key that the service is asked with.
func (t Terminals) BuyToken(ctx context.Context) (token string, err error) {
	var answer struct {
		AccessToken string `json:"accessToken"`
	}
	_, err = t.do(ctx, call{method: http.MethodPost, path: path("auth", "token")}, &answer)
	return answer.AccessToken, err
}

// Command is what every command of a till has: the Idempotency-Key, and the token that the till
// holds afterwards, because status, counters and staff stand in it.
type Command struct {
	Key   string
	Token *string
}

func (t Terminals) command(ctx context.Context, terminalID, verb string, body any, c Command, out any) (status int, err error) {
	return t.do(ctx, call{
		method: http.MethodPost, path: path("terminals", terminalID, verb), body: body, key: c.Key, newToken: c.Token,
	}, out)
}

// SignIn puts a member of staff at the till.
func (t Terminals) SignIn(ctx context.Context, terminalID, staff, pin string, c Command) error {
	_, err := t.command(ctx, terminalID, "sign-in", map[string]string{"staffId": staff, "pin": pin}, c, nil)
	return err
}

// SignOut takes whoever is there away from the till.
func (t Terminals) SignOut(ctx context.Context, terminalID string, c Command) error {
	_, err := t.command(ctx, terminalID, "sign-out", nil, c, nil)
	return err
}

// Slip is what a till prints about itself, and the session it belongs to.
type Slip struct {
	BusinessDate string        `json:"businessDate"`
	OpenCounter  int           `json:"openCounter"`
	Amount       money.Decimal `json:"amount"` // of a cash move, signed
	ReceiptText  string        `json:"receiptText"`
}

// Open opens the till with a float.
func (t Terminals) Open(ctx context.Context, terminalID string, float money.Decimal, c Command) (s Slip, err error) {
	_, err = t.command(ctx, terminalID, "open", map[string]money.Decimal{"initialAmount": float}, c, &s)
	return s, err
}

// CashMove is money that goes into the drawer or out of it beside sales.
type CashMove struct {
	Amount      money.Decimal `json:"amount"`
	Description string        `json:"description,omitempty"`
}

// CashOut takes money out of the drawer.
func (t Terminals) CashOut(ctx context.Context, terminalID string, m CashMove, c Command) (s Slip, err error) {
	_, err = t.command(ctx, terminalID, "cash-out", m, c, &s)
	return s, err
}

// CashIn puts money into the drawer.
func (t Terminals) CashIn(ctx context.Context, terminalID string, m CashMove, c Command) (s Slip, err error) {
	_, err = t.command(ctx, terminalID, "cash-in", m, c, &s)
	return s, err
}

// Closing is how a close ended, or that it goes on.
type Closing struct {
	Slip
	Done                  bool           `json:"-"`
	PhysicalAmount        *money.Decimal `json:"physicalAmount"`
	ExpectedAmount        *money.Decimal `json:"expectedAmount"`
	OverShort             *money.Decimal `json:"overShort"`
	CartTransactionCount  *int64         `json:"cartTransactionCount"`
	CartTransactionLastNo *int64         `json:"cartTransactionLastNo"`
	CashInOutCount        *int64         `json:"cashInOutCount"`
	IsProvisional         bool           `json:"isProvisional"`
}

// Close closes the till; counted is what lies in the drawer, nil when nobody counted. A close that is
// not Done goes on by itself: the same command waits for it again. It fails with a CartsInProgress
// problem.
func (t Terminals) Close(ctx context.Context, terminalID string, counted *money.Decimal, c Command) (Closing, error) {
	body := map[string]money.Decimal{}
	if counted != nil {
		body["physicalAmount"] = *counted
	}
	var closing Closing
	status, err := t.command(ctx, terminalID, "close", body, c, &closing)
	closing.Done = status == http.StatusOK
	return closing, err
}
