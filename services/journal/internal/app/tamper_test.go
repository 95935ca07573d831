package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// mutations of each class of tampering. The race detector, under which nothing here can go otherwise,
// would make of seconds minutes.
var mutations = func() int {
	if raceDetector && os.Getenv("SOAK") == "" {
		return 50
	}
	return 1000
}()

// file is an export taken apart: its events, and the checkpoints that stand between them, by size.
type file struct {
	header      proof.Header
	lines       []proof.Line
	checkpoints map[uint64]string
}

// takeApart reads an export into a form that is easy to tamper with.
func takeApart(t testing.TB, raw []byte) file {
	t.Helper()
	f := file{checkpoints: map[uint64]string{}}
	for i, line := range bytes.Split(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n")) {
		var c proof.CheckpointLine
		switch {
		case i == 0:
			require.NoError(t, json.Unmarshal(line, &f.header))
		case json.Unmarshal(line, &c) == nil && c.Checkpoint != "":
			f.checkpoints[uint64(len(f.lines))] = c.Checkpoint
		default:
			l, err := proof.ParseLine(line)
			require.NoError(t, err)
			f.lines = append(f.lines, l)
		}
	}
	return f
}

// copied is a copy whose lines may be changed; texts are replaced and never written to.
func (f *file) copied() file {
	c := *f
	c.lines = slices.Clone(f.lines)
	for i := range c.lines {
		c.lines[i].Inclusion = slices.Clone(c.lines[i].Inclusion)
	}
	c.checkpoints = map[uint64]string{}
	for size, note := range f.checkpoints {
		c.checkpoints[size] = note
	}
	return c
}

// fault reads the file as an auditor does; refused says that even its first line is.
func (f *file) fault(keys proof.Keys, kept ...string) (fault *proof.Fault, refused error) {
	header, _ := json.Marshal(f.header)
	c, err := proof.NewCheck(keys, header, kept)
	if err != nil {
		return nil, err
	}
	var line []byte
	for i := range f.lines {
		if note, ok := f.checkpoints[uint64(i)]; ok && i > 0 {
			text, _ := json.Marshal(proof.CheckpointLine{Checkpoint: note})
			c.Add(text)
		}
		line = proof.AppendLine(line[:0], &f.lines[i])
		if !c.Add(line) {
			break
		}
	}
	return c.Report(), nil
}

// renumber gives every event the place in the log at which it stands.
func (f *file) renumber() {
	for i := range f.lines {
		f.lines[i].Index = uint64(i)
	}
}

// relink computes all hashes anew, as somebody does who knows how: of entries and events, of links, and
// of the links that follow in each chain.
func (f *file) relink() {
	type end struct {
		seq  uint64
		hash proof.Hash
	}
	ends := map[string]*end{}
	for i := range f.lines {
		l := &f.lines[i]
		l.ContentHash = proof.HashOf(l.Content)
		if l.EntryHash = (proof.Hash{}); l.Entry != nil {
			l.EntryHash = proof.HashOf(l.Entry)
		}
		e := ends[l.Stream]
		if e == nil {
			e = &end{}
			ends[l.Stream] = e
		}
		l.Seq, l.Prev = e.seq+1, e.hash
		l.Hash = l.Link.Hash()
		e.seq, e.hash = l.Seq, l.Hash
	}
}

// forest is a tree over the lines of a file.
type forest struct {
	leaves []proof.Hash
	roots  []proof.Hash
}

func (f *forest) Row(level int, begin, end uint64) ([]proof.Hash, error) {
	return [][]proof.Hash{f.leaves, f.roots}[level][begin:end], nil
}

// relog builds the log anew over the lines: every proof leads to its root.
func (f *file) relog(t testing.TB) (root proof.Hash) {
	var tree forest
	var edge proof.Edge
	for i := range f.lines {
		leaf := proof.LeafHash(f.lines[i].Hash)
		tree.leaves = append(tree.leaves, leaf)
		edge.Append(leaf, func(tile proof.Tile) { tree.roots = append(tree.roots, tile.Root) })
	}
	size := uint64(len(f.lines))
	prover := proof.NewProver(size, &tree)
	for i := range f.lines {
		var err error
		f.lines[i].Inclusion, err = prover.Inclusion(uint64(i), size)
		require.NoError(t, err)
	}
	return edge.Root()
}

