package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/tillctl/internal/command"
)

// archive is a journal as its service would prove it: built from the definitions in pkg/proof.
type archive struct {
	t      *testing.T
	signer *proof.Signer
	key    string
	lines  []proof.Line
	leaves []proof.Hash
	tiles  []proof.Hash // roots
	edge   proof.Edge
	head   proof.Hash
	signed []proof.Checkpoint
	asked  []uint64 // where pages of the export began
	failAt uint64   // a page from there on fails
}

func newArchive(t *testing.T, events int) *archive {
	t.Helper()
	private, _, err := proof.NewKey(nil)
	require.NoError(t, err)
	a := &archive{t: t}
	a.signer, a.key, err = proof.NewSigner(private)
	require.NoError(t, err)
	a.sell(events, "milk")
	return a
}

func (a *archive) sell(events int, what string) {
	for range events {
		n := uint64(len(a.lines))
		content := fmt.Appendf(nil, `{"event_id":"e%d","text":"%s {\"%d\"}"}`, n, what, n)
		l := proof.Line{Index: n, Content: content, Link: proof.Link{
			Version: 1, Prev: a.head, Seq: n + 1, Stream: "acme-main-1", EventID: fmt.Sprint("e", n), ContentHash: proof.HashOf(content),
		}}
		if n%2 == 0 {
			l.Entry = fmt.Appendf(nil, `{"journal_text":"%s %d","receipt_text":"%s\n"}`, what, n, what)
			l.EntryHash = proof.HashOf(l.Entry)
		}
		l.Hash = l.Link.Hash()
		a.head = l.Hash
		a.lines = append(a.lines, l)
		leaf := proof.LeafHash(l.Hash)
		a.leaves = append(a.leaves, leaf)
		a.edge.Append(leaf, func(t proof.Tile) { a.tiles = append(a.tiles, t.Root) })
	}
}

func (a *archive) Row(level int, begin, end uint64) ([]proof.Hash, error) {
	return [][]proof.Hash{a.leaves, a.tiles}[level][begin:end], nil
}

// checkpoint signs what there is.
func (a *archive) checkpoint() proof.Checkpoint {
	a.t.Helper()
	if n := len(a.signed); n > 0 && a.signed[n-1].Size == uint64(len(a.lines)) {
		return a.signed[n-1]
	}
	c, err := a.signer.Sign(proof.Checkpoint{Tenant: "acme", Size: uint64(len(a.lines)), Root: a.edge.Root(), Time: time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)})
	require.NoError(a.t, err)
	a.signed = append(a.signed, c)
	return c
}

func (a *archive) prover() *proof.Prover { return proof.NewProver(uint64(len(a.lines)), a) }

func (a *archive) line(index, size uint64) []byte {
	l := a.lines[index]
	var err error
	l.Inclusion, err = a.prover().Inclusion(index, size)
	require.NoError(a.t, err)
	return proof.AppendLine(nil, &l)
}

func asJSON(c proof.Checkpoint) map[string]any {
	return map[string]any{"size": c.Size, "rootHash": c.Root, "short": c.Short(), "note": c.Note}
}

