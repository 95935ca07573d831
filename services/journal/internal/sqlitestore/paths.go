package sqlitestore

import (
	"fmt"
	"math"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// paths are the indexes; of those that serve the same filters the first is taken.
var paths = []journal.Path{
	{Index: "journal_receipt_scope", Columns: []journal.Column{journal.ColReceipt, journal.ColTerminal, journal.ColStore, journal.ColDate}},
	{Index: "journal_transaction", Columns: []journal.Column{journal.ColTransaction}},
	{Index: "journal_store_sheet", Columns: []journal.Column{journal.ColStore, journal.ColDate, journal.ColInstant}}, // what else is filtered by is in it, too
	{Index: "journal_terminal_date", Columns: []journal.Column{journal.ColStore, journal.ColTerminal, journal.ColDate, journal.ColInstant}},
	{Index: "journal_terminal_type", Columns: []journal.Column{journal.ColStore, journal.ColTerminal, journal.ColType, journal.ColInstant}},
	{Index: "journal_terminal_instant", Columns: []journal.Column{journal.ColStore, journal.ColTerminal, journal.ColInstant}},
	{Index: "journal_date", Columns: []journal.Column{journal.ColDate, journal.ColInstant}},
	{Index: "journal_store_type", Columns: []journal.Column{journal.ColStore, journal.ColType, journal.ColInstant}},
	{Index: "journal_store_instant", Columns: []journal.Column{journal.ColStore, journal.ColInstant}},
	{Index: "journal_type", Columns: []journal.Column{journal.ColType, journal.ColInstant}},
	{Index: "journal_instant", Columns: []journal.Column{journal.ColInstant}},
}

// from is the FROM and WHERE that examines just what the index of a route leaves. Without a condition
// SQLite would not take the index that is named.
func from(r *journal.Route) (string, conditions) {
	where := filters(&r.Served)
	if len(where.parts) == 0 {
		where.add("j.generated_at > ?", int64(math.MinInt64))
	}
	return " FROM journal j INDEXED BY " + r.Index, where
}

// all is what holds of the entries of a route that fulfil everything.
func all(r *journal.Route, everything conditions) conditions {
	if r.Served.Unfiltered() {
		_, own := from(r)
		return own.and(everything)
	}
	return everything
}

// cheapest finds the route that leaves the fewest entries, if one leaves at most so many.
func (k *seek) cheapest(routes []*journal.Route, most int) (*journal.Route, error) {
	return journal.Cheapest(routes, most, k.countRoute)
}

// countRoute counts what the index of a route leaves, up to one more than limit.
func (k *seek) countRoute(r *journal.Route, limit int) (int, error) {
	from, where := from(r)
	n, err := column[int](k.ctx, k.tx, fmt.Sprintf(`SELECT count(*) FROM (SELECT 1%s%s LIMIT %d)`, from, where.where(), limit+1), where.args...)
	if err != nil {
		return 0, err
	}
	return n[0], nil
}
