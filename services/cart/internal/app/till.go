package app

import (
	"context"
	"time"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/cart/internal/cart"
	"github.com/tillroll/tillroll/services/cart/internal/register"
)

// Till is the terminal that asks, as far as it is known here.
type Till struct {
	identity.Terminal
	register.View
}

// copyRetry is when a terminal that is not known yet may try again: its snapshot is on the way.
const copyRetry = time.Second

// CheckKey says whether key is the one of the terminal, from the service's own copy, so that a till
// sells on when the terminal service is away for days. It fails with problem.Unauthenticated, or with
// problem.Unavailable while there is no copy; then it asks for a snapshot.
func (a *App) CheckKey(ctx context.Context, terminalID, key string) (*auth.Principal, error) {
	known, exists, err := a.copyOf(ctx, terminalID)
	if err == nil && exists && !auth.MatchFingerprint(key, known.State.APIKeySHA256) { // it may be a new key
		known, exists, err = a.readCopy(ctx, terminalID)
	}
	switch {
	case err != nil:
		return nil, err
	case !exists:
		a.askAbout(ctx, terminalID)
		return nil, problem.Unavailable.New("the terminal is not known here yet; a snapshot of it was asked for").After(copyRetry)
	case !auth.MatchFingerprint(key, known.State.APIKeySHA256):
		return nil, problem.Unauthenticated.New("the API key is not the terminal's")
	case !known.State.IsActive:
		return nil, deactivated()
	}
	return principalOf(known), nil
}

func deactivated() error {
	return problem.Unauthenticated.New("the terminal is deactivated").
		WithHint("Have an administrator activate the terminal.")
}

// principalOf says of a terminal what its token would say.
func principalOf(known terminalCopy) *auth.Principal {
	claims := &auth.TerminalClaims{
		StoreCode: known.Terminal.StoreCode, TerminalNo: known.Terminal.TerminalNo, Version: known.Version,
		Status: known.State.Status, BusinessDate: known.State.BusinessDate,
		OpenCounter: known.State.OpenCounter, BusinessCounter: known.State.BusinessCounter,
	}
	if known.State.Staff != nil {
		claims.StaffID, claims.StaffName = known.State.Staff.ID, known.State.Staff.Name
	}
	return &auth.Principal{
		Subject: "terminal:" + known.Terminal.ID(), Role: auth.TerminalRole, TenantID: known.Terminal.TenantID, Terminal: claims}
}

// TillOf is the terminal as its credential has it.
func TillOf(p *auth.Principal) Till {
	c := p.Terminal
	t := Till{Terminal: p.TerminalIdentity(), View: register.View{
		Version: c.Version, Status: c.Status, BusinessCounter: c.BusinessCounter,
		Session: cart.Session{BusinessDate: c.BusinessDate, OpenCounter: c.OpenCounter},
	}}
	if c.StaffID != "" {
		t.Staff = &event.Person{ID: c.StaffID, Name: c.StaffName}
	}
	return t
}

// JudgeToken puts what a terminal's token says beside the service's copy; the newer of them is
// right. It fails with problem.Unauthenticated when the terminal was deactivated since.
func (a *App) JudgeToken(ctx context.Context, p *auth.Principal) (Till, error) {
	known, exists, err := a.copyOf(ctx, p.TerminalIdentity().ID())
	switch {
	case err != nil:
		return Till{}, err
	case !exists:
		a.ask(ctx, p.TerminalIdentity())
		return TillOf(p), nil
	case known.Version < p.Terminal.Version:
		return TillOf(p), nil
	case !known.State.IsActive:
		return Till{}, deactivated()
	}
	return TillOf(principalOf(known)), nil
}
