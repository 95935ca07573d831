package mongostore

import (
	"context"
	"encoding/json"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// eventsExamined is how many events a query may look at beside those that it gives.
const eventsExamined = 20_000

type eventDocument struct {
	ID         string `bson:"_id"`
	OccurredAt int64  `bson:"occurred_at"`
	Content    string `bson:"content"`
}

// Events implements app.Reader.
func (s *Store) Events(ctx context.Context, tenant string, q journal.EventQuery) (found []*event.Business, more bool, err error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	where, sort := eventWalk(&q)
	if q.After != "" {
		var last eventDocument
		fields := options.FindOne().SetProjection(ascending("occurred_at"))
		if err := db.Collection(colEvent).FindOne(ctx, bson.D{{Key: "_id", Value: q.After}}, fields).Decode(&last); err != nil {
			return nil, false, notFound(err)
		}
		operator := "$lt"
		if q.OldestFirst {
			operator = "$gt"
		}
		where.is("occurred_at", operator+"e", last.OccurredAt)
		where = append(where, bson.D{{Key: "$or", Value: []bson.D{
			{{Key: "occurred_at", Value: bson.D{{Key: operator, Value: last.OccurredAt}}}},
			{{Key: "_id", Value: bson.D{{Key: operator, Value: last.ID}}}},
		}}})
	}
	looked := 0
	fields := options.Find().SetProjection(ascending("content")).SetSort(sort)
	err = each(ctx, db.Collection(colEvent), where.document(), fields, func(d *eventDocument) error {
		e := &event.Business{}
		if err := json.Unmarshal([]byte(d.Content), e); err != nil {
			return app.Damaged(err)
		}
		if looked++; looked > min(eventsExamined, s.limits.Examined)+q.Limit {
			return fmt.Errorf("%w: more than %d events", app.ErrTooWide, looked-1)
		}
		switch {
		case !q.Holds(e):
		case len(found) == q.Limit:
			more = true
			return errStop
		default:
			found = append(found, e)
		}
		return nil
	})
	return found, more, err
}

// eventWalk walks the index of a query: what it begins with, and then by instant.
func eventWalk(q *journal.EventQuery) (where conditions, sort bson.D) {
	switch q.Walk() {
	case journal.ByOrder:
		where.is("correlation_id", "$eq", q.CorrelationID)
	case journal.ByEventTerminal:
		where.is("store_code", "$eq", q.StoreCode)
		where.is("terminal_no", "$eq", q.TerminalNo)
	case journal.ByEventType:
		where.is("event_type", "$eq", q.Type)
	case journal.ByInstant:
	}
	if q.Occurred.From != nil {
		where.is("occurred_at", "$gte", micros(*q.Occurred.From))
	}
	if q.Occurred.To != nil {
		where.is("occurred_at", "$lt", micros(*q.Occurred.To))
	}
	direction := -1
	if q.OldestFirst {
		direction = 1
	}
	return where, bson.D{{Key: "occurred_at", Value: direction}, {Key: "_id", Value: direction}}
}