// services are the routes of a journal that proves.
func (a *archive) services() services {
	answer := func(rw io.Writer, v any) { _ = json.NewEncoder(rw).Encode(v) } // who was killed reads nothing
	number := func(r *http.Request, name string) uint64 {
		n, err := strconv.ParseUint(r.URL.Query().Get(name), 10, 64)
		require.NoError(a.t, err)
		return n
	}
	return services{
		"GET /api/v1/tenants/acme/verification": `{"holds":true,"streams":[` + goodStream + `],"strays":[],"log":{"size":7,"checkpoints":3}}`,
		"GET /api/v1/checkpoint-key":            fmt.Sprintf(`{"publicKey":%q}`, a.key),
		"GET /api/v1/tenants/acme/checkpoints/latest": func(rw http.ResponseWriter, _ *http.Request) {
			answer(rw, asJSON(a.checkpoint()))
		},
		"GET /api/v1/tenants/acme/consistency": func(rw http.ResponseWriter, r *http.Request) {
			from, to := number(r, "from"), a.checkpoint()
			if from > to.Size {
				rw.WriteHeader(http.StatusNotFound)
				return
			}
			path, err := a.prover().Consistency(from, to.Size)
			require.NoError(a.t, err)
			found := map[string]any{"from": nil, "to": asJSON(to), "proof": path}
			for _, c := range a.signed {
				if c.Size == from {
					found["from"] = asJSON(c)
				}
			}
			answer(rw, found)
		},
		"GET /api/v1/tenants/acme/journals/e2/proof": func(rw http.ResponseWriter, _ *http.Request) {
			c := a.checkpoint()
			answer(rw, map[string]any{"eventId": "e2", "line": json.RawMessage(a.line(2, c.Size)), "checkpoint": asJSON(c), "publicKey": a.key})
		},
		"GET /api/v1/tenants/acme/export": func(rw http.ResponseWriter, r *http.Request) {
			size, from := number(r, "size"), number(r, "from")
			a.asked = append(a.asked, from)
			if a.failAt > 0 && from >= a.failAt {
				rw.WriteHeader(http.StatusInternalServerError)
				return
			}
			for i := from; i < min(from+10, size); i++ {
				_, _ = rw.Write(append(a.line(i, size), '\n'))
				if i%8 == 7 {
					c := proof.Edge{}
					for _, leaf := range a.leaves[:i+1] {
						c.Append(leaf, nil)
					}
					signed, err := a.signer.Sign(proof.Checkpoint{Tenant: "acme", Size: i + 1, Root: c.Root(), Time: time.Unix(0, 0)})
					require.NoError(a.t, err)
					answer(rw, proof.CheckpointLine{Checkpoint: signed.Note})
				}
			}
		},
	}
}

func keep(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// taken is an export of a, and its public key.
func taken(t *testing.T, a *archive) (file, key string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "acme.jsonl")
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, a.services(), "export", "--tenant", "acme", "--file", file), &w.err)
	return file, keep(t, "journal.key", a.key)
}

func TestAnExportIsTakenAndCheckedWithoutAnyService(t *testing.T) {
	a := newArchive(t, 25)
	early := a.checkpoint()
	a.sell(10, "bread")
	file, key := taken(t, a)
	kept := keep(t, "kept", early.Note)
	w := newWorld(t)
	require.Equal(t, 0, w.run("verify", "--offline", file, "--key", key), &w.err)
	assert.Contains(t, w.out.String(), "Nothing was changed: 35 events of acme, 18 of them journal entries, are what the journal had on 2026-04-01 08:00:00Z")
	assert.Contains(t, w.out.String(), "--checkpoint, --receipt")
	w = newWorld(t)
	require.Equal(t, 0, w.run("verify", "--offline", file, "--key", key, "--checkpoint", kept, "--receipt", early.Short(), "-o", "json"), &w.err)
	assert.Contains(t, w.out.String(), `"holds": true`)
}

func TestAnExportThatWasChangedIsFound(t *testing.T) {
	a := newArchive(t, 25)
	a.checkpoint()
	file, key := taken(t, a)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func(string) string
		says   string
	}{
		"a word": {func(s string) string { return strings.Replace(s, "milk 4", "beer 4", 1) }, "event 4 (e4, link 5 of acme-main-1): the journal entry was changed"},
		"a line gone": {func(s string) string {
			l := strings.SplitAfter(s, "\n")
			return strings.Join(append(l[:6], l[7:]...), "")
		}, "event 5: it is missing"},
		"cut off": {func(s string) string { return s[:strings.LastIndex(s[:len(s)-1], "\n")+1] }, "event 24: it is missing: the export ends too early"},
		"rubbish": {func(s string) string { return s + "{}\n" }, "event 25: the line cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			require.Equal(t, 3, w.run("verify", "--offline", keep(t, "x", c.change(string(raw))), "--key", key), &w.err)
			assert.Contains(t, w.out.String(), "WRONG  "+c.says)
			w = newWorld(t)
			require.Equal(t, 3, w.run("verify", "--offline", keep(t, "x", c.change(string(raw))), "--key", key, "-o", "json"))
			assert.Contains(t, w.out.String(), `"holds": false`)
		})
	}
}

