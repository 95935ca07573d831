package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// eventIndexes are what business events are walked by.
const eventIndexes = `
CREATE INDEX IF NOT EXISTS log_event_instant ON log_event (occurred_at);
CREATE INDEX IF NOT EXISTS log_event_type ON log_event (event_type, occurred_at);
CREATE INDEX IF NOT EXISTS log_event_terminal ON log_event (store_code, terminal_no, occurred_at);
`

// Events implements app.Reader.
func (s *Store) Events(ctx context.Context, tenant string, q journal.EventQuery) (found []*event.Business, more bool, err error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, false, err
	}
	cut := s.limits.NewEventCut(&q)
	err = db.read(ctx, func(tx *sql.Tx) error {
		query, args := eventWalk(&q)
		if q.After != "" {
			last, err := column[int64](ctx, tx, `SELECT v.id FROM event_ids e CROSS JOIN log_event v ON v.id = e.id WHERE e.event_id = ?`, q.After)
			if err != nil {
				return err
			}
			if len(last) == 0 {
				return app.ErrNotFound
			}
			args = append(args, last[0])
		}
		return each(ctx, tx, func(rows *sql.Rows) error {
			var content sql.RawBytes
			if err := rows.Scan(&content); err != nil {
				return err
			}
			full, err := cut.Add(content)
			if full {
				return errStop
			}
			return err
		}, query, args...)
	})
	if err != nil {
		return nil, false, err
	}
	found, more = cut.Page()
	return found, more, nil
}

// eventWalk walks the index of a query. The index is named: a planner that knew nothing of how many there
// are could choose to sort instead.
func eventWalk(q *journal.EventQuery) (query string, args []any) {
	walks := map[journal.EventWalk]struct {
		index string
		where string
		args  []any
	}{
		journal.ByOrder:         {"log_event_order", "v.correlation_id = ?", []any{q.CorrelationID}},
		journal.ByEventTerminal: {"log_event_terminal", "v.store_code = ? AND v.terminal_no = ?", []any{q.StoreCode, q.TerminalNo}},
		journal.ByEventType:     {"log_event_type", "v.event_type = ?", []any{q.Type}},
		journal.ByInstant:       {"log_event_instant", "v.occurred_at IS NOT NULL", nil},
	}
	w := walks[q.Walk()]
	var c conditions
	c.add(w.where, w.args...)
	if q.Occurred.From != nil {
		c.add("v.occurred_at >= ?", micros(*q.Occurred.From))
	}
	if q.Occurred.To != nil {
		c.add("v.occurred_at < ?", micros(*q.Occurred.To))
	}
	compare, direction := "<", "DESC"
	if q.OldestFirst {
		compare, direction = ">", "ASC"
	}
	if q.After != "" {
		c.add(fmt.Sprintf("(v.occurred_at, v.id) %s (SELECT occurred_at, id FROM log_event WHERE id = ?)", compare))
	}
	return fmt.Sprintf(`SELECT v.content FROM log_event v INDEXED BY %s%s ORDER BY v.occurred_at %s, v.id %s`, w.index, c.where(), direction, direction), c.args
}
