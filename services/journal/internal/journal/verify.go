package journal

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/sequence"
)

// Progress is what of one producer's sequence in a stream was received.
type Progress struct {
	Producer   string
	Received   sequence.Set
	Generation int // of the outbox whose delivery was stored last
}

// Note counts a record in its producer's sequence, and tells whether that changed anything. A repeat
// counts too: it may bring a newer generation.
func (p *Progress) Note(r *Record) (changed bool) {
	n := r.Envelope().Sequence
	if p.Generation != r.Generation {
		p.Generation, changed = r.Generation, true
	}
	if !p.Received.Contains(n) {
		p.Received, changed = p.Received.Add(n, n), true
	}
	return changed
}

// StreamState is what the store keeps of a stream beside its events.
type StreamState struct {
	Head
	Progress []Progress
}

// BadLink is the first thing wrong in a chain.
type BadLink struct {
	Seq     uint64
	EventID string
	Problem string
}

// StreamReport is what checking one stream's chain found.
type StreamReport struct {
	Head
	Count     uint64
	Bad       *BadLink // nil: the chain holds
	Sequences []SequenceReport
}

// SequenceReport is what of a producer's sequence is in the chain.
type SequenceReport struct {
	Producer string
	Received sequence.Set
	Twice    sequence.Set // numbers that more than one event carries
}

// StreamCheck follows one chain link by link.
type StreamCheck struct {
	report StreamReport
	last   Head
	seen   map[string]*SequenceReport
	room   glanceRoom
	form   []byte // where entries are written
	id     string // of the stream
}

// CheckStream begins to check the chain that ends at the state's head.
func CheckStream(state StreamState) *StreamCheck {
	return &StreamCheck{
		report: StreamReport{Head: state.Head}, last: Head{Stream: state.Stream},
		seen: map[string]*SequenceReport{},
	}
}

// Add checks the next link. Only the first bad one is kept: what follows it is suspect anyway.
func (c *StreamCheck) Add(s *Stored) {
	c.report.Count++
	c.note(s.Producer, s.Sequence)
	if c.report.Bad == nil {
		if problem := c.examine(s); problem != "" {
			c.report.Bad = &BadLink{Seq: s.Seq, EventID: s.EventID, Problem: problem}
		}
	}
	c.last.Seq, c.last.Hash = s.Seq, s.Hash
}

func (c *StreamCheck) note(producer string, n uint64) {
	if n == 0 {
		return
	}
	r, ok := c.seen[producer]
	if !ok {
		r = &SequenceReport{Producer: producer}
		c.seen[producer] = r
	}
	if last := len(r.Received) - 1; last >= 0 && r.Received[last].Last+1 == n {
		r.Received[last].Last = n // nobody else has the set yet
		return
	}
	if r.Received.Contains(n) {
		r.Twice = r.Twice.Add(n, n)
	}
	r.Received = r.Received.Add(n, n)
}

func (c *StreamCheck) examine(s *Stored) string {
	switch {
	case s.Seq > c.last.Seq+1:
		return fmt.Sprintf("the links from %d to %d are missing", c.last.Seq+1, s.Seq-1)
	case s.Seq <= c.last.Seq:
		return "a link with this place came before"
	case s.Prev != c.last.Hash:
		return "it does not follow from the link before it"
	case s.Version > ChainVersion:
		return fmt.Sprintf("its chain version %d is newer than this program knows", s.Version)
	case !s.Archived && HashOf(s.Content) != s.ContentHash:
		return "the event's content was changed"
	case s.Link.Hash() != s.Hash:
		return "its hash does not hold"
	case s.Archived: // the rest is checked where it is
		return ""
	}
	return c.examineEntry(s)
}

// examineEntry holds the entry, and what is indexed beside it, against the event that made it.
func (c *StreamCheck) examineEntry(s *Stored) string {
	if _, ok := stored(s.Topic); !ok {
		return fmt.Sprintf("its topic %q is unknown", s.Topic)
	}
	e, err := c.read(s)
	if err != nil {
		return "the event cannot be read: " + err.Error()
	}
	if h := e.Head(); h.EventID != s.EventID || h.Producer != s.Producer || h.Sequence != s.Sequence || c.streamID(h.Stream()) != s.Stream {
		return "it is filed under another id, stream or sequence than the event carries"
	}
	want := EntryOf(e)
	if want == nil || s.Entry == nil {
		if want != nil || s.Entry != nil || s.EntryHash != (Hash{}) {
			return "the journal entry is missing, or there is one where none belongs"
		}
		return ""
	}
	form, err := s.Entry.AppendForm(c.form[:0])
	if c.form = form; err != nil || HashOf(form) != s.EntryHash {
		return "the journal entry was changed"
	}
	if !s.Entry.same(want) {
		return "the journal entry does not follow from its event"
	}
	return examineIndexed(s, e.Head())
}

// streamID is the id of a stream, which is nearly always the one that is checked.
func (c *StreamCheck) streamID(s identity.Stream) string {
	if s != c.report.Stream {
		return s.ID()
	}
	if c.id == "" {
		c.id = s.ID()
	}
	return c.id
}

func examineIndexed(s *Stored, h *event.Envelope) string {
	if !s.Generated.Equal(s.Entry.GeneratedAt(h.OccurredAt)) || !equal(s.Number, s.Entry.TransactionNumber()) {
		return "the fields by which the journal entry is found were changed"
	}
	return ""
}

func equal[T comparable](a, b *T) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// Report ends the check.
func (c *StreamCheck) Report() StreamReport {
	if c.report.Bad == nil && (c.last.Seq != c.report.Seq || c.last.Hash != c.report.Hash) {
		c.report.Bad = &BadLink{Seq: c.last.Seq + 1, Problem: fmt.Sprintf(
			"the chain ends at link %d but its head is at %d", c.last.Seq, c.report.Seq)}
	}
	for _, producer := range slices.Sorted(maps.Keys(c.seen)) {
		c.report.Sequences = append(c.report.Sequences, *c.seen[producer])
	}
	return c.report
}