func TestAHistoryWrittenAnewIsFoundByWhatWasKept(t *testing.T) {
	honest := newArchive(t, 20)
	kept := honest.checkpoint()
	// Somebody with the database and even the private key makes another history and signs it.
	forged := newArchive(t, 12)
	forged.signer, forged.key = honest.signer, honest.key
	forged.sell(30, "water")
	file, key := taken(t, forged)
	notes := keep(t, "kept", "\n"+kept.Note)
	for name, args := range map[string][]string{"a checkpoint": {"--checkpoint", notes}, "a receipt": {"--receipt", kept.Short()}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			require.Equal(t, 0, w.run("verify", "--offline", file, "--key", key), "by itself it is flawless")
			w = newWorld(t)
			require.Equal(t, 3, w.run(append([]string{"verify", "--offline", file, "--key", key}, args...)...), &w.err)
			assert.Contains(t, w.out.String(), "WRONG  one of the events from 0 to 19")
			w = newWorld(t)
			require.Equal(t, 3, w.against(t, forged.services(), append([]string{"verify", "--tenant", "acme", "--key", key}, args...)...), &w.err)
			assert.Contains(t, w.out.String(), "does not begin with it any more")
			w = newWorld(t)
			require.Equal(t, 0, w.against(t, honest.services(), append([]string{"verify", "--tenant", "acme", "--key", key}, args...)...), &w.err)
			assert.Contains(t, w.out.String(), "The first 20 events are as the ")
			assert.Contains(t, w.out.String(), "and the log is as 3 checkpoints say.")
		})
	}
	w := newWorld(t)
	short := newArchive(t, 5)
	short.signer, short.key = honest.signer, honest.key
	require.Equal(t, 3, w.against(t, short.services(), "verify", "--tenant", "acme", "--key", key, "--checkpoint", notes), &w.err)
	assert.Contains(t, w.out.String(), "the journal has fewer events")
	w = newWorld(t)
	require.Equal(t, 3, w.against(t, newArchive(t, 5).services(), "verify", "--tenant", "acme", "--key", key), &w.err)
	assert.Contains(t, w.out.String(), "none of the keys that are trusted")
}

func TestAnInterruptedExportGoesOn(t *testing.T) {
	a := newArchive(t, 45)
	a.checkpoint()
	file := filepath.Join(t.TempDir(), "acme.jsonl")
	a.failAt = 20
	w := newWorld(t)
	require.Equal(t, 1, w.against(t, a.services(), "export", "--tenant", "acme", "--file", file))
	assert.Contains(t, w.err.String(), "type the same again to go on")
	// It died in the middle of a line, and the journal has more by now.
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(raw, []byte(`{"index":20,"stream`)...), 0o600))
	a.sell(5, "late")
	a.checkpoint()
	a.failAt, a.asked = 0, nil
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, a.services(), "export", "--tenant", "acme", "--file", file), &w.err)
	assert.Equal(t, []uint64{20, 30, 40}, a.asked)
	assert.Contains(t, w.err.String(), "has 20 of 45 events: going on there")
	assert.Contains(t, w.out.String(), "45 events of acme")
	w = newWorld(t)
	require.Equal(t, 0, w.run("verify", "--offline", file, "--key", keep(t, "key", a.key)), w.out.String())
	a.asked = nil
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, a.services(), "export", "--tenant", "acme", "--file", file), "a finished one stays as it is")
	assert.Empty(t, a.asked)
}

// Killed at whatever byte, an export ends up the same.
func TestAnExportGoesOnFromWhateverByteItWasKilledAt(t *testing.T) {
	a := newArchive(t, 25)
	a.checkpoint()
	file, _ := taken(t, a)
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, size := range []int{0, 1, 300, len(whole) / 3, len(whole) / 2, bytes.LastIndexByte(whole[:len(whole)-1], '\n'), len(whole) - 1, len(whole)} {
		half := keep(t, "half.jsonl", string(whole[:size]))
		w := newWorld(t)
		require.Equal(t, 0, w.against(t, a.services(), "export", "--tenant", "acme", "--file", half), "%d: %s", size, &w.err)
		w = newWorld(t)
		require.Equal(t, 0, w.run("verify", "--offline", half, "--key", keep(t, "key", a.key)), "%d: %s", size, w.out.String())
	}
}

func TestAnExportNeverOverwritesSomethingElse(t *testing.T) {
	a := newArchive(t, 3)
	a.checkpoint()
	for _, text := range []string{"my diary\n", `{"export":"tillroll-journal","version":1,"tenantId":"bolt","events":1}` + "\n", `{"export":"tillroll-journal","version":9,"tenantId":"acme","events":1}` + "\n"} {
		file := keep(t, "x", text)
		w := newWorld(t)
		assert.Equal(t, 1, w.against(t, a.services(), "export", "--tenant", "acme", "--file", file))
		assert.Contains(t, w.err.String(), "name another file")
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, text, string(raw))
	}
}

