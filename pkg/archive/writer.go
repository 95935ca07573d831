package archive

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/pkg/proof"
)

// Writer writes a segment from its first byte to its last. It holds one group of events in memory, and
// some hundred bytes for every group before. It is for one goroutine.
type Writer struct {
	out     io.Writer
	sum     hash.Hash
	at      int64
	signed  proof.Checkpoint
	dir     directory
	streams map[string]*Range
	tills   map[int]*Terminal
	line    []byte // room for one
	lines   []byte // of the group
	rows    []byte
	last    Member // of the group
	newest  uint64 // index in the log
	open    group
	err     error

	groupSize int
}

// NewWriter begins a segment. Format and version of the header are filled in; its checkpoint must be of
// the tenant, and every line that is added must prove that it belongs to it.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Format, h.Version = Format, Version
	h.WrittenAt = h.WrittenAt.UTC().Round(0) // without the monotonic clock, which no file keeps
	if err := h.Validate(); err != nil {
		return nil, err
	}
	signed, err := proof.ReadUnverified(h.Checkpoint)
	if err == nil && signed.Tenant != h.TenantID {
		err = fmt.Errorf("the checkpoint is of the tenant %.40q and not of %q", signed.Tenant, h.TenantID)
	}
	if err != nil {
		return nil, err
	}
	out := &Writer{out: w, sum: sha256.New(), signed: signed, streams: map[string]*Range{}, tills: map[int]*Terminal{}, groupSize: groupSize}
	out.dir.Manifest.Header = h
	head, err := json.Marshal(h)
	if err == nil {
		out.write(encoder().EncodeAll(append(head, '\n'), nil))
		out.dir.Head = out.at
	}
	return out, cmp.Or(err, out.err)
}

// Add appends an event that the journal keeps under topic. Lines must come in the order of the log.
func (w *Writer) Add(topic string, l *proof.Line) error {
	if w.err != nil {
		return w.err
	}
	m, err := MemberOf(topic, l)
	if err == nil {
		err = w.fits(&m)
	}
	if err != nil {
		return fmt.Errorf("event %s: %w", l.EventID, err)
	}
	w.line = append(proof.AppendLine(w.line[:0], l), '\n')
	if len(w.line) > MaxLine {
		return fmt.Errorf("event %s: its line has %d bytes, one may have %d", l.EventID, len(w.line), MaxLine)
	}
	w.put(w.line, &m)
	return w.err
}

// put appends a line that is known to fit.
func (w *Writer) put(line []byte, m *Member) {
	w.lines = append(w.lines, line...)
	w.rows = appendRow(w.rows, &w.last, m)
	w.last, w.newest = *m, m.Index
	w.open.Events++
	w.open.Streams = extend(w.open.Streams, m)
	tally(&w.dir.Manifest, w.streams, w.tills, m)
	if len(w.lines) >= w.groupSize || w.open.Events == maxGroupEvents {
		w.flush()
	}
}

func (w *Writer) fits(m *Member) error {
	h := &w.dir.Manifest
	switch {
	case h.Events > 0 && m.Index <= w.newest:
		return fmt.Errorf("its place in the log, %d, is not behind that of the event before, %d", m.Index, w.newest)
	case m.Index >= w.signed.Size:
		return fmt.Errorf("its place in the log, %d, is behind the checkpoint of %d events", m.Index, w.signed.Size)
	case !strings.HasPrefix(m.Stream, h.TenantID+"-"+h.StoreCode+"-"):
		return fmt.Errorf("its stream %.80q is not of store %s of tenant %s", m.Stream, h.StoreCode, h.TenantID)
	}
	return nil
}

// extend counts m among ranges.
func extend(ranges []Range, m *Member) []Range {
	for i := range ranges {
		if r := &ranges[i]; r.Stream == m.Stream {
			r.Last = m.ChainSeq
			r.Count++
			return ranges
		}
	}
	return append(ranges, Range{m.Stream, m.ChainSeq, m.ChainSeq, 1})
}

