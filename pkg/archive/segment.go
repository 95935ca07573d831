package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

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
	dir   directory
	first []int // by group: the place of its first event
}

// Open reads what there is in a segment. Closing the blob remains the caller's.
func Open(ctx context.Context, blob Blob) (*Segment, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Segment{blob: blob}
	size := blob.Size()
	if size < frameHead+trailerSize {
		return nil, damaged("it is too short, or is none")
	}
	trailer, err := s.bytes(size-frameHead-trailerSize, frameHead+trailerSize)
	if err != nil {
		return nil, err
	}
	content, ok := bytes.CutPrefix(trailer, skippable(trailerFrame, make([]byte, trailerSize))[:frameHead])
	if !ok || !bytes.HasPrefix(content, []byte(trailerMark)) {
		return nil, damaged("it ends too early, or is none")
	}
	numbers := [3]int64{}
	for i := range numbers {
		numbers[i] = int64(binary.LittleEndian.Uint64(content[8+8*i:]))
	}
	raw, err := s.unpack(numbers[0], numbers[1], numbers[2], MaxDirectory)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &s.dir); err != nil {
		return nil, damaged("its directory cannot be read: %v", err)
	}
	return s, s.examine()
}

// examine makes sure that the directory can be worked with.
func (s *Segment) examine() error {
	m := &s.dir.Manifest
	if err := m.Validate(); err != nil {
		return err
	}
	events, end := 0, int64(0)
	for i := range s.dir.Groups {
		g := &s.dir.Groups[i]
		if g.Events < 1 || g.Offset < end || g.Length < 0 || g.RowLength < 0 || g.Raw < g.Events || g.RowRaw < g.Events {
			return damaged("group %d of its directory cannot be", i+1)
		}
		s.first = append(s.first, events)
		events += g.Events
		end = g.Offset + int64(g.Length) + frameHead + int64(g.RowLength)
	}
	if events != m.Events || events == 0 {
		return damaged("its directory has %d events and not %d", events, m.Events)
	}
	m.Bytes = s.blob.Size()
	return nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Manifest as the segment has it, and the file's length; without the file's hash, which stands in no file.
func (s *Segment) Manifest() Manifest { return s.dir.Manifest }

// Len is how many events there are. Their places are 0 to Len()-1, in the order of the log.
func (s *Segment) Len() int { return s.dir.Manifest.Events }

// Members calls visit with what is known of each event, from the one at place from, until visit returns
// false.
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

// Line reads the event at place i.
func (s *Segment) Line(ctx context.Context, i int) (*proof.Line, error) {
	if i < 0 || i >= s.Len() {
		return nil, ErrNoEvent
	}
	var found *proof.Line
	err := s.Each(ctx, i, func(_ int, _ *Member, l *proof.Line) bool {
		found = l
		return false
	})
	if err == nil && found == nil {
		err = ErrNoEvent
	}
	return found, err
}

// Each calls visit with each event from the one at place from on, until visit returns false. The line is
// valid during the call only.
func (s *Segment) Each(ctx context.Context, from int, visit func(i int, m *Member, l *proof.Line) bool) error {
	for g := range s.dir.Groups {
		if s.first[g]+s.dir.Groups[g].Events <= from {
			continue
		}
		members, err := s.members(ctx, g)
		if err != nil {
			return err
		}
		lines, err := s.lines(ctx, g)
		if err != nil {
			return err
		}
		for i := range members {
			raw, rest, _ := bytes.Cut(lines, []byte("\n"))
			lines = rest
			at := s.first[g] + i
			if at < from {
				continue
			}
			l, err := proof.ParseLine(raw)
			if err != nil {
				return damaged("line %d cannot be read: %v", at+2, err)
			}
			if !visit(at, &members[i], &l) {
				return nil
			}
		}
	}
	return nil
}

func (s *Segment) lines(ctx context.Context, g int) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at := &s.dir.Groups[g]
	return s.unpack(at.Offset, int64(at.Length), int64(at.Raw), maxGroup)
}

func (s *Segment) members(ctx context.Context, g int) ([]Member, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at := &s.dir.Groups[g]
	raw, err := s.unpack(at.Offset+int64(at.Length)+frameHead, int64(at.RowLength), int64(at.RowRaw), maxGroup)
	if err != nil {
		return nil, err
	}
	members := make([]Member, 0, at.Events)
	r := rows{rest: raw}
	for range at.Events {
		m, err := r.next()
		if err != nil {
			return nil, damaged("%v", err)
		}
		members = append(members, m)
	}
	return members, nil
}

func (s *Segment) bytes(offset, length int64) ([]byte, error) {
	if offset < 0 || length < 0 || offset > s.blob.Size()-length {
		return nil, damaged("a part of it stands behind its end")
	}
	b := make([]byte, length)
	if _, err := s.blob.ReadAt(b, offset); err != nil && !(errors.Is(err, io.EOF) && offset+length == s.blob.Size()) {
		return nil, err
	}
	return b, nil
}

// unpack reads a frame that must hold raw bytes.
func (s *Segment) unpack(offset, length, raw, most int64) ([]byte, error) {
	if raw < 0 || raw > most {
		return nil, damaged("a part of it has %d bytes, it may have %d", raw, most)
	}
	packed, err := s.bytes(offset, length)
	if err != nil {
		return nil, err
	}
	b, err := decoder().DecodeAll(packed, make([]byte, 0, raw))
	if err != nil || int64(len(b)) != raw {
		return nil, damaged("a part of it cannot be unpacked")
	}
	return b, nil
}
