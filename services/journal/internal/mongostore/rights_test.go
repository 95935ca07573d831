package mongostore

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/mongotest"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// administrator is connected with the credential that may do everything.
func administrator(t testing.TB) *mongo.Client { return connected(t, server.URI) }

func connected(t testing.TB, uri string) *mongo.Client {
	t.Helper()
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(uri))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client
}

// controlled tells whether the server asks who somebody is.
func controlled(t testing.TB) bool {
	t.Helper()
	var status struct {
		AuthInfo struct {
			Users []bson.Raw `bson:"authenticatedUsers"`
		} `bson:"authInfo"`
	}
	require.NoError(t, administrator(t).Database("admin").RunCommand(t.Context(), bson.D{{Key: "connectionStatus", Value: 1}}).Decode(&status))
	return len(status.AuthInfo.Users) > 0
}

// userWith gives the connection string of a new user who has exactly these privileges. It skips the
// test on a server that has no access control.
func userWith(t testing.TB, privileges []journaldb.Privilege) string {
	t.Helper()
	if !controlled(t) {
		t.Skip("UNPROVEN: roles, for the server of MONGODB_URI has no access control")
	}
	admin := administrator(t).Database("admin")
	name := databases().Namespace + "user" // a name that nobody else has
	if privileges == nil {
		privileges = []journaldb.Privilege{}
	}
	require.NoError(t, admin.RunCommand(t.Context(), bson.D{{Key: "createRole", Value: name}, {Key: "privileges", Value: privileges}, {Key: "roles", Value: bson.A{}}}).Err())
	require.NoError(t, admin.RunCommand(t.Context(), bson.D{{Key: "createUser", Value: name}, {Key: "pwd", Value: "secret"}, {Key: "roles", Value: bson.A{name}}}).Err())
	t.Cleanup(func() {
		_ = admin.RunCommand(context.Background(), bson.D{{Key: "dropUser", Value: name}}).Err()
		_ = admin.RunCommand(context.Background(), bson.D{{Key: "dropRole", Value: name}}).Err()
	})
	return withUser(t, server.URI, name, "secret")
}

func withUser(t testing.TB, uri, name, password string) string {
	t.Helper()
	u, err := url.Parse(uri)
	require.NoError(t, err)
	u.User = url.UserPassword(name, password)
	options := u.Query()
	options.Set("authSource", "admin")
	u.RawQuery = options.Encode()
	return u.String()
}

// limited is an empty store with the rights of the service, and no more. Its databases go with it.
func limited(t testing.TB) (*Store, Config) {
	t.Helper()
	cfg := databases()
	cfg.URI, cfg.AnyRights = userWith(t, journaldb.Service(journaldb.Scope{Namespace: cfg.Namespace}).Privileges), false
	s, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	admin := administrator(t)
	t.Cleanup(func() {
		ctx := context.Background()
		tenants, _ := s.Tenants(ctx)
		for _, tenant := range tenants {
			_ = admin.Database(cfg.Namespace + journaldb.TenantPrefix + tenant).Drop(ctx)
		}
		_ = admin.Database(cfg.Namespace + journaldb.PlatformDatabase).Drop(ctx)
		require.NoError(t, s.Close())
	})
	return s, cfg
}

