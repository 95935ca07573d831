package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/mongostore"
	"github.com/tillroll/tillroll/services/journal/internal/mongotest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// The program archives with the archiver's user; the service reads what it archived with its own, which has
// no more rights than it needs.
func TestTheServiceReadsWhatTheProgramArchived(t *testing.T) {
	server, err := mongotest.Find()
	require.NoError(t, err)
	t.Cleanup(func() { server.Stop(); mongotest.Clean() })
	namespace := fmt.Sprintf("p%d_", time.Now().UnixNano()%1_000_000_000)
	scope := journaldb.Scope{Namespace: namespace}
	clock := clockwork.NewRealClock()
	store, err := mongostore.Open(t.Context(), mongostore.Config{URI: userOf(t, server.URI, namespace+"service", journaldb.Service(scope)), Namespace: namespace, Clock: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	private, _, err := proof.NewKey(nil)
	require.NoError(t, err)
	signer, public, err := proof.NewSigner(private)
	require.NoError(t, err)
	service := app.New(app.Config{Store: store, Clock: clock, NewID: outbox.NewID, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
		Signer: signer, PublicKey: public, Blobs: store.Blobs()})

	const day = "20260105"
	_, err = service.Tenants.Provision(t.Context(), "acme")
	require.NoError(t, err)
	till := tilltest.New("acme", "s1", 1)
	till.BusinessDate, till.Now = day, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	sale := till.Sale("10.5")
	_, err = store.Commit(t.Context(), "acme", tilltest.Records(t, till.Open(), sale, till.Sale("7")))
	require.NoError(t, err)
	before, err := service.Proof.Event(t.Context(), "acme", sale.EventID)
	require.NoError(t, err)
	_, err = service.Retentions.Set(t.Context(), "acme", journal.Retention{LiveDays: 30, At: "00:00", SetBy: "ann"})
	require.NoError(t, err)

	t.Setenv("MONGODB_URI", userOf(t, server.URI, namespace+"archiver", journaldb.Archiver(scope)))
	t.Setenv("TILLROLL_MONGODB_NAMESPACE", namespace)
	t.Setenv("TILLROLL_CHECKPOINT_PUBLIC_KEY", public)
	require.NoError(t, os.Unsetenv("TILLROLL_ARCHIVE"))
	side, err := mongostore.NewArchiver(t.Context(), mongostore.Config{URI: os.Getenv("MONGODB_URI"), Namespace: namespace, Clock: clock})
	require.NoError(t, err)
	defer func() { require.NoError(t, side.Close()) }()
	for _, part := range service.Parts() {
		if part.Name == "examination" {
			go func() { _ = part.Run(t.Context()) }()
		}
	}
	require.Eventually(t, func() bool {
		d, err := side.Day(t.Context(), "acme", journal.StoreDay{StoreCode: "s1", BusinessDate: day})
		return err == nil && d.Unexamined == 0
	}, time.Minute, 50*time.Millisecond)
	require.NoError(t, (&config{tenant: "acme"}).run(t.Context(), zap.NewNop()))
	rows, err := store.Segments(t.Context(), "acme", app.SegmentQuery{})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.True(t, rows[0].Removed)

	_, err = store.Entry(t.Context(), "acme", sale.EventID)
	require.ErrorIs(t, err, app.ErrNotFound, "the body has left the live journal")
	entry, err := service.Search.Entry(t.Context(), "acme", sale.EventID)
	require.NoError(t, err)
	assert.Equal(t, sale.EventID, entry.EventID)
	after, err := service.Proof.Event(t.Context(), "acme", sale.EventID)
	require.NoError(t, err)
	assert.Equal(t, proof.AppendLine(nil, &before.Line), proof.AppendLine(nil, &after.Line))
	from := day
	found, err := service.Search.Find(t.Context(), app.SearchRequest{Tenant: "acme", Archived: true, Query: journal.Query{BusinessDate: journal.Span[string]{From: &from, To: &from}, Limit: 10}})
	require.NoError(t, err)
	assert.Len(t, found.Items, 3)
	v, err := service.Proof.Verify(t.Context(), "acme")
	require.NoError(t, err)
	assert.True(t, v.Holds(), "%+v", v)
	assert.Equal(t, 1, v.Archive.Segments)
	assert.Equal(t, 3, v.Archive.Events)
}

// userOf gives the connection string of a new user who has exactly a role's rights.
func userOf(t *testing.T, uri, name string, role journaldb.Role) string {
	t.Helper()
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(uri))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	admin := client.Database("admin")
	require.NoError(t, admin.RunCommand(t.Context(), bson.D{{Key: "createRole", Value: name}, {Key: "privileges", Value: role.Privileges}, {Key: "roles", Value: bson.A{}}}).Err())
	require.NoError(t, admin.RunCommand(t.Context(), bson.D{{Key: "createUser", Value: name}, {Key: "pwd", Value: "secret"}, {Key: "roles", Value: bson.A{name}}}).Err())
	t.Cleanup(func() {
		_ = admin.RunCommand(context.Background(), bson.D{{Key: "dropUser", Value: name}}).Err()
		_ = admin.RunCommand(context.Background(), bson.D{{Key: "dropRole", Value: name}}).Err()
	})
	u, err := url.Parse(uri)
	require.NoError(t, err)
	u.User = url.UserPassword(name, "secret")
	o := u.Query()
	o.Set("authSource", "admin")
	u.RawQuery = o.Encode()
	return u.String()
}
