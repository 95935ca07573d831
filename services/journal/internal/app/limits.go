package app

import "time"

// SearchLimits is what one search may cost.
type SearchLimits struct {
	// Examined is how many entries of an index a search may look at.
	Examined int
	// Few is how many entries a search looks through without asking whether there is a better way.
	Few int
	// Read is how many texts a search may read for a pattern, for an order by relevance, or for
	// keywords in another order than by time.
	Read int
	// Time is when a search gives up.
	Time time.Duration
}

// UsualSearchLimits keep a search to a fraction of a second on two cores.
var UsualSearchLimits = SearchLimits{Examined: 100_000, Few: 1_000, Read: 5_000, Time: 3 * time.Second}

// OrUsual puts the usual limits where none is given.
func (l SearchLimits) OrUsual() SearchLimits {
	if l.Examined <= 0 {
		l.Examined = UsualSearchLimits.Examined
	}
	if l.Few <= 0 {
		l.Few = UsualSearchLimits.Few
	}
	if l.Read <= 0 {
		l.Read = UsualSearchLimits.Read
	}
	if l.Time <= 0 {
		l.Time = UsualSearchLimits.Time
	}
	return l
}