// resign signs everything anew with a key: header and checkpoints.
func (f *file) resign(t testing.TB, s *proof.Signer) {
	var edge proof.Edge
	f.header.Events = uint64(len(f.lines))
	for i := range f.lines {
		edge.Append(proof.LeafHash(f.lines[i].Hash), nil)
		size := uint64(i + 1)
		if _, ok := f.checkpoints[size]; ok {
			c, err := s.Sign(proof.Checkpoint{Tenant: f.header.TenantID, Size: size, Root: edge.Root(), Time: tilltest.Start})
			require.NoError(t, err)
			f.checkpoints[size] = c.Note
		}
	}
	c, err := s.Sign(proof.Checkpoint{Tenant: f.header.TenantID, Size: f.header.Events, Root: edge.Root(), Time: tilltest.Start})
	require.NoError(t, err)
	f.header.Checkpoint = c.Note
}

func (f *file) remove(i int) { f.lines = slices.Delete(f.lines, i, i+1) }

func (f *file) insert(i int, l proof.Line) { f.lines = slices.Insert(f.lines, i, l) }

// edit changes one thing in a text, and leaves the original as it is.
func edit(text []byte, old, other string) []byte {
	return []byte(strings.Replace(string(text), old, other, 1))
}

// withEntry draws an event that has an entry.
func (f *file) withEntry(r *rand.Rand) int {
	for {
		if i := r.IntN(len(f.lines)); f.lines[i].Entry != nil {
			return i
		}
	}
}

// victim is what tampering needs besides the file.
type victim struct {
	t      testing.TB
	r      *rand.Rand
	other  *file         // of another tenant
	thief  *proof.Signer // signs with a key of its own
	stolen *proof.Signer // signs with the journal's
}

// tampering is a class of changes: it changes f and gives the first event that is not what it was.
// exact says that this very event must be named; otherwise it must be within the range that is.
type tampering struct {
	name    string
	exact   bool
	kept    bool // only a checkpoint that was kept elsewhere can tell
	refused bool // its first line is refused: nothing of it is believed
	change  func(v *victim, f *file) int
}

