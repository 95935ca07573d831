package proof

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/pkg/canonical"
)

// Fault is the first thing that is wrong with a journal.
type Fault struct {
	Index   uint64 // place in the log; the first that may be bad
	Last    uint64 // the last that may be the first bad one; Index when it is known exactly
	EventID string // "" when the event is missing
	Stream  string
	Seq     uint64 // place in the stream's chain
	Problem string
}

func (f *Fault) String() string {
	where := fmt.Sprintf("event %d", f.Index)
	if f.Last > f.Index {
		where = fmt.Sprintf("one of the events from %d to %d", f.Index, f.Last)
	}
	if f.EventID != "" {
		where += fmt.Sprintf(" (%s, link %d of %s)", f.EventID, f.Seq, f.Stream)
	}
	return where + ": " + f.Problem
}

// Check reads an export and tells whether it is what the journal had when the checkpoint was signed.
// It needs nothing but the public key: and so that a journal that was written anew by somebody who has
// even the private one is found out, checkpoints that were kept elsewhere.
type Check struct {
	keys    Keys
	header  Header
	signed  Checkpoint
	kept    []expected // those still ahead, by size
	edge    Edge
	streams map[string]*chainEnd
	path    pathCheck
	proven  uint64 // as many events at the beginning are what some signed checkpoint says
	sure    uint64 // the same of what was kept elsewhere
	fault   *Fault
	suspect *Fault // the first event behind proven whose proof does not lead to the checkpoint
	holding bool   // some event's proof leads to the checkpoint: so not all of them were made anew
	events  uint64
	entries uint64
}

// expected is what somebody knows of the log from elsewhere: a checkpoint, or what a receipt shows of
// one.
type expected struct {
	Checkpoint
	short string // of the root; "": Root is known
	kept  bool   // elsewhere, and not in the export
}

type chainEnd struct {
	seq  uint64
	hash Hash
}

// NewCheck begins with the header's line. kept are notes of checkpoints that were kept elsewhere; they
// must be signed with one of the keys, too.
func NewCheck(keys Keys, header []byte, kept []string) (*Check, error) {
	c := &Check{keys: keys, streams: map[string]*chainEnd{}}
	if err := json.Unmarshal(header, &c.header); err != nil || c.header.Format != ExportFormat {
		return nil, fmt.Errorf("this is no export of a journal: its first line does not say so")
	}
	if c.header.Version > ExportVersion {
		return nil, fmt.Errorf("the export has version %d, this program reads up to %d: use a newer one", c.header.Version, ExportVersion)
	}
	var err error
	if c.signed, err = c.open(c.header.Checkpoint); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if c.signed.Size != c.header.Events {
		return nil, fmt.Errorf("header: it promises %d events, but its checkpoint is of %d", c.header.Events, c.signed.Size)
	}
	for _, text := range kept {
		k, err := c.open(text)
		if err != nil {
			return nil, fmt.Errorf("the checkpoint that was kept elsewhere: %w", err)
		}
		c.expect(expected{Checkpoint: k, kept: true})
	}
	c.path = pathCheck{size: c.signed.Size, root: c.signed.Root}
	c.passKept()
	return c, nil
}

// Expect adds what a receipt shows of a checkpoint, before the first line is added.
func (c *Check) Expect(size uint64, shortRoot string) {
	c.expect(expected{Checkpoint{Size: size}, shortRoot, true})
	c.passKept()
}

func (c *Check) expect(e expected) {
	c.kept = append(c.kept, e)
	slices.SortStableFunc(c.kept, func(a, b expected) int { return cmp.Compare(a.Size, b.Size) })
}

func (c *Check) open(text string) (Checkpoint, error) {
	k, err := c.keys.Open(text)
	if err == nil && c.header.TenantID != k.Tenant {
		err = fmt.Errorf("the checkpoint is of the tenant %q and not of %q", k.Tenant, c.header.TenantID)
	}
	return k, err
}

// Header of the export.
func (c *Check) Header() Header { return c.header }

// Checkpoint of the export.
func (c *Check) Checkpoint() Checkpoint { return c.signed }

// Counts of what was read: events, and those of them with a journal entry.
func (c *Check) Counts() (events, entries uint64) { return c.events, c.entries }

// Add checks the next line. It gives false when something is wrong that makes reading on useless.
func (c *Check) Add(raw []byte) bool {
	if c.fault != nil {
		return false
	}
	if bytes.HasPrefix(raw, []byte(`{"checkpoint"`)) {
		c.addCheckpoint(raw)
		return c.fault == nil
	}
	l, err := ParseLine(raw)
	if err != nil {
		c.failAt(&Line{}, c.edge.size, "the line cannot be read: %v", err)
		return false
	}
	c.AddLine(&l)
	return c.fault == nil
}

