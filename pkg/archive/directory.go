package archive

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// directory is what a reader begins with: the manifest, a line of JSON, and behind it the groups.
type directory struct {
	Manifest Manifest
	Head     int64 // length of the header's frame
	Groups   []group
}

// group says where some events stand: a frame of their lines, and behind it one of their rows.
type group struct {
	Offset    int64 // of the lines' frame: where the group before ends
	Length    int64
	Raw       int64 // before compression
	RowLength int64 // without the head of the skippable frame
	RowRaw    int64
	Events    int
	Streams   []Range // what the group has of each stream
}

func (g *group) end() int64 { return g.Offset + g.Length + frameHead + g.RowLength }

// Bounds of a directory. An event takes at least 300 bytes of its line, for its hashes.
const (
	maxManifest    = 4 << 20
	maxGroupEvents = 4096
)

// append writes the directory. All numbers behind the manifest are unsigned varints: the length of the
// header's frame, and then for every group
//
//	length and length before compression of the lines' frame, the same of the rows' frame
//	how many events, how many streams
//	for every stream: its place in the manifest, its first link less its last one in the groups
//	before, its last link less the first, how many of them there are
func (d *directory) append(b []byte) ([]byte, error) {
	manifest, err := json.Marshal(d.Manifest)
	if err == nil && len(manifest) > maxManifest {
		err = fmt.Errorf("the segment's manifest has %d bytes, it may have %d", len(manifest), maxManifest)
	}
	if err != nil {
		return nil, err
	}
	b = append(append(b, manifest...), '\n')
	place, last := map[string]uint64{}, map[string]uint64{}
	for i, r := range d.Manifest.Streams {
		place[r.Stream] = uint64(i)
	}
	b = binary.AppendUvarint(b, uint64(d.Head))
	for i := range d.Groups {
		g := &d.Groups[i]
		for _, n := range []int64{g.Length, g.Raw, g.RowLength, g.RowRaw, int64(g.Events), int64(len(g.Streams))} {
			b = binary.AppendUvarint(b, uint64(n))
		}
		for _, r := range g.Streams {
			for _, n := range []uint64{place[r.Stream], r.First - last[r.Stream], r.Last - r.First, uint64(r.Count)} {
				b = binary.AppendUvarint(b, n)
			}
			last[r.Stream] = r.Last
		}
	}
	if len(b) > MaxDirectory {
		return nil, fmt.Errorf("the segment's directory has %d bytes, it may have %d: make two parts of it", len(b), MaxDirectory)
	}
	return b, nil
}

// readDirectory reads what append wrote, of a segment whose directory begins at end.
func readDirectory(b []byte, end int64) (*directory, error) {
	d := &directory{}
	manifest, rest, _ := bytes.Cut(b, []byte("\n"))
	if len(manifest) > maxManifest {
		return nil, damaged("its manifest has %d bytes, it may have %d", len(manifest), maxManifest)
	}
	if err := json.Unmarshal(manifest, &d.Manifest); err != nil {
		return nil, damaged("its manifest cannot be read: %v", err)
	}
	if err := d.Manifest.Validate(); err != nil {
		return nil, err
	}
	r := rows{rest: rest}
	d.Head = r.length()
	events, at := 0, d.Head
	last := make([]uint64, len(d.Manifest.Streams))
	for len(r.rest) > 0 && !r.failed {
		g := r.group(d.Manifest.Streams, last)
		g.Offset = at
		if at = g.end(); r.failed || at > end {
			return nil, damaged("group %d of its directory cannot be", len(d.Groups)+1)
		}
		events += g.Events
		d.Groups = append(d.Groups, g)
	}
	switch {
	case r.failed || at != end:
		return nil, damaged("its groups do not fill it")
	case events != d.Manifest.Events || events == 0:
		return nil, damaged("its groups have %d events and not %d", events, d.Manifest.Events)
	}
	return d, nil
}

// group reads one; last is how far each stream came.
func (r *rows) group(streams []Range, last []uint64) group {
	g := group{Length: r.length(), Raw: r.length(), RowLength: r.length(), RowRaw: r.length(), Events: int(r.length())}
	count := r.length()
	if g.Events < 1 || g.Events > maxGroupEvents || count > int64(g.Events) {
		r.failed = true
	}
	for range count {
		place, first, span, n := r.unsigned(), r.unsigned(), r.unsigned(), r.length()
		if r.failed || place >= uint64(len(streams)) {
			r.failed = true
			return g
		}
		one := Range{streams[place].Stream, last[place] + first, last[place] + first + span, int(n)}
		last[place] = one.Last
		g.Streams = append(g.Streams, one)
	}
	return g
}

// length reads a number that fits a file.
func (r *rows) length() int64 {
	n := r.unsigned()
	if n > 1<<48 {
		r.failed = true
		return 0
	}
	return int64(n)
}