var tamperings = []tampering{
	{"an event's content edited", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		text := slices.Clone(f.lines[i].Content)
		at := v.r.IntN(len(text)-2) + 1
		for text[at] == '"' || text[at] == '\\' || text[at-1] == '\\' {
			at = v.r.IntN(len(text)-2) + 1
		}
		text[at] ^= 1 << v.r.IntN(2)
		f.lines[i].Content = text
		return i
	}},
	{"a journal text edited", true, false, false, func(v *victim, f *file) int {
		i := f.withEntry(v.r)
		f.lines[i].Entry = edit(f.lines[i].Entry, `"journal_text":"`, fmt.Sprint(`"journal_text":"`, v.r.IntN(1e6)))
		return i
	}},
	{"a total changed, and every hash after it computed anew", true, false, false, func(v *victim, f *file) int {
		i := f.withEntry(v.r)
		f.lines[i].Entry = edit(f.lines[i].Entry, `{"amount":`, `{"amount":`+fmt.Sprint(1+v.r.IntN(9)))
		f.lines[i].Content = edit(f.lines[i].Content, `"amount":`, `"amount":9`)
		f.relink()
		return i
	}},
	{"back-dated, and every hash after it computed anew", true, false, false, func(v *victim, f *file) int {
		i := f.withEntry(v.r)
		f.lines[i].Entry = edit(f.lines[i].Entry, `"business_date":"2026`, fmt.Sprintf(`"business_date":"%d`, 1990+v.r.IntN(30)))
		f.relink()
		return i
	}},
	{"an event deleted", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		f.remove(i)
		return i
	}},
	{"an event deleted, and the places closed up", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		f.remove(i)
		f.renumber()
		return i
	}},
	{"an event deleted, places closed up, every hash computed anew", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		f.remove(i)
		f.renumber()
		f.relink()
		return i
	}},
	{"several events missing", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines) - 3)
		f.lines = slices.Delete(f.lines, i, i+1+v.r.IntN(3))
		return i
	}},
	{"an event inserted", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines) + 1)
		forged := f.lines[v.r.IntN(len(f.lines))]
		forged.EventID = fmt.Sprintf("0190aaaa-0000-7000-8000-%012d", v.r.IntN(1e9))
		forged.Content = edit(forged.Content, `"event_id":"`, `"event_id":"0`)
		f.insert(i, forged)
		f.renumber()
		f.relink()
		return i
	}},
	{"two events swapped", true, false, false, func(v *victim, f *file) int {
		i, j := v.r.IntN(len(f.lines)-1), 0
		j = i + 1 + v.r.IntN(len(f.lines)-1-i)
		f.lines[i], f.lines[j] = f.lines[j], f.lines[i]
		return i
	}},
	{"two events swapped, renumbered and linked anew", true, false, false, func(v *victim, f *file) int {
		i, j := v.r.IntN(len(f.lines)-1), 0
		j = i + 1 + v.r.IntN(len(f.lines)-1-i)
		f.lines[i], f.lines[j] = f.lines[j], f.lines[i]
		f.renumber()
		f.relink()
		return i
	}},
	{"the end cut off", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		f.lines = f.lines[:i]
		return i
	}},
	{"the end cut off, and the header says so", false, false, true, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		f.lines = f.lines[:i]
		f.header.Events = uint64(i)
		return i
	}},
	{"an event duplicated", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		f.insert(i+1, f.lines[i])
		return i
	}},
	{"an event moved in from another tenant", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		f.lines[i] = v.other.lines[v.r.IntN(len(v.other.lines))]
		f.lines[i].Index = uint64(i)
		return i
	}},
	{"an event moved in from another tenant under a stream of this one", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		stream := f.lines[i].Stream
		f.lines[i] = v.other.lines[v.r.IntN(len(v.other.lines))]
		f.lines[i].Index, f.lines[i].Stream = uint64(i), stream
		f.relink()
		return i
	}},
	{"an event moved to another till", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		f.lines[i].Stream = fmt.Sprint("acme-s9-", 1+v.r.IntN(99))
		f.relink()
		return i
	}},
	{"a chain forked: from some event on another history", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		for j := i; j < len(f.lines); j++ {
			if f.lines[j].Stream == f.lines[i].Stream {
				f.lines[j].Content = edit(f.lines[j].Content, `"event_id":"`, `"event_id":"f`)
				f.lines[j].EventID = "f" + f.lines[j].EventID
			}
		}
		f.relink()
		return i
	}},
	{"a log row without a chain", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		for b := range f.lines[i].Prev {
			f.lines[i].Prev[b] = byte(v.r.Uint32())
		}
		f.lines[i].Hash = f.lines[i].Link.Hash()
		return i
	}},
	{"an entry removed from its event", true, false, false, func(v *victim, f *file) int {
		i := f.withEntry(v.r)
		f.lines[i].Entry = nil
		return i
	}},
	{"an entry given to an event that had none", true, false, false, func(v *victim, f *file) int {
		for {
			if i := v.r.IntN(len(f.lines)); f.lines[i].Entry == nil {
				f.lines[i].Entry = f.lines[f.withEntry(v.r)].Entry
				return i
			}
		}
	}},
	{"a proof changed", true, false, false, func(v *victim, f *file) int {
		i := v.r.IntN(len(f.lines))
		path := f.lines[i].Inclusion
		path[v.r.IntN(len(path))][v.r.IntN(32)] ^= byte(1 + v.r.IntN(255))
		return i
	}},
	{"chain and log rebuilt, with the old signature", false, false, false, func(v *victim, f *file) int {
		i := f.withEntry(v.r)
		f.lines[i].Entry = edit(f.lines[i].Entry, `"journal_text":"`, `"journal_text":"x`)
		f.relink()
		f.relog(v.t)
		return i
	}},
	{"chain and log rebuilt, and signed with another key", false, false, true, func(v *victim, f *file) int {
		i := f.withEntry(v.r)
		f.lines[i].Entry = edit(f.lines[i].Entry, `"journal_text":"`, `"journal_text":"x`)
		f.relink()
		f.relog(v.t)
		f.resign(v.t, v.thief)
		return i
	}},
	{"everything rebuilt and signed with the stolen key", false, true, false, func(v *victim, f *file) int {
		i := f.withEntry(v.r)
		f.lines[i].Entry = edit(f.lines[i].Entry, `"journal_text":"`, `"journal_text":"x`)
		f.relink()
		f.relog(v.t)
		f.resign(v.t, v.stolen)
		return i
	}},
	{"the end of history cut off and signed with the stolen key", false, true, false, func(v *victim, f *file) int {
		i := 1 + v.r.IntN(len(f.lines)-1)
		f.lines = f.lines[:i]
		f.relog(v.t)
		f.resign(v.t, v.stolen)
		return i
	}},
}

