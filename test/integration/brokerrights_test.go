package integration_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/shop"
)

// Whoever has a service's password to the broker, and no sidecar between, can do there what the
// service can, and no more. The protocol is spoken by hand: PING is answered after everything before it.
func TestTheBrokerKeepsServicesToTheirTopics(t *testing.T) {
	say := brokerTalk(t)
	publish := func(topic string) string { return "PUB " + topic + " 0\r\n" }
	for user, c := range map[string]struct{ may, mayNot []string }{
		"cart": {
			[]string{"SUB _INBOX.cart.x 1"},
			[]string{publish("topic-journal-status"), publish("topic-opencloselog"), publish("deadletter-journal"), publish("$JS.API.CONSUMER.MSG.NEXT.topic-tranlog.journal"),
				publish("$JS.API.STREAM.MSG.GET.topic-opencloselog"), "SUB topic-cashlog 1", "SUB _INBOX.> 1"},
		},
		"terminal": {[]string{"SUB _INBOX.terminal.x 1"}, []string{publish("topic-tranlog"), publish("topic-journal-status"), "SUB topic-tranlog 1"}},
		"journal":  {[]string{"SUB _INBOX.journal.x 1"}, []string{publish("topic-tranlog"), publish("topic-terminal"), "SUB topic-tranlog 1"}},
		"viewer":   {[]string{publish("$JS.API.STREAM.LIST")}, []string{publish("topic-tranlog"), publish("deadletter-cart"), "SUB topic-tranlog 1"}},
	} {
		for _, words := range c.may {
			assert.Empty(t, say(user, words), "%s: %s", user, words)
		}
		for _, words := range c.mayNot {
			assert.Contains(t, say(user, words), "Permissions Violation", "%s: %s", user, words)
		}
	}
}

// brokerTalk lets users say words to the broker, and gives what it answers to them.
func brokerTalk(t *testing.T) func(user, words string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(running.Data, "secrets", "broker.json"))
	require.NoError(t, err)
	var file struct {
		Users []struct{ User, Password string }
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	passwords := map[string]string{}
	for _, u := range file.Users {
		passwords[u.User] = u.Password
	}
	return func(user, words string) string {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", 4222+running.Offset))
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = fmt.Fprintf(conn, "CONNECT {\"user\":%q,\"pass\":%q,\"verbose\":false}\r\n%s\r\nPING\r\n", user, passwords[user], words)
		require.NoError(t, err)
		var answer strings.Builder
		for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != "PONG"; {
			if !strings.HasPrefix(lines.Text(), "INFO") {
				answer.WriteString(lines.Text() + "\n")
			}
		}
		return answer.String()
	}
}

// What is no JSON cannot even be delivered by a sidecar, which gives it up. It lands in quarantine as it
// is, and does not go round and round.
func TestWhatIsNoJSONEndsInQuarantine(t *testing.T) {
	ctx := t.Context()
	token, err := running.Token("platform", "")
	require.NoError(t, err)
	platform := shop.NewClient(running.URL("journal"), "Authorization", "Bearer "+token)
	garbage := fmt.Sprintf("\xff garbage of %d", time.Now().UnixNano())
	require.Empty(t, brokerTalk(t)("cart", fmt.Sprintf("PUB topic-tranlog %d\r\n%s", len(garbage), garbage)))
	var item struct {
		ID, Reason, Topic, Event string
		Times                    int
	}
	find := func() bool {
		var list struct{ Items []struct{ ID, Reason string } }
		if platform.Call(ctx, http.MethodGet, "/api/v1/quarantine?reason=undecodable&limit=100", nil, &list) != nil {
			return false
		}
		for _, i := range list.Items {
			if platform.Call(ctx, http.MethodGet, "/api/v1/quarantine/"+i.ID, nil, &item) != nil {
				continue
			}
			if raw, err := base64.StdEncoding.DecodeString(item.Event); err == nil && string(raw) == garbage {
				return true
			}
		}
		return false
	}
	require.Eventually(t, find, 30*time.Second, 200*time.Millisecond)
	assert.Equal(t, "deadletter-journal", item.Topic)
	time.Sleep(3 * time.Second)
	require.True(t, find())
	assert.Equal(t, 1, item.Times, "it came once")
}
