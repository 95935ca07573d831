package command_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	segments "github.com/tillroll/tillroll/pkg/archive"
	"github.com/tillroll/tillroll/pkg/archive/archivetest"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/shopdays"
)

// archiveOnDisk are a segment of a shop's day in a folder, and the journal's public key.
func archiveOnDisk(t *testing.T) (log *archivetest.Log, folder, file, key string) {
	t.Helper()
	log = archivetest.NewLog(t, shopdays.Plan{Tenant: "acme", Seed: 5, Entries: 20, Stores: 1, Tills: 2})
	raw, m := log.Segment(t, log.Events[0].Store, log.Events[0].Date)
	folder = t.TempDir()
	file = filepath.Join(folder, filepath.FromSlash(m.Name()))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
	require.NoError(t, os.WriteFile(file, raw, 0o440))
	key = filepath.Join(t.TempDir(), "journal.key")
	require.NoError(t, os.WriteFile(key, []byte(log.PublicKey+"\n"), 0o600))
	return log, folder, file, key
}

func TestASegmentIsListedShownAndVerified(t *testing.T) {
	log, folder, file, key := archiveOnDisk(t)
	w := newWorld(t)
	require.Equal(t, 0, w.run("archive", "list", folder), w.err.String())
	assert.Contains(t, w.out.String(), log.Events[0].Store)
	assert.Contains(t, w.out.String(), file)

	w = newWorld(t)
	require.Equal(t, 0, w.run("archive", "show", file), w.err.String())
	assert.Contains(t, w.out.String(), "Business date  "+log.Events[0].Date)

	var sale *archivetest.Event
	for i := range log.Events {
		if e := &log.Events[i]; e.Topic == "topic-tranlog" && e.Date == log.Events[0].Date {
			sale = e
		}
	}
	m, err := segments.MemberOf(sale.Topic, &sale.Line)
	require.NoError(t, err)
	w = newWorld(t)
	require.Equal(t, 0, w.run("archive", "show", file, "--entries"), w.err.String())
	assert.Contains(t, w.out.String(), sale.EventID)
	for _, args := range [][]string{{sale.EventID}, {"--terminal", "1", "--transaction", m.TransactionNo}} {
		if len(args) > 1 && m.TerminalNo != 1 {
			args[1] = "2"
		}
		w = newWorld(t)
		require.Equal(t, 0, w.run(append([]string{"archive", "show", file}, args...)...), w.err.String())
		assert.Contains(t, w.out.String(), "┌──", "it is drawn as a slip of paper")
		assert.Contains(t, w.out.String(), sale.Hash.String())
	}
	w = newWorld(t)
	require.Equal(t, 0, w.run("archive", "show", file, sale.EventID, "--output", "json"), w.err.String())
	var shown struct{ Content json.RawMessage }
	require.NoError(t, json.Unmarshal(w.out.Bytes(), &shown))
	assert.JSONEq(t, string(sale.Content), string(shown.Content))
	w = newWorld(t)
	assert.Equal(t, 1, w.run("archive", "show", file, "nothing of the kind"))
	w = newWorld(t)
	assert.Equal(t, 2, w.run("archive", "show", file, "--transaction", "1"))
	assert.Contains(t, w.err.String(), "--terminal")

	for _, args := range [][]string{{"archive", "verify", "--key", key, folder}, {"verify", "--offline", file, "--key", key}} {
		w = newWorld(t)
		require.Equal(t, 0, w.run(args...), w.err.String())
		assert.Contains(t, w.out.String(), "holds")
	}
}

func TestADamagedSegmentEndsWithExitCode3(t *testing.T) {
	log, folder, file, key := archiveOnDisk(t)
	w := newWorld(t)
	require.Equal(t, 0, w.run("archive", "list", "--output", "json", file), w.err.String())
	manifest := filepath.Join(t.TempDir(), "kept.json")
	require.NoError(t, os.WriteFile(manifest, w.out.Bytes(), 0o600))
	w = newWorld(t)
	require.Equal(t, 0, w.run("archive", "verify", "--key", key, "--manifest", manifest, folder), w.out.String()+w.err.String())

	replace := func(raw []byte) {
		require.NoError(t, os.Remove(file))
		require.NoError(t, os.WriteFile(file, raw, 0o440))
	}
	right, err := os.ReadFile(file)
	require.NoError(t, err)

	// One event less: only who kept the manifest knows.
	events := log.Of(log.Events[0].Store, log.Events[0].Date)
	gone := events[3]
	less, _ := archivetest.Write(t, log.Header(gone.Store, gone.Date), append(append([]*archivetest.Event{}, events[:3]...), events[4:]...))
	replace(less)
	w = newWorld(t)
	require.Equal(t, 0, w.run("archive", "verify", "--key", key, file), w.out.String())
	w = newWorld(t)
	require.Equal(t, 3, w.run("archive", "verify", "--key", key, "--manifest", manifest, file), w.out.String())
	assert.Contains(t, w.out.String(), gone.Stream)

	// One event edited, with all its hashes.
	forged := *gone
	forged.Content = bytes.Replace(gone.Content, []byte(`"occurred_at":"20`), []byte(`"occurred_at":"19`), 1)
	require.NotEqual(t, gone.Content, forged.Content)
	forged.ContentHash = proof.HashOf(forged.Content)
	forged.Hash = forged.Link.Hash()
	edited := append([]*archivetest.Event{}, events...)
	edited[3] = &forged
	raw, _ := archivetest.Write(t, log.Header(gone.Store, gone.Date), edited)
	replace(raw)
	for _, args := range [][]string{{"archive", "verify", "--key", key, file}, {"verify", "--offline", file, "--key", key}} {
		w = newWorld(t)
		require.Equal(t, 3, w.run(args...), w.out.String())
		assert.Contains(t, w.out.String(), "line 5")
		assert.Contains(t, w.out.String(), gone.EventID)
	}

	replace(right[:len(right)-10])
	w = newWorld(t)
	require.Equal(t, 3, w.run("archive", "verify", "--key", key, "--output", "json", file), w.out.String()+w.err.String())
	assert.Contains(t, w.out.String(), `"holds": false`)

	// Somebody with the journal's key made everything anew; a checkpoint that was kept tells.
	replace(right)
	kept := filepath.Join(t.TempDir(), "kept.checkpoint")
	require.NoError(t, os.WriteFile(kept, []byte(log.SignOther(t)), 0o600))
	w = newWorld(t)
	require.Equal(t, 3, w.run("verify", "--offline", file, "--key", key, "--checkpoint", kept), w.out.String())
	assert.Contains(t, w.out.String(), "made anew")
	other, err := log.Keys.Open(log.SignOther(t))
	require.NoError(t, err)
	w = newWorld(t)
	require.Equal(t, 3, w.run("verify", "--offline", file, "--key", key, "--receipt", other.Short()), w.out.String()+w.err.String())
}
