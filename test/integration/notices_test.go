package integration_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
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

// delivery is how the cart's outbox sees one of its events.
type delivery struct {
	Sequence uint64 `json:"sequence"`
	EventID  string `json:"eventId"`
	Topic    string `json:"topic"`
	Status   string `json:"status"`
	Reason   string `json:"reason"`
}

func deliveries(ctx context.Context, t *testing.T, c *shop.Client, till *shop.Till, status string) []delivery {
	t.Helper()
	var list struct {
		Items []delivery `json:"items"`
	}
	require.NoError(t, c.Call(ctx, http.MethodGet, "/api/v1/terminals/"+till.ID+"/deliveries?limit=100&status="+status, nil, &list))
	return list.Items
}

type quarantined struct {
	ID      string `json:"id"`
	EventID string `json:"eventId"`
	Reason  string `json:"reason"`
	State   string `json:"state"`
}

// A publisher hears of every event that the journal could not store, with the reason, and again when
// it is cleared: discarded by people, or stored by itself when its tenant is provisioned.
func TestPublishersHearWhatFailedAndWhenItIsCleared(t *testing.T) {
	needsSQLite(t)
	s, tills := open(t, "notices", 1)
	till := tills[0]
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, s.Drained(ctx))
	token, err := running.Token("administrator", "notices")
	require.NoError(t, err)
	journal := shop.NewClient(running.URL("journal"), "Authorization", "Bearer "+token)
	aside := func(state string) []quarantined {
		var list struct {
			Items []quarantined `json:"items"`
		}
		_ = journal.Call(ctx, http.MethodGet, "/api/v1/tenants/notices/quarantine?state="+state, nil, &list)
		return list.Items
	}
	restart := func(except ...string) {
		t.Helper()
		require.NoError(t, running.Down())
		require.NoError(t, running.Up(except...))
	}

	// A sale is made while the journal is away, and somebody else's event takes its id meanwhile.
	restart("journal")
	sale, err := till.Sell(ctx, 10_000, item(0, 1))
	require.NoError(t, err)
	var log delivery
	for _, d := range deliveries(ctx, t, s.Cart, till, "") {
		if d.Topic == event.TopicTranLog {
			log = d
		}
	}
	require.NotEmpty(t, log.EventID)
	require.NoError(t, running.Down())
	require.NoError(t, os.RemoveAll(filepath.Join(running.Data, "broker")), "what waits in the broker would come first")
	require.NoError(t, running.Up("cart"))
	ghost := shop.NewGhost("notices", s.Store, 66)
	thief := ghost.Sale("1")
	thief.EventID = log.EventID
	publisher, end := publisherOf(ctx, t, running, "cart")
	_, err = publisher.Publish(ctx, event.TopicTranLog, []outbox.Message{shop.Message(thief)})
	end()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		found, err := s.Search(ctx, "terminalNo=66")
		return err == nil && len(found) == 1
	}, time.Minute, 100*time.Millisecond)
	restart()

	var parked []delivery
	require.Eventually(t, func() bool {
		parked = deliveries(ctx, t, s.Cart, till, "parked")
		return len(parked) == 1
	}, 30*time.Second, 100*time.Millisecond)
	assert.Equal(t, log.EventID, parked[0].EventID)
	assert.Contains(t, parked[0].Reason, "content", "with the reason")
	items := aside("open")
	require.Len(t, items, 1)
	assert.Equal(t, log.EventID, items[0].EventID)
	item66 := "/api/v1/tenants/notices/quarantine/" + items[0].ID
	err = journal.Call(ctx, http.MethodPost, item66+"/replay", nil, nil)
	var p *shop.Problem
	require.ErrorAs(t, err, &p)
	assert.Equal(t, 410012, p.Code, "it cannot be stored even now")
	assert.Len(t, deliveries(ctx, t, s.Cart, till, "parked"), 1)
	require.NoError(t, journal.Call(ctx, http.MethodPost, item66+"/discard", map[string]string{"reason": "a test took its id"}, nil))
	require.Eventually(t, func() bool { return len(deliveries(ctx, t, s.Cart, till, "parked")) == 0 }, time.Minute, 100*time.Millisecond, "the cart hears of it")
	require.NoError(t, s.Drained(ctx))

	// The journal loses everything and knows no tenant any more; nobody is there to tell it of one.
	require.NoError(t, running.Down())
	require.NoError(t, os.RemoveAll(filepath.Join(running.Data, "journal")))
	require.NoError(t, running.Up("terminal"))
	late, err := till.Sell(ctx, 10_000, item(0, 1))
	require.NoError(t, err)
	require.Greater(t, late.TransactionNo, sale.TransactionNo)
	require.Eventually(t, func() bool { parked = deliveries(ctx, t, s.Cart, till, "parked"); return len(parked) > 2 }, 30*time.Second, 100*time.Millisecond)
	for _, d := range parked {
		assert.Contains(t, d.Reason, "tenant", "with the reason")
	}
	platform := shop.NewClient(running.URL("journal"), "Authorization", s.Platform.Header.Get("Authorization"))
	require.NoError(t, platform.Call(ctx, http.MethodPost, "/api/v1/tenants", map[string]any{"tenantId": "notices"}, nil))
	require.Eventually(t, func() bool { return len(deliveries(ctx, t, s.Cart, till, "parked")) == 0 }, 30*time.Second, 100*time.Millisecond, "it arrived by itself, and the cart hears of it")
	assert.Empty(t, aside("open"))
	assert.NotEmpty(t, aside("replayed"))

	// Repeats are told again: what the outbox sends once more is confirmed once more.
	restart()
	out, err := running.Tillctl("redeliver", "--tenant", "notices", "--missing", "--data", running.Data)
	require.NoError(t, err, out)
	require.NoError(t, s.Drained(ctx))
	found, err := s.Search(ctx, "terminalNo=1&transactionType=101")
	require.NoError(t, err)
	require.Len(t, found, 2, "the sale that was discarded has its own id again")
	before := confirmations(ctx, t)
	out, err = running.Tillctl("redeliver", "--tenant", "notices", "--from-sequence", "1", "--data", running.Data)
	require.NoError(t, err, out)
	require.NoError(t, s.Drained(ctx))
	assert.Greater(t, confirmations(ctx, t), before)
}

// confirmations that the journal has sent so far.
func confirmations(ctx context.Context, t *testing.T) float64 {
	t.Helper()
	return metric(ctx, t, "journal", `tillroll_journal_status_messages_total{result="sent"}`)
}

// metric of a service; 0 when there is none.
func metric(ctx context.Context, t *testing.T, app, name string) float64 {
	t.Helper()
	return metricOf(ctx, t, running, app, name)
}

func metricOf(ctx context.Context, t *testing.T, s *stack.Stack, app, name string) float64 {
	t.Helper()
	res, err := shop.NewClient(s.URL(app)).Do(ctx, http.MethodGet, "/metrics", nil)
	require.NoError(t, err)
	for line := range strings.Lines(string(res.Body)) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			n, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			require.NoError(t, err)
			return n
		}
	}
	return 0
}
