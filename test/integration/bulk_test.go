package integration_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/outbox"
	"github.com/tillroll/tillroll/test/shop"
)

// One bad event among a hundred, through the real sidecars: the other ninety-nine are stored.
func TestOneBadEventInABatchHarmsNoneOfTheOthers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := shop.Open(ctx, running, "batch")
	require.NoError(t, err)
	g := shop.NewGhost("batch", s.Store, 77)
	messages := make([]outbox.Message, 100)
	var bad *event.TranLog
	for i := range messages {
		sale := g.Sale("10")
		if i == 56 {
			bad = sale
			bad.BusinessDate = "someday"
		}
		messages[i] = shop.Message(sale)
	}
	publisher, end := publisherOf(ctx, t, running, "cart")
	defer end()
	taken, err := publisher.Publish(ctx, event.TopicTranLog, messages)
	require.NoError(t, err)
	require.Equal(t, 100, taken)

	token, err := running.Token("administrator", "batch")
	require.NoError(t, err)
	keeper := shop.NewClient(running.URL("journal"), "Authorization", "Bearer "+token)
	var aside struct {
		Items []struct {
			EventID  string `json:"eventId"`
			Reason   string `json:"reason"`
			Detail   string `json:"detail"`
			Sequence uint64 `json:"sequence"`
		} `json:"items"`
	}
	var stream shop.Stream
	require.Eventually(t, func() bool {
		var list struct {
			Items []shop.Stream `json:"items"`
		}
		_ = s.Journal.Call(ctx, http.MethodGet, "/api/v1/tenants/batch/streams", nil, &list)
		for _, st := range list.Items {
			if st.StreamID == g.StreamID() {
				stream = st
			}
		}
		return keeper.Call(ctx, http.MethodGet, "/api/v1/tenants/batch/quarantine", nil, &aside) == nil && len(aside.Items) > 0 && stream.ChainSeq == 99
	}, 30*time.Second, 100*time.Millisecond, "%+v", &stream)
	entries, err := s.Search(ctx, "terminalNo=77")
	require.NoError(t, err)
	assert.Len(t, entries, 99)
	require.Len(t, aside.Items, 1)
	assert.Equal(t, bad.EventID, aside.Items[0].EventID)
	assert.Contains(t, aside.Items[0].Detail, "someday")
	missing, err := json.Marshal(stream.Producers[0].Missing)
	require.NoError(t, err)
	assert.Equal(t, "[[57,57]]", string(missing))
}
