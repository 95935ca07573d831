package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/tillroll/tillroll/pkg/canonical"
)

// An export is a file of JSON lines: a Header, then every event of the tenant's log in its order, each
// with the proof that it stands there, and between them signed checkpoints at their places.

// ExportFormat and ExportVersion are in the header of every export.
const (
	ExportFormat  = "tillroll-journal"
	ExportVersion = 1
)

// Header is the first line of an export.
type Header struct {
	Format     string `json:"export"`
	Version    int    `json:"version"`
	TenantID   string `json:"tenantId"`
	Events     uint64 `json:"events"`     // lines that must follow: the size of the checkpoint
	Checkpoint string `json:"checkpoint"` // to which every line proves that it belongs
}

// Line is one event of an export: what is stored of it, its link, and the proof that the link's hash is
// a leaf of the log.
type Line struct {
	Index uint64
	Link
	Hash      Hash // as stored; Link.Hash() says what it must be
	Content   []byte
	Entry     []byte // nil: the event has no entry
	Inclusion []Hash // in the tree of the header's checkpoint
}

// AppendLine appends l as a line without its end. Content and Entry must be canonical.
func AppendLine(b []byte, l *Line) []byte {
	b = strconv.AppendUint(append(b, `{"index":`...), l.Index, 10)
	b = appendString(append(b, `,"stream":`...), l.Stream)
	b = strconv.AppendUint(append(b, `,"chainSeq":`...), l.Seq, 10)
	b = strconv.AppendInt(append(b, `,"chainVersion":`...), int64(l.Version), 10)
	b = appendHash(append(b, `,"prevHash":`...), l.Prev)
	b = appendHash(append(b, `,"hash":`...), l.Hash)
	b = appendString(append(b, `,"eventId":`...), l.EventID)
	b = appendHash(append(b, `,"contentHash":`...), l.ContentHash)
	b = appendHash(append(b, `,"entryHash":`...), l.EntryHash)
	b = append(append(b, `,"content":`...), orNull(l.Content)...)
	b = append(append(b, `,"entry":`...), orNull(l.Entry)...)
	b = append(b, `,"inclusion":[`...)
	for i, h := range l.Inclusion {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(base64.StdEncoding.AppendEncode(append(b, '"'), h[:]), '"')
	}
	return append(b, "]}"...)
}

func orNull(value []byte) []byte {
	if len(value) == 0 {
		return null
	}
	return value
}

var null = []byte("null")

func appendHash(b []byte, h Hash) []byte {
	return append(hex.AppendEncode(append(b, '"'), h[:]), '"')
}

func appendString(b []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string can always be written
	return append(b, quoted...)
}

// CheckpointLine is a checkpoint between the lines of an export.
type CheckpointLine struct {
	Checkpoint string `json:"checkpoint"`
}

// ParseLine reads one line. What it gives points into raw.
func ParseLine(raw []byte) (Line, error) {
	s := scanner{rest: raw}
	l := Line{}
	l.Index = s.number(`{"index":`)
	l.Stream = s.text(`,"stream":`)
	l.Seq = s.number(`,"chainSeq":`)
	l.Version = int(min(s.number(`,"chainVersion":`), 1<<30))
	l.Prev = s.hash(`,"prevHash":`)
	l.Hash = s.hash(`,"hash":`)
	l.EventID = s.text(`,"eventId":`)
	l.ContentHash = s.hash(`,"contentHash":`)
	l.EntryHash = s.hash(`,"entryHash":`)
	l.Content = s.value(`,"content":`)
	l.Entry = s.value(`,"entry":`)
	l.Inclusion = s.path(`,"inclusion":`)
	s.literal("}")
	if s.failed || len(bytes.TrimSpace(s.rest)) > 0 {
		return parseAnyLine(raw)
	}
	return l, nil
}