func TestOneEventIsProven(t *testing.T) {
	a := newArchive(t, 25)
	a.checkpoint()
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, a.services(), "proof", "--tenant", "acme", "e2"), &w.err)
	assert.Contains(t, w.out.String(), "event 2 of 25 of acme")
	assert.Contains(t, w.out.String(), "It stands in the journal as it was stored")
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, a.services(), "proof", "--tenant", "acme", "e2", "-o", "json"), &w.err)
	saved, key := w.out.String(), keep(t, "key", a.key)
	w = newWorld(t)
	require.Equal(t, 0, w.run("proof", "--offline", keep(t, "p", saved), "--key", key), &w.err)
	for _, change := range []string{"milk 2", `"index": 2`, `"chainSeq": 3`, `"eventId": "e2"`, "acme-main-1"} {
		changed := strings.Replace(saved, change, strings.NewReplacer("2", "9", "3", "9", "1", "9").Replace(change), 1)
		require.NotEqual(t, saved, changed, change)
		w = newWorld(t)
		assert.Equal(t, 3, w.run("proof", "--offline", keep(t, "p", changed), "--key", key), change)
		assert.Contains(t, w.err.String(), "WRONG")
		assert.NotContains(t, w.out.String(), "as it was stored")
	}
	w = newWorld(t)
	assert.Equal(t, 3, w.run("proof", "--offline", keep(t, "p", saved), "--key", keep(t, "key", newArchive(t, 1).key)))
	assert.Equal(t, 3, newWorld(t).run("proof", "--offline", keep(t, "p", saved), "--key", key, "--tenant", "bolt"))
}

func TestCheckpointAndKeyArePrintedToBeKept(t *testing.T) {
	a := newArchive(t, 3)
	w := newWorld(t)
	require.Equal(t, 0, w.against(t, a.services(), "checkpoint", "--tenant", "acme"), &w.err)
	keys, err := proof.ParseKeys(a.key)
	require.NoError(t, err)
	c, err := keys.Open(w.out.String())
	require.NoError(t, err)
	assert.Equal(t, uint64(3), c.Size)
	w = newWorld(t)
	require.Equal(t, 0, w.against(t, a.services(), "public-key", "--tenant", "acme"), &w.err)
	assert.Equal(t, a.key+"\n", w.out.String())
}

func TestHalfARequestForAProofIsWrongUse(t *testing.T) {
	for _, args := range [][]string{
		{"verify", "--offline", "x"}, {"proof"}, {"proof", "--tenant", "acme"}, {"proof", "--offline", "x"}, {"export", "--tenant", "acme"},
		{"export", "--tenant", "acme", "--file", "x", "--format", "odt"}, {"export", "--tenant", "acme", "--file", "x", "--store", "main"},
	} {
		assert.Equal(t, 2, newWorld(t).run(args...), args)
	}
	key := keep(t, "key", newArchive(t, 1).key)
	file := keep(t, "x", "")
	assert.Equal(t, 2, newWorld(t).run("verify", "--offline", file, "--key", key, "--receipt", "12"))
	for _, args := range [][]string{
		{"verify", "--offline", file, "--key", key}, {"verify", "--offline", file, "--key", file}, {"verify", "--offline", file, "--key", "/nowhere"},
		{"verify", "--offline", "/nowhere", "--key", key}, {"verify", "--offline", file, "--key", key, "--checkpoint", file}, {"proof", "--offline", file, "--key", key},
	} {
		assert.Equal(t, 1, newWorld(t).run(args...), args)
	}
}

func TestProgressIsShownToWhoWatches(t *testing.T) {
	a := newArchive(t, 30)
	a.checkpoint()
	file, key := taken(t, a)
	w := newWorld(t)
	require.Equal(t, 0, command.Run(context.Background(), []string{"verify", "--offline", file, "--key", key},
		command.World{Out: &w.out, Err: &w.err, Watched: true, ErrWatched: true, Clock: w.clock}))
	assert.Contains(t, w.err.String(), "\r1 of 30 events, 3 %")
	assert.True(t, strings.HasSuffix(w.err.String(), "\r"), "the line is removed at the end")
}
