package mongostore

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/tillroll/tillroll/pkg/journaldb"
)

// The README says of every collection how many indexes it has, and so what they are for.
func TestTheReadmeJustifiesEveryIndex(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	said := map[string]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\| ([0-9]+) \\| [^|]{5,} \\|$").FindAllStringSubmatch(string(raw), -1) {
		n, err := strconv.Atoi(row[2])
		require.NoError(t, err)
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			said[name[1]] = n
		}
	}
	for _, schema := range []journaldb.Schema{journaldb.Tenant, journaldb.Platform} {
		for _, c := range schema.Collections {
			n, ok := said[c.Name]
			assert.True(t, ok, "the README says nothing of %s", c.Name)
			assert.Equal(t, len(c.Indexes), n, "say in the README what the indexes of %s are for", c.Name)
		}
	}
}

// The README and the settings of the driver say the same.
func TestTheReadmeTellsTheSettings(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	opts := clientOptions("mongodb://host/?replicaSet=rs0")
	for name, value := range map[string]int64{
		"`maxPoolSize`": int64(*opts.MaxPoolSize), "`minPoolSize`": int64(*opts.MinPoolSize), "`maxIdleTimeMS`": opts.MaxConnIdleTime.Milliseconds(),
		"`connectTimeoutMS`, `serverSelectionTimeoutMS`": opts.ConnectTimeout.Milliseconds(),
	} {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(name) + ` \| ([0-9 ]+) \|`).FindStringSubmatch(string(raw))
		if assert.NotNil(t, row, name) {
			assert.Equal(t, strconv.FormatInt(value, 10), strings.ReplaceAll(row[1], " ", ""), name)
		}
	}
	assert.Equal(t, connectWait, *opts.ServerSelectionTimeout)
}

// The connection string cannot take back what correctness rests on.
func TestTheConnectionStringDecidesNothingOfWeight(t *testing.T) {
	opts := clientOptions("mongodb://host/?replicaSet=rs0&w=1&journal=false&readPreference=secondary&readConcernLevel=local&retryWrites=false&retryReads=false&maxPoolSize=7&maxIdleTimeMS=1000")
	assert.Equal(t, durable(), opts.WriteConcern)
	assert.Equal(t, "majority", opts.ReadConcern.Level)
	assert.Equal(t, "primary", opts.ReadPreference.Mode().String())
	assert.True(t, *opts.RetryReads)
	assert.True(t, *opts.RetryWrites)
	assert.EqualValues(t, 7, *opts.MaxPoolSize)
}

// The compose file for development is a replica set on this machine only, and the README starts it.
func TestTheComposeFileIsAReplicaSetOnThisMachineOnly(t *testing.T) {
	raw, err := os.ReadFile("../../../../k8s/mongodb/compose.yaml")
	require.NoError(t, err)
	var file struct {
		Services map[string]struct {
			Command     []string `yaml:"command"`
			Ports       []string `yaml:"ports"`
			Healthcheck struct {
				Test []string `yaml:"test"`
			} `yaml:"healthcheck"`
		} `yaml:"services"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	db := file.Services["mongodb"]
	assert.Equal(t, []string{"mongod", "--replSet", "rs0", "--bind_ip_all"}, db.Command)
	for _, port := range db.Ports {
		assert.True(t, strings.HasPrefix(port, "127.0.0.1:"), port)
	}
	assert.Contains(t, strings.Join(db.Healthcheck.Test, " "), "rs.initiate")
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	assert.Contains(t, string(readme), "docker compose -f k8s/mongodb/compose.yaml up --wait")
	assert.Contains(t, string(raw), "MONGODB_URI='mongodb://127.0.0.1:27017/?replicaSet=rs0' TILLROLL_MONGODB_ANY_RIGHTS=true")
	assert.Contains(t, string(readme), "MONGODB_URI='mongodb://127.0.0.1:27017/?replicaSet=rs0' TILLROLL_MONGODB_ANY_RIGHTS=true")
}
