// Package journaldb says what the journal's databases on MongoDB hold: the collections, what may be
// done with each of them, how they are indexed and how they are sharded.
//
// It is the one place for that. The journal's store makes the collections and indexes from it, the
// roles of its credentials follow from it, and so does the script for a sharded cluster. It is data:
// it knows no driver and no document.
package journaldb

// Access is what the journal service does with the documents of a collection.
type Access int

const (
	// Append is for what is stored once and never again touched: it is found and inserted.
	Append Access = iota + 1
	// Change is for what is derived or has a state: it is found, inserted and updated.
	Change
	// Watch is for what only the archiver writes: it is found.
	Watch
)

// Archiving is what the archiver does with the documents of a collection, beside finding them.
type Archiving int

const (
	// Remove is for what moves to the archive: it is removed when a segment has it.
	Remove Archiving = iota + 1
	// Add is for what the archiver puts on record: it is inserted and never again touched.
	Add
	// Hold is for what says who archives now: it is inserted and updated.
	Hold
	// Store is for the segments themselves where they are kept in the database: they are inserted, and
	// removed when their retention has ended.
	Store
)

// ShardKey is how a collection is spread over the shards of a cluster.
type ShardKey int

const (
	// Whole is not spread: small, or needed all at once.
	Whole ShardKey = iota
	// ByID spreads by the hash of _id, which stays unique over all shards.
	ByID
	// ByTill spreads by shard_key: tenant, store, terminal and business date.
	ByTill
)

// Index is one index of a collection.
type Index struct {
	Name   string
	Fields []string // ascending, in this order
	Unique bool
	Text   bool // a text index of the one field, in no language
}

// Collection is one collection of a database.
type Collection struct {
	Name   string
	Access Access
	Shard  ShardKey
	// Archiver is what the archiver does here; 0: it only looks.
	Archiver Archiving
	Indexes  []Index
}

// Schema is the collections of a database of one kind.
type Schema struct {
	Kind        string
	Version     int
	Collections []Collection
}

// Names of the databases. The platform's has no tenant prefix, so no tenant's can take its place. A
// namespace, which is usually empty, stands before both: so several installations share one server.
const (
	PlatformDatabase = "tillroll_journal"
	TenantPrefix     = "db_journal_"
)

// Collections of a tenant.
const (
	IDs       = "ids"
	Tran      = "log_tran"
	Cash      = "log_cash_in_out"
	OpenClose = "log_open_close"
	Event     = "log_event"
	Snapshot  = "log_snapshot"
	Direct    = "log_direct"
	Journal   = "journal"
	Heads     = "chain_heads"
	Copies    = "copies"

	MerkleLeaves  = "merkle_leaves"
	MerkleTiles   = "merkle_tiles"
	MerkleLog     = "merkle_log"
	MerkleStreams = "merkle_streams"
	Checkpoints   = "checkpoints"
	Examinations  = "examinations"
	Discrepancies = "discrepancies"
	Accesses      = "log_access"

	Terms      = "journal_terms"       // what entries can be found by in a keyword search
	TermCounts = "journal_term_counts" // how many entries have a term, roughly

	ArchiveSegments = "archive_segment" // the catalogue
	ArchiveParts    = "archive_parts"   // which links of which chains each segment has
	ArchiveRemoved  = "archive_removed" // of which segments the originals are gone
	ArchiveHolds    = "archive_hold"    // what is kept for longer
	ArchivePurges   = "archive_purge"   // what was given up when its retention had ended
	ArchiveErased   = "archive_erased"  // and is gone
	ArchiveRuns     = "archive_run"
	ArchiveLease    = "archive_lease"
	ArchiveBlobs    = "archive_blob"  // the segments themselves, where they are kept in the database:
	ArchiveChunks   = "archive_chunk" // their bytes
)

// Collections of the platform.
const (
	Tenants    = "tenants"
	Terminals  = "terminals"
	Ping       = "ping"
	Quarantine = "quarantine"
	Retention  = "retention" // how long each tenant keeps what where
)

// Version is the collection of every database that says how new it is.
const Version = "schema_version"

