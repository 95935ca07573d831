package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"reflect"
	"strings"

	"github.com/tillroll/tillroll/pkg/proof"
)

// Fault is the first thing that is wrong with a segment. It is an ErrDamaged.
type Fault struct {
	Line    int // of what zstd unpacks, counted from 1, which is the header; 0: it is no line's
	Last    int // when any line up to this one may be the bad one; else 0
	EventID string
	Stream  string
	Seq     uint64
	Problem string
}

// Error implements error.
func (f *Fault) Error() string {
	where := ""
	switch {
	case f.Line > 0 && f.Last > f.Line:
		where = fmt.Sprintf("one of the lines from %d to %d: ", f.Line, f.Last)
	case f.Line > 0 && f.EventID != "":
		where = fmt.Sprintf("line %d (event %s, link %d of %s): ", f.Line, f.EventID, f.Seq, f.Stream)
	case f.Line > 0:
		where = fmt.Sprintf("line %d: ", f.Line)
	case f.Stream != "":
		where = fmt.Sprintf("link %d of %s: ", f.Seq, f.Stream)
	}
	return where + f.Problem
}

// Unwrap says that the segment is damaged.
func (*Fault) Unwrap() error { return ErrDamaged }

// Verify reads all of a segment and tells whether it is what the journal had when the checkpoint was
// signed: every hash of every line, the path of every line to the checkpoint, the checkpoint's signature,
// and that all by which an event is found says what its line says.
//
// That proves what is there. What was left out of a segment that was written anew, only somebody who
// knows what it held can tell: with want, the manifest as it was kept elsewhere, the file is held against
// that, too. nil: there is none.
//
// It fails with a *Fault that names the first bad line, or with the error of reading.
func (s *Segment) Verify(ctx context.Context, keys proof.Keys, want *Manifest) error {
	m := &s.dir.Manifest
	signed, err := keys.Open(m.Checkpoint)
	if err == nil && signed.Tenant != m.TenantID {
		err = fmt.Errorf("the checkpoint is of the tenant %q and not of %q", signed.Tenant, m.TenantID)
	}
	if err != nil {
		return &Fault{Line: 1, Problem: err.Error()}
	}
	v := &verification{
		Segment: s, sum: sha256.New(), some: proof.CheckSome(signed), ends: map[string]*end{},
		date: []byte(`"business_date":"` + m.BusinessDate + `"`), store: m.TenantID + "-" + m.StoreCode + "-",
		streams: map[string]*Range{}, tills: map[int]*Terminal{},
	}
	v.got.Header = m.Header
	if err := v.head(); err != nil {
		return err
	}
	for g := range s.dir.Groups {
		if err := v.group(ctx, g); err != nil {
			return err
		}
	}
	return v.end(want)
}

// verification is what is known of a segment so far.
type verification struct {
	*Segment
	sum     hash.Hash
	some    *proof.SomeCheck
	date    []byte // how an entry says that it is of the day
	store   string // what the streams begin with
	ends    map[string]*end
	lastAt  uint64 // place in the log of the line before
	got     Manifest
	streams map[string]*Range
	tills   map[int]*Terminal
	room    []byte
}

// end is where a stream's chain was last seen.
type end struct {
	seq  uint64
	hash proof.Hash
	gap  uint64 // the first link that stands elsewhere, or should stand here; 0: none
}

// head holds the first line against the manifest.
func (v *verification) head() error {
	packed, err := v.bytes(0, v.dir.Head)
	if err != nil {
		return err
	}
	v.sum.Write(packed)
	want, err := json.Marshal(v.dir.Manifest.Header)
	if err != nil {
		return err
	}
	want = append(want, '\n')
	got, err := unpack(packed, int64(len(want)), maxManifest, nil)
	if err != nil || !bytes.Equal(got, want) {
		return &Fault{Line: 1, Problem: "the header is not what the segment's own manifest says"}
	}
	return nil
}

func (v *verification) group(ctx context.Context, g int) error {
	p, err := v.read(ctx, g)
	v.sum.Write(p.file)
	first, last := v.first[g]+2, v.first[g]+1+v.dir.Groups[g].Events
	if err == nil {
		v.room, err = p.lines(v.room)
	}
	var members []Member
	if err == nil {
		members, err = p.members()
	}
	if errors.Is(err, ErrDamaged) {
		return &Fault{Line: first, Last: last, Problem: err.Error()}
	}
	if err != nil {
		return err
	}
	rest := v.room
	var streams []Range
	for i := range members {
		raw, behind, ended := bytes.Cut(rest, []byte("\n"))
		if rest = behind; !ended {
			return &Fault{Line: first + i, Problem: "it is missing"}
		}
		l, err := proof.ParseLine(raw)
		if err != nil {
			return &Fault{Line: first + i, EventID: members[i].EventID, Stream: members[i].Stream, Seq: members[i].ChainSeq,
				Problem: fmt.Sprintf("it cannot be read: %v", err)}
		}
		if problem := v.line(&l, &members[i]); problem != "" {
			return &Fault{Line: first + i, EventID: l.EventID, Stream: l.Stream, Seq: l.Seq, Problem: problem}
		}
		streams = extend(streams, &members[i])
	}
	switch {
	case len(rest) > 0:
		return &Fault{Line: last + 1, Problem: "it is in no index"}
	case !reflect.DeepEqual(streams, v.dir.Groups[g].Streams):
		return &Fault{Line: first, Last: last, Problem: "the directory says other links of them than they are"}
	}
	return nil
}

