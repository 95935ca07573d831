package mongostore

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// The contract holds with the rights of the service and no more, where there is access control.
func TestContract(t *testing.T) {
	if !controlled(t) {
		t.Log("UNPROVEN: that the service's rights suffice, for the server has no access control")
		storetest.Run(t, func(t *testing.T) app.Store { return open(t) })
		return
	}
	storetest.Run(t, func(t *testing.T) app.Store { s, _ := limited(t); return s })
}

func TestIndexesAreMendedByProvisioning(t *testing.T) {
	s := open(t)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	entries := s.database("acme").Collection(colJournal)
	names := func() []string {
		var out []string
		specs, err := entries.Indexes().ListSpecifications(t.Context())
		require.NoError(t, err)
		for _, spec := range specs {
			out = append(out, spec.Name)
		}
		return out
	}
	want := names()
	assert.Len(t, want, 18)
	_, err = entries.Indexes().DropOne(t.Context(), "receipt_no_1")
	require.NoError(t, err)
	_, err = entries.Indexes().DropOne(t.Context(), "transaction_type_1")
	require.NoError(t, err)
	other := index{journaldb.On("quantity")}
	wrong := other.model()
	wrong.Options.SetName("transaction_type_1")
	_, err = entries.Indexes().CreateOne(t.Context(), wrong)
	require.NoError(t, err)
	created, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	assert.False(t, created)
	assert.ElementsMatch(t, want, names())
	specs, err := entries.Indexes().ListSpecifications(t.Context())
	require.NoError(t, err)
	for _, spec := range specs {
		if spec.Name == "transaction_type_1" {
			assert.NoError(t, spec.KeysDocument.Lookup("transaction_type").Validate(), "the wrong index was replaced")
		}
	}
}

// A database that an earlier release made gets what it lacks when it is first used.
func TestADatabaseOfAnEarlierReleaseIsCompleted(t *testing.T) {
	cfg := databases()
	s := openAs(t, cfg)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	db := s.database("acme")
	_, err = db.Collection(colJournal).Indexes().DropOne(t.Context(), "receipt_no_1")
	require.NoError(t, err)
	require.NoError(t, db.Collection(colHeads).Drop(t.Context()))
	_, err = db.Collection(colSchema).UpdateOne(t.Context(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "layout", Value: "earlier"}}}})
	require.NoError(t, err)

	other := openAs(t, cfg)
	_, err = other.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
	require.NoError(t, err)
	specs, err := db.Collection(colJournal).Indexes().ListSpecifications(t.Context())
	require.NoError(t, err)
	names := []string{}
	for _, spec := range specs {
		names = append(names, spec.Name)
	}
	assert.Contains(t, names, "receipt_no_1")
	same, err := tenantSchema.check(t.Context(), db)
	require.NoError(t, err)
	assert.True(t, same)
}

// The text index can be left out for a tenant, and be had later.
func TestATenantWithoutTheTextIndex(t *testing.T) {
	cfg := databases()
	cfg.NoTextIndex = []string{"plain"}
	s := openAs(t, cfg)
	text := func(tenant string) bool {
		specs, err := s.database(tenant).Collection(colJournal).Indexes().ListSpecifications(t.Context())
		require.NoError(t, err)
		return slices.ContainsFunc(specs, func(spec *mongo.IndexSpecification) bool { return spec.Name == "journal_text_text" })
	}
	for _, tenant := range []string{"plain", "acme"} {
		_, err := s.Provision(t.Context(), tenant)
		require.NoError(t, err)
	}
	assert.False(t, text("plain"))
	assert.True(t, text("acme"))
	cfg.NoTextIndex = nil
	_, err := openAs(t, cfg).Known(t.Context(), "plain", nil)
	require.NoError(t, err)
	assert.True(t, text("plain"))
}

// Every document of a collection that a cluster spreads by till says to which one it belongs.
func TestEveryDocumentHasItsShardKey(t *testing.T) {
	s := open(t)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, storetest.Everything()...))
	require.NoError(t, err)
	seen := 0
	for _, c := range journaldb.Tenant.Collections {
		if c.Shard != journaldb.ByTill {
			continue
		}
		in := s.database("acme").Collection(c.Name)
		all, err := in.CountDocuments(t.Context(), bson.D{})
		require.NoError(t, err)
		with, err := in.CountDocuments(t.Context(), bson.D{{Key: "shard_key", Value: bson.D{{Key: "$regex", Value: `^acme_(s1_[0-9]|_0)_[0-9]{8}$`}}}})
		require.NoError(t, err)
		assert.Equal(t, all, with, c.Name)
		assert.Positive(t, all, c.Name)
		seen += int(all)
	}
	assert.Equal(t, len(storetest.Everything())+storetest.EntriesOfEverything, seen)
}

func TestALostDatabaseIsNotReplacedByAnEmptyOne(t *testing.T) {
	cfg := databases()
	s := openAs(t, cfg)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	require.NoError(t, s.database("acme").Drop(t.Context()))
	other := openAs(t, cfg)
	_, err = other.Commit(t.Context(), "acme", nil)
	require.ErrorIs(t, err, app.ErrUnavailable)
	assert.Contains(t, err.Error(), "restore it from its backup")
	_, err = other.Provision(t.Context(), "acme")
	require.ErrorIs(t, err, app.ErrUnavailable)
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	cfg := databases()
	s := openAs(t, cfg)
	_, err := s.platform.Collection(colSchema).UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "platform"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: 99}}}})
	require.NoError(t, err)
	_, err = Open(t.Context(), cfg)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "newer program")
}

func TestErrorsTellNoSecrets(t *testing.T) {
	for _, uri := range []string{
		"mongodb://ann:s3cret@127.0.0.1:1/?connectTimeoutMS=50&serverSelectionTimeoutMS=50", "mongodb://ann:s3cr%et@host/", "ftp://ann:s3cret@host/",
		"mongodb://ann:s3cret@host@host/", "mongodb://host/?tlsCertificateKeyFilePassword=s3cret&authSource", "mongodb://ann:s3cret@host:port/",
	} {
		_, err := Open(context.Background(), Config{URI: uri, Clock: clockwork.NewRealClock()})
		require.Error(t, err, uri)
		assert.NotContains(t, err.Error(), "s3cr")
	}
}

// Of two processes one extends a tenant's log; when it stays away the other takes over.
func TestTheLogIsOneProcesssAtATime(t *testing.T) {
	clock := clockwork.NewFakeClock()
	cfg := databases()
	cfg.Clock = clock
	a, b := openAs(t, cfg), openAs(t, cfg)
	_, err := a.Provision(t.Context(), "acme")
	require.NoError(t, err)
	lease := func(s *Store, holder string) bool {
		held, err := s.Lease(t.Context(), "acme", holder, time.Minute)
		require.NoError(t, err)
		return held
	}
	assert.True(t, lease(a, "a"))
	assert.False(t, lease(b, "b"))
	clock.Advance(40 * time.Second)
	assert.True(t, lease(a, "a"), "who has it may renew it")
	clock.Advance(40 * time.Second)
	assert.False(t, lease(b, "b"))
	clock.Advance(time.Minute)
	assert.True(t, lease(b, "b"))
	assert.False(t, lease(a, "a"))
}

// With few entries to spare, searches go through the index of terms by time, as they do in large
// journals.
func TestSearchesOfLargeJournals(t *testing.T) {
	storetest.RunSearch(t, func(t *testing.T) app.Store {
		s := open(t)
		s.Limit(app.SearchLimits{Few: 3})
		return s
	})
}
