package strongbox_test

import (
	"crypto/rand"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/tillctl/internal/strongbox"
)

// inOrder are all files, in the order in which they are written.
var inOrder = []string{
	"keys/issuer.jwk", "secrets/terminal.json", "secrets/cart.json", "secrets/journal.json", "secrets/till.json", "secrets/dapr-run.json",
	"secrets/broker.json",
}

func TestANewDataFolderGetsEverythingAndNobodyElseCanRead(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "data")
	made, err := strongbox.Complete(data, rand.Reader)
	require.NoError(t, err)
	require.Len(t, made, len(inOrder))
	for i, line := range made {
		assert.True(t, strings.HasPrefix(line, filepath.Join(data, inOrder[i])+": "), line)
	}
	err = filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		if entry.IsDir() {
			assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm(), path)
		} else {
			assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), path)
		}
		return nil
	})
	require.NoError(t, err)
	requireConsistent(t, data)
}

func TestEveryAppKnowsWhatItNeedsAndNoMore(t *testing.T) {
	data := complete(t)
	common := []string{"api-token", "app-token", "broker-password", "broker-user", "terminal-jwks", "user-jwks"}
	for app, names := range map[string][]string{
		"terminal": append(slices.Clone(common), "terminal-key"),
		"cart":     common,
		"journal":  append(slices.Clone(common), "checkpoint-key"),
		"till":     {"api-token", "app-token"},
		"dapr-run": {"api-token", "app-token"},
	} {
		assert.ElementsMatch(t, names, slices.Collect(maps.Keys(secretsOf(t, data, app))), app)
	}
}

func TestNoTwoSecretsAreTheSame(t *testing.T) {
	data := complete(t)
	seen := map[string]string{}
	for _, app := range []string{"terminal", "cart", "journal", "till"} {
		for name, value := range secretsOf(t, data, app) {
			if strings.HasSuffix(name, "-jwks") || name == "broker-user" {
				continue
			}
			assert.Empty(t, seen[value], "%s of %s", name, app)
			assert.GreaterOrEqual(t, len(value), 43, "%s of %s", name, app)
			seen[value] = app
		}
	}
}

func TestNothingMissingIsNothingDone(t *testing.T) {
	data := complete(t)
	before := content(t, data)
	made, err := strongbox.Complete(data, broken{})
	require.NoError(t, err)
	assert.Empty(t, made)
	assert.Equal(t, before, content(t, data))
}

func TestOnlyTheMissingFileIsMade(t *testing.T) {
	for _, gone := range inOrder {
		t.Run(gone, func(t *testing.T) {
			data := complete(t)
			before := content(t, data)
			require.NoError(t, os.Remove(filepath.Join(data, gone)))
			made, err := strongbox.Complete(data, rand.Reader)
			require.NoError(t, err)
			assert.NotEmpty(t, made)
			requireConsistent(t, data)
			requireKept(t, before, content(t, data), gone)
		})
	}
}

func TestOnlyTheMissingSecretIsMade(t *testing.T) {
	for _, app := range []string{"terminal", "cart", "journal", "till"} {
		for name := range secretsOf(t, complete(t), app) {
			t.Run(app+"/"+name, func(t *testing.T) {
				data := complete(t)
				before := content(t, data)
				secrets := secretsOf(t, data, app)
				delete(secrets, name)
				write(t, data, "secrets/"+app+".json", secrets)
				_, err := strongbox.Complete(data, rand.Reader)
				require.NoError(t, err)
				requireConsistent(t, data)
				requireKept(t, before, content(t, data), "secrets/"+app+".json", name)
			})
		}
	}
}

// A crash leaves the files up to some point of the order, and perhaps half a file under its
// temporary name.
func TestACrashAtAnyPointIsMendedByTheNextRun(t *testing.T) {
	for n := range inOrder {
		t.Run(inOrder[n], func(t *testing.T) {
			data := complete(t)
			for _, file := range inOrder[n:] {
				require.NoError(t, os.Remove(filepath.Join(data, file)))
			}
			require.NoError(t, os.WriteFile(filepath.Join(data, inOrder[n]+".new"), []byte(`{"ke`), 0o644))
			_, err := strongbox.Complete(data, rand.Reader)
			require.NoError(t, err)
			requireConsistent(t, data)
			assert.NoFileExists(t, filepath.Join(data, inOrder[n]+".new"))
		})
	}
}

