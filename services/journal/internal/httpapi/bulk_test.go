package httpapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// One bad event in a batch of a hundred harms none of the others, wherever it stands, and each has the
// status that is its own, by the id that its entry has.
func TestABadEventInABulkHarmsNoneOfTheOthers(t *testing.T) {
	for what, spoil := range map[string]func(entry map[string]any){
		"no event at all": func(entry map[string]any) { entry["event"] = "x" },
		"no data":         func(entry map[string]any) { delete(entry["event"].(map[string]any), "data") },
		"data of another": func(entry map[string]any) { entry["event"].(map[string]any)["data"] = map[string]any{"a": 1} },
		"too new": func(entry map[string]any) {
			entry["event"].(map[string]any)["data"] = map[string]any{"schema_version": 99}
		},
		"of an unknown store": func(entry map[string]any) {
			entry["event"].(map[string]any)["data"] = map[string]any{"tenant_id": "../x"}
		},
	} {
		for _, place := range []int{0, 56, 99} {
			t.Run(fmt.Sprintf("%s at %d", what, place), func(t *testing.T) {
				h := newHouse(t)
				till := tilltest.New("acme", "s1", 1)
				entries := make([]any, 100)
				for i := range entries {
					entry := map[string]any{"entryId": fmt.Sprintf("entry-%d", i), "event": cloud(t, till.Sale("1"))}
					if i == place {
						spoil(entry)
					}
					entries[i] = entry
				}
				for round, word := range []string{"stored", "repeat"} {
					a := h.deliver("/tranlog", map[string]any{"id": "bulk", "entries": entries})
					require.Equal(t, 200, a.status)
					statuses := a.body["statuses"].([]any)
					require.Len(t, statuses, 100)
					for i, s := range statuses {
						s := s.(map[string]any)
						assert.Equal(t, fmt.Sprintf("entry-%d", i), s["entryId"])
						if i == place {
							assert.Equal(t, "DROP", s["status"], s)
							continue
						}
						assert.Equal(t, "SUCCESS", s["status"], "round %d: %v", round, s)
						assert.Equal(t, word, s["message"])
						assert.NotEmpty(t, s["eventId"])
					}
				}
				page, err := h.store.Search(t.Context(), "acme", journal.Query{Limit: 1000})
				require.NoError(t, err)
				assert.Len(t, page.Items, 99)
				aside, total, err := h.store.Items(t.Context(), app.QuarantineQuery{State: journal.QuarantineOpen, Limit: 10})
				require.NoError(t, err)
				assert.Equal(t, 1, total)
				assert.Equal(t, 2, aside[0].Times)
			})
		}
	}
}
