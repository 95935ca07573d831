package journaldb_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tillroll/tillroll/pkg/journaldb"
)

// unfit tells what is wrong with a row of the table; nothing when it can be used as it stands.
func unfit(c journaldb.Collection) (why []string) {
	if c.Access != journaldb.Append && c.Access != journaldb.Change && c.Access != journaldb.Watch {
		why = append(why, "says not what is done with its documents")
	}
	if (c.Access == journaldb.Watch) != (c.Archiver == journaldb.Add || c.Archiver == journaldb.Hold || c.Archiver == journaldb.Store) {
		why = append(why, "is written by both, or by nobody")
	}
	names, byTill := map[string]bool{}, false
	for _, ix := range c.Indexes {
		if names[ix.Name] {
			why = append(why, "has "+ix.Name+" twice")
		}
		names[ix.Name] = true
		byTill = byTill || ix.Fields[0] == "shard_key"
		// Each shard knows its own documents only. _id is apart: it is unique by itself.
		if ix.Unique && (c.Shard == journaldb.ByID || c.Shard == journaldb.ByTill && ix.Fields[0] != "shard_key") {
			why = append(why, ix.Name+" is not unique over several shards")
		}
		if ix.Text && len(ix.Fields) != 1 {
			why = append(why, ix.Name+" is no text index of one field")
		}
	}
	if c.Shard == journaldb.ByTill && !byTill {
		why = append(why, "has no index that begins with its shard key")
	}
	return why
}

func TestEveryRowCanBeUsed(t *testing.T) {
	for _, schema := range []journaldb.Schema{journaldb.Tenant, journaldb.Platform} {
		seen := map[string]bool{}
		for _, c := range schema.Collections {
			assert.Empty(t, unfit(c), "%s.%s", schema.Kind, c.Name)
			assert.False(t, seen[c.Name], "%s.%s twice", schema.Kind, c.Name)
			seen[c.Name] = true
		}
		assert.True(t, seen[journaldb.Version], schema.Kind)
	}
}

func TestUnfitRowsAreFound(t *testing.T) {
	for _, c := range []journaldb.Collection{
		{},
		{Access: journaldb.Append, Archiver: journaldb.Add},
		{Access: journaldb.Change, Archiver: journaldb.Hold},
		{Access: journaldb.Watch},
		{Access: journaldb.Append, Shard: journaldb.ByTill},
		{Access: journaldb.Append, Shard: journaldb.ByTill, Indexes: []journaldb.Index{journaldb.On("shard_key"), journaldb.Unique("receipt_no")}},
		{Access: journaldb.Append, Shard: journaldb.ByID, Indexes: []journaldb.Index{journaldb.Unique("receipt_no")}},
		{Access: journaldb.Append, Indexes: []journaldb.Index{journaldb.On("a"), journaldb.On("a")}},
		{Access: journaldb.Append, Indexes: []journaldb.Index{{Name: "x", Fields: []string{"a", "b"}, Text: true}}},
	} {
		assert.Len(t, unfit(c), 1, "%+v", c)
	}
}