func TestTwoAtOnceEndInOneSetOfKeys(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := strongbox.Complete(data, rand.Reader)
			assert.NoError(t, err)
		})
	}
	group.Wait()
	requireConsistent(t, data)
	assert.Len(t, keySet(t, data, "cart", "user-jwks").Keys, 1)
}

func TestANewKeyJoinsTheOldOnesInEverySet(t *testing.T) {
	data := complete(t)
	old := keySet(t, data, "journal", "user-jwks").Keys[0].KeyID
	require.NoError(t, os.Remove(filepath.Join(data, "keys/issuer.jwk")))
	_, err := strongbox.Complete(data, rand.Reader)
	require.NoError(t, err)
	for _, app := range []string{"terminal", "cart", "journal"} {
		set := keySet(t, data, app, "user-jwks")
		require.Len(t, set.Keys, 2, app)
		assert.Equal(t, old, set.Keys[0].KeyID, app)
	}
	requireConsistent(t, data)
}

func TestWhatTheOperatorAddedStays(t *testing.T) {
	data := complete(t)
	secrets := secretsOf(t, data, "cart")
	secrets["payment-gateway"] = "s3cret"
	delete(secrets, "app-token")
	write(t, data, "secrets/cart.json", secrets)
	users := brokerUsers(t, data)
	users[0]["publish"] = append(users[0]["publish"].([]any), "topic-of-mine")
	users = append(users[:1], map[string]any{"user": "watcher", "password": "w"})
	write(t, data, "secrets/broker.json", map[string]any{"users": users})

	_, err := strongbox.Complete(data, rand.Reader)
	require.NoError(t, err)
	requireConsistent(t, data)
	assert.Equal(t, "s3cret", secretsOf(t, data, "cart")["payment-gateway"])
	assert.Contains(t, brokerUsers(t, data)[0]["publish"], "topic-of-mine")
	assert.Equal(t, "watcher", brokerUsers(t, data)[1]["user"])
}

// The local components and the users of the broker let the apps do the same.
func TestTheAppsMayUseTheirTopicsAtTheBrokerAndNoOthers(t *testing.T) {
	component, err := os.ReadFile("../../../../components/local/pubsub.yaml")
	require.NoError(t, err)
	var settings struct {
		Spec struct {
			Metadata []struct{ Name, Value string }
		}
	}
	require.NoError(t, yaml.Unmarshal(component, &settings))
	scopes := map[string]map[string][]string{}
	for _, m := range settings.Spec.Metadata {
		scopes[m.Name] = map[string][]string{}
		for _, of := range strings.Split(m.Value, ";") {
			app, topics, _ := strings.Cut(strings.Join(strings.Fields(of), ""), "=")
			scopes[m.Name][app] = strings.Split(topics, ",")
		}
	}
	limited := 0
	for _, user := range brokerUsers(t, complete(t)) {
		if user["view"] == true {
			continue
		}
		limited++
		assert.ElementsMatch(t, scopes["publishingScopes"][user["user"].(string)], user["publish"], user["user"])
		assert.ElementsMatch(t, scopes["subscriptionScopes"][user["user"].(string)], user["subscribe"], user["user"])
	}
	assert.Equal(t, 3, limited)
}

// A data folder of an older release has no lists; the lists of a newer one are longer.
func TestListsOfTopicsAreAddedAndCompleted(t *testing.T) {
	data := complete(t)
	want := brokerUsers(t, data)
	users := brokerUsers(t, data)
	delete(users[0], "publish")
	delete(users[0], "subscribe")
	users[1]["publish"], users[2]["subscribe"] = users[1]["publish"].([]any)[:1], []any{}
	users = append(users, map[string]any{"user": "watcher", "password": "w"}, map[string]any{"user": "mute", "password": "m", "publish": []any{}})
	write(t, data, "secrets/broker.json", map[string]any{"users": users})
	made, err := strongbox.Complete(data, rand.Reader)
	require.NoError(t, err)
	assert.Len(t, made, 1)
	assert.Equal(t, append(want, users[len(users)-2:]...), brokerUsers(t, data), "and those of others are as they were")
	made, err = strongbox.Complete(data, rand.Reader)
	require.NoError(t, err)
	assert.Empty(t, made)
}

