package jetstreampull

import (
	"os"
	"path/filepath"
	"testing"
	"testing/quick"
	"time"

	"github.com/stretchr/testify/require"
)

// valid is the least that the component needs, with changes applied.
func valid(changes ...string) map[string]string {
	properties := map[string]string{"url": "nats://127.0.0.1:4222", "consumerID": "cart"}
	for i := 0; i < len(changes); i += 2 {
		properties[changes[i]] = changes[i+1]
	}
	return properties
}

func TestDefaults(t *testing.T) {
	s, err := parseSettings(valid())
	require.NoError(t, err)
	require.Equal(t, settings{
		url: "nats://127.0.0.1:4222", consumerID: "cart",
		maxAge: 168 * time.Hour, ackWait: 30 * time.Second, nakDelay: time.Second,
		publishTimeout: 5 * time.Second, drainTimeout: 5 * time.Second, workers: 16, bulkWorkers: 4,
	}, s)
}

func TestEveryFieldIsRead(t *testing.T) {
	s, err := parseSettings(map[string]string{
		"URL": "nats://a:1,tls://b:2", "user": "u", "password": "p", "consumerid": "cart",
		"maxAge": "1h", "ackWait": "2s", "nakDelay": "3ms", "publishTimeout": "4s", "drainTimeout": "0s",
		"workers": "5", "bulkWorkers": "6",
		"publishingScopes": "cart=topic-tranlog", "subscriptionScopes": "", "allowedTopics": "", "protectedTopics": "",
	})
	require.NoError(t, err)
	require.Equal(t, settings{
		url: "nats://a:1,tls://b:2", user: "u", password: "p", consumerID: "cart",
		maxAge: time.Hour, ackWait: 2 * time.Second, nakDelay: 3 * time.Millisecond,
		publishTimeout: 4 * time.Second, drainTimeout: 0, workers: 5, bulkWorkers: 6,
	}, s)
}

func TestWrongMetadataSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		properties map[string]string
		want       string
	}{
		"no url":               {map[string]string{"consumerID": "cart"}, "url is missing: give the broker's address"},
		"no app id":            {map[string]string{"url": "nats://a:1"}, "start daprd with --app-id"},
		"another scheme":       {valid("url", "http://a:1"), "is no broker address: write nats://host:port"},
		"no host":              {valid("url", "nats://"), "is no broker address"},
		"no scheme":            {valid("url", "127.0.0.1:4222"), "metadata url: this is no URL"},
		"one of two is wrong":  {valid("url", "nats://a:1,b"), `"b" is no broker address`},
		"a secret in the url":  {valid("url", "nats://u:p@a:1"), "move it to the metadata user and password"},
		"a user only":          {valid("user", "cart"), "belong together"},
		"a password only":      {valid("password", "x"), "belong together"},
		"a mistyped name":      {valid("maxage2", "1h"), "metadata maxage2 is unknown: use ackWait, bulkWorkers, consumerID"},
		"contrib's name":       {valid("natsURL", "nats://a:1"), "metadata natsURL is unknown"},
		"no unit":              {valid("ackWait", "30"), "such as 30s or 168h"},
		"no duration":          {valid("maxAge", "7d"), `metadata maxAge: "7d" is no duration`},
		"too short":            {valid("ackWait", "1ms"), "out of range: use 1s to 1h0m0s"},
		"negative":             {valid("nakDelay", "-1s"), "out of range"},
		"no workers":           {valid("workers", "0"), "use a whole number from 1 to 1000"},
		"too many workers":     {valid("bulkWorkers", "101"), "use a whole number from 1 to 100"},
		"workers in words":     {valid("workers", "many"), `metadata workers: "many"`},
		"timeout out of range": {valid("publishTimeout", "10m"), "out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseSettings(c.properties)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "u:p")
		})
	}
}

func TestEveryFieldIsDescribed(t *testing.T) {
	require.Len(t, New(nil).(*Component).GetComponentMetadata(), len(fields))
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	for name := range fields {
		require.Contains(t, string(readme), "| `"+name+"` |")
	}
}

func TestBrokerNamesAreUniqueAndAllowed(t *testing.T) {
	seen := map[string]string{}
	check := func(id string) bool {
		name := brokerName(id)
		for _, c := range name {
			if c == '.' || c == '*' || c == '>' || c == '/' || c == '\\' || c <= ' ' {
				return false
			}
		}
		other, known := seen[name]
		seen[name] = id
		return !known || other == id
	}
	for _, id := range []string{"a.b", "a_b", "a%2Eb", "a%b", "a/b", "a b", "topic-tranlog"} {
		require.True(t, check(id), id)
	}
	require.NoError(t, quick.Check(check, &quick.Config{MaxCount: 5000}))
	require.Equal(t, "topic-tranlog", brokerName("topic-tranlog"), "ordinary names stay readable")
}
