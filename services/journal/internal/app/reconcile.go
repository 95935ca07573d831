package app

import (
	"context"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Sessions holds sessions against their close logs.
type Sessions struct{ store Store }

// Reconcile counts what the logs have of a session and compares it with what the terminal said when
// it was closed. It fails with SessionNotFound or TenantUnknown.
func (s *Sessions) Reconcile(ctx context.Context, key journal.SessionKey) (*journal.Reconciliation, error) {
	session, err := s.store.Session(ctx, key.Terminal.TenantID, key)
	if err != nil {
		return nil, asProblem(err, SessionNotFound)
	}
	if session.Empty() {
		return nil, SessionNotFound.New("nothing is stored of %s", key)
	}
	r, err := journal.Reconcile(session)
	if err != nil {
		return nil, EntryDamaged.New("the session's amounts cannot be added up").Because(err)
	}
	return r, nil
}
