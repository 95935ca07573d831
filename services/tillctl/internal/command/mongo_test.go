package command_test

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/tillroll/tillroll/pkg/journaldb"
)

// typed runs a command line and gives what was printed, errors too.
func typed(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	w := newWorld(t)
	code = w.run(args...)
	return w.out.String() + w.err.String(), code
}

// mongoServer gives the connection string of an administrator of a server without any users of ours:
// a stand-in of its own, so that roles of the real names can be made.
func mongoServer(t *testing.T) string { return standIn(t, finderProgram(t), "-auth") }

// finderProgram builds what starts stand-ins.
func finderProgram(t *testing.T) string {
	t.Helper()
	finder := filepath.Join(t.TempDir(), "finder")
	build := exec.Command("go", "build", "-C", "../../../../test/standin", "-trimpath", "-o", finder, "./cmd/finder")
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return finder
}

// standIn starts one with these flags and gives its connection string.
func standIn(t *testing.T, finder, flags string) string {
	t.Helper()
	cmd := exec.Command(finder, "-standin", flags)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // it ends when this closes
	require.NoError(t, err)
	said, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	var found struct{ URI string }
	require.NoError(t, json.NewDecoder(said).Decode(&found))
	return found.URI
}

// rightsOf connects as a user and asks the server what this one may do.
func rightsOf(t *testing.T, uri, user, password string) []journaldb.Granted {
	t.Helper()
	u, err := url.Parse(uri)
	require.NoError(t, err)
	u.User = url.UserPassword(user, password)
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(u.String()))
	require.NoError(t, err)
	defer func() { _ = client.Disconnect(context.Background()) }()
	var status struct {
		AuthInfo struct {
			Privileges []struct {
				Resource journaldb.Granted `bson:"resource"`
				Actions  []string          `bson:"actions"`
			} `bson:"authenticatedUserPrivileges"`
		} `bson:"authInfo"`
	}
	ask := bson.D{{Key: "connectionStatus", Value: 1}, {Key: "showPrivileges", Value: true}}
	require.NoError(t, client.Database("admin").RunCommand(t.Context(), ask).Decode(&status))
	var all []journaldb.Granted
	for _, p := range status.AuthInfo.Privileges {
		p.Resource.Actions = p.Actions
		all = append(all, p.Resource)
	}
	return all
}

func TestMongoRolesAreMadeAndMadeAgain(t *testing.T) {
	uri := mongoServer(t)
	t.Setenv("TILLROLL_MONGODB_ADMIN_URI", uri)
	t.Setenv("TILLROLL_JOURNAL_PASSWORD", "one")
	out, code := typed(t, "mongo", "roles", "--apply", "--tenant", "acme")
	require.Equal(t, 0, code, out)
	assert.Equal(t, "createRole tillroll_journal_service\ncreateRole tillroll_journal_archiver\ncreateRole tillroll_journal_keeper\ncreateUser tillroll_journal\n", out)
	narrow := rightsOf(t, uri, "tillroll_journal", "one")
	require.NotEmpty(t, narrow)
	for _, g := range narrow {
		assert.Contains(t, []string{"db_journal_acme", "tillroll_journal"}, *g.Database)
	}

	// Once more, wider, with a new password and one more user.
	t.Setenv("TILLROLL_JOURNAL_PASSWORD", "two")
	t.Setenv("TILLROLL_ARCHIVER_PASSWORD", "three")
	out, code = typed(t, "mongo", "roles", "--apply")
	require.Equal(t, 0, code, out)
	assert.Equal(t, "updateRole tillroll_journal_service\nupdateRole tillroll_journal_archiver\nupdateRole tillroll_journal_keeper\nupdateUser tillroll_journal\ncreateUser tillroll_archiver\n", out)
	wide := rightsOf(t, uri, "tillroll_journal", "two")
	assert.Empty(t, journaldb.Missing(wide, journaldb.PlatformDatabase))
	assert.Empty(t, journaldb.Excess(wide, journaldb.PlatformDatabase))
	assert.NotEmpty(t, journaldb.Excess(rightsOf(t, uri, "tillroll_archiver", "three"), journaldb.PlatformDatabase))
}

func TestMongoRolesRefuses(t *testing.T) {
	t.Setenv("TILLROLL_MONGODB_ADMIN_URI", "")
	for want, args := range map[string][]string{
		"--apply needs --uri":    {"mongo", "roles", "--apply"},
		"cannot be read":         {"mongo", "roles", "--apply", "--uri", "mongodb://ann:s3%cret@host/"},
		"is no code of a tenant": {"mongo", "roles", "--tenant", "no such"},
		"server selection error": {"mongo", "roles", "--apply", "--uri", "mongodb://ann:s3cret@127.0.0.1:1/?serverSelectionTimeoutMS=100"},
	} {
		out, code := typed(t, args...)
		assert.NotEqual(t, 0, code)
		assert.Contains(t, out, want)
		assert.NotContains(t, out, "s3")
	}
}

