package app

import (
	"context"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Discrepancies shows what is wrong with what is stored, and lets people say why it stays so.
type Discrepancies struct {
	store  Store
	depths *depths
	clock  clockwork.Clock
	log    *zap.Logger
}

// List gives a page of discrepancies.
func (s *Discrepancies) List(ctx context.Context, tenant string, q DiscrepancyQuery) ([]*journal.Discrepancy, int, error) {
	items, total, err := s.store.Discrepancies(ctx, tenant, q)
	return items, total, asProblem(err, DiscrepancyNotFound)
}

// Show gives one. It fails with DiscrepancyNotFound.
func (s *Discrepancies) Show(ctx context.Context, tenant, id string) (*journal.Discrepancy, error) {
	d, err := s.store.Discrepancy(ctx, tenant, id)
	return d, asProblem(err, DiscrepancyNotFound)
}

// Accept takes a discrepancy as it is, for a reason that stays on record. It fails with
// DiscrepancyNotFound, or with DiscrepancyResolved when it is not open any more.
func (s *Discrepancies) Accept(ctx context.Context, tenant, id, by, why string) (*journal.Discrepancy, error) {
	d, err := s.Show(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	done, err := s.store.Accept(ctx, tenant, id, by, why, s.clock.Now().UTC())
	switch {
	case err != nil:
		return nil, asProblem(err, DiscrepancyNotFound)
	case !done:
		return nil, DiscrepancyResolved.New("it is %s", d.State)
	}
	s.depths.note(tenant)
	s.log.Info("discrepancy accepted", zap.String("id", id), zap.String("kind", string(d.Kind)), zap.String("by", by), zap.String("why", why))
	return s.Show(ctx, tenant, id)
}
