package mongostore

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// accessDocument is one read on record. At is microseconds since 1970 UTC.
type accessDocument struct {
	ID      string             `bson:"_id"`
	Place   primitive.ObjectID `bson:"place"`
	At      int64              `bson:"at"`
	Subject string             `bson:"subject"`
	Role    string             `bson:"role"`
	Method  string             `bson:"method"`
	Route   string             `bson:"route"`
	Path    string             `bson:"path"`
	Query   string             `bson:"query"`
	Status  int                `bson:"status"`
	Items   int                `bson:"items"`
	TraceID string             `bson:"trace_id"`
}

// RecordAccess implements app.AccessLog.
func (s *Store) RecordAccess(ctx context.Context, tenant string, a *journal.Access) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	_, err = db.Collection(colAccess).InsertOne(ctx, accessDocument{
		ID: a.ID, Place: s.places.next(s.clock.Now()), At: micros(a.At), Subject: a.Subject, Role: a.Role, Method: a.Method,
		Route: a.Route, Path: a.Path, Query: a.Query, Status: a.Status, Items: a.Items, TraceID: a.TraceID,
	})
	return classify(err)
}

// Accesses implements app.AccessLog.
func (s *Store) Accesses(ctx context.Context, tenant string, q app.AccessQuery) (items []*journal.Access, total int, err error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	var c conditions
	if q.Subject != "" {
		c.is("subject", "$eq", q.Subject)
	}
	if q.At.From != nil {
		c.is("at", "$gte", micros(*q.At.From))
	}
	if q.At.To != nil {
		c.is("at", "$lt", micros(*q.At.To))
	}
	if q.Limit > 0 {
		opts := options.Find().SetSort(bson.D{{Key: "at", Value: -1}, {Key: "place", Value: -1}}).SetSkip(int64(q.Skip)).SetLimit(int64(q.Limit))
		err = each(ctx, db.Collection(colAccess), c.document(), opts, func(d *accessDocument) error {
			items = append(items, &journal.Access{
				ID: d.ID, At: time.UnixMicro(d.At).UTC(), Subject: d.Subject, Role: d.Role, Method: d.Method, Route: d.Route,
				Path: d.Path, Query: d.Query, Status: d.Status, Items: d.Items, TraceID: d.TraceID,
			})
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	n, err := db.Collection(colAccess).CountDocuments(ctx, c.document(), options.Count().SetMaxTime(readWait))
	return items, int(n), classify(err)
}
