package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// index is one index of a collection.
type index struct {
	name   string
	keys   bson.D
	unique bool
	text   bool
}

// on makes an ordinary ascending index that is named after its fields.
func on(fields ...string) index {
	name := ""
	for _, f := range fields {
		name += f + "_1_"
	}
	return index{name: name[:len(name)-1], keys: ascending(fields...)}
}

func unique(fields ...string) index {
	ix := on(fields...)
	ix.unique = true
	return ix
}

// words is the text index of a field. No language is right for every till: words are kept as they are
// written.
func words(field string) index {
	return index{name: field + "_text", keys: bson.D{{Key: field, Value: "text"}}, text: true}
}

func (ix *index) model() mongo.IndexModel {
	opts := options.Index().SetName(ix.name)
	if ix.unique {
		opts.SetUnique(true)
	}
	if ix.text {
		// No document has the field that could choose another language for itself.
		opts.SetDefaultLanguage("none").SetLanguageOverride("text_language")
	}
	return mongo.IndexModel{Keys: ix.keys, Options: opts}
}

// as tells whether an index that was found is the one that is wanted.
func (ix *index) as(found *foundIndex) bool {
	if found.Unique != ix.unique || len(found.Partial) > 0 || found.Sparse {
		return false
	}
	if ix.text {
		return true // the server keeps its keys in another form
	}
	if len(found.Key) != len(ix.keys) {
		return false
	}
	for i, k := range found.Key {
		if k.Key != ix.keys[i].Key || fmt.Sprint(k.Value) != fmt.Sprint(ix.keys[i].Value) {
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

// A schema is the collections of a database of one kind, with their indexes.
type schema struct {
	kind        string
	version     int
	collections []collection
}

type collection struct {
	name    string
	indexes []index
}

// Collections of a tenant.
const (
	colIDs       = "ids"
	colTran      = "log_tran"
	colCash      = "log_cash_in_out"
	colOpenClose = "log_open_close"
	colEvent     = "log_event"
	colSnapshot  = "log_snapshot"
	colJournal   = "journal"
	colHeads     = "chain_heads"
	colCopies    = "copies"
)

// Collections of the platform.
const (
	colTerminals  = "terminals"
	colQuarantine = "quarantine"
	colSchema     = "schema_version"
)

// tenantSchema is a tenant's journal. In every collection that events fill, _id is the event's id: it
// is the one unique key that also a sharded cluster enforces, where others would have to begin with
// the shard key. So the index by type and time is an ordinary one, and rightly so: two events may
// share a timestamp.
//
// place ends the indexes by which lists are ordered, so that no two entries are equal.
var tenantSchema = schema{kind: "journal", version: 1, collections: []collection{
	{colIDs, []index{on("stream", "chain_seq")}},
	{colTran, []index{
		on("tenant_id", "store_code", "terminal_no", "business_date", "open_counter"),
		on("cart_id"), on("shard_key"),
	}},
	{colCash, []index{
		on("tenant_id", "store_code", "terminal_no", "business_date"),
		on("store_code", "terminal_no", "business_date", "open_counter"),
		on("amount"), on("shard_key"),
	}},
	{colOpenClose, []index{
		on("tenant_id", "store_code", "terminal_no", "business_date", "open_counter"),
		on("operation"), on("shard_key"),
	}},
	{colEvent, []index{
		on("event_type"), on("correlation_id", "occurred_at"),
		on("store_code", "terminal_no", "producer", "sequence"), on("occurred_at"), on("shard_key"),
	}},
	{colSnapshot, []index{on("kind", "code", "version"), on("shard_key")}},
	{colJournal, []index{
		on("tenant_id", "store_code", "terminal_no", "transaction_type", "generate_date_time"),
		on("tenant_id", "store_code", "business_date"),
		on("tenant_id", "store_code", "terminal_no", "business_date"),
		on("transaction_type"), on("receipt_no"), words("journal_text"), on("generate_date_time"), on("shard_key"),
		on("transaction_number"),
		on("generated_at", "place"),
		on("business_date", "generated_at", "place"),
		on("transaction_type", "generated_at", "place"),
		on("store_code", "generated_at", "place"),
		on("store_code", "business_date", "generated_at", "place"),
		on("store_code", "terminal_no", "generated_at", "place"),
		on("store_code", "terminal_no", "business_date", "generated_at", "place"),
		on("store_code", "terminal_no", "transaction_type", "generated_at", "place"),
	}},
	{colHeads, nil},
	{colCopies, []index{on("kind", "code")}},
}}

// platformSchema is what stands above the tenants: which there are, whose each terminal is, and what
// could not be stored.
var platformSchema = schema{kind: "platform", version: 1, collections: []collection{
	{"tenants", nil},
	{colTerminals, nil},
	{"ping", nil},
	{colQuarantine, []index{
		unique("tenant_id", "event_id", "content_hash"),
		on("tenant_id", "state", "place"),
		on("state", "reason", "tenant_id", "place"),
		on("tenant_id", "store_code", "terminal_no", "producer", "state", "place"),
	}},
}}

type schemaVersion struct {
	Kind    string `bson:"_id"`
	Version int    `bson:"version"`
}

// errLost says that a listed tenant's database is not what it was.
var errLost = errors.New("the database of the tenant is gone: restore it from its backup, then redeliver what is newer")

// check refuses a database that is not there or that a newer program wrote.
func (sc *schema) check(ctx context.Context, db *mongo.Database) error {
	var found schemaVersion
	err := db.Collection(colSchema).FindOne(ctx, bson.D{{Key: "_id", Value: sc.kind}}).Decode(&found)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return errLost
	case err != nil:
		return err
	case found.Version > sc.version:
		return fmt.Errorf("database %s has version %d, this program reads up to %d: run the newer program that wrote it, or restore a backup from before",
			db.Name(), found.Version, sc.version)
	}
	return nil
}

// prepare makes what of a database is missing. It may be repeated, and run in several processes at a
// time. The version is written last: it says that the database is complete.
func (sc *schema) prepare(ctx context.Context, db *mongo.Database) error {
	if err := sc.check(ctx, db); err != nil && !errors.Is(err, errLost) {
		return err
	}
	// Collections are made beforehand, because a transaction that makes one holds up all others.
	there, err := db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, name := range there {
		have[name] = true
	}
	for _, c := range sc.collections {
		if !have[c.name] {
			if err := db.CreateCollection(ctx, c.name); err != nil && !hasCode(err, codeNamespaceExists) {
				return fmt.Errorf("collection %s: %w", c.name, err)
			}
		}
		if err := c.mend(ctx, db.Collection(c.name)); err != nil {
			return fmt.Errorf("indexes of %s: %w", c.name, err)
		}
	}
	_, err = db.Collection(colSchema).UpdateOne(ctx, bson.D{{Key: "_id", Value: sc.kind}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: sc.version}}}}, options.Update().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) {
		return nil // another process wrote the same in the same moment
	}
	return err
}

// mend makes the indexes that are missing and replaces those that are not what they should be.
// Indexes of other names are somebody's own and are left alone.
func (c *collection) mend(ctx context.Context, in *mongo.Collection) error {
	if len(c.indexes) == 0 {
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
	for _, ix := range c.indexes {
		old := by[ix.name]
		if old != nil && ix.as(old) {
			continue
		}
		if old != nil {
			if _, err := in.Indexes().DropOne(ctx, ix.name); err != nil && !hasCode(err, codeNoSuchIndex) {
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
