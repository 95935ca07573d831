// Package mongostore keeps the journal in MongoDB, for the central installation: a replica set or a
// sharded cluster, one database per tenant, any number of journal processes.
//
// Everything of one event is written in one multi-document transaction. It reads a snapshot and is
// committed when a majority has it in its journal (the server's log on disk, that is), so what was
// acknowledged survives the loss of a member. Two processes that move the same chain collide in the
// database, which lets one of them through; the other begins again from the read.
//
// The package knows the driver and the port that it serves. It decides nothing about events.
package mongostore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"
	"go.opentelemetry.io/contrib/instrumentation/go.mongodb.org/mongo-driver/mongo/otelmongo"
	"go.opentelemetry.io/otel/trace"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/services/journal/internal/app"
)

// What the driver is told unless the connection string says otherwise.
const (
	// maxPool is for one process: a committing loop per tenant and the searches beside them. More
	// only queue in the server.
	maxPool = 64
	// minPool is ready without a handshake when a quiet till rings.
	minPool = 2
	// maxIdle closes connections before load balancers on the way do so silently.
	maxIdle = 4 * time.Minute
	// connectWait and selectWait are shorter than any caller's patience: an unreachable database is
	// told as such, and not as a time-out.
	connectWait = 5 * time.Second
	selectWait  = 5 * time.Second
)

// Time-outs of what the store itself does; the caller's may be shorter.
const (
	readWait      = 30 * time.Second
	writeWait     = 20 * time.Second // of one transaction with all its repetitions
	provisionWait = 10 * time.Minute // an index that is missing may have to be built over everything
	pingWait      = 5 * time.Second
)

// oldestWire is the wire version of MongoDB 5.0, the oldest server with all that is used here.
const oldestWire = 13

// Config of a store.
type Config struct {
	URI   string
	Clock clockwork.Clock
	// AnyRights lets the store run with rights that it does not need, or on a server that asks nobody
	// who they are.
	AnyRights bool
	// NoTextIndex are the tenants, or "*" for all, whose journals are not given the text index of
	// journal_text. Where it is already, it stays until somebody drops it.
	NoTextIndex []string
	// Tracer takes a span for every command, without its content; nil: none is made.
	Tracer trace.TracerProvider
	// Archiver opens the store with the archiver's credential: it makes no database, and its rights are held
	// against the archiver's (NewArchiver).
	Archiver bool
	// Namespace stands before the names of all databases: several installations share one server.
	Namespace string
}

// Store implements app.Store.
type Store struct {
	client   *mongo.Client
	clock    clockwork.Clock
	platform *mongo.Database
	prefix   string
	places   *places
	noText   []string
	limits   app.SearchLimits
	tallies  *tallies
	archiver bool

	mu        sync.Mutex
	tenants   map[string]bool // those whose database was looked at
	terminals map[string]bool // terminals that the platform database surely lists

	// step runs before every command of a commit and after its end; tests fail there.
	step func(name string) error
}

// Open connects. It fails when no primary can be reached, and when the server cannot keep a journal.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	opts := clientOptions(cfg.URI)
	if cfg.Tracer != nil {
		opts.SetMonitor(otelmongo.NewMonitor(otelmongo.WithTracerProvider(cfg.Tracer)))
	}
	if err := opts.Validate(); err != nil {
		return nil, uriError(cfg.URI, err)
	}
	client, err := mongo.Connect(ctx, opts)
	if err != nil {
		return nil, uriError(cfg.URI, err)
	}
	s := &Store{
		client: client, clock: cfg.Clock, prefix: cfg.Namespace + journaldb.TenantPrefix, noText: cfg.NoTextIndex, limits: app.UsualSearchLimits, tallies: newTallies(),
		platform: client.Database(cfg.Namespace + journaldb.PlatformDatabase), places: newPlaces(), archiver: cfg.Archiver,
		tenants: map[string]bool{}, terminals: map[string]bool{},
		step: func(string) error { return nil },
	}
	if err := s.prepare(ctx, cfg.AnyRights); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// clientOptions gives our own settings, over them those of the connection string, and over both what
