package app

import (
	"context"
	"errors"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/problem"
)

// Terminals checks terminals' API keys against the copies that the journal keeps of them.
type Terminals struct{ store Store }

// CheckKey is an auth.KeyChecker.
func (t *Terminals) CheckKey(ctx context.Context, terminalID, key string) (*auth.Principal, error) {
	snapshot, err := t.store.Terminal(ctx, terminalID)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, problem.Unauthenticated.New("the API key is not that of a terminal known here").
			WithHint("A new terminal is known here shortly after it was made; until then use its token.")
	case err != nil:
		return nil, asProblem(err, problem.Unauthenticated)
	}
	state := snapshot.Terminal
	if !auth.MatchFingerprint(key, state.APIKeySHA256) {
		return nil, problem.Unauthenticated.New("the API key is not that of a terminal known here")
	}
	if !state.IsActive {
		return nil, problem.Unauthenticated.New("the terminal is not active any more")
	}
	claims := &auth.TerminalClaims{
		StoreCode: snapshot.StoreCode, TerminalNo: snapshot.TerminalNo, Version: snapshot.Version, Status: state.Status,
		BusinessDate: state.BusinessDate, OpenCounter: state.OpenCounter, BusinessCounter: state.BusinessCounter,
	}
	if state.Staff != nil {
		claims.StaffID, claims.StaffName = state.Staff.ID, state.Staff.Name
	}
	return &auth.Principal{Subject: terminalID, Role: auth.TerminalRole, TenantID: snapshot.TenantID, Terminal: claims}, nil
}
