package mongostore

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// lease says who has a right until when.
type lease struct {
	Holder string    `bson:"holder"`
	Until  time.Time `bson:"until"`
}

// take gives the lease in the document id of col to holder for life; it may have been its own already. When
// there is no such document it is made, with fields beside the lease. It is false when another has the
// lease, or was quicker.
func take(ctx context.Context, col *mongo.Collection, id, holder string, now time.Time, life time.Duration, fields ...bson.E) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	next := bson.D{{Key: "holder", Value: holder}, {Key: "until", Value: now.Add(life)}}
	var held lease
	err := col.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Decode(&held)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		_, err = col.InsertOne(ctx, slices.Concat(bson.D{{Key: "_id", Value: id}}, next, fields))
		if mongo.IsDuplicateKeyError(err) {
			return false, nil
		}
		return err == nil, classify(err)
	case err != nil:
		return false, classify(err)
	case held.Holder != holder && held.Until.After(now):
		return false, nil
	}
	res, err := col.UpdateOne(ctx,
		bson.D{{Key: "_id", Value: id}, {Key: "holder", Value: held.Holder}, {Key: "until", Value: held.Until}},
		bson.D{{Key: "$set", Value: next}})
	if err != nil {
		return false, classify(err)
	}
	return res.MatchedCount == 1, nil
}
