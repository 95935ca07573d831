package command_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/problem"
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
	var lock sync.Mutex
	routes := services{"POST /api/v1/tenants": `{"tenantId":"load","created":true}`, "GET /api/v1/tenants/load/streams": `{"items":[],"total":0}`}
	for _, topic := range []string{"tranlog", "cashlog", "opencloselog", "events"} {
		routes["POST /api/v1/"+topic] = func(rw http.ResponseWriter, r *http.Request) {
			lock.Lock()
			defer lock.Unlock()
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
	require.Equal(t, 0, w.against(t, routes, "generate", "--data", data, "--tenant", "load", "--entries", "100", "--stores", "1", "--tills", "3"), &w.err)
	assert.Equal(t, 1, putOff)
	assert.Len(t, tokens, 1)
	assert.NotContains(t, tokens, "")
	for id, n := range stored {
		assert.Equal(t, 1, n, id)
	}
	assert.Contains(t, w.out.String(), fmt.Sprintf("%d events delivered", len(stored)))
	assert.Contains(t, w.out.String(), "entries a second")
	assert.Equal(t, 2, newWorld(t).run("generate", "--tenant", "load", "--entries", "0"))
}

// generateInto runs a plan of one till against a journal that has its sequences up to these numbers; how many
// events it gets, the second delivery of which fails when broken is set.
func generateInto(t *testing.T, w *world, cart, terminal int, knowsPlan, broken bool) (code, delivered int) {
	t.Helper()
	data := t.TempDir()
	require.Equal(t, 0, w.run("init", "--data", data), &w.err)
	w.out.Reset()
	var lock sync.Mutex
	calls := 0
	routes := services{
		"POST /api/v1/tenants": refuse(&problem.Error{Kind: &problem.Kind{Code: 407002, Status: 409, Name: "exists", Title: "There is such a tenant"}}),
		"GET /api/v1/tenants/load/streams": fmt.Sprintf(`{"items":[{"streamId":"load-store01-1","producers":[{"producer":"cart","completeThrough":%d},{"producer":"terminal","completeThrough":%d}]}],"total":1}`,
			cart, terminal),
		"GET /api/v1/tenants/load/journals/{id}": refuse(problem.NotFound.New("")),
	}
	if knowsPlan {
		routes["GET /api/v1/tenants/load/journals/{id}"] = saleJSON
	}
	made := routes["POST /api/v1/tenants"].(func(http.ResponseWriter, *http.Request))
	routes["POST /api/v1/tenants"] = func(rw http.ResponseWriter, r *http.Request) {
		if body(t, r)["tenantName"] != nil { // to the terminal service, which says that it is there
			made(rw, r)
		}
	}
	for _, topic := range []string{"tranlog", "cashlog", "opencloselog", "events"} {
		routes["POST /api/v1/"+topic] = func(rw http.ResponseWriter, r *http.Request) {
			lock.Lock()
			defer lock.Unlock()
			if calls++; broken && calls > 1 {
				refuse(problem.Unexpected.New("it is down"))(rw, r)
				return
			}
			of := body(t, r)["entries"].([]any)
			statuses := make([]string, len(of))
			for i, e := range of {
				statuses[i] = fmt.Sprintf(`{"entryId":%q,"status":"SUCCESS"}`, e.(map[string]any)["entryId"])
			}
			delivered += len(of)
			fmt.Fprintf(rw, `{"statuses":[%s]}`, strings.Join(statuses, ","))
		}
	}
	code = w.against(t, routes, "generate", "--data", data, "--tenant", "load", "--entries", "50", "--stores", "1", "--tills", "1")
	return code, delivered
}

func TestAGenerationGoesOnWhereItStopped(t *testing.T) {
	w := newWorld(t)
	code, all := generateInto(t, w, 0, 0, true, false)
	require.Equal(t, 0, code, &w.err)
	require.Greater(t, all, 50)

	w = newWorld(t)
	code, some := generateInto(t, w, 30, 3, true, false)
	require.Equal(t, 0, code, &w.err)
	assert.Equal(t, all-33, some)
	assert.Contains(t, w.out.String(), "32 were there already", "signing in is no entry")

	w = newWorld(t)
	code, none := generateInto(t, w, 1000, 1000, true, false)
	require.Equal(t, 0, code, &w.err)
	assert.Zero(t, none)
	assert.Contains(t, w.out.String(), "Nothing to do:")
}

func TestAGenerationThatFailsSaysHowToGoOn(t *testing.T) {
	w := newWorld(t)
	code, _ := generateInto(t, w, 0, 0, true, true)
	assert.Equal(t, 1, code)
	assert.Contains(t, w.err.String(), "type the same again to go on")
	assert.Contains(t, w.err.String(), "it is down")
}

func TestAGenerationDoesNotMixWithWhatATillHas(t *testing.T) {
	w := newWorld(t)
	code, delivered := generateInto(t, w, 5, 5, false, false)
	assert.Equal(t, 1, code)
	assert.Zero(t, delivered, "nothing can be removed from a journal")
	assert.Contains(t, w.err.String(), "the till load-store01-1 has events that another plan or a real till has made\n  → take a tenant of its own, or another --seed")
}
