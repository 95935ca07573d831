package command_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAJournalIsHeldAgainstAnExport(t *testing.T) {
	a := newArchive(t, 35)
	a.checkpoint()
	file, key := taken(t, a)
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, a.services(), "compare", file, "--key", key), &w.err)
	assert.Contains(t, w.out.String(), "The journal has all 35 events of the export as they were on 2026-04-01 08:00:00Z")
	// It goes on selling: the export is its beginning.
	a.sell(20, "late")
	a.checkpoint()
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, a.services(), "compare", file, "-o", "json"), &w.err)
	assert.Contains(t, w.out.String(), `"same": true`)
	assert.Contains(t, w.out.String(), `\n55\n`, "the newest checkpoint")
}

func TestWhatDiffersFromAnExportIsNamed(t *testing.T) {
	honest := newArchive(t, 35)
	honest.checkpoint()
	file, key := taken(t, honest)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	edited, other := newArchive(t, 35), newArchive(t, 0)
	for _, a := range []*archive{edited, other} {
		a.signer, a.key = honest.signer, honest.key
	}
	edited.lines[12].Content = []byte(`{"event_id":"e12","text":"beer"}`)
	other.sell(12, "milk")
	other.sell(23, "water")
	for name, c := range map[string]struct {
		a    *archive
		file string
		says string
	}{
		"an event that was edited":   {edited, string(raw), "event 12 (e12, link 13 of acme-main-1): in the journal: the event's content was changed"},
		"a history written anew":     {other, string(raw), "event 0 (e0, link 1 of acme-main-1): in the journal: its proof does not lead to the checkpoint"},
		"an export that was changed": {honest, strings.Replace(string(raw), "milk 4", "beer 4", 1), "event 4 (e4, link 5 of acme-main-1): in the export: the journal entry was changed"},
		"an export that was cut":     {honest, string(raw[:bytes.LastIndexByte(raw[:len(raw)-1], '\n')+1]), "event 34: in the export: it is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			require.Equal(t, 3, w.against(t, c.a.services(), "compare", keep(t, "x", c.file), "--key", key), &w.err)
			assert.Contains(t, w.out.String(), "WRONG  "+c.says)
			w = newWorld(t)
			require.Equal(t, 3, w.against(t, c.a.services(), "compare", keep(t, "x", c.file), "--key", key, "-o", "json"))
			assert.Contains(t, w.out.String(), `"same": false`)
		})
	}
	for _, file := range []string{"", "my diary", `{"export":"tillroll-journal","version":1,"tenantId":"../etc","events":1}`} {
		assert.Equal(t, 1, newWorld(t).against(t, honest.services(), "compare", keep(t, "x", file), "--key", key))
	}
	stranger := newArchive(t, 35)
	w := newWorld(t)
	assert.Equal(t, 1, w.against(t, stranger.services(), "compare", file, "--key", keep(t, "key", stranger.key)))
	assert.Contains(t, w.err.String(), "none of the keys that are trusted")
}