// line says what is wrong with a line, by itself and behind those before it.
func (v *verification) line(l *proof.Line, row *Member) string {
	switch {
	case v.got.Events > 0 && l.Index == v.lastAt:
		return "it stands there again"
	case v.got.Events > 0 && l.Index < v.lastAt:
		return "it stands in the wrong order"
	case !strings.HasPrefix(l.Stream, v.store):
		return "it belongs to another store"
	}
	if problem := v.some.Check(l); problem != "" {
		return problem
	}
	if l.Entry != nil && !bytes.Contains(l.Entry, v.date) {
		return "it is of another business date"
	}
	if problem := v.follow(l); problem != "" {
		return problem
	}
	m, err := MemberOf(row.Topic, l)
	if err != nil {
		return err.Error()
	}
	if !m.same(row) {
		return "the row by which it is found says otherwise"
	}
	if problem := m.misfiled(); problem != "" {
		return problem
	}
	v.lastAt = l.Index
	tally(&v.got, v.streams, v.tills, &m)
	return ""
}

// follow holds a link against the one before it in its stream.
func (v *verification) follow(l *proof.Line) string {
	e := v.ends[l.Stream]
	switch {
	case e == nil:
		v.ends[l.Stream] = &end{seq: l.Seq, hash: l.Hash}
		return ""
	case l.Seq <= e.seq:
		return fmt.Sprintf("it is link %d of its chain, behind link %d", l.Seq, e.seq)
	case l.Seq == e.seq+1 && l.Prev != e.hash:
		return "it does not follow from the link before it"
	case l.Seq > e.seq+1 && e.gap == 0:
		e.gap = e.seq + 1
	}
	e.seq, e.hash = l.Seq, l.Hash
	return ""
}

func (v *verification) end(want *Manifest) error {
	sumUp(&v.got, v.streams, v.tills)
	own := v.dir.Manifest
	own.Bytes = 0
	if problem := own.differs(&v.got); problem != "" {
		return &Fault{Problem: "the segment's own manifest says otherwise than its lines: " + problem}
	}
	rest, err := v.bytes(v.tail, v.blob.Size()-v.tail)
	if err != nil {
		return err
	}
	v.sum.Write(rest)
	if want == nil {
		return nil
	}
	if fault := v.missing(want); fault != nil {
		return fault
	}
	got := v.got
	got.Bytes, got.SHA256 = v.blob.Size(), proof.Hash(v.sum.Sum(nil))
	if problem := want.differs(&got); problem != "" {
		return &Fault{Problem: "it is not the segment that was kept: " + problem}
	}
	return nil
}

// missing finds what a manifest says that is not there.
func (v *verification) missing(want *Manifest) *Fault {
	for _, r := range want.Streams {
		fault := &Fault{Stream: r.Stream, Seq: r.First, Problem: "it is missing"}
		got := v.streams[r.Stream]
		switch {
		case got == nil || got.First > r.First:
			return fault
		case got.Last < r.Last:
			fault.Seq = r.Last
			return fault
		case got.Count < r.Count:
			fault.Seq = v.ends[r.Stream].gap
			fault.Problem = fmt.Sprintf("it, or a later one, is missing: %d of the chain should be there and %d are", r.Count, got.Count)
			return fault
		}
	}
	return nil
}

// differs says what other says otherwise, or "".
func (m *Manifest) differs(other *Manifest) string {
	a, b := m.rows(), other.rows()
	for i := range a {
		x, _ := json.Marshal(a[i].value)
		y, _ := json.Marshal(b[i].value)
		if !bytes.Equal(x, y) {
			return fmt.Sprintf("%s is %.100s and not %.100s", a[i].name, y, x)
		}
	}
	return ""
}

type row struct {
	name  string
	value any
}

// rows of the table by which manifests are compared, those that explain most first.
func (m *Manifest) rows() []row {
	return []row{
		{"the header", m.Header}, {"the number of events", m.Events}, {"the number of entries", m.Entries},
		{"what there is of the streams", m.Streams}, {"what there is of the terminals", m.Terminals},
		{"the length", m.Bytes}, {"the hash of the file", m.SHA256},
	}
}