// correctness rests on.
func clientOptions(uri string) *options.ClientOptions {
	return options.Client().SetAppName("tillroll-journal").
		SetMaxPoolSize(maxPool).SetMinPoolSize(minPool).SetMaxConnIdleTime(maxIdle).
		SetConnectTimeout(connectWait).SetServerSelectionTimeout(selectWait).
		ApplyURI(uri).
		SetRetryReads(true).SetRetryWrites(true).
		SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Majority()).SetWriteConcern(durable())
}

// durable is acknowledged by a majority, each having it on its disk.
func durable() *writeconcern.WriteConcern {
	onDisk := true
	return &writeconcern.WriteConcern{W: "majority", Journal: &onDisk}
}

// uriError tells what is wrong with a connection string without quoting what may be secret in it.
func uriError(uri string, err error) error {
	if strings.ContainsAny(uri, "@?") {
		return errors.New("the MongoDB connection string cannot be read: look at its scheme, at the escaping of user and password, and at its options")
	}
	return fmt.Errorf("the MongoDB connection string cannot be read: %w", err)
}

// prepare makes sure that the server can keep a journal, that nobody can change it with our
// credential, and that the platform's database is there.
func (s *Store) prepare(ctx context.Context, anyRights bool) error {
	ctx, cancel := context.WithTimeout(ctx, provisionWait)
	defer cancel()
	var hello struct {
		SetName        string `bson:"setName"`
		Message        string `bson:"msg"`
		MaxWireVersion int    `bson:"maxWireVersion"`
	}
	if err := s.platform.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return unreachable(err)
	}
	switch {
	case hello.SetName == "" && hello.Message != "isdbgrid":
		return errors.New("the MongoDB server is no member of a replica set: without one there are no transactions; a set of one member will do")
	case hello.MaxWireVersion < oldestWire:
		return errors.New("the MongoDB server is older than 5.0")
	}
	if !anyRights {
		if err := s.checkRights(ctx); err != nil {
			return err
		}
	}
	if s.archiver {
		return classify(made(ctx, &platformSchema, s.platform))
	}
	return classify(platformSchema.prepare(ctx, s.platform))
}

// Close gives back all connections.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), pingWait)
	defer cancel()
	return s.client.Disconnect(ctx)
}

// Ping implements app.Store: a majority takes a small write.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	_, err := s.platform.Collection(colPing).UpdateOne(ctx, bson.D{{Key: "_id", Value: "ping"}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "at", Value: s.clock.Now()}}}}, options.Update().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) {
		return nil // another process pinged for the first time in the same moment
	}
	return classify(err)
}

// Describe implements app.Store, from what a member says of its set. Of a sharded cluster only the
// router is known.
func (s *Store) Describe(ctx context.Context) (app.DatabaseState, error) {
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	var hello struct {
		SetName string   `bson:"setName"`
		Message string   `bson:"msg"`
		Primary string   `bson:"primary"`
		Me      string   `bson:"me"`
		Writes  bool     `bson:"isWritablePrimary"`
		Hosts   []string `bson:"hosts"`
	}
	if err := s.platform.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return app.DatabaseState{}, classify(err)
	}
	if hello.Message == "isdbgrid" {
		return app.DatabaseState{Engine: "MongoDB, sharded"}, nil
	}
	state := app.DatabaseState{Engine: "MongoDB", ReplicaSet: hello.SetName, Primary: hello.Primary, Members: hello.Hosts}
	if state.Primary == "" && hello.Writes {
		state.Primary = hello.Me
	}
	if state.Members == nil {
		state.Members = []string{}
	}
	return state, nil
}

// Provision implements app.Recorder. The database is complete before the tenant is listed, so that
// what is listed can always be used.
func (s *Store) Provision(ctx context.Context, tenant string) (created bool, err error) {
	if !identity.ValidCode(tenant) {
		return false, fmt.Errorf("%w: %q is not a tenant code", app.ErrRefused, tenant)
	}
	ctx, cancel := context.WithTimeout(ctx, provisionWait)
	defer cancel()
	listed, err := s.isListed(ctx, tenant)
	if err != nil {
		return false, err
	}
	db := s.database(tenant)
	if listed {
		if _, err := s.schema(tenant).check(ctx, db); err != nil {
			return false, classify(err)
		}
	}
	if err := s.schema(tenant).prepare(ctx, db); err != nil {
		return false, classify(err)
	}
	if err := s.step("list tenant"); err != nil {
		return false, classify(err)
	}
	_, err = s.platform.Collection(colTenants).InsertOne(ctx, bson.D{{Key: "_id", Value: tenant}, {Key: "provisioned_at", Value: s.clock.Now()}})
	if mongo.IsDuplicateKeyError(err) {
		return false, nil
	}
	return err == nil, classify(err)
}

