package mongostore

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// What was stored before there was an index of terms, or by other rules, is found without it until it is
// indexed, commits go on meanwhile, and whoever is interrupted goes on where he was.
func TestTheTermsOfAnOldDatabaseAreMadeBesideEverythingElse(t *testing.T) {
	cfg := databases()
	s := openAs(t, cfg)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	till := tilltest.New("acme", "s1", 1)
	const old = indexedAtOnce + 60
	var events []event.Event
	for i := range old {
		l := till.Sale("1")
		if i%100 == 0 {
			l.JournalText = "コーヒー"
		}
		events = append(events, l)
	}
	for len(events) > 0 {
		n := min(100, len(events))
		_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, events[:n]...))
		require.NoError(t, err)
		events = events[n:]
	}
	done, err := s.Backfill(t.Context(), "acme")
	require.NoError(t, err)
	require.Zero(t, done, "a new journal lacks nothing")
	db := s.database("acme")
	_, err = db.Collection(colTerms).DeleteMany(t.Context(), bson.D{})
	require.NoError(t, err)
	_, err = db.Collection(colTermCounts).DeleteMany(t.Context(), bson.D{{Key: "_id", Value: termRules}})
	require.NoError(t, err)

	coffees := 6
	finds := func(limits app.SearchLimits) {
		t.Helper()
		s.limits = limits.OrUsual()
		page, err := s.Search(t.Context(), "acme", journal.Query{Keywords: journal.Keywords("コーヒー"), Limit: 3, Counting: journal.CountAll})
		require.NoError(t, err)
		assert.Equal(t, coffees, page.Total)
		assert.Len(t, page.Items, 3)
	}
	again := func() {
		s, err = Open(t.Context(), cfg)
		require.NoError(t, err)
		opened := s
		t.Cleanup(func() { require.NoError(t, opened.Close()) })
	}
	again()
	finds(app.SearchLimits{})
	sale := till.Sale("1")
	sale.JournalText, coffees = "コーヒー", coffees+1
	_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, sale))
	require.NoError(t, err)
	s.step = func(name string) error {
		if name == "index what was there before" {
			return errors.New("crashed")
		}
		return nil
	}
	_, err = s.Backfill(t.Context(), "acme")
	require.Error(t, err)
	again()
	done, err = s.Backfill(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, app.Backlog{Done: indexedAtOnce, All: old + 1}, done)
	finds(app.SearchLimits{})
	again()
	done, err = s.Backfill(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, app.Backlog{Done: old + 1, All: old + 1}, done)
	done, err = s.Backfill(t.Context(), "acme")
	require.NoError(t, err)
	assert.Zero(t, done)
	finds(app.SearchLimits{Few: 1, Read: 20}) // so narrow that only the index can
	n, err := db.Collection(colTerms).CountDocuments(t.Context(), bson.D{})
	require.NoError(t, err)
	assert.Equal(t, int64(old+1), n)
}
