package app

import (
	"context"

	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Tenants makes tenants' journals and tells how they stand.
type Tenants struct {
	store   Store
	waiting *waiting
	log     *zap.Logger
}

// Provision makes the journal of a tenant, or mends what of it is missing. Events of the tenant that
// wait in quarantine are stored afterwards.
func (t *Tenants) Provision(ctx context.Context, tenant string) (created bool, err error) {
	created, err = t.store.Provision(ctx, tenant)
	if err != nil {
		return false, err
	}
	if created {
		t.log.Info("tenant provisioned", zap.String("tenant_id", tenant))
	}
	t.waiting.nudge()
	return created, nil
}

// Create is Provision for a caller.
func (t *Tenants) Create(ctx context.Context, tenant string) (created bool, err error) {
	created, err = t.Provision(ctx, tenant)
	return created, asProblem(err, problem.NotFound)
}

// Streams tells how far each stream of a tenant has come.
func (t *Tenants) Streams(ctx context.Context, tenant string) ([]journal.StreamState, error) {
	states, err := t.store.Streams(ctx, tenant)
	return states, asProblem(err, problem.NotFound)
}
