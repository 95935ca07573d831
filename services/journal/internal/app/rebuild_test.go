package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// linesOf gives the lines of an export behind its first, all in the same memory as a reader of files does.
func linesOf(file []byte) func() ([]byte, error) {
	rest, buffer := file[bytes.IndexByte(file, '\n')+1:], make([]byte, 1<<20)
	return func() ([]byte, error) {
		if len(rest) == 0 {
			return nil, io.EOF
		}
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		rest = after
		return buffer[:copy(buffer, line)], nil
	}
}

// exported is an export of acme, whole.
func exported(t *testing.T, p *app.Proof, c proof.Checkpoint) []byte {
	t.Helper()
	header, err := json.Marshal(proof.Header{Format: proof.ExportFormat, Version: proof.ExportVersion, TenantID: "acme", Events: c.Size, Checkpoint: c.Note})
	require.NoError(t, err)
	file := append(header, '\n')
	for from := uint64(0); from < c.Size; from += 500 {
		page, err := p.Export(t.Context(), "acme", c.Size, from, 500)
		require.NoError(t, err)
		file = append(file, page...)
	}
	return file
}

// variedDays is a journal with every kind of event, in commits of all sizes, and many checkpoints.
func variedDays(t *testing.T, b *bench, store app.Store) proof.Checkpoint {
	t.Helper()
	one, two := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s2", 7)
	tenant := tilltest.NewTenant("acme")
	_, err := store.Provision(t.Context(), "acme")
	require.NoError(t, err)
	commit := func(records ...*journal.Record) {
		_, err := store.Commit(t.Context(), "acme", records)
		require.NoError(t, err)
	}
	p := b.prover(store)
	var last proof.Checkpoint
	for day := range 12 {
		commit(tilltest.Records(t, tenant.Snapshot(uint64(day+1)), tenant.StoreSnapshot("s1", "Asia/Tokyo", uint64(day+1)), one.TerminalSnapshot(uint64(day+1), "key"), one.Open(), two.Open())...)
		for i := range 1 + day*4 {
			commit(tilltest.Records(t, one.Sale(fmt.Sprintf("%d.50", i)), two.Transaction(event.TypeReturn, "3"), two.Cash("-5"), one.Business("c", event.OrderSubtotalled{}))...)
		}
		commit(tilltest.DirectRecord(t, one.Direct(journal.FlashReport, "0")), tilltest.DirectRecord(t, two.Direct(journal.DailyAlias, "0")))
		var err error
		last, err = p.Checkpoint(t.Context(), "acme")
		require.NoError(t, err)
	}
	return last
}

func TestAJournalIsRebuiltFromItsExport(t *testing.T) {
	for engine, open := range engines(t) {
		t.Run(engine, func(t *testing.T) {
			b := newBench(t) // for its keys
			first := open(t)()
			defer func() { require.NoError(t, first.Close()) }()
			signed := variedDays(t, b, first)
			original := b.prover(first)
			file := exported(t, original, signed)
			keys, err := proof.ParseKeys(b.publicKey)
			require.NoError(t, err)
			check, err := proof.NewCheck(keys, file[:bytes.IndexByte(file, '\n')], nil)
			require.NoError(t, err)

			second := open(t)()
			defer func() { require.NoError(t, second.Close()) }()
			seen := uint64(0)
			found, err := app.Rebuild(t.Context(), second, check, linesOf(file), func(events uint64) { seen = events })
			require.NoError(t, err)
			assert.Equal(t, signed.Size, found.Events)
			assert.Equal(t, signed.Size, seen)

			rebuilt := b.prover(second)
			again := exported(t, rebuilt, signed)
			assert.True(t, bytes.Equal(file, again), "an export of it is byte for byte the same")
			now, err := rebuilt.Checkpoint(t.Context(), "acme")
			require.NoError(t, err)
			assert.Equal(t, signed, now, "nothing is left to be added to the log")
			want, err := original.Verify(t.Context(), "acme")
			require.NoError(t, err)
			got, err := rebuilt.Verify(t.Context(), "acme")
			require.NoError(t, err)
			assert.True(t, got.Holds(), "%+v", got)
			assert.Equal(t, want.Streams, got.Streams)
			assert.Equal(t, want.Log.Root, got.Log.Root)
			// It goes on as if nothing had been.
			late := tilltest.New("acme", "s1", 1).Named("late").Sale("1")
			for _, store := range []app.Store{first, second} {
				_, err := store.Commit(t.Context(), "acme", tilltest.Records(t, late))
				require.NoError(t, err)
			}
			one, err := original.Checkpoint(t.Context(), "acme")
			require.NoError(t, err)
			two, err := rebuilt.Checkpoint(t.Context(), "acme")
			require.NoError(t, err)
			assert.Equal(t, one.Root, two.Root)
			assert.Equal(t, signed.Size+1, two.Size)

			_, err = app.Rebuild(t.Context(), second, check, linesOf(file), func(uint64) {})
			assert.ErrorContains(t, err, "has the tenant acme already")
		})
	}
}

func TestNoJournalIsRebuiltFromABadExport(t *testing.T) {
	b := newBench(t)
	open := engines(t)["SQLite"]
	first := open(t)()
	defer func() { require.NoError(t, first.Close()) }()
	file := exported(t, b.prover(first), variedDays(t, b, first))
	keys, err := proof.ParseKeys(b.publicKey)
	require.NoError(t, err)
	lines := bytes.SplitAfter(file, []byte("\n"))
	for name, bad := range map[string][]byte{
		"a word":     bytes.Replace(file, []byte("3.5"), []byte("9.5"), 1),
		"cut":        bytes.Join(lines[:900], nil),
		"a line out": append(bytes.Join(lines[:700], nil), bytes.Join(lines[701:], nil)...),
		"swapped":    bytes.Join([][]byte{bytes.Join(lines[:700], nil), lines[701], lines[700], bytes.Join(lines[702:], nil)}, nil),
		"twice":      bytes.Join([][]byte{bytes.Join(lines[:700], nil), lines[700], bytes.Join(lines[700:], nil)}, nil),
		"rubbish":    append(bytes.Clone(file), "rubbish\n"...),
	} {
		t.Run(name, func(t *testing.T) {
			require.False(t, bytes.Equal(bad, file))
			check, err := proof.NewCheck(keys, file[:bytes.IndexByte(file, '\n')], nil)
			require.NoError(t, err)
			store := open(t)()
			defer func() { require.NoError(t, store.Close()) }()
			_, err = app.Rebuild(t.Context(), store, check, linesOf(bad), func(uint64) {})
			var wrong *app.NotWhatWasSigned
			assert.ErrorAs(t, err, &wrong)
		})
	}
}
