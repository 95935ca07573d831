package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Debts stand in the documents that they are about, so that one write changes both.

// Owing implements app.Quarantine.
func (s *Store) Owing(ctx context.Context, debt journal.Debt, limit int) ([]*journal.Quarantined, error) {
	without := bson.D{{Key: "cloud_event", Value: 0}}
	return s.items(ctx, bson.D{{Key: "owes", Value: debt}}, options.Find().SetSort(ascending("place")).SetLimit(int64(limit)).SetProjection(without))
}

// Paid implements app.Quarantine.
func (s *Store) Paid(ctx context.Context, debt journal.Debt, ids []string) error {
	return pay(ctx, s.quarantine(), debt, ids)
}

// Unalerted implements app.Examiner.
func (s *Store) Unalerted(ctx context.Context, tenant string, limit int) ([]*journal.Discrepancy, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	return discrepancies(ctx, db, tenant, bson.D{{Key: "owes", Value: journal.OwesAlert}}, options.Find().SetSort(ascending("place")).SetLimit(int64(limit)))
}

// Alerted implements app.Examiner.
func (s *Store) Alerted(ctx context.Context, tenant string, ids []string) error {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return err
	}
	return pay(ctx, db.Collection(colDiscrepancies), journal.OwesAlert, ids)
}

func pay(ctx context.Context, c *mongo.Collection, debt journal.Debt, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	_, err := c.UpdateMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, bson.D{{Key: "$pull", Value: bson.D{{Key: "owes", Value: debt}}}})
	return classify(err)
}