// shell stands in for mongosh: it has as much of it as the script uses, and prints the commands.
const shell = `
const told = [], there = JSON.parse(process.argv[2]);
const admin = {
  getRole: (name) => there.includes(name) ? {} : null, getUser: (name) => there.includes(name) ? {} : null,
  createRole: (role) => told.push({ createRole: role.role, privileges: role.privileges, roles: role.roles }),
  updateRole: (name, role) => told.push({ updateRole: name, ...role }),
  createUser: (user) => told.push({ createUser: user.user, pwd: user.pwd, roles: user.roles }),
  updateUser: (name, user) => told.push({ updateUser: name, ...user }),
};
const db = { getSiblingDB: (name) => { if (name !== "admin") throw new Error(name); return admin } };
new Function("db", "print", require("fs").readFileSync(0, "utf8"))(db, () => {});
console.log(told.map((c) => JSON.stringify(c)).join("\n"));
`

// The script for mongosh does what --apply does: its commands are carried out on a server, too.
func TestTheMongoRolesScriptDoesTheSame(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("UNPROVEN: that the script for mongosh runs, for there is no node to run it")
	}
	file := filepath.Join(t.TempDir(), "shell.js")
	require.NoError(t, os.WriteFile(file, []byte(shell), 0o600))
	script, code := typed(t, "mongo", "roles")
	require.Equal(t, 0, code)
	uri := mongoServer(t)
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(uri))
	require.NoError(t, err)
	defer func() { _ = client.Disconnect(context.Background()) }()
	for _, there := range []string{`[]`, `["tillroll_journal_service","tillroll_journal_archiver","tillroll_journal_keeper","tillroll_journal"]`} {
		cmd := exec.Command(node, file, there)
		cmd.Stdin, cmd.Stderr = strings.NewReader(script), os.Stderr
		cmd.Env = append(os.Environ(), "TILLROLL_JOURNAL_PASSWORD=one")
		told, err := cmd.Output()
		require.NoError(t, err)
		commands := strings.Split(strings.TrimSpace(string(told)), "\n")
		require.Len(t, commands, 4, "three roles, and the one user whose password is known")
		for _, command := range commands {
			var doc bson.D
			require.NoError(t, bson.UnmarshalExtJSON([]byte(command), false, &doc))
			require.NoError(t, client.Database("admin").RunCommand(t.Context(), doc).Err(), command)
		}
		rights := rightsOf(t, uri, "tillroll_journal", "one")
		assert.Empty(t, journaldb.Missing(rights, journaldb.PlatformDatabase))
		assert.Empty(t, journaldb.Excess(rights, journaldb.PlatformDatabase))
	}
}

// shardedShell stands in for mongosh on a mongos, with as much of it as the script uses.
const shardedShell = `
const told = [];
const tell = (name) => (...args) => told.push([name, ...args]);
const sh = { enableSharding: tell("enableSharding"), shardCollection: tell("shardCollection"), updateZoneKeyRange: tell("updateZoneKeyRange") };
const db = { getSiblingDB: (d) => ({ getCollection: (c) => ({ createIndex: (key) => told.push(["createIndex", d + "." + c, key]) }) }) };
new Function("db", "sh", "print", "MinKey", "MaxKey", require("fs").readFileSync(0, "utf8"))(db, sh, () => {}, () => "min", () => "max");
console.log(told.map((c) => JSON.stringify(c)).join("\n"));
`

// The commands of the sharding script are those that the table asks for; whether a cluster takes them,
// no single server tells.
func TestTheMongoShardingScript(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("UNPROVEN: that the script for mongosh runs, for there is no node to run it")
	}
	file := filepath.Join(t.TempDir(), "shell.js")
	require.NoError(t, os.WriteFile(file, []byte(shardedShell), 0o600))
	script, code := typed(t, "mongo", "sharding")
	require.Equal(t, 0, code)
	told := func(env ...string) (string, error) {
		cmd := exec.Command(node, file)
		cmd.Stdin, cmd.Env = strings.NewReader(script), append(os.Environ(), env...)
		out, err := cmd.Output()
		return string(out), err
	}
	out, err := told("TILLROLL_TENANTS=acme,zoo", "TILLROLL_ZONE=eu")
	require.NoError(t, err)
	commands := strings.Split(strings.TrimSpace(out), "\n")
	keys := map[journaldb.ShardKey]string{journaldb.ByID: `{"_id":"hashed"}`, journaldb.ByTill: `{"shard_key":1}`}
	var want []string
	for _, tenant := range []string{"acme", "zoo"} {
		want = append(want, `["enableSharding","db_journal_`+tenant+`"]`)
		for _, c := range journaldb.Tenant.Collections {
			key, field := keys[c.Shard], "shard_key"
			if key == "" {
				continue
			}
			namespace := "db_journal_" + tenant + "." + c.Name
			if c.Shard == journaldb.ByID {
				field = "_id"
				want = append(want, `["createIndex","`+namespace+`",`+key+`]`)
			}
			want = append(want, `["shardCollection","`+namespace+`",`+key+`]`,
				`["updateZoneKeyRange","`+namespace+`",{"`+field+`":"min"},{"`+field+`":"max"},"eu"]`)
		}
	}
	assert.Equal(t, want, commands)

	out, err = told("TILLROLL_TENANTS=acme", "TILLROLL_ZONE=")
	require.NoError(t, err)
	assert.NotContains(t, out, "updateZoneKeyRange")
	for _, tenants := range []string{"", "acme,../x"} {
		_, err = told("TILLROLL_TENANTS=" + tenants)
		require.Error(t, err, tenants)
	}
}