func TestWhatIsWrongIsNamedWithItsRemedyAndNothingIsWritten(t *testing.T) {
	text := func(file, content string) func(*testing.T, string) {
		return func(t *testing.T, data string) {
			require.NoError(t, os.WriteFile(filepath.Join(data, file), []byte(content), 0o600))
		}
	}
	mode := func(file string, mode fs.FileMode) func(*testing.T, string) {
		return func(t *testing.T, data string) { require.NoError(t, os.Chmod(filepath.Join(data, file), mode)) }
	}
	secret := func(name, value string) func(*testing.T, string) {
		return func(t *testing.T, data string) {
			secrets := secretsOf(t, data, "cart")
			secrets[name] = value
			write(t, data, "secrets/cart.json", secrets)
		}
	}
	for name, test := range map[string]struct {
		spoil           func(t *testing.T, data string)
		message, remedy string
	}{
		"key that others can read":               {mode("keys/issuer.jwk", 0o640), "issuer.jwk has mode 0640", "chmod 600"},
		"secrets that others can change":         {mode("secrets/broker.json", 0o622), "broker.json has mode 0622", "chmod 600"},
		"folder that others can look into":       {mode("secrets", 0o755), "secrets has mode 0755", "chmod 700"},
		"empty key":                              {text("keys/issuer.jwk", ""), "issuer.jwk is damaged", "from a backup"},
		"public key in place of a private":       {text("keys/issuer.jwk", `{"kty":"OKP","crv":"Ed25519","x":"JftlVjWH0r87r_KtYD7bzQnmnbk4Vjw17G6s4EJfIF0"}`), "not a private Ed25519 key", "move it away"},
		"secrets cut short":                      {text("secrets/till.json", `{"app-token":`), "till.json is damaged", "from a backup"},
		"secrets that are not flat":              {text("secrets/till.json", `{"app-token":{}}`), "till.json is damaged", "from a backup"},
		"users of the broker cut short":          {text("secrets/broker.json", `{"users":`), "broker.json is damaged", "from a backup"},
		"key set that cannot be read":            {secret("user-jwks", "{"), "cart.json is damaged: user-jwks", "from a backup"},
		"password that the broker does not know": {secret("broker-password", "other"), `different passwords for the user "cart"`, "broker.json away"},
	} {
		t.Run(name, func(t *testing.T) {
			data := complete(t)
			test.spoil(t, data)
			before := content(t, data)
			made, err := strongbox.Complete(data, rand.Reader)
			var found strongbox.Findings
			require.ErrorAs(t, err, &found)
			require.Len(t, found, 1)
			assert.Contains(t, found[0].Message, test.message)
			assert.Contains(t, found[0].Remedy, test.remedy)
			assert.Empty(t, made)
			assert.Equal(t, before, content(t, data))
		})
	}
}

func TestEverythingWrongIsToldAtOnce(t *testing.T) {
	data := complete(t)
	require.NoError(t, os.Chmod(filepath.Join(data, "secrets/cart.json"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(data, "keys/issuer.jwk"), nil, 0o600))
	_, err := strongbox.Complete(data, rand.Reader)
	var found strongbox.Findings
	require.ErrorAs(t, err, &found)
	assert.Len(t, found, 2)
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	data := complete(t)
	require.NoError(t, os.Chmod(filepath.Join(data, "secrets/cart.json"), 0))
	_, err := strongbox.Complete(data, rand.Reader)
	assert.ErrorContains(t, err, "cart.json cannot be read")
	assert.ErrorContains(t, err, "chown")
}

func TestNoRandomnessMakesNoSecret(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	_, err := strongbox.Complete(data, broken{})
	require.Error(t, err)
	assert.NoFileExists(t, filepath.Join(data, "secrets/cart.json"))
}

func TestAFileIsNoDataFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := strongbox.Complete(file, rand.Reader)
	assert.ErrorContains(t, err, "is no folder")
}

func TestWithoutAnIssuerKeyTheErrorSaysWhatToRun(t *testing.T) {
	data := t.TempDir()
	_, err := strongbox.IssuerKey(data)
	assert.ErrorContains(t, err, "tillctl init --data "+data)
}

