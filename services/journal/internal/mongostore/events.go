package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

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
	cut := s.limits.NewEventCut(&q)
	fields := options.Find().SetProjection(ascending("content")).SetSort(sort)
	err = each(ctx, db.Collection(colEvent), where.document(), fields, func(d *eventDocument) error {
		full, err := cut.Add([]byte(d.Content))
		if full {
			return errStop
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	found, more = cut.Page()
	return found, more, nil
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
