package command_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGeneratedDaysAreDeliveredAsTheSidecarDoes(t *testing.T) {
	w := newWorld(t)
	data := t.TempDir()
	require.Equal(t, 0, w.run("init", "--data", data), &w.err)
	go func() { // what is put off is waited for
		if w.clock.BlockUntilContext(t.Context(), 1) == nil {
			w.clock.Advance(time.Minute)
		}
	}()
	w.out.Reset()
	stored, putOff, tokens := map[string]int{}, 0, map[string]bool{}
	routes := services{"POST /api/v1/tenants": `{"tenantId":"load","created":true}`}
	for _, topic := range []string{"tranlog", "cashlog", "opencloselog", "events"} {
		routes["POST /api/v1/"+topic] = func(rw http.ResponseWriter, r *http.Request) {
			tokens[r.Header.Get("dapr-api-token")] = true
			var bulk struct {
				Entries []struct {
					EntryID string
					Event   struct {
						ID   string
						Data json.RawMessage
					}
				}
			}
			assert.NoError(t, json.NewDecoder(r.Body).Decode(&bulk))
			var statuses []string
			for i, e := range bulk.Entries {
				status := "SUCCESS"
				if topic == "cashlog" && putOff == 0 && i == 0 {
					status, putOff = "RETRY", 1
				} else {
					stored[e.Event.ID]++
				}
				statuses = append(statuses, fmt.Sprintf(`{"entryId":%q,"status":%q}`, e.EntryID, status))
			}
			fmt.Fprintf(rw, `{"statuses":[%s]}`, strings.Join(statuses, ","))
		}
	}
	require.Equal(t, 0, w.against(t, routes, "generate", "--data", data, "--tenant", "load", "--entries", "100", "--stores", "1", "--tills", "1"), &w.err)
	assert.Equal(t, 1, putOff)
	assert.Len(t, tokens, 1)
	assert.NotContains(t, tokens, "")
	for id, n := range stored {
		assert.Equal(t, 1, n, id)
	}
	assert.Contains(t, w.out.String(), fmt.Sprintf("%d events delivered", len(stored)))
	assert.Equal(t, 2, newWorld(t).run("generate", "--tenant", "load", "--entries", "0"))
}