// AddLine is Add for a line that was read.
func (c *Check) AddLine(l *Line) {
	if problem, at := c.examine(l); problem != "" {
		c.failAt(l, at, "%s", problem)
		return
	}
	c.events++
	if l.Entry != nil {
		c.entries++
	}
	end := c.streams[l.Stream]
	if end == nil {
		end = &chainEnd{}
		c.streams[l.Stream] = end
	}
	end.seq, end.hash = l.Seq, l.Hash
	leaf := LeafHash(l.Hash)
	if c.suspect != nil && c.holding {
		// What is wrong is known.
	} else if c.path.holds(leaf, l.Index, l.Inclusion) {
		c.holding = true
	} else if c.suspect == nil {
		c.suspect = &Fault{Index: l.Index, Last: l.Index, EventID: l.EventID, Stream: l.Stream, Seq: l.Seq,
			Problem: "its proof does not lead to the checkpoint: it is not what stood there when the checkpoint was signed"}
	}
	c.edge.Append(leaf, nil)
	c.passKept()
}

// examine says what is wrong with a line by itself and behind the lines before it.
func (c *Check) examine(l *Line) (problem string, at uint64) {
	next := c.edge.size
	switch {
	case l.Index > next:
		return missing(next, l.Index), next
	case l.Index < next:
		return fmt.Sprintf("it stands there again: event %d is expected", next), l.Index
	case l.Index >= c.signed.Size:
		return "it stands behind the last event of the checkpoint", l.Index
	}
	if problem := l.examine(c.header.TenantID); problem != "" {
		return problem, l.Index
	}
	end := c.streams[l.Stream]
	if end == nil {
		end = &chainEnd{}
	}
	switch {
	case l.Seq != end.seq+1:
		return fmt.Sprintf("it is link %d of its chain, where link %d is expected", l.Seq, end.seq+1), l.Index
	case l.Prev != end.hash:
		return "it does not follow from the link before it", l.Index
	}
	return "", 0
}

// Check says what is wrong with an event that stands alone, with the proof that it is in the log of a
// signed checkpoint; "" when everything is right.
func (l *Line) Check(signed *Checkpoint) string {
	if problem := l.examine(signed.Tenant); problem != "" {
		return problem
	}
	if err := CheckInclusion(LeafHash(l.Hash), l.Index, signed.Size, l.Inclusion, signed.Root); err != nil {
		return "its proof does not lead to the checkpoint"
	}
	return ""
}

// examine says what is wrong with a line by itself.
func (l *Line) examine(tenant string) string {
	switch {
	case l.Stream != tenant && !strings.HasPrefix(l.Stream, tenant+"-"):
		return "it belongs to another tenant"
	case l.Version > ChainVersion:
		return fmt.Sprintf("its chain version %d is newer than this program knows", l.Version)
	case !formHashIs(l.Content, l.ContentHash):
		return "the event's content was changed"
	case l.Entry == nil && l.EntryHash != (Hash{}):
		return "its journal entry is missing"
	case l.Entry != nil && !formHashIs(l.Entry, l.EntryHash):
		return "the journal entry was changed"
	case l.Link.Hash() != l.Hash:
		return "its hash does not hold: its id, its place or what it follows was changed"
	}
	return ""
}

func missing(from, next uint64) string {
	if next-from == 1 {
		return "it is missing"
	}
	return fmt.Sprintf("the events from %d to %d are missing", from, next-1)
}

// formHashIs holds a text against its hash. A program that wrote the line anew may have changed the
// spelling of what it says; the canonical form is the same.
func formHashIs(text []byte, want Hash) bool {
	if HashOf(text) == want {
		return true
	}
	form, err := canonical.JSON(text)
	return err == nil && !bytes.Equal(form, text) && HashOf(form) == want
}

func (c *Check) failAt(l *Line, at uint64, format string, args ...any) {
	f := &Fault{Index: at, Last: at, Problem: fmt.Sprintf(format, args...)}
	if l.EventID != "" && at == l.Index {
		f.EventID, f.Stream, f.Seq = l.EventID, l.Stream, l.Seq
	}
	c.fault = f
}

// addCheckpoint holds one of the export's own checkpoints against the events before it.
func (c *Check) addCheckpoint(raw []byte) {
	var line CheckpointLine
	if err := json.Unmarshal(raw, &line); err != nil {
		c.failAt(&Line{}, c.edge.size, "the checkpoint before it cannot be read")
		return
	}
	k, err := c.open(line.Checkpoint)
	switch {
	case err != nil:
		c.failAt(&Line{}, c.edge.size, "the checkpoint before it: %v", err)
	case k.Size != c.edge.size:
		c.failAt(&Line{}, min(k.Size, c.edge.size), "a checkpoint of %d events stands behind %d", k.Size, c.edge.size)
	default:
		c.compare(expected{Checkpoint: k}, "a checkpoint in the export")
	}
}