// tally counts an event in what a manifest says.
func tally(of *Manifest, streams map[string]*Range, tills map[int]*Terminal, m *Member) {
	of.Events++
	if r := streams[m.Stream]; r != nil {
		r.Last = m.ChainSeq
		r.Count++
	} else {
		streams[m.Stream] = &Range{m.Stream, m.ChainSeq, m.ChainSeq, 1}
	}
	if !m.Entry {
		return
	}
	of.Entries++
	t := tills[m.TerminalNo]
	if t == nil {
		t = &Terminal{No: m.TerminalNo, FirstAt: m.At(), LastAt: m.At()}
		tills[m.TerminalNo] = t
	}
	t.Entries++
	if n, ok := m.TransactionNumber(); ok {
		t.FirstTransaction, t.LastTransaction = widen(t.FirstTransaction, t.LastTransaction, n)
	}
	if m.ReceiptNo != nil {
		t.FirstReceipt, t.LastReceipt = widen(t.FirstReceipt, t.LastReceipt, *m.ReceiptNo)
	}
	if at := m.At(); at.Before(t.FirstAt) {
		t.FirstAt = at
	} else if at.After(t.LastAt) {
		t.LastAt = at
	}
}

func widen(first, last, n int64) (int64, int64) {
	if first == 0 || n < first {
		first = n
	}
	return first, max(last, n)
}

// sumUp puts what was counted into the manifest.
func sumUp(of *Manifest, streams map[string]*Range, tills map[int]*Terminal) {
	of.Streams, of.Terminals = []Range{}, []Terminal{}
	for _, id := range slices.Sorted(maps.Keys(streams)) {
		of.Streams = append(of.Streams, *streams[id])
	}
	for _, no := range slices.Sorted(maps.Keys(tills)) {
		of.Terminals = append(of.Terminals, *tills[no])
	}
}

// Size is how many bytes were written so far. The events of the last group and what ends the segment come
// to it: at most a megabyte, as long as no event is larger.
func (w *Writer) Size() int64 { return w.at }

func (w *Writer) flush() {
	lines := encoder().EncodeAll(w.lines, nil)
	rows := encoder().EncodeAll(w.rows, nil)
	w.open.Offset, w.open.Length, w.open.Raw = w.at, int64(len(lines)), int64(len(w.lines))
	w.open.RowLength, w.open.RowRaw = int64(len(rows)), int64(len(w.rows))
	w.write(lines)
	w.write(skippable(rowsFrame, rows))
	w.dir.Groups = append(w.dir.Groups, w.open)
	w.open, w.last, w.lines, w.rows = group{}, Member{}, w.lines[:0], w.rows[:0]
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.out.Write(b)
	w.sum.Write(b[:n])
	w.at += int64(n)
	w.err = err
}

// Close ends the segment and gives its manifest, with length and hash of the file. A segment without
// events is none.
func (w *Writer) Close() (Manifest, error) {
	m := &w.dir.Manifest
	if w.err == nil && m.Events == 0 {
		w.err = errors.New("a segment without events")
	}
	if w.err != nil {
		return Manifest{}, w.err
	}
	if w.open.Events > 0 {
		w.flush()
	}
	sumUp(m, w.streams, w.tills)
	raw, err := w.dir.append(nil)
	if err != nil {
		return Manifest{}, err
	}
	packed := encoder().EncodeAll(raw, nil)
	trailer := make([]byte, 0, trailerSize)
	trailer = append(trailer, trailerMark...)
	for _, n := range []int64{w.at + frameHead, int64(len(packed)), int64(len(raw))} {
		trailer = binary.LittleEndian.AppendUint64(trailer, uint64(n))
	}
	w.write(skippable(directoryFrame, packed))
	w.write(skippable(trailerFrame, trailer))
	out := *m
	out.Bytes, out.SHA256 = w.at, proof.Hash(w.sum.Sum(nil))
	if w.err != nil {
		return Manifest{}, w.err
	}
	w.err = errors.New("the segment is closed")
	return out, nil
}
