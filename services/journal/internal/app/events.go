package app

import (
	"context"
	"errors"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// EventPage is one page of business events, and the way to the next.
type EventPage struct {
	Items      []*event.Business
	NextCursor string // "" on the last page
}

// List gives business events by what is asked for. It fails with BadSearch, SearchTooWide or TenantUnknown.
func (o *Orders) List(ctx context.Context, tenant string, q journal.EventQuery, cursor string) (*EventPage, error) {
	same := q
	same.Limit = 0
	print := printOf(same)
	from, err := readCursor(cursor, print)
	if err != nil {
		return nil, err
	}
	q.After = from.After
	found, more, err := o.store.Events(ctx, tenant, q)
	switch {
	case errors.Is(err, ErrTooWide):
		return nil, SearchTooWide.New("too many events would have to be looked at").Because(err).
			WithHint("Add a filter that leaves less to read: orderId, a terminal, eventType, or timestampFrom and timestampTo.")
	case errors.Is(err, ErrNotFound):
		return nil, badCursor()
	case err != nil:
		return nil, asProblem(err, OrderNotFound)
	}
	page := &EventPage{Items: found}
	if more {
		page.NextCursor = writeCursor(cursorAt(print, found[len(found)-1].EventID))
	}
	return page, nil
}
