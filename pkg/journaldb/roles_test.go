package journaldb_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/journaldb"
)

const platform = journaldb.PlatformDatabase

// granted is what a server tells of a role's privileges.
func granted(r journaldb.Role) []journaldb.Granted {
	var all []journaldb.Granted
	for _, p := range r.Privileges {
		all = append(all, on(p.Resource.Database, p.Resource.Collection, p.Actions...))
	}
	return all
}

func on(database, collection string, actions ...string) journaldb.Granted {
	return journaldb.Granted{Database: &database, Collection: &collection, Actions: actions}
}

func TestTheServiceAddsAndNeverChangesWhatIsAppended(t *testing.T) {
	for _, scope := range []journaldb.Scope{{}, {Tenants: []string{"acme", "zoo"}}} {
		role := journaldb.Service(scope)
		named := map[string]bool{}
		for _, p := range role.Privileges {
			require.NotEmpty(t, p.Resource.Collection, "a whole database is too wide")
			for _, action := range p.Actions {
				assert.NotContains(t, []string{"remove", "dropCollection", "dropIndex", "dropDatabase", "collMod", "convertToCapped"}, action)
			}
			named[p.Resource.Collection] = true
			appended := slices.ContainsFunc(append(journaldb.Tenant.Collections, journaldb.Platform.Collections...), func(c journaldb.Collection) bool {
				return c.Name == p.Resource.Collection && c.Access != journaldb.Change
			})
			assert.NotEqual(t, appended, slices.Contains(p.Actions, "update"), p.Resource)
		}
		for _, c := range append(journaldb.Tenant.Collections, journaldb.Platform.Collections...) {
			assert.True(t, named[c.Name], c.Name)
		}
		assert.Empty(t, journaldb.Excess(granted(role), platform))
		assert.Empty(t, journaldb.Missing(granted(role), platform))
	}
}

// The archiver removes bodies, and adds to the archive. What can be missed and proved by stays out of its
// reach.
func TestTheArchiverChangesNothingThatProves(t *testing.T) {
	role := journaldb.Archiver(journaldb.Scope{})
	assert.Empty(t, journaldb.ByArchiver.Excess(granted(role), platform))
	assert.Empty(t, journaldb.ByArchiver.Missing(granted(role), platform))
	assert.NotEmpty(t, journaldb.ByArchiver.Missing(granted(journaldb.Service(journaldb.Scope{})), platform))
	assert.NotEmpty(t, journaldb.Excess(granted(role), platform), "the service needs none of it")
	can := map[string][]string{}
	for _, p := range role.Privileges {
		for _, action := range p.Actions {
			assert.Contains(t, []string{"find", "insert", "update", "remove"}, action)
		}
		can[p.Resource.Collection] = p.Actions
	}
	for _, name := range []string{
		journaldb.IDs, journaldb.Snapshot, journaldb.Heads, journaldb.Copies, journaldb.MerkleLeaves, journaldb.MerkleTiles, journaldb.MerkleLog,
		journaldb.Checkpoints, journaldb.Examinations, journaldb.Discrepancies, journaldb.Accesses, journaldb.Quarantine, journaldb.Retention, journaldb.ArchiveHolds,
	} {
		assert.Equal(t, []string{"find"}, can[name], name)
	}
	for _, name := range []string{journaldb.Tran, journaldb.Cash, journaldb.OpenClose, journaldb.Event, journaldb.Direct, journaldb.Journal, journaldb.Terms} {
		assert.Equal(t, []string{"find", "remove"}, can[name], name)
	}
	for _, name := range []string{journaldb.ArchiveSegments, journaldb.ArchiveParts, journaldb.ArchiveRemoved, journaldb.ArchivePurges, journaldb.ArchiveErased, journaldb.ArchiveRuns} {
		assert.Equal(t, []string{"find", "insert"}, can[name], name)
	}
}