// Whatever somebody does to what was exported, a thousand times differently, is found, and the first bad
// event is named.
func TestTamperingIsFound(t *testing.T) {
	b := newBench(t)
	b.provision("acme", "bolt")
	var kept []string
	for range 3 {
		shopDay(b, 6)
		kept = append(kept, b.checkpoint("acme").Note)
	}
	till := tilltest.New("bolt", "s1", 1)
	for range 5 {
		b.deliver(till.Sale("3"), till.Sale("4"))
	}
	whole, other := takeApart(t, b.export("acme", 1000)), takeApart(t, b.export("bolt", 1000))
	for i, note := range kept[:2] { // checkpoints that lie close together are left out of an export
		whole.checkpoints[uint64(27+24*i)] = note
	}
	keys := b.keys()
	fault, refused := whole.fault(keys, kept...)
	require.NoError(t, refused)
	require.Nil(t, fault)
	private, _, err := proof.NewKey(nil)
	require.NoError(t, err)
	thief, _, err := proof.NewSigner(private)
	require.NoError(t, err)
	for _, c := range tamperings {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := &victim{t, rand.New(rand.NewPCG(1, 2)), &other, thief, b.signer}
			for n := range mutations {
				f := whole.copied()
				first := c.change(v, &f)
				var elsewhere []string
				if c.kept {
					elsewhere = kept
				}
				fault, refused := f.fault(keys, elsewhere...)
				switch {
				case c.refused:
					require.Error(t, refused, "mutation %d", n)
				case fault == nil:
					t.Fatalf("mutation %d of event %d was not found", n, first)
				case c.exact:
					require.Equal(t, uint64(first), fault.Index, "mutation %d: %s", n, fault)
					if first > 0 { // before the first event there is none whose proof could still hold
						require.Equal(t, fault.Index, fault.Last, "mutation %d: %s", n, fault)
					}
				default:
					require.LessOrEqual(t, fault.Index, uint64(first), "mutation %d: %s", n, fault)
					require.GreaterOrEqual(t, fault.Last, uint64(first), "mutation %d: %s", n, fault)
				}
				if c.kept {
					fault, refused = f.fault(keys)
					require.NoError(t, refused)
					require.Nil(t, fault, "by itself it is flawless: only what was kept elsewhere tells")
				}
			}
		})
	}
}

// BenchmarkOfflineVerify reads an export line by line, as tillctl does, in one goroutine.
func BenchmarkOfflineVerify(b *testing.B) {
	h := newBench(b)
	h.provision("acme")
	shopDay(h, 500)
	lines := bytes.Split(bytes.TrimSuffix(h.export("acme", 1000), []byte("\n")), []byte("\n"))
	size := 0
	for _, l := range lines {
		size += len(l) + 1
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		c, err := proof.NewCheck(h.keys(), lines[0], nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, line := range lines[1:] {
			c.Add(line)
		}
		if fault := c.Report(); fault != nil {
			b.Fatal(fault)
		}
	}
	b.ReportMetric(float64(b.N)*2003/b.Elapsed().Seconds(), "events/s")
}