// parseAnyLine reads what another program wrote anew: with its own order of fields and white space.
func parseAnyLine(raw []byte) (Line, error) {
	var in struct {
		Index        *uint64         `json:"index"`
		Stream       string          `json:"stream"`
		ChainSeq     uint64          `json:"chainSeq"`
		ChainVersion int             `json:"chainVersion"`
		PrevHash     Hash            `json:"prevHash"`
		Hash         Hash            `json:"hash"`
		EventID      string          `json:"eventId"`
		ContentHash  Hash            `json:"contentHash"`
		EntryHash    Hash            `json:"entryHash"`
		Content      json.RawMessage `json:"content"`
		Entry        json.RawMessage `json:"entry"`
		Inclusion    [][]byte        `json:"inclusion"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return Line{}, err
	}
	if in.Index == nil || d.More() {
		return Line{}, errors.New("it is no event of an export")
	}
	l := Line{
		Index: *in.Index, Hash: in.Hash, Content: in.Content,
		Link: Link{Version: in.ChainVersion, Prev: in.PrevHash, Seq: in.ChainSeq, Stream: in.Stream, EventID: in.EventID,
			ContentHash: in.ContentHash, EntryHash: in.EntryHash},
	}
	if len(in.Entry) > 0 && !bytes.Equal(in.Entry, null) {
		l.Entry = in.Entry
	}
	for _, h := range in.Inclusion {
		if len(h) != len(Hash{}) {
			return Line{}, fmt.Errorf("a hash of %d bytes in its proof", len(h))
		}
		l.Inclusion = append(l.Inclusion, Hash(h))
	}
	return l, nil
}

// scanner reads a line in exactly the form in which AppendLine writes it, which is several times
// faster than reading any JSON. Whatever else it meets makes it fail.
type scanner struct {
	rest   []byte
	failed bool
}

func (s *scanner) literal(want string) {
	if s.failed = s.failed || !bytes.HasPrefix(s.rest, []byte(want)); !s.failed {
		s.rest = s.rest[len(want):]
	}
}

func (s *scanner) number(name string) uint64 {
	s.literal(name)
	n, i := uint64(0), 0
	for i < len(s.rest) && i < 18 && '0' <= s.rest[i] && s.rest[i] <= '9' {
		n = n*10 + uint64(s.rest[i]-'0')
		i++
	}
	s.failed = s.failed || i == 0 || i > 1 && s.rest[0] == '0'
	s.rest = s.rest[i:]
	return n
}

// text reads a string without escapes.
func (s *scanner) text(name string) string {
	s.literal(name)
	s.literal(`"`)
	end := bytes.IndexByte(s.rest, '"')
	if s.failed = s.failed || end < 0; s.failed {
		return ""
	}
	text := string(s.rest[:end])
	s.failed = bytes.IndexByte(s.rest[:end], '\\') >= 0
	s.rest = s.rest[end+1:]
	return text
}

func (s *scanner) hash(name string) (h Hash) {
	s.literal(name)
	s.literal(`"`)
	const length = 2 * len(h)
	if s.failed = s.failed || len(s.rest) < length; s.failed {
		return h
	}
	_, err := hex.Decode(h[:], s.rest[:length])
	s.failed = err != nil
	s.rest = s.rest[length:]
	s.literal(`"`)
	return h
}

// value reads an object, or null as nothing.
func (s *scanner) value(name string) []byte {
	s.literal(name)
	if s.failed {
		return nil
	}
	if bytes.HasPrefix(s.rest, null) {
		s.rest = s.rest[len(null):]
		return nil
	}
	end := canonical.End(s.rest)
	if s.failed = end < 0 || s.rest[0] != '{'; s.failed {
		return nil
	}
	value := s.rest[:end:end]
	s.rest = s.rest[end:]
	return value
}

func (s *scanner) path(name string) []Hash {
	s.literal(name)
	s.literal("[")
	if s.failed {
		return nil
	}
	const length = (len(Hash{}) + 2) / 3 * 4
	path := make([]Hash, 0, 24)
	for !bytes.HasPrefix(s.rest, []byte("]")) {
		if len(path) > 0 {
			s.literal(",")
		}
		s.literal(`"`)
		if s.failed = s.failed || len(s.rest) < length; s.failed {
			return nil
		}
		var h [length / 4 * 3]byte
		n, err := base64.StdEncoding.Decode(h[:], s.rest[:length])
		if s.failed = err != nil || n != len(Hash{}); s.failed {
			return nil
		}
		path = append(path, Hash(h[:n]))
		s.rest = s.rest[length:]
		s.literal(`"`)
	}
	s.literal("]")
	return path
}