// Only the archiver writes the catalogue.
func TestTheServiceOnlyReadsTheArchive(t *testing.T) {
	for _, p := range journaldb.Service(journaldb.Scope{}).Privileges {
		if strings.HasPrefix(p.Resource.Collection, "archive_") && p.Resource.Collection != journaldb.ArchiveHolds {
			assert.NotContains(t, p.Actions, "insert", p.Resource.Collection)
			assert.NotContains(t, p.Actions, "update", p.Resource.Collection)
		}
	}
}

func TestExcessIsFound(t *testing.T) {
	root := journaldb.Granted{Any: true, Actions: []string{"anyAction"}}
	cluster := journaldb.Granted{Cluster: true, Actions: []string{"serverStatus"}}
	for want, g := range map[string]journaldb.Granted{
		"anyAction on everything":                                          root,
		"serverStatus on the cluster":                                      cluster,
		"find, insert on every collection of any database":                 on("", "", "find", "insert"),
		"find on every collection of db_journal_acme":                      on("db_journal_acme", "", "find"),
		"update, remove on any database.journal":                           on("", "journal", "find", "insert", "update", "remove"),
		"update on db_journal_acme.ids":                                    on("db_journal_acme", "ids", "update"),
		"dropCollection on any database.log_tran":                          on("", "log_tran", "dropCollection"),
		"remove on any database.chain_heads":                               on("", "chain_heads", "remove", "update"),
		"remove on tillroll_journal.quarantine":                            on(platform, "quarantine", "remove", "update"),
		"insert on any database.tenants":                                   on("", "tenants", "insert"),
		"dropIndex on any database.journal":                                on("", "journal", "dropIndex"),
		"update on tillroll_journal.tenants":                               on(platform, "tenants", "update"),
		"find on tillroll_journal.journal":                                 on(platform, "journal", "find"),
		"bypassDocumentValidation on db_journal_acme.log_cash_in_out":      on("db_journal_acme", "log_cash_in_out", "bypassDocumentValidation", "insert"),
		"createUser, grantRole on every collection of admin":               on("admin", "", "createUser", "grantRole"),
		"enableProfiler, dropDatabase on every collection of any database": on("", "", "enableProfiler", "dropDatabase"),
	} {
		found := journaldb.Excess([]journaldb.Granted{g}, platform)
		if assert.Len(t, found, 1, want) {
			assert.Equal(t, want, found[0].String())
		}
	}
	assert.Empty(t, journaldb.Excess([]journaldb.Granted{
		on("", "journal", "find", "insert"), on("db_journal_acme", "copies", "update"), on(platform, "tenants", "insert"),
		on("", "collection_of_a_newer_program", "find", "update"), on("other", "things", "remove"),
	}, platform))
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	rights := granted(journaldb.Service(journaldb.Scope{}))
	for i, g := range rights {
		for _, action := range g.Actions {
			less := slices.Clone(rights)
			less[i].Actions = slices.DeleteFunc(slices.Clone(g.Actions), func(a string) bool { return a == action })
			missing := journaldb.Missing(less, platform)
			if *g.Collection == journaldb.Version { // a right in every database is one in the platform's
				continue
			}
			if assert.Len(t, missing, 1) {
				assert.Contains(t, missing[0], action+" on ")
				assert.Contains(t, missing[0], "."+*g.Collection)
			}
		}
	}
	assert.Empty(t, journaldb.Missing([]journaldb.Granted{on("", "", "find", "insert", "update", "listIndexes", "createCollection", "createIndex")}, platform))
	assert.NotEmpty(t, journaldb.Missing(nil, platform))
	assert.NotEmpty(t, journaldb.Missing([]journaldb.Granted{{Cluster: true, Actions: []string{"find"}}}, platform))
}

// What is shipped is what the table says.
func TestTheShippedScriptsAreTheTables(t *testing.T) {
	for name, script := range map[string]string{
		"roles": journaldb.RolesScript(journaldb.Scope{}), "sharding": journaldb.ShardingScript(identity.CodePattern),
	} {
		shipped, err := os.ReadFile("../../k8s/mongodb/" + name + ".js")
		require.NoError(t, err)
		assert.Equal(t, script, string(shipped), "write it anew: (cd services/tillctl && go run ./cmd/tillctl mongo %s) > k8s/mongodb/%s.js", name, name)
	}
}