// Tenants implements app.Recorder.
func (s *Store) Tenants(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	type tenant struct {
		ID string `bson:"_id"`
	}
	found, err := find[tenant](ctx, s.platform.Collection(colTenants), bson.D{}, options.Find().SetSort(ascending("_id")))
	var out []string
	for _, t := range found {
		out = append(out, t.ID)
	}
	return out, err
}

// tenant gives the database of a provisioned tenant.
func (s *Store) tenant(ctx context.Context, tenant string) (*mongo.Database, error) {
	s.mu.Lock()
	known := s.tenants[tenant]
	s.mu.Unlock()
	if known {
		return s.database(tenant), nil
	}
	listed, err := s.isListed(ctx, tenant)
	switch {
	case err != nil:
		return nil, err
	case !listed:
		return nil, app.ErrUnknownTenant
	}
	// The database of a listed tenant is never made anew: an empty journal in place of a lost one
	// would look as if nothing had happened.
	db := s.database(tenant)
	if s.archiver {
		err = made(ctx, &tenantSchema, db)
	} else if err = s.schema(tenant).upgrade(ctx, db); err == nil {
		err = indexEmpty(ctx, db)
	}
	if err != nil {
		return nil, classify(err)
	}
	s.mu.Lock()
	s.tenants[tenant] = true
	s.mu.Unlock()
	return db, nil
}

// schema is how the database of a tenant is to be.
func (s *Store) schema(tenant string) *schema {
	if slices.Contains(s.noText, "*") || slices.Contains(s.noText, tenant) {
		return tenantSchema.withoutText()
	}
	return &tenantSchema
}

func (s *Store) database(tenant string) *mongo.Database { return s.client.Database(s.prefix + tenant) }

func (s *Store) isListed(ctx context.Context, tenant string) (bool, error) {
	if !identity.ValidCode(tenant) {
		return false, nil
	}
	err := s.platform.Collection(colTenants).FindOne(ctx, bson.D{{Key: "_id", Value: tenant}}).Err()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, classify(err)
}

// find reads all documents that fulfil a filter.
func find[T any](ctx context.Context, c *mongo.Collection, filter any, opts *options.FindOptions) ([]T, error) {
	var out []T
	err := each(ctx, c, filter, opts, func(v *T) error {
		out = append(out, *v)
		return nil
	})
	return out, err
}

// errStop ends each without an error.
var errStop = errors.New("mongostore: enough")

// each calls fn with every document that is found.
func each[T any](ctx context.Context, c *mongo.Collection, filter any, opts *options.FindOptions, fn func(*T) error) error {
	cursor, err := c.Find(ctx, filter, opts.SetMaxTime(readWait))
	return through(ctx, cursor, err, fn)
}

// eachOf calls fn with every document that comes out of a pipeline, which begins by an index.
func eachOf[T any](ctx context.Context, c *mongo.Collection, stages []bson.D, index string, fn func(*T) error) error {
	cursor, err := c.Aggregate(ctx, stages, options.Aggregate().SetHint(index).SetMaxTime(readWait))
	return through(ctx, cursor, err, fn)
}

func through[T any](ctx context.Context, cursor *mongo.Cursor, err error, fn func(*T) error) error {
	if err != nil {
		return classify(err)
	}
	defer func() { _ = cursor.Close(context.WithoutCancel(ctx)) }()
	for cursor.Next(ctx) {
		v := new(T)
		if err := cursor.Decode(v); err != nil {
			return app.Damaged(err)
		}
		if err := fn(v); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return classify(err)
		}
	}
	return classify(cursor.Err())
}

func ascending(fields ...string) bson.D {
	keys := make(bson.D, len(fields))
	for i, f := range fields {
		keys[i] = bson.E{Key: f, Value: 1}
	}
	return keys
}
