package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// copyFolder copies the files of a folder.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(from, e.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, e.Name()), raw, 0o600))
	}
}

// What an auditor sees of a journal that was restored from a backup, after which the tills delivered
// again what it lacked, in another order (tillctl's README): the checkpoints up to the backup hold, the
// later ones do not, and each event says what it said.
func TestWhatAnAuditorSeesOfARestoredJournal(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	one, two := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2)
	b.deliver(one.Open(), two.Open(), one.Sale("1"), two.Sale("2"))
	atBackup := b.checkpoint("acme")
	b.stop()
	backup := t.TempDir()
	copyFolder(t, b.dir, backup)
	b.start()
	lost := []event.Event{one.Sale("3"), one.Cash("-1"), two.Sale("4"), one.Sale("5")}
	for _, e := range lost {
		b.deliver(e)
	}
	afterBackup, exported := b.checkpoint("acme"), b.export("acme", 100)

	b.stop() // the disk is gone
	b.dir = backup
	b.start()
	for _, i := range []int{2, 1, 3, 0} {
		b.deliver(lost[i])
	}
	now := b.checkpoint("acme")
	require.Equal(t, afterBackup.Size, now.Size, "nothing is missing")
	b.holds("acme")
	follows := func(kept proof.Checkpoint) error {
		found, err := b.app.Proof.Consistency(t.Context(), "acme", kept.Size, 0)
		require.NoError(t, err)
		return proof.CheckConsistency(kept.Size, now.Size, found.Path, kept.Root, now.Root)
	}
	assert.NoError(t, follows(atBackup))
	assert.Error(t, follows(afterBackup), "as if somebody had written the end of it anew: somebody has")
	again := b.export("acme", 100)
	assert.Nil(t, check(t, b.keys(), again, atBackup.Note))
	fault := check(t, b.keys(), again, atBackup.Note, afterBackup.Note)
	require.NotNil(t, fault)
	assert.Equal(t, atBackup.Size, fault.Index, "from the first event behind the backup")

	// Whoever has an export from before finds every event of it with what it said.
	contents := func(file []byte) map[string][2]proof.Hash {
		out := map[string][2]proof.Hash{}
		for _, l := range takeApart(t, file).lines {
			out[l.EventID] = [2]proof.Hash{l.ContentHash, l.EntryHash}
		}
		return out
	}
	assert.Nil(t, check(t, b.keys(), exported, afterBackup.Note), "the old export still proves itself")
	assert.Equal(t, contents(exported), contents(again))
	assert.False(t, bytes.Equal(exported, again))
}
