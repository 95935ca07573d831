package mongostore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/journaldb"
)

// The collections, as this package calls them.
const (
	colIDs           = journaldb.IDs
	colTran          = journaldb.Tran
	colCash          = journaldb.Cash
	colOpenClose     = journaldb.OpenClose
	colEvent         = journaldb.Event
	colSnapshot      = journaldb.Snapshot
	colDirect        = journaldb.Direct
	colJournal       = journaldb.Journal
	colHeads         = journaldb.Heads
	colCopies        = journaldb.Copies
	colExaminations  = journaldb.Examinations
	colDiscrepancies = journaldb.Discrepancies
	colAccess        = journaldb.Accesses
	colTerms         = journaldb.Terms
	colTermCounts    = journaldb.TermCounts

	colTenants    = journaldb.Tenants
	colTerminals  = journaldb.Terminals
	colPing       = journaldb.Ping
	colQuarantine = journaldb.Quarantine
	colSchema     = journaldb.Version
)

// A schema makes the databases of one kind.
type schema struct{ journaldb.Schema }

var tenantSchema, platformSchema = schema{journaldb.Tenant}, schema{journaldb.Platform}

// withoutText is the same without text indexes.
func (sc *schema) withoutText() *schema {
	without := *sc
	without.Collections = slices.Clone(sc.Collections)
	for i, c := range without.Collections {
		without.Collections[i].Indexes = slices.DeleteFunc(slices.Clone(c.Indexes), func(ix journaldb.Index) bool { return ix.Text })
	}
	return &without
}

// index is one index as the driver wants it.
type index struct{ journaldb.Index }

func (ix *index) keys() bson.D {
	if ix.Text {
		return bson.D{{Key: ix.Fields[0], Value: "text"}}
	}
	return ascending(ix.Fields...)
}

func (ix *index) model() mongo.IndexModel {
	opts := options.Index().SetName(ix.Name)
	if ix.Unique {
		opts.SetUnique(true)
	}
	if ix.Text {
		// No document has the field that could choose another language for itself.
		opts.SetDefaultLanguage("none").SetLanguageOverride("text_language")
	}
	return mongo.IndexModel{Keys: ix.keys(), Options: opts}
}

// as tells whether an index that was found is the one that is wanted.
func (ix *index) as(found *foundIndex) bool {
	if found.Unique != ix.Unique || len(found.Partial) > 0 || found.Sparse {
		return false
	}
	if ix.Text {
		return true // the server keeps its keys in another form
	}
	keys := ix.keys()
	if len(found.Key) != len(keys) {
		return false
	}
	for i, k := range found.Key {
		if k.Key != keys[i].Key || fmt.Sprint(k.Value) != fmt.Sprint(keys[i].Value) {
			return false
		}
	}
	return true
}

type foundIndex struct {
	Name    string `bson:"name"`
	Key     bson.D `bson:"key"`
	Unique  bool   `bson:"unique"`
	Sparse  bool   `bson:"sparse"`
	Partial bson.D `bson:"partialFilterExpression"`
}

// schemaVersion says how new a database is: a newer version no older program can read, another layout
// only has other collections or indexes.
type schemaVersion struct {
	Kind    string `bson:"_id"`
	Version int    `bson:"version"`
	Layout  string `bson:"layout"`
}

// layout is a fingerprint of collections and indexes.
func (sc *schema) layout() string {
	sum := sha256.Sum256(fmt.Append(nil, sc.Collections))
	return hex.EncodeToString(sum[:8])
}

// errLost says that a listed tenant's database is not what it was.
var errLost = errors.New("the database of the tenant is gone: restore it from its backup, then redeliver what is newer")

// check refuses a database that is not there or that a newer program wrote. It tells whether it is laid
// out as this program wants it.
func (sc *schema) check(ctx context.Context, db *mongo.Database) (same bool, err error) {
	var found schemaVersion
	err = db.Collection(colSchema).FindOne(ctx, bson.D{{Key: "_id", Value: sc.Kind}}).Decode(&found)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return false, errLost
	case err != nil:
		return false, err
	case found.Version > sc.Version:
		return false, fmt.Errorf("database %s has version %d, this program reads up to %d: run the newer program that wrote it, or restore a backup from before",
			db.Name(), found.Version, sc.Version)
	}
	return found.Version == sc.Version && found.Layout == sc.layout(), nil
}

// upgrade adds to a database what it lacks for this release of the program, even if who asked for it
// goes away meanwhile: the next one would begin again.
func (sc *schema) upgrade(ctx context.Context, db *mongo.Database) error {
	same, err := sc.check(ctx, db)
	if err != nil || same {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), provisionWait)
	defer cancel()
	return sc.prepare(ctx, db)
}

// prepare makes what of a database is missing. It may be repeated, and run in several processes at a
// time. The version is written last: it says that the database is complete.
func (sc *schema) prepare(ctx context.Context, db *mongo.Database) error {
	if _, err := sc.check(ctx, db); err != nil && !errors.Is(err, errLost) {
		return err
	}
	// Collections are made beforehand, because a transaction that makes one holds up all others.
	for _, c := range sc.Collections {
		if err := db.CreateCollection(ctx, c.Name); err != nil && !hasCode(err, codeNamespaceExists) {
			return fmt.Errorf("collection %s: %w", c.Name, err)
		}
		if err := mend(ctx, db.Collection(c.Name), c.Indexes); err != nil {
			return fmt.Errorf("indexes of %s: %w", c.Name, err)
		}
	}
	_, err := db.Collection(colSchema).UpdateOne(ctx, bson.D{{Key: "_id", Value: sc.Kind}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: sc.Version}, {Key: "layout", Value: sc.layout()}}}}, options.Update().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) {
		return nil // another process wrote the same in the same moment
	}
	return err
}

// mend makes the indexes that are missing and replaces those that are not what they should be.
// Indexes of other names are somebody's own and are left alone.
func mend(ctx context.Context, in *mongo.Collection, indexes []journaldb.Index) error {
	if len(indexes) == 0 {
		return nil
	}
	cursor, err := in.Indexes().List(ctx)
	if err != nil {
		return err
	}
	var found []foundIndex
	if err := cursor.All(ctx, &found); err != nil {
		return err
	}
	by := map[string]*foundIndex{}
	for i := range found {
		by[found[i].Name] = &found[i]
	}
	var wanted []mongo.IndexModel
	for _, want := range indexes {
		ix := index{want}
		old := by[ix.Name]
		if old != nil && ix.as(old) {
			continue
		}
		if old != nil {
			if _, err := in.Indexes().DropOne(ctx, ix.Name); hasCode(err, codeNotAllowed) {
				return fmt.Errorf("the index %s is not as it should be, and only the role %s may drop it: db.getSiblingDB(%q).%s.dropIndex(%q): %w",
					ix.Name, journaldb.KeeperRole, in.Database().Name(), in.Name(), ix.Name, err)
			} else if err != nil && !hasCode(err, codeNoSuchIndex) {
				return err
			}
		}
		wanted = append(wanted, ix.model())
	}
	if len(wanted) == 0 {
		return nil
	}
	_, err = in.Indexes().CreateMany(ctx, wanted)
	if hasCode(err, codeIndexOptionsDiffer, codeIndexKeysDiffer) {
		return fmt.Errorf("another index over the same fields is in the way, remove it: %w", err)
	}
	return err
}
