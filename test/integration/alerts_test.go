package integration_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/test/shop"
	"github.com/tillroll/tillroll/test/stack"
)

// request is one that a sidecar's binding sent.
type request struct{ method, path, contentType, body string }

// webhook takes what bindings send. The first request to /chat it refuses, as a chat that is overloaded does.
func webhook(t *testing.T) (url string, got chan request) {
	t.Helper()
	got = make(chan request, 1000)
	refused := make(chan struct{}, 1)
	refused <- struct{}{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.HasPrefix(r.URL.Path, "/chat/") {
			select {
			case <-refused:
				w.WriteHeader(http.StatusTooManyRequests)
			default:
			}
		}
		got <- request{r.Method, r.URL.Path, r.Header.Get("Content-Type"), string(body)}
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

// checkpointBinding is where checkpoints go in the test; components/production has none, for where they
// are kept is everybody's own choice.
const checkpointBinding = `apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: checkpoints
spec:
  type: bindings.http
  version: v1
  metadata:
    - name: url
      secretKeyRef:
        name: checkpoint-archive
        key: checkpoint-archive
    - name: errorIfNot2XX
      value: "true"
auth:
  secretStore: secretstore
scopes:
  - journal
`

// What somebody must look at reaches a chat, and checkpoints leave the house, through the journal's real
// sidecar: components/production/alerts.yaml as it is, its address a secret.
func TestAlertsAndCheckpointsLeaveThroughTheSidecar(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	hook, got := webhook(t)
	root, err := stack.Root()
	require.NoError(t, err)
	resources := t.TempDir()
	alerts, err := os.ReadFile(filepath.Join(root, "components", "production", "alerts.yaml")) //nolint:gosec // our own file
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(resources, "alerts.yaml"), alerts, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(resources, "checkpoints.yaml"), []byte(checkpointBinding), 0o600))
	const public = "https://journal.example.com"
	st, err := stack.StartKind(stack.Kind{
		Resources: resources,
		Secrets:   map[string]map[string]string{"journal": {"alert-webhook": hook + "/chat/T0/B0/key-of-the-chat", "checkpoint-archive": hook + "/archive"}},
	}, os.Stderr, "TILLROLL_ALERT_BINDING=alerts", "TILLROLL_CHECKPOINT_BINDING=checkpoints", "TILLROLL_PUBLIC_URL="+public)
	if st != nil {
		t.Cleanup(func() { assert.NoError(t, st.Remove()) })
	}
	require.NoError(t, err)
	s, err := shop.Open(ctx, st, "alerts")
	require.NoError(t, err)

	// A sale, and another one under its id.
	g := shop.NewGhost("alerts", s.Store, 5)
	sale, other := g.Sale("31415"), g.Sale("27182")
	other.EventID = sale.EventID
	publisher, end := publisherOf(ctx, t, st, "cart")
	defer end()
	for _, e := range []event.Event{sale, other} {
		_, err = publisher.Publish(ctx, event.TopicTranLog, []outbox.Message{shop.Message(e)})
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			found, err := s.Search(ctx, "terminalNo=5")
			return err == nil && len(found) == 1
		}, time.Minute, 50*time.Millisecond)
	}

	var tried, chat, archive []request
	for len(chat) == 0 || len(archive) == 0 {
		select {
		case r := <-got:
			switch {
			case r.path == "/archive":
				archive = append(archive, r)
			case len(tried) == 0:
				tried = append(tried, r)
			default:
				chat = append(chat, r)
			}
		case <-ctx.Done():
			t.Fatalf("missing: %d alerts tried, %d taken, %d checkpoints\n%s", len(tried), len(chat), len(archive), st.Tail())
		}
	}
	assert.Equal(t, tried, chat, "what the chat refused comes again")
	assert.Equal(t, "POST /chat/T0/B0/key-of-the-chat application/json", chat[0].method+" "+chat[0].path+" "+chat[0].contentType)
	var message struct {
		Text        string
		Attachments []struct {
			Color  string
			Fields []struct{ Title, Value string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(chat[0].body), &message))
	assert.Equal(t, "*Tillroll journal*: An event came again with other content", message.Text)
	require.Len(t, message.Attachments, 1)
	fields := map[string]string{}
	for _, f := range message.Attachments[0].Fields {
		fields[f.Title] = f.Value
	}
	assert.Equal(t, "quarantine alerts "+g.StreamID()+" "+event.TopicTranLog+" "+sale.EventID,
		strings.Join([]string{fields["Kind"], fields["Tenant"], fields["Till"], fields["Topic"], fields["Event"]}, " "))
	assert.Len(t, fields["Trace"], 32)
	for _, content := range []string{"31415", "27182", "幽霊", "receiptText", sale.CartID, other.CartID} {
		assert.NotContains(t, chat[0].body, content, "nothing of what the event says")
	}

	// The link shows what it is about.
	path, found := strings.CutPrefix(fields["Look at"], public)
	require.True(t, found, fields["Look at"])
	token, err := st.Token("administrator", "alerts")
	require.NoError(t, err)
	journal := shop.NewClient(st.URL("journal"), "Authorization", "Bearer "+token)
	var item struct {
		EventID string `json:"eventId"`
		Reason  string `json:"reason"`
	}
	require.NoError(t, journal.Call(ctx, http.MethodGet, path, nil, &item))
	assert.Equal(t, sale.EventID, item.EventID)
	assert.Equal(t, fields["Reason"], item.Reason)
	assert.InDelta(t, 1, metricOf(ctx, t, st, "journal", `tillroll_journal_alerts_total{kind="quarantine",result="sent"}`), 0)

	// What arrived at the archive is a checkpoint that the journal can be held against.
	assert.Equal(t, http.MethodPost, archive[0].method)
	var key struct {
		PublicKey string `json:"publicKey"`
	}
	require.NoError(t, journal.Call(ctx, http.MethodGet, "/api/v1/checkpoint-key", nil, &key))
	assert.Contains(t, archive[0].body, "/alerts\n", "it names the tenant")
	kept, trusted := filepath.Join(resources, "kept"), filepath.Join(resources, "key")
	require.NoError(t, os.WriteFile(kept, []byte(archive[0].body), 0o600))
	require.NoError(t, os.WriteFile(trusted, []byte(key.PublicKey), 0o600))
	out, err := st.Tillctl("verify", "--tenant", "alerts", "--checkpoint", kept, "--key", trusted)
	require.NoError(t, err, out)
	assert.Contains(t, out, "checkpoint")

	// The chat's address stays with the sidecar's component.
	logs, err := filepath.Glob(filepath.Join(st.Data, "logs", "journal*.log"))
	require.NoError(t, err)
	require.Len(t, logs, 2, "the journal's and its sidecar's")
	for _, name := range logs {
		log, err := os.ReadFile(name) //nolint:gosec // our own log
		require.NoError(t, err)
		assert.NotContains(t, string(log), "key-of-the-chat", name)
	}
}
