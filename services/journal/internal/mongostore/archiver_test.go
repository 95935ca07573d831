package mongostore

import (
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
)

// newBoth are the service's store and an archiver, on empty databases, each with the rights that it needs
// and no more.
func newBoth(t *testing.T) (*Store, *Archiver) {
	t.Helper()
	if !controlled(t) {
		t.Log("UNPROVEN: that the archiver's rights suffice, for the server has no access control")
		cfg := databases()
		s := openAs(t, cfg)
		a, err := NewArchiver(t.Context(), cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, a.Close()) })
		return s, a
	}
	s, cfg := limited(t)
	cfg.URI, cfg.AnyRights = userWith(t, journaldb.Archiver(journaldb.Scope{Namespace: cfg.Namespace}).Privileges), false
	a, err := NewArchiver(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return s, a
}

func TestArchiverContract(t *testing.T) {
	storetest.RunArchiver(t, func(t *testing.T) app.Archiver {
		s, a := newBoth(t)
		return storetest.Archiver{Store: s, Side: a}
	})
}

// The archiver makes no database: that is the journal's to do, and it says so.
func TestTheArchiverWaitsForTheJournal(t *testing.T) {
	cfg := databases()
	_, err := NewArchiver(t.Context(), cfg)
	require.ErrorContains(t, err, "the journal makes it when it starts")
	s := openAs(t, cfg)
	_, err = s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	a, err := NewArchiver(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, a.Close()) }()
	_, err = s.database("acme").Collection(colSchema).UpdateOne(t.Context(), bson.D{}, bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: tenantSchema.Version - 1}}}})
	require.NoError(t, err)
	_, err = a.ArchiveRuns(t.Context(), "acme", 1)
	require.ErrorContains(t, err, "start that first")
}

// A credential that is not the archiver's, or is more, is refused at the start.
func TestTheArchiverIsParticularAboutItsRights(t *testing.T) {
	_, cfg := limited(t)
	_, err := NewArchiver(t.Context(), cfg)
	require.ErrorContains(t, err, "lacks rights that the archiver needs")
	require.ErrorContains(t, err, journaldb.ArchiverRole)
	more := journaldb.Archiver(journaldb.Scope{Namespace: cfg.Namespace}).Privileges
	for i := range more {
		if more[i].Resource.Collection == journaldb.IDs {
			more[i].Actions = append(more[i].Actions, "remove")
		}
	}
	cfg.URI = userWith(t, more)
	_, err = NewArchiver(t.Context(), cfg)
	require.ErrorContains(t, err, "rights that the archiver does not need")
	require.ErrorContains(t, err, "remove on any database.ids")
}

// Of two processes one archives; when it stays away the other takes over.
func TestArchivingIsOneProcesssAtATime(t *testing.T) {
	clock := clockwork.NewFakeClock()
	cfg := databases()
	cfg.Clock = clock
	s := openAs(t, cfg)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	lease := func(holder string) bool {
		a, err := NewArchiver(t.Context(), cfg)
		require.NoError(t, err)
		defer func() { require.NoError(t, a.Close()) }()
		held, err := a.ArchiveLease(t.Context(), "acme", holder, time.Minute)
		require.NoError(t, err)
		return held
	}
	assert.True(t, lease("a"))
	assert.False(t, lease("b"))
	clock.Advance(40 * time.Second)
	assert.True(t, lease("a"), "who has it may renew it")
	clock.Advance(40 * time.Second)
	assert.False(t, lease("b"))
	clock.Advance(time.Minute)
	assert.True(t, lease("b"))
	assert.False(t, lease("a"))
}
