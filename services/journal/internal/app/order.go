package app

import (
	"context"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Orders shows orders event by event.
type Orders struct{ store Store }

// Timeline gives the business events of one order from first to last, and its journal entries. It
// fails with OrderNotFound or TenantUnknown.
func (o *Orders) Timeline(ctx context.Context, tenant, orderID string) ([]*event.Business, []journal.Listed, error) {
	events, entries, err := o.store.Order(ctx, tenant, orderID)
	if err != nil {
		return nil, nil, asProblem(err, OrderNotFound)
	}
	if len(events)+len(entries) == 0 {
		return nil, nil, OrderNotFound.New("")
	}
	return events, entries, nil
}
