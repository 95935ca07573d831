package archive

import (
	"encoding/binary"
	"encoding/json"
	"io"
)

// NewForger is a writer that puts down whatever it is given, in groups of a few lines.
func NewForger(w io.Writer, h Header) (*Writer, error) {
	out, err := NewWriter(w, h)
	if err == nil {
		out.groupSize = 20_000
	}
	return out, err
}

// Forge appends a line and a row that need not fit.
func (w *Writer) Forge(line []byte, m *Member) { w.put(line, m) }

// Redirect gives a segment another directory, and the trailer that belongs to it.
func Redirect(s *Segment, file []byte, change func(*Manifest)) []byte {
	dir := *s.dir
	dir.Manifest.Bytes = 0
	raw, err := (&dir).append(nil)
	if err == nil {
		change(&dir.Manifest)
		raw, err = (&dir).append(nil)
	}
	if err != nil {
		panic(err)
	}
	return finish(file[:s.tail], raw)
}

// Rows of the groups as they stand in the file, unpacked, and the directory.
func Rows(s *Segment) (rows [][]byte, directory []byte, err error) {
	for g := range s.dir.Groups {
		at := &s.dir.Groups[g]
		packed, err := s.skipped(rowsFrame, at.Offset+at.Length, at.RowLength)
		if err != nil {
			return nil, nil, err
		}
		raw, err := unpack(packed, at.RowRaw, maxGroup, nil)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, raw)
	}
	dir := *s.dir
	dir.Manifest.Bytes = 0
	directory, err = (&dir).append(nil)
	return rows, directory, err
}

// WithDirectory puts another directory into a segment.
func WithDirectory(s *Segment, file, raw []byte) []byte { return finish(file[:s.tail], raw) }

func finish(file, raw []byte) []byte {
	packed := encoder().EncodeAll(raw, nil)
	out := append(append([]byte{}, file...), skippable(directoryFrame, packed)...)
	trailer := []byte(trailerMark)
	for _, n := range []int64{int64(len(file)) + frameHead, int64(len(packed)), int64(len(raw))} {
		trailer = binary.LittleEndian.AppendUint64(trailer, uint64(n))
	}
	return append(out, skippable(trailerFrame, trailer)...)
}

// WithGroup is a segment of one group with any rows and lines.
func WithGroup(h Header, rows, lines []byte, events int) []byte {
	head, _ := json.Marshal(h)
	file := encoder().EncodeAll(append(head, '\n'), nil)
	dir := directory{Manifest: Manifest{Header: h, Events: events}, Head: int64(len(file))}
	g := group{Raw: int64(len(lines)), RowRaw: int64(len(rows)), Events: events}
	packedLines, packedRows := encoder().EncodeAll(lines, nil), encoder().EncodeAll(rows, nil)
	g.Length, g.RowLength = int64(len(packedLines)), int64(len(packedRows))
	dir.Groups = []group{g}
	file = append(append(file, packedLines...), skippable(rowsFrame, packedRows)...)
	raw, err := dir.append(nil)
	if err != nil {
		panic(err)
	}
	return finish(file, raw)
}