// broken is a source of randomness that has none.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, fs.ErrClosed }

func complete(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	_, err := strongbox.Complete(data, rand.Reader)
	require.NoError(t, err)
	return data
}

// requireConsistent proves what the stack relies on: tokens verify everywhere, and every sidecar gets
// into the broker.
func requireConsistent(t *testing.T, data string) {
	t.Helper()
	issuer, err := strongbox.IssuerKey(data)
	require.NoError(t, err)
	terminal, err := auth.ParseSigningKey(secretsOf(t, data, "terminal")["terminal-key"])
	require.NoError(t, err)
	passwords := map[string]any{}
	for _, user := range brokerUsers(t, data) {
		passwords[user["user"].(string)] = user["password"]
	}
	for _, app := range []string{"terminal", "cart", "journal"} {
		requireVerifies(t, issuer, auth.UserIssuer, keySet(t, data, app, "user-jwks"))
		requireVerifies(t, terminal, auth.TerminalIssuer, keySet(t, data, app, "terminal-jwks"))
		secrets := secretsOf(t, data, app)
		require.NotEmpty(t, secrets["broker-password"])
		require.Equal(t, passwords[secrets["broker-user"]], any(secrets["broker-password"]), app)
	}
}

func requireVerifies(t *testing.T, key jose.JSONWebKey, issuer string, set jose.JSONWebKeySet) {
	t.Helper()
	signer, err := auth.NewIssuer(issuer, key, time.Now)
	require.NoError(t, err)
	p := auth.Principal{Subject: "s", Role: auth.Auditor, TenantID: "t"}
	if issuer == auth.TerminalIssuer {
		p = auth.Principal{Subject: "s", Role: auth.TerminalRole, TenantID: "t", Terminal: &auth.TerminalClaims{StoreCode: "s", TerminalNo: 1}}
	}
	token, err := signer.Issue(p, time.Hour)
	require.NoError(t, err)
	_, err = auth.NewVerifier(func(string) (jose.JSONWebKeySet, bool) { return set, true }, time.Now).Verify(token)
	require.NoError(t, err)
}

// requireKept proves that nothing that was there was replaced: changed is the file in which something
// was missing, and without what was missing in it. Key sets may have grown.
func requireKept(t *testing.T, before, after map[string]string, changed string, missing ...string) {
	t.Helper()
	for file, old := range before {
		if !strings.HasSuffix(file, ".json") || strings.HasSuffix(file, "broker.json") {
			if file != changed {
				require.Equal(t, old, after[file], file)
			}
			continue
		}
		if file == changed && len(missing) == 0 {
			continue
		}
		var was, is map[string]string
		require.NoError(t, json.Unmarshal([]byte(old), &was))
		require.NoError(t, json.Unmarshal([]byte(after[file]), &is))
		for name, value := range was {
			if file == changed && slices.Contains(missing, name) {
				continue
			}
			if strings.HasSuffix(name, "-jwks") {
				require.True(t, strings.HasPrefix(is[name], strings.TrimSuffix(value, "]}")), "%s of %s", name, file)
				continue
			}
			require.Equal(t, value, is[name], "%s of %s", name, file)
		}
	}
}

func content(t *testing.T, data string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, file := range inOrder {
		if raw, err := os.ReadFile(filepath.Join(data, file)); err == nil {
			files[file] = string(raw)
		}
	}
	return files
}

func secretsOf(t *testing.T, data, app string) map[string]string {
	t.Helper()
	var secrets map[string]string
	load(t, data, "secrets/"+app+".json", &secrets)
	return secrets
}

func keySet(t *testing.T, data, app, name string) jose.JSONWebKeySet {
	t.Helper()
	set, err := auth.ParseSet(secretsOf(t, data, app)[name])
	require.NoError(t, err)
	return set
}

func brokerUsers(t *testing.T, data string) []map[string]any {
	t.Helper()
	var file struct {
		Users []map[string]any `json:"users"`
	}
	load(t, data, "secrets/broker.json", &file)
	return file.Users
}

func load(t *testing.T, data, name string, v any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(data, name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, v))
}

func write(t *testing.T, data, name string, v any) {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(data, name), raw, 0o600))
}
