package journal

import (
	"time"

	"github.com/tillroll/tillroll/pkg/event"
)

// EventQuery says which business events are wanted. All filters that are given must hold.
type EventQuery struct {
	StoreCode     string
	TerminalNo    int    // 0: all
	Type          string // such as Sales.OrderCompleted
	CorrelationID string // the order
	UserID        string
	Occurred      Span[time.Time] // From included, To excluded
	OldestFirst   bool            // else newest first
	Limit         int
	After         string // event id behind which to go on; "" from the start
}

// EventWalk is what an index is walked by. Behind it every index goes on by instant.
type EventWalk string

// The walks, the one that leaves least first.
const (
	ByOrder         EventWalk = "order"
	ByEventTerminal EventWalk = "terminal"
	ByEventType     EventWalk = "type"
	ByInstant       EventWalk = "instant"
)

// Walk is the index for the query.
func (q *EventQuery) Walk() EventWalk {
	switch {
	case q.CorrelationID != "":
		return ByOrder
	case q.StoreCode != "" && q.TerminalNo != 0:
		return ByEventTerminal
	case q.Type != "":
		return ByEventType
	}
	return ByInstant
}

// Holds tells whether an event that the walk met fulfils the other filters, too.
func (q *EventQuery) Holds(e *event.Business) bool {
	return (q.StoreCode == "" || e.StoreCode == q.StoreCode) && (q.TerminalNo == 0 || e.TerminalNo == q.TerminalNo) &&
		(q.Type == "" || e.EventType == q.Type) && (q.CorrelationID == "" || e.CorrelationID == q.CorrelationID) &&
		(q.UserID == "" || e.UserID == q.UserID)
}
