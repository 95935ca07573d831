package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/tillroll/tillroll/pkg/proof"
)

// ErrDamaged says that a segment is not as it was written.
var ErrDamaged = errors.New("archive: the segment is damaged")

// ErrNoEvent says that a segment does not hold the event.
var ErrNoEvent = errors.New("archive: the segment has no such event")

// Segment is a segment that is open for reading. It is safe for concurrent use. Nothing that it gives is
// checked against hashes but by Verify.
type Segment struct {
	blob  Blob
	dir   *directory
	tail  int64 // where the directory's frame begins
	first []int // by group: the place of its first event

	mu     sync.Mutex
	recent recent
}

// recent is the group whose line was read last: who wants one line often wants the next.
type recent struct {
	group int
	lines [][]byte
}

// Open reads what there is in a segment. Closing the blob remains the caller's. It fails with ErrDamaged
// when the blob is no segment, and whatever that says of itself, no more memory is taken than what a
// segment can need.
func Open(ctx context.Context, blob Blob) (*Segment, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Segment{blob: blob}
	end := blob.Size() - frameHead - trailerSize
	if end < frameHead {
		return nil, damaged("it is too short, or is none")
	}
	trailer, err := s.bytes(end, frameHead+trailerSize)
	if err != nil {
		return nil, err
	}
	content, ok := bytes.CutPrefix(trailer, skippable(trailerFrame, make([]byte, trailerSize))[:frameHead])
	if !ok || !bytes.HasPrefix(content, []byte(trailerMark)) {
		return nil, damaged("it ends too early, or is none")
	}
	numbers := [3]int64{}
	for i := range numbers {
		numbers[i] = int64(binary.LittleEndian.Uint64(content[len(trailerMark)+8*i:]))
	}
	offset, length, raw := numbers[0], numbers[1], numbers[2]
	if offset < frameHead || length < 0 || offset > end-length || offset+length != end {
		return nil, damaged("its directory does not stand where it should")
	}
	s.tail = offset - frameHead
	packed, err := s.skipped(directoryFrame, s.tail, length)
	if err != nil {
		return nil, err
	}
	b, err := unpack(packed, raw, MaxDirectory, nil)
	if err != nil {
		return nil, err
	}
	if s.dir, err = readDirectory(b, s.tail); err != nil {
		return nil, err
	}
	events := 0
	for i := range s.dir.Groups {
		s.first = append(s.first, events)
		events += s.dir.Groups[i].Events
	}
	s.dir.Manifest.Bytes, s.recent.group = blob.Size(), -1
	return s, nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Manifest as the segment has it, and the file's length; without the file's hash, which stands in no file.
func (s *Segment) Manifest() Manifest { return s.dir.Manifest }

// Len is how many events there are. Their places are 0 to Len()-1, in the order of the log.
func (s *Segment) Len() int { return s.dir.Manifest.Events }

// Members calls visit with what is known of each event, from the one at place from, until visit returns
// false. A member is the callee's to keep.
func (s *Segment) Members(ctx context.Context, from int, visit func(i int, m *Member) bool) error {
	for g := range s.dir.Groups {
		if s.first[g]+s.dir.Groups[g].Events <= from {
			continue
		}
		members, err := s.members(ctx, g)
		if err != nil {
			return err
		}
		for i := range members {
			if at := s.first[g] + i; at >= from && !visit(at, &members[i]) {
				return nil
			}
		}
	}
	return nil
}

// Locate finds an event by its place in its stream's chain, or fails with ErrNoEvent.
func (s *Segment) Locate(ctx context.Context, stream string, seq uint64) (int, *Member, error) {
	for g := range s.dir.Groups {
		for _, r := range s.dir.Groups[g].Streams {
			if r.Stream != stream || seq < r.First || seq > r.Last {
				continue
			}
			members, err := s.members(ctx, g)
			if err != nil {
				return 0, nil, err
			}
			for i := range members {
				if m := &members[i]; m.Stream == stream && m.ChainSeq == seq {
					return s.first[g] + i, m, nil
				}
			}
		}
	}
	return 0, nil, ErrNoEvent
}

// Line reads the event at place i, or fails with ErrNoEvent.
func (s *Segment) Line(ctx context.Context, i int) (*proof.Line, error) {
	for g := range s.dir.Groups {
		if i < s.first[g] || i >= s.first[g]+s.dir.Groups[g].Events {
			continue
		}
		lines, err := s.linesOf(ctx, g)
		if err != nil {
			return nil, err
		}
		l, err := proof.ParseLine(lines[i-s.first[g]])
		if err != nil {
			return nil, damaged("line %d cannot be read: %v", i+2, err)
		}
		return &l, nil
	}
	return nil, ErrNoEvent
}

// linesOf gives the lines of a group, which nobody writes to.
func (s *Segment) linesOf(ctx context.Context, g int) ([][]byte, error) {
	s.mu.Lock()
	known := s.recent
	s.mu.Unlock()
	if known.group == g {
		return known.lines, nil
	}
	p, err := s.read(ctx, g)
	if err != nil {
		return nil, err
	}
	raw, err := p.lines(nil)
	if err != nil {
		return nil, err
	}
	known = recent{g, make([][]byte, 0, p.Events)}
	for line := range bytes.Lines(raw) {
		known.lines = append(known.lines, line)
	}
	if len(known.lines) != p.Events {
		return nil, damaged("group %d has %d lines and not %d", g+1, len(known.lines), p.Events)
	}
	s.mu.Lock()
	s.recent = known
	s.mu.Unlock()
	return known.lines, nil
}

// Each calls visit with each event from the one at place from on, until visit returns false. The line is
// valid during the call only.
func (s *Segment) Each(ctx context.Context, from int, visit func(i int, m *Member, l *proof.Line) bool) error {
	var room []byte
	for g := range s.dir.Groups {
		if s.first[g]+s.dir.Groups[g].Events <= from {
			continue
		}
		p, err := s.read(ctx, g)
		if err != nil {
			return err
		}
		members, err := p.members()
		if err != nil {
			return err
		}
		if room, err = p.lines(room); err != nil {
			return err
		}
		rest := room
		for i := range members {
			var raw []byte
			if raw, rest, _ = bytes.Cut(rest, []byte("\n")); s.first[g]+i < from {
				continue
			}
			l, err := proof.ParseLine(raw)
			if err != nil {
				return damaged("line %d cannot be read: %v", s.first[g]+i+2, err)
			}
			if !visit(s.first[g]+i, &members[i], &l) {
				return nil
			}
		}
	}
	return nil
}

// packed is a group as it stands in the file.
type packed struct {
	*group
	file []byte // both frames
}

func (s *Segment) read(ctx context.Context, g int) (packed, error) {
	p := packed{group: &s.dir.Groups[g]}
	if err := ctx.Err(); err != nil {
		return p, err
	}
	var err error
	p.file, err = s.bytes(p.Offset, p.end()-p.Offset)
	if err == nil && !isSkippable(p.file[p.Length:], rowsFrame, p.RowLength) {
		err = damaged("the frame behind group %d is another than it should be", g+1)
	}
	return p, err
}

// lines unpacks the lines into room, which is replaced when it is too small.
func (p *packed) lines(room []byte) ([]byte, error) {
	return unpack(p.file[:p.Length], p.Raw, maxGroup, room)
}

func (p *packed) members() ([]Member, error) { return readRows(p.file[p.Length+frameHead:], p.group) }

// members reads the rows of a group alone.
func (s *Segment) members(ctx context.Context, g int) ([]Member, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at := &s.dir.Groups[g]
	b, err := s.skipped(rowsFrame, at.Offset+at.Length, at.RowLength)
	if err != nil {
		return nil, err
	}
	return readRows(b, at)
}

func readRows(b []byte, of *group) ([]Member, error) {
	raw, err := unpack(b, of.RowRaw, maxGroup, nil)
	if err != nil {
		return nil, err
	}
	members := make([]Member, 0, of.Events)
	r := rows{rest: raw}
	for range of.Events {
		m, err := r.next()
		if err != nil {
			return nil, damaged("%v", err)
		}
		members = append(members, m)
	}
	if len(r.rest) > 0 {
		return nil, damaged("there are more rows than events")
	}
	return members, nil
}

// skipped reads what a skippable frame holds.
func (s *Segment) skipped(magic uint32, offset, length int64) ([]byte, error) {
	b, err := s.bytes(offset, frameHead+length)
	if err == nil && !isSkippable(b, magic, length) {
		err = damaged("a frame of it is another than it should be")
	}
	if err != nil {
		return nil, err
	}
	return b[frameHead:], nil
}

func (s *Segment) bytes(offset, length int64) ([]byte, error) {
	if size := s.blob.Size(); offset < 0 || length < 0 || length > size || offset > size-length {
		return nil, damaged("a part of it stands behind its end")
	}
	b := make([]byte, length)
	n, err := s.blob.ReadAt(b, offset)
	if n == len(b) {
		return b, nil
	}
	if errors.Is(err, io.EOF) {
		return nil, damaged("it was cut while it was read")
	}
	return nil, err
}