// attempts are all ways to change or remove what stands in a collection.
var attempts = map[string]func(ctx context.Context, c *mongo.Collection) error{
	"update one": func(ctx context.Context, c *mongo.Collection) error {
		_, err := c.UpdateOne(ctx, bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "forged", Value: 1}}}})
		return err
	},
	"update many": func(ctx context.Context, c *mongo.Collection) error {
		_, err := c.UpdateMany(ctx, bson.D{}, bson.D{{Key: "$unset", Value: bson.D{{Key: "hash", Value: 1}}}})
		return err
	},
	"update or insert": func(ctx context.Context, c *mongo.Collection) error {
		_, err := c.UpdateOne(ctx, bson.D{{Key: "_id", Value: "forged"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: 1}}}}, options.Update().SetUpsert(true))
		return err
	},
	"replace": func(ctx context.Context, c *mongo.Collection) error {
		_, err := c.ReplaceOne(ctx, bson.D{}, bson.D{{Key: "forged", Value: 1}})
		return err
	},
	"bulk write": func(ctx context.Context, c *mongo.Collection) error {
		_, err := c.BulkWrite(ctx, []mongo.WriteModel{mongo.NewDeleteManyModel().SetFilter(bson.D{})})
		return err
	},
	"find and update": func(ctx context.Context, c *mongo.Collection) error {
		return c.FindOneAndUpdate(ctx, bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "forged", Value: 1}}}}).Err()
	},
	"find and delete": func(ctx context.Context, c *mongo.Collection) error { return c.FindOneAndDelete(ctx, bson.D{}).Err() },
	"delete one": func(ctx context.Context, c *mongo.Collection) error {
		_, err := c.DeleteOne(ctx, bson.D{})
		return err
	},
	"delete many": func(ctx context.Context, c *mongo.Collection) error {
		_, err := c.DeleteMany(ctx, bson.D{})
		return err
	},
	"drop the collection": func(ctx context.Context, c *mongo.Collection) error { return c.Drop(ctx) },
	"drop an index": func(ctx context.Context, c *mongo.Collection) error {
		_, err := c.Indexes().DropOne(ctx, "transaction_type_1")
		return err
	},
	"drop the database": func(ctx context.Context, c *mongo.Collection) error { return c.Database().Drop(ctx) },
	"give itself a role": func(ctx context.Context, c *mongo.Collection) error {
		return c.Database().Client().Database("admin").RunCommand(ctx, bson.D{{Key: "createRole", Value: "forged"}, {Key: "privileges", Value: bson.A{}}, {Key: "roles", Value: bson.A{"root"}}}).Err()
	},
	"make itself a user": func(ctx context.Context, c *mongo.Collection) error {
		return c.Database().Client().Database("admin").RunCommand(ctx, bson.D{{Key: "createUser", Value: "forged"}, {Key: "pwd", Value: "x"}, {Key: "roles", Value: bson.A{"root"}}}).Err()
	},
}

func TestWhatIsAppendedCannotBeChangedWithTheServicesCredential(t *testing.T) {
	s, cfg := limited(t)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	batch := storetest.Everything()
	_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, batch...))
	require.NoError(t, err)

	var appended []*mongo.Collection
	add := func(db *mongo.Database, schema journaldb.Schema) {
		for _, c := range schema.Collections {
			if c.Access == journaldb.Append {
				appended = append(appended, db.Collection(c.Name))
			}
		}
	}
	add(s.database("acme"), journaldb.Tenant)
	add(s.platform, journaldb.Platform)
	require.GreaterOrEqual(t, len(appended), 9)
	for _, c := range appended {
		for how, attempt := range attempts {
			err := attempt(t.Context(), c)
			assert.True(t, hasCode(err, codeNotAllowed), "%s, %s: %v", c.Name(), how, err)
		}
	}
	// In a transaction, as the service itself writes.
	for _, how := range []string{"update one", "replace", "delete many", "find and delete"} {
		err := s.client.UseSession(t.Context(), func(ctx mongo.SessionContext) error {
			require.NoError(t, ctx.StartTransaction())
			defer func() { _ = ctx.AbortTransaction(ctx) }()
			return attempts[how](ctx, s.database("acme").Collection(colJournal))
		})
		assert.True(t, hasCode(err, codeNotAllowed), "%s in a transaction: %v", how, err)
	}
	events, entries := storetest.State(t, s)
	assert.Equal(t, len(batch), events)
	assert.Equal(t, storetest.EntriesOfEverything, entries)

	// The attempts are real ones: a credential that may do everything succeeds with each.
	mighty := administrator(t).Database(cfg.Namespace + journaldb.TenantPrefix + "acme").Collection(colJournal)
	for _, how := range []string{"update one", "update or insert", "find and update", "replace", "find and delete", "drop an index", "delete one", "bulk write", "drop the collection"} {
		require.NoError(t, attempts[how](t.Context(), mighty), how)
	}
}

