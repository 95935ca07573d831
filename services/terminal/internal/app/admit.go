package app

import (
	"context"
	"time"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/terminal/internal/documents"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// TokenLife is how long a terminal's token lasts. It is also the longest time for which a rotated key
// goes on in a token that it bought.
const TokenLife = 15 * time.Minute

// CheckKey says whether an API key is that of the terminal that it names. It implements
// auth.KeyChecker.
func (a *App) CheckKey(ctx context.Context, terminalID, key string) (*auth.Principal, error) {
	doc, err := getTerminal(ctx, a.reader(), terminalID)
	if problem.Is(err, terminal.TerminalNotFound) || err == nil && !auth.MatchFingerprint(key, doc.Body.APIKeySHA256) {
		return nil, problem.Unauthenticated.New("the API key is not one of a terminal here")
	}
	if err != nil {
		return nil, err
	}
	return principalOf(&doc.Body), nil
}

// principalOf is the terminal as a caller.
func principalOf(t *terminal.Terminal) *auth.Principal {
	claims := &auth.TerminalClaims{
		StoreCode: t.Identity.StoreCode, TerminalNo: t.Identity.TerminalNo, Version: t.Version, Status: t.Status,
		BusinessDate: t.BusinessDate, OpenCounter: t.OpenCounter, BusinessCounter: t.BusinessCounter,
	}
	if t.Staff != nil {
		claims.StaffID, claims.StaffName = t.Staff.ID, t.Staff.Name
	}
	return &auth.Principal{
		Subject: "terminal:" + t.ID(), Role: auth.TerminalRole, TenantID: t.Identity.TenantID, Terminal: claims,
	}
}

// AdmitTerminal lets a terminal in unless it, its store or its tenant is disabled, whatever its token
// says. It fails with Disabled.
func (a *App) AdmitTerminal(ctx context.Context, id identity.Terminal) error {
	items, err := a.reader().Get(ctx, documents.TerminalKey(id.ID()), documents.StoreKey(id.TenantID, id.StoreCode), documents.TenantKey(id.TenantID))
	if err != nil {
		return err
	}
	t, err := documents.Parse[terminal.Terminal](items[0])
	if err != nil {
		return err
	}
	store, err := documents.Parse[terminal.Store](items[1])
	if err != nil {
		return err
	}
	tenant, err := documents.Parse[terminal.Tenant](items[2])
	if err != nil {
		return err
	}
	if !t.Body.IsActive || !store.Body.IsActive || !tenant.Body.IsActive {
		return terminal.Disabled.New("terminal %s is disabled", id.ID())
	}
	return nil
}

// AdmitUser tells which terminal a user of a tenant means. Another tenant's is as good as none. It
// fails with TerminalNotFound.
func (a *App) AdmitUser(ctx context.Context, tenantID, terminalID string) (identity.Terminal, error) {
	t, err := a.TerminalByID(ctx, terminalID)
	if err == nil && t.Identity.TenantID != tenantID {
		err = terminal.TerminalNotFound.New("")
	}
	return t.Identity, err
}

// BuyToken gives the token for an API key. It fails with problem.Unauthenticated or Disabled.
func (a *App) BuyToken(ctx context.Context, apiKey string) (token string, err error) {
	id, ok := auth.APIKeyTerminal(apiKey)
	if !ok {
		return "", problem.Unauthenticated.New("the X-API-Key header has no API key of a terminal")
	}
	p, err := a.CheckKey(ctx, id, apiKey)
	if err != nil {
		return "", err
	}
	if err := a.AdmitTerminal(ctx, p.TerminalIdentity()); err != nil {
		return "", err
	}
	return a.Tokens.Issue(*p, TokenLife)
}

// RenewToken gives a token with the terminal's present claims, for one whose status, counters or
// staff just changed.
func (a *App) RenewToken(ctx context.Context, id identity.Terminal) (token string, err error) {
	t, err := a.TerminalByID(ctx, id.ID())
	if err != nil {
		return "", err
	}
	return a.Tokens.Issue(*principalOf(&t), TokenLife)
}
