package mongostore

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// What was stored before there was an index of terms, or while terms were made by other rules, is indexed
// beside everything else, some entries at a time. What is committed meanwhile is indexed as always. The
// note of the rules (termRules) is written last: until then a search does without the index.

// indexedAtOnce is how many entries Backfill indexes at a time.
const indexedAtOnce = 500

// backfillNote is, among the counts of terms, how far Backfill has come.
const backfillNote = "/backfill"

// progressNote is the document of backfillNote.
type progressNote struct {
	ID    string `bson:"_id"`
	Rules int64  `bson:"rules"` // by which: what was made by others does not count
	After string `bson:"after"` // the last event id that is indexed
	N     int64  `bson:"n"`     // how many are
}

// rulesAreCurrent tells whether all entries are indexed by the rules of this program.
func rulesAreCurrent(ctx context.Context, db *mongo.Database) (bool, error) {
	rules, err := readCounts(ctx, db, []string{termRules})
	return rules[termRules].N == journal.TermRules, err
}

// indexEmpty notes of a journal without entries that all of them are indexed.
func indexEmpty(ctx context.Context, db *mongo.Database) error {
	if current, err := rulesAreCurrent(ctx, db); err != nil || current {
		return err
	}
	err := db.Collection(colJournal).FindOne(ctx, bson.D{}, options.FindOne().SetProjection(ascending("_id"))).Err()
	if !errors.Is(err, mongo.ErrNoDocuments) {
		return err
	}
	return noteRules(ctx, db)
}

func noteRules(ctx context.Context, db *mongo.Database) error {
	return note(ctx, db, termRules, bson.D{{Key: "n", Value: int64(journal.TermRules)}})
}

// note writes one of the documents that are no counts. Whoever does the same at the same time writes the
// same.
func note(ctx context.Context, db *mongo.Database, id string, fields bson.D) error {
	_, err := db.Collection(colTermCounts).UpdateOne(ctx, bson.D{{Key: "_id", Value: id}},
		bson.D{{Key: "$set", Value: fields}}, options.Update().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return err
}

// Backfill implements app.Recorder. Several processes may do so at a time.
func (s *Store) Backfill(ctx context.Context, tenant string) (app.Backlog, error) {
	db, err := s.tenant(ctx, tenant)
	if err != nil {
		return app.Backlog{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, provisionWait)
	defer cancel()
	if current, err := rulesAreCurrent(ctx, db); err != nil || current {
		return app.Backlog{}, classify(err)
	}
	var at progressNote
	err = db.Collection(colTermCounts).FindOne(ctx, bson.D{{Key: "_id", Value: backfillNote}}).Decode(&at)
	switch {
	case err != nil && !errors.Is(err, mongo.ErrNoDocuments):
		return app.Backlog{}, classify(err)
	case at.Rules != journal.TermRules:
		at = progressNote{Rules: journal.TermRules}
	}
	all, err := db.Collection(colJournal).EstimatedDocumentCount(ctx)
	if err != nil {
		return app.Backlog{}, classify(err)
	}
	more, err := s.indexMore(ctx, db, &at)
	switch {
	case err != nil:
		return app.Backlog{}, classify(err)
	case more:
		err = note(ctx, db, backfillNote, bson.D{{Key: "rules", Value: at.Rules}, {Key: "after", Value: at.After}, {Key: "n", Value: at.N}})
		return app.Backlog{Done: at.N, All: max(all, at.N+1)}, classify(err)
	}
	return app.Backlog{Done: at.N, All: at.N}, classify(noteRules(ctx, db))
}

// indexMore indexes the next entries, and tells whether there may be more.
func (s *Store) indexMore(ctx context.Context, db *mongo.Database, at *progressNote) (more bool, err error) {
	var part []mongo.WriteModel
	fields := options.Find().SetProjection(ascending("journal_text", "generated_at", "place")).SetSort(ascending("_id")).SetLimit(indexedAtOnce)
	err = each(ctx, db.Collection(colJournal), bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: at.After}}}}, fields, func(d *journalDocument) error {
		doc, _ := newTermsDocument(d, nil)
		part = append(part, mongo.NewReplaceOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: d.EventID}}).SetReplacement(doc))
		at.After = d.EventID
		return nil
	})
	if err != nil || len(part) == 0 {
		return false, err
	}
	if err := s.step("index what was there before"); err != nil {
		return false, err
	}
	at.N += int64(len(part))
	_, err = db.Collection(colTerms).BulkWrite(ctx, part, options.BulkWrite().SetOrdered(false))
	if mongo.IsDuplicateKeyError(err) {
		err = nil // another process does the same
	}
	return len(part) == indexedAtOnce, err
}