// What has a state is written again, and removed by nobody either.
func TestWhatChangesCannotBeRemovedWithTheServicesCredential(t *testing.T) {
	s, _ := limited(t)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	for _, c := range []*mongo.Collection{s.database("acme").Collection(colHeads), s.database("acme").Collection(colSchema), s.quarantine()} {
		for _, how := range []string{"bulk write", "find and delete", "delete one", "delete many", "drop the collection"} {
			err := attempts[how](t.Context(), c)
			assert.True(t, hasCode(err, codeNotAllowed), "%s, %s: %v", c.Name(), how, err)
		}
	}
}

func TestRolesOfNamedTenantsReachNoOthers(t *testing.T) {
	cfg := databases()
	scope := journaldb.Scope{Namespace: cfg.Namespace, Tenants: []string{"acme"}}
	cfg.URI, cfg.AnyRights = userWith(t, journaldb.Service(scope).Privileges), false
	s := openAs(t, cfg)
	t.Cleanup(func() {
		_ = administrator(t).Database(cfg.Namespace + journaldb.TenantPrefix + "acme").Drop(context.Background())
		_ = administrator(t).Database(cfg.Namespace + journaldb.PlatformDatabase).Drop(context.Background())
	})
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	_, err = s.Provision(t.Context(), "other")
	require.ErrorIs(t, err, app.ErrUnavailable)
	require.True(t, hasCode(err, codeNotAllowed), err)
	tenants, err := s.Tenants(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"acme"}, tenants)
}

// With the archiver's credential each collection can be used as the table says, and in no other way.
func TestTheArchiverDoesWhatItsTableSaysAndNoMore(t *testing.T) {
	s, cfg := limited(t)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
	require.NoError(t, err)
	db := connected(t, userWith(t, journaldb.Archiver(journaldb.Scope{Namespace: cfg.Namespace}).Privileges)).Database(cfg.Namespace + journaldb.TenantPrefix + "acme")
	for _, c := range journaldb.Tenant.Collections {
		in := db.Collection(c.Name)
		_, err := in.CountDocuments(t.Context(), bson.D{})
		require.NoError(t, err, c.Name)
		can := journaldb.ByArchiver(c)
		_, inserted := in.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "forged"}})
		for action, err := range map[string]error{
			"insert": inserted, "update": attempts["update one"](t.Context(), in), "remove": attempts["delete one"](t.Context(), in),
		} {
			if slices.Contains(can, action) {
				require.NoError(t, err, "%s: %s", c.Name, action)
			} else {
				assert.True(t, hasCode(err, codeNotAllowed), "%s, %s: %v", c.Name, action, err)
			}
		}
		for _, how := range []string{"replace", "find and update", "drop the collection", "drop an index"} {
			if !slices.Contains(can, "update") {
				assert.True(t, hasCode(attempts[how](t.Context(), in), codeNotAllowed), "%s: %s", c.Name, how)
			}
		}
	}
}

func TestAWrongIndexIsTheKeepersToDrop(t *testing.T) {
	s, cfg := limited(t)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	entries := administrator(t).Database(cfg.Namespace + journaldb.TenantPrefix + "acme").Collection(colJournal)
	require.NoError(t, dropIndex(t, entries, "receipt_no_1"))
	wrong := index{journaldb.Index{Name: "receipt_no_1", Fields: []string{"quantity"}}}
	_, err = entries.Indexes().CreateOne(t.Context(), wrong.model())
	require.NoError(t, err)

	_, err = s.Provision(t.Context(), "acme")
	require.ErrorContains(t, err, journaldb.KeeperRole)
	require.ErrorContains(t, err, `db.getSiblingDB("`+cfg.Namespace+journaldb.TenantPrefix+`acme").journal.dropIndex("receipt_no_1")`)

	keeper := connected(t, userWith(t, journaldb.Keeper(journaldb.Scope{Namespace: cfg.Namespace}).Privileges)).Database(cfg.Namespace + journaldb.TenantPrefix + "acme").Collection(colJournal)
	assert.True(t, hasCode(keeper.FindOne(t.Context(), bson.D{}).Err(), codeNotAllowed), "the keeper reads nothing")
	require.NoError(t, dropIndex(t, keeper, "receipt_no_1"))
	_, err = s.Provision(t.Context(), "acme")
	require.NoError(t, err)
}