// passKept holds the checkpoints that are due now against the events so far.
func (c *Check) passKept() {
	for len(c.kept) > 0 && c.kept[0].Size <= c.edge.size && c.fault == nil {
		name := "the checkpoint that was kept elsewhere"
		if c.kept[0].short != "" {
			name = "the receipt"
		}
		c.compare(c.kept[0], name)
		c.kept = c.kept[1:]
	}
}

// compare holds a checkpoint of the present size against the events so far.
func (c *Check) compare(k expected, name string) {
	root := c.edge.Root()
	if k.short == "" && root == k.Root || k.short != "" && ShortRoot(root) == k.short {
		c.proven = k.Size
		if k.kept {
			c.sure = k.Size
		}
		if c.suspect != nil && c.suspect.Index < c.proven {
			c.suspect.Problem = "its proof was changed; the event itself is as the checkpoint says"
		}
		return
	}
	if !k.Time.IsZero() {
		name += " of " + k.Time.Format("2006-01-02 15:04:05Z")
	}
	// When what was kept disagrees, somebody has the key: what else is signed proves nothing.
	from := c.proven
	if k.kept {
		from = c.sure
	}
	f := &Fault{Index: from, Last: max(k.Size, 1) - 1,
		Problem: fmt.Sprintf("%s says otherwise: what it had of %d events was written anew, or changed", name, k.Size)}
	if c.suspect != nil && c.holding && c.suspect.Index >= from {
		f = c.suspect
	}
	c.fault = f
}

// Report ends the check: nil when everything is as it was.
func (c *Check) Report() *Fault {
	if c.fault == nil && c.edge.size < c.signed.Size {
		c.failAt(&Line{}, c.edge.size, "%s: the export ends too early", missing(c.edge.size, c.signed.Size))
	}
	if c.fault == nil {
		c.compare(expected{Checkpoint: c.signed}, "the export's own checkpoint")
	}
	if c.fault == nil && len(c.kept) > 0 {
		k := c.kept[0]
		c.failAt(&Line{}, c.edge.size, "%s: what was kept elsewhere is of %d events. The export is older than it, or was cut",
			missing(c.edge.size, k.Size), k.Size)
	}
	switch s := c.suspect; {
	case s == nil:
	case c.fault == nil, c.holding && s.Index >= c.proven && s.Index < c.fault.Index:
		return s
	case !c.holding && s.Index < c.fault.Index:
		// No proof at all leads to the checkpoint: the log was made anew, and what is wrong with this one
		// event need not be the beginning of it.
		return &Fault{Index: c.proven, Last: c.fault.Last, Problem: c.fault.Problem}
	}
	return c.fault
}

// pathCheck checks proofs of inclusion in one tree, quickly when one leaf comes after the other: then
// the upper part of a proof is that of the leaf before.
type pathCheck struct {
	size uint64
	root Hash

	index uint64 // of the leaf before
	path  []Hash
	nodes []Hash // nodes[i] is what path[i] is joined with
}

func (p *pathCheck) holds(leaf Hash, index uint64, path []Hash) bool {
	if index >= p.size {
		return false
	}
	inner := bits.Len64(index ^ (p.size - 1))
	if len(path) != inner+bits.OnesCount64(index>>inner) {
		return false
	}
	node := leaf
	nodes := make([]Hash, 0, len(path))
	for i, sibling := range path {
		if i < inner && p.sameFrom(i, inner, index, path, node) {
			nodes = append(nodes, p.nodes[i:]...)
			p.index, p.path, p.nodes = index, path, nodes
			return true
		}
		nodes = append(nodes, node)
		if i < inner && index>>i&1 == 0 {
			node = nodeHash(node, sibling)
		} else {
			node = nodeHash(sibling, node)
		}
	}
	if node != p.root {
		return false
	}
	p.index, p.path, p.nodes = index, path, nodes
	return true
}

// sameFrom tells whether all that is left to compute was computed for the leaf before, and led to the
// root.
func (p *pathCheck) sameFrom(i, inner int, index uint64, path []Hash, node Hash) bool {
	return len(path) == len(p.path) && index>>i == p.index>>i && node == p.nodes[i] && slices.Equal(path[i:], p.path[i:]) &&
		inner == bits.Len64(p.index^(p.size-1))
}