// Tenant is a tenant's journal. In every collection that events fill, _id is the event's id. It is the
// one unique key that also a sharded cluster enforces (in ids, which is spread by it), where others
// would have to begin with the shard key. So the index by type and time is an ordinary one, and
// rightly so: two events may share a timestamp.
//
// place ends the indexes by which lists are ordered, so that no two entries are equal.
//
// The terms of entries stand beside the journal, not in it: they are derived, and may be made anew.
var Tenant = Schema{Kind: "journal", Version: 4, Collections: []Collection{
	{Name: IDs, Access: Append, Shard: ByID, Indexes: []Index{On("stream", "chain_seq")}},
	{Name: Tran, Access: Append, Shard: ByTill, Archiver: Remove, Indexes: []Index{
		On("tenant_id", "store_code", "terminal_no", "business_date", "open_counter"),
		On("cart_id"), On("shard_key"),
	}},
	{Name: Cash, Access: Append, Shard: ByTill, Archiver: Remove, Indexes: []Index{
		On("tenant_id", "store_code", "terminal_no", "business_date"),
		On("store_code", "terminal_no", "business_date", "open_counter"),
		On("amount"), On("shard_key"),
	}},
	{Name: OpenClose, Access: Append, Shard: ByTill, Archiver: Remove, Indexes: []Index{
		On("tenant_id", "store_code", "terminal_no", "business_date", "open_counter"),
		On("operation"), On("shard_key"),
	}},
	{Name: Event, Access: Append, Shard: ByTill, Archiver: Remove, Indexes: []Index{
		On("event_type", "occurred_at", "_id"), On("correlation_id", "occurred_at", "_id"), On("store_code", "terminal_no", "occurred_at", "_id"),
		On("store_code", "terminal_no", "producer", "sequence"), On("occurred_at", "_id"), On("shard_key"),
	}},
	{Name: Snapshot, Access: Append, Shard: ByTill, Indexes: []Index{On("kind", "code", "version"), On("shard_key")}},
	{Name: Direct, Access: Append, Shard: ByTill, Archiver: Remove, Indexes: []Index{On("shard_key")}},
	{Name: Journal, Access: Append, Shard: ByTill, Archiver: Remove, Indexes: []Index{
		On("tenant_id", "store_code", "terminal_no", "transaction_type", "generate_date_time"),
		On("tenant_id", "store_code", "business_date"),
		On("tenant_id", "store_code", "terminal_no", "business_date"),
		On("transaction_type"), On("receipt_no"), Words("journal_text"), On("generate_date_time"), On("shard_key", "receipt_no"),
		On("transaction_number"),
		On("generated_at", "place"),
		On("business_date", "generated_at", "place"),
		On("transaction_type", "generated_at", "place"),
		On("store_code", "generated_at", "place"),
		On("store_code", "business_date", "generated_at", "place"),
		On("store_code", "terminal_no", "generated_at", "place"),
		On("store_code", "terminal_no", "business_date", "generated_at", "place"),
		On("store_code", "terminal_no", "transaction_type", "generated_at", "place"),
	}},
	{Name: Heads, Access: Change, Shard: ByID},
	{Name: Copies, Access: Change, Indexes: []Index{On("kind", "code")}},
	{Name: MerkleLeaves, Access: Append, Shard: ByID, Indexes: []Index{On("event_id")}},
	{Name: MerkleTiles, Access: Append, Indexes: []Index{Unique("level", "index")}},
	{Name: MerkleLog, Access: Change},
	{Name: MerkleStreams, Access: Change},
	{Name: Checkpoints, Access: Append},
	{Name: Examinations, Access: Change},
	{Name: Discrepancies, Access: Change, Indexes: []Index{
		On("stream", "state"), On("stream", "kind", "key", "occurrence"), On("place"), On("state", "kind", "place"),
		On("store_code", "terminal_no", "business_date", "place"), On("business_date", "place"), On("owes", "place"),
	}},
	{Name: Accesses, Access: Append, Indexes: []Index{On("at", "place"), On("subject", "at", "place")}},
	{Name: Terms, Access: Change, Shard: ByID, Archiver: Remove, Indexes: []Index{On("terms", "generated_at", "place")}},
	{Name: TermCounts, Access: Change, Indexes: []Index{On("n")}},
	{Name: ArchiveSegments, Access: Watch, Archiver: Add, Indexes: []Index{On("business_date", "store_code", "part"), On("store_code", "business_date", "part")}},
	{Name: ArchiveParts, Access: Watch, Archiver: Add, Indexes: []Index{Unique("stream", "first")}},
	{Name: ArchiveRemoved, Access: Watch, Archiver: Add},
	{Name: ArchiveHolds, Access: Append, Indexes: []Index{On("segment")}},
	{Name: ArchivePurges, Access: Watch, Archiver: Add},
	{Name: ArchiveErased, Access: Watch, Archiver: Add},
	{Name: ArchiveRuns, Access: Watch, Archiver: Add, Indexes: []Index{On("place")}},
	{Name: ArchiveLease, Access: Watch, Archiver: Hold},
	{Name: ArchiveBlobs, Access: Watch, Archiver: Store},
	{Name: ArchiveChunks, Access: Watch, Archiver: Store, Indexes: []Index{On("blob", "upload", "no")}},
	{Name: Version, Access: Change},
}}

// Platform is what stands above the tenants: which there are, whose each terminal is, and what could
// not be stored.
var Platform = Schema{Kind: "platform", Version: 1, Collections: []Collection{
	{Name: Tenants, Access: Append},
	{Name: Terminals, Access: Append},
	{Name: Ping, Access: Change},
	{Name: Quarantine, Access: Change, Indexes: []Index{
		Unique("tenant_id", "event_id", "content_hash"),
		On("tenant_id", "state", "place"),
		On("state", "reason", "tenant_id", "place"),
		On("tenant_id", "store_code", "terminal_no", "producer", "state", "place"),
		On("owes", "place"),
	}},
	{Name: Retention, Access: Append, Indexes: []Index{On("tenant_id", "place")}},
	{Name: Version, Access: Change},
}}

// On makes an ordinary ascending index that is named after its fields.
func On(fields ...string) Index {
	name := ""
	for _, f := range fields {
		name += f + "_1_"
	}
	return Index{Name: name[:len(name)-1], Fields: fields}
}

// Unique is an index of which no two documents share a key.
func Unique(fields ...string) Index {
	ix := On(fields...)
	ix.Unique = true
	return ix
}

// Words is the text index of a field. No language is right for every till: words are kept as they are
// written.
func Words(field string) Index {
	return Index{Name: field + "_text", Fields: []string{field}, Text: true}
}
