package app

import (
	"context"
	"errors"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Accesses keeps who read what. A read that cannot be recorded is refused: a journal that auditors can
// read in secret would prove nothing about them.
type Accesses struct {
	store Store
	clock clockwork.Clock
	newID func() string
}

// Record puts a read on record, before its answer goes out. It fails with AccessNotRecorded, or with
// TenantUnknown when there is nothing to read.
func (s *Accesses) Record(ctx context.Context, tenant string, a journal.Access) error {
	a.ID, a.At = s.newID(), s.clock.Now().UTC()
	err := s.store.RecordAccess(ctx, tenant, &a)
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrUnknownTenant) {
		return asProblem(err, TenantUnknown)
	}
	return AccessNotRecorded.New("").Because(err).After(2 * time.Second)
}

// List gives a page of reads, newest first.
func (s *Accesses) List(ctx context.Context, tenant string, q AccessQuery) ([]*journal.Access, int, error) {
	items, total, err := s.store.Accesses(ctx, tenant, q)
	return items, total, asProblem(err, TenantUnknown)
}
