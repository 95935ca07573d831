package mongostore

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/tillroll/tillroll/services/journal/internal/storetest"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// Every field of the journal model stands in the documents under its own name.
func TestTheDocumentsHaveEveryFieldOfTheModel(t *testing.T) {
	s := open(t)
	storetest.CheckModel(t, s, func(collection, eventID string) map[string]any {
		var doc map[string]any
		require.NoError(t, s.database("acme").Collection(collection).FindOne(t.Context(), bson.D{{Key: "_id", Value: eventID}}).Decode(&doc))
		for name, v := range doc {
			switch v := v.(type) {
			case primitive.Decimal128:
				doc[name] = json.Number(v.String())
			case primitive.DateTime:
				doc[name] = v.Time()
			}
		}
		return doc
	})
}

// Whatever collection or index somebody drops by hand comes back by provisioning.
func TestWhateverIsDroppedIsMendedByProvisioning(t *testing.T) {
	s := open(t)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	db := s.database("acme")
	all := func() map[string]bool {
		found := map[string]bool{}
		names, err := db.ListCollectionNames(t.Context(), bson.D{})
		require.NoError(t, err)
		for _, name := range names {
			found[name] = true
			specs, err := db.Collection(name).Indexes().ListSpecifications(t.Context())
			require.NoError(t, err)
			for _, spec := range specs {
				found[name+"."+spec.Name] = true
			}
		}
		return found
	}
	whole := all()
	for _, c := range tenantSchema.Collections {
		if c.Name == colSchema { // without it the database counts as lost
			continue
		}
		require.NoError(t, db.Collection(c.Name).Drop(t.Context()))
		_, err := s.Provision(t.Context(), "acme")
		require.NoError(t, err)
		require.Equal(t, whole, all(), c.Name)
		for _, ix := range c.Indexes {
			_, err := db.Collection(c.Name).Indexes().DropOne(t.Context(), ix.Name)
			require.NoError(t, err)
		}
		_, err = s.Provision(t.Context(), "acme")
		require.NoError(t, err)
		require.Equal(t, whole, all(), c.Name)
	}
	_, err = s.Commit(t.Context(), "acme", tilltest.Records(t, tilltest.New("acme", "s1", 1).Sale("1")))
	require.NoError(t, err)
}

// A database that an older program made is completed at its first use.
func TestAnOlderDatabaseIsUpgraded(t *testing.T) {
	cfg := databases()
	s := openAs(t, cfg)
	_, err := s.Provision(t.Context(), "acme")
	require.NoError(t, err)
	db := s.database("acme")
	require.NoError(t, db.Collection(colDirect).Drop(t.Context()))
	_, err = db.Collection(colSchema).UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "journal"}}, bson.D{{Key: "$set", Value: bson.D{{Key: "version", Value: 1}}}})
	require.NoError(t, err)
	other := openAs(t, cfg)
	_, err = other.Commit(t.Context(), "acme", nil)
	require.NoError(t, err)
	names, err := db.ListCollectionNames(t.Context(), bson.D{})
	require.NoError(t, err)
	assert.Contains(t, names, colDirect)
}