func dropIndex(t *testing.T, c *mongo.Collection, name string) error {
	t.Helper()
	_, err := c.Indexes().DropOne(t.Context(), name)
	return err
}

// Each start that would end badly is refused, with what to do about it.
func TestStartsThatAreRefused(t *testing.T) {
	quick := func(uri string) string { return uri + "&serverSelectionTimeoutMS=500" }
	guise := func(name string) func(t *testing.T) Config {
		return func(t *testing.T) Config {
			f, err := mongotest.Find("-guise", name)
			require.NoError(t, err)
			t.Cleanup(f.Stop)
			return Config{URI: quick(strings.Replace(f.URI, "replicaSet=rs0", "directConnection="+fmt.Sprint(name == "standalone"), 1))}
		}
	}
	withRights := func(change func([]journaldb.Privilege) []journaldb.Privilege) func(t *testing.T) Config {
		return func(t *testing.T) Config {
			cfg := databases()
			cfg.URI, cfg.AnyRights = userWith(t, change(journaldb.Service(journaldb.Scope{Namespace: cfg.Namespace}).Privileges)), false
			return cfg
		}
	}
	for name, c := range map[string]struct {
		config func(t *testing.T) Config
		want   []string
	}{
		"no replica set": {guise("standalone"), []string{"no member of a replica set", "a set of one member will do"}},
		"too old":        {guise("old"), []string{"older than 5.0"}},
		"no primary":     {guise("secondary"), []string{"no primary", "look at the hosts"}},
		"nobody there":   {func(*testing.T) Config { return Config{URI: quick("mongodb://127.0.0.1:1/?replicaSet=rs0")} }, []string{"no primary", "look at the hosts"}},
		"wrong password": {func(t *testing.T) Config {
			return Config{URI: withUser(t, userWith(t, nil), "root", "s3cret")}
		}, []string{"does not accept user and password", "authSource"}},
		"unknown user": {func(t *testing.T) Config {
			return Config{URI: withUser(t, userWith(t, nil), "nobody", "s3cret")}
		}, []string{"does not accept user and password"}},
		"no access control": {func(t *testing.T) Config {
			f, err := mongotest.Find("-port", "0")
			require.NoError(t, err)
			t.Cleanup(f.Stop)
			return Config{URI: f.URI}
		}, []string{"without asking who it is", "TILLROLL_MONGODB_ANY_RIGHTS=true"}},
		"all rights": {func(t *testing.T) Config {
			userWith(t, nil) // skips without access control
			return Config{URI: server.URI}
		}, []string{"rights that the journal does not need", "tillroll_journal_service alone"}},
		"one right too many": {withRights(func(p []journaldb.Privilege) []journaldb.Privilege {
			return append(p, journaldb.Privilege{Resource: journaldb.Resource{Collection: "journal"}, Actions: []string{"remove"}})
		}), []string{"does not need", "remove on any database.journal", "TILLROLL_MONGODB_ANY_RIGHTS=true"}},
		"one right too few": {withRights(func(p []journaldb.Privilege) []journaldb.Privilege { return p[1:] }),
			[]string{"lacks rights", "insert on a tenant's database.ids", "tillctl mongo roles"}},
		"no rights": {withRights(func([]journaldb.Privilege) []journaldb.Privilege { return nil }), []string{"lacks rights", " more; give it the role"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := c.config(t)
			cfg.Clock = clockwork.NewRealClock()
			s, err := Open(t.Context(), cfg)
			if !assert.Error(t, err) {
				_ = s.Close()
				return
			}
			for _, part := range c.want {
				assert.ErrorContains(t, err, part)
			}
			assert.NotContains(t, err.Error(), "s3cret")
		})
	}
}
