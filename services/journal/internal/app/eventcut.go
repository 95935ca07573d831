package app

import (
	"encoding/json"
	"fmt"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// eventsExamined is how many events a query may look at beside those that it gives.
const eventsExamined = 20_000

// EventCut is a page of business events that a store cuts out of what it walks past.
type EventCut struct {
	cut    *journal.Cut[*event.Business]
	q      *journal.EventQuery
	looked int
	most   int
}

// NewEventCut begins a page of q.
func (l SearchLimits) NewEventCut(q *journal.EventQuery) *EventCut {
	return &EventCut{cut: journal.NewCut[*event.Business](&journal.Query{Limit: q.Limit}, nil), q: q, most: min(eventsExamined, l.Examined) + q.Limit}
}

// Add takes the content of the next event that the walk meets. It tells whether the page is full, and
// fails with ErrTooWide when too many were looked at, and with ErrDamaged when it is no event.
func (c *EventCut) Add(content []byte) (full bool, err error) {
	e := &event.Business{}
	if err := json.Unmarshal(content, e); err != nil {
		return false, Damaged(err)
	}
	if c.looked++; c.looked > c.most {
		return false, fmt.Errorf("%w: more than %d events", ErrTooWide, c.most)
	}
	return c.q.Holds(e) && c.cut.Add(e), nil
}

// Page gives the events, and whether there are more.
func (c *EventCut) Page() (found []*event.Business, more bool) { return c.cut.Items, c.cut.More }
