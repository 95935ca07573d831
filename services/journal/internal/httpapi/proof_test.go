package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// sold is a journal with some sales, and what an auditor needs to check it.
func sold(t *testing.T) (h *house, auditor credential, sales []event.Event, keys proof.Keys) {
	t.Helper()
	h = newHouse(t)
	till := tilltest.New("acme", "s1", 1)
	for range 20 {
		sales = append(sales, till.Sale("10"))
	}
	h.sell(sales...)
	auditor = h.user(auth.Auditor, "acme")
	key := h.get(auditor, "/checkpoint-key")
	require.Equal(t, 200, key.status, key.raw)
	keys, err := proof.ParseKeys(key.body["publicKey"].(string))
	require.NoError(t, err)
	return h, auditor, sales, keys
}

func (h *house) checkpoint(who credential, keys proof.Keys) proof.Checkpoint {
	h.t.Helper()
	a := h.get(who, "/tenants/acme/checkpoints/latest")
	require.Equal(h.t, 200, a.status, a.raw)
	c, err := keys.Open(a.body["note"].(string))
	require.NoError(h.t, err)
	assert.EqualValues(h.t, c.Size, a.body["size"])
	assert.Equal(h.t, c.Root.String(), a.body["rootHash"])
	assert.Equal(h.t, c.Short(), a.body["short"])
	return c
}

func TestAProofIsAllThatIsNeededToCheckIt(t *testing.T) {
	h, auditor, sales, keys := sold(t)
	a := h.get(auditor, "/tenants/acme/journals/"+sales[7].Head().EventID+"/proof")
	require.Equal(t, 200, a.status, a.raw)
	raw, err := json.Marshal(a.body["line"])
	require.NoError(t, err)
	line, err := proof.ParseLine(raw)
	require.NoError(t, err)
	signed, err := keys.Open(a.body["checkpoint"].(map[string]any)["note"].(string))
	require.NoError(t, err)
	assert.Empty(t, line.Check(&signed), "white space and order of the fields do not matter")
	assert.Equal(t, sales[7].Head().EventID, line.EventID)
	line.Index++
	assert.NotEmpty(t, line.Check(&signed))
	assert.Equal(t, 404, h.get(auditor, "/tenants/acme/journals/nothing/proof").status)
}

func TestCheckpointsAreListedPartByPart(t *testing.T) {
	h, auditor, _, keys := sold(t)
	till := tilltest.New("acme", "s1", 2)
	var sizes []uint64
	for range 5 {
		sizes = append([]uint64{h.checkpoint(auditor, keys).Size}, sizes...)
		h.sell(till.Sale("1"))
	}
	var got []uint64
	to := ""
	for range 3 {
		a := h.get(auditor, "/tenants/acme/checkpoints?limit=2"+to)
		require.Equal(t, 200, a.status, a.raw)
		for _, item := range items(a) {
			got = append(got, uint64(item["size"].(float64)))
		}
		if a.body["nextTo"] == nil {
			break
		}
		to = fmt.Sprintf("&to=%v", a.body["nextTo"])
	}
	assert.Equal(t, sizes, got)
	assert.Len(t, items(h.get(h.user(auth.Platform, ""), "/tenants/acme/checkpoints?from=22&to=23")), 2)
	for _, query := range []string{"?limit=0", "?from=-1", "?size=1", "?to=x"} {
		assert.Equal(t, 422, h.get(auditor, "/tenants/acme/checkpoints"+query).status, query)
	}
}

func TestConsistencyIsProvenFromAnySize(t *testing.T) {
	h, auditor, _, keys := sold(t)
	kept := h.checkpoint(auditor, keys)
	h.sell(tilltest.New("acme", "s1", 2).Sale("1"))
	a := h.get(auditor, fmt.Sprintf("/tenants/acme/consistency?from=%d", kept.Size))
	require.Equal(t, 200, a.status, a.raw)
	var path []proof.Hash
	for _, text := range a.body["proof"].([]any) {
		var hash proof.Hash
		require.NoError(t, hash.UnmarshalText([]byte(text.(string))))
		path = append(path, hash)
	}
	now, err := keys.Open(a.body["to"].(map[string]any)["note"].(string))
	require.NoError(t, err)
	assert.NoError(t, proof.CheckConsistency(kept.Size, now.Size, path, kept.Root, now.Root))
	assert.NotNil(t, a.body["from"])
	other := h.get(auditor, "/tenants/acme/consistency?from=3")
	assert.Equal(t, 200, other.status)
	assert.Nil(t, other.body["from"], "none was signed of that size")
	assert.Equal(t, 404, h.get(auditor, "/tenants/acme/consistency?from=99").status)
	assert.Equal(t, 404, h.get(auditor, "/tenants/acme/consistency?from=1&to=3").status)
	assert.Equal(t, 422, h.get(auditor, "/tenants/acme/consistency?since=1").status)
}

func TestAnExportIsTakenPageByPage(t *testing.T) {
	h, auditor, _, keys := sold(t)
	c := h.checkpoint(auditor, keys)
	header, err := json.Marshal(proof.Header{Format: proof.ExportFormat, Version: 1, TenantID: "acme", Events: c.Size, Checkpoint: c.Note})
	require.NoError(t, err)
	check, err := proof.NewCheck(keys, header, []string{c.Note})
	require.NoError(t, err)
	for from := 0; from < 20; from += 7 {
		a := h.get(auditor, fmt.Sprintf("/tenants/acme/export?size=20&from=%d&limit=7", from))
		require.Equal(t, 200, a.status, a.raw)
		assert.Contains(t, a.header.Get("Content-Type"), "application/jsonl")
		for _, line := range bytes.Split(bytes.TrimSpace([]byte(a.raw)), []byte("\n")) {
			require.True(t, check.Add(line), "%s", line)
		}
	}
	assert.Nil(t, check.Report())
	for query, status := range map[string]int{"?size=19": 404, "": 422, "?size=20&limit=1001": 422, "?size=20&from=-1": 422, "?size=20&from=20": 200} {
		assert.Equal(t, status, h.get(auditor, "/tenants/acme/export"+query).status, query)
	}
	assert.Equal(t, 403, h.get(h.user(auth.Platform, ""), "/tenants/acme/export?size=20").status, "operators see how it stands, and not what was sold")
}

func TestAVerificationTellsOfTheLog(t *testing.T) {
	h, auditor, _, keys := sold(t)
	c := h.checkpoint(auditor, keys)
	a := h.get(auditor, "/tenants/acme/verification")
	require.Equal(t, 200, a.status, a.raw)
	log := a.body["log"].(map[string]any)
	assert.EqualValues(t, 20, log["size"])
	assert.Equal(t, c.Root.String(), log["rootHash"])
	assert.EqualValues(t, 1, log["checkpoints"])
	assert.Nil(t, log["firstBad"])
	assert.NotEmpty(t, log["newestCheckpointAt"])
}
