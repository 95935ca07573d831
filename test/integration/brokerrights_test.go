package integration_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever has a service's password to the broker, and no sidecar between, can do there what the
// service can, and no more. The protocol is spoken by hand: PING is answered after everything before it.
func TestTheBrokerKeepsServicesToTheirTopics(t *testing.T) {
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
	say := func(user, words string) string {
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
