package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/x/bsonx/bsoncore"
	"go.mongodb.org/mongo-driver/x/mongo/driver/wiremessage"
)

// Sizes of messages: the least that there can be, and the most that MongoDB takes.
const (
	headerSize     = 16
	maxMessageSize = 48_000_000
)

// message is one request as it came.
type message struct {
	id        int32
	legacy    bool // OP_QUERY, in which the first hello may come
	noReply   bool
	body      bson.Raw
	sequences map[string][]bson.Raw
}

func readMessage(r io.Reader) (*message, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n < headerSize || n > maxMessageSize {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	data := make([]byte, n)
	copy(data, size[:])
	if _, err := io.ReadFull(r, data[4:]); err != nil {
		return nil, err
	}
	return parseMessage(data)
}

var errMalformed = errors.New("malformed message")

func parseMessage(data []byte) (*message, error) {
	_, id, _, op, rest, ok := wiremessage.ReadHeader(data)
	if !ok {
		return nil, errMalformed
	}
	m := &message{id: id, sequences: map[string][]bson.Raw{}}
	switch op {
	case wiremessage.OpQuery: //nolint:staticcheck // deprecated, but a driver's first hello comes in it
		m.legacy = true
		return m, m.parseQuery(rest)
	case wiremessage.OpMsg:
		return m, m.parseSections(rest)
	default:
		return nil, fmt.Errorf("operation %d is not spoken", op)
	}
}

// parseQuery skips flags, the collection's name, and the two counts before the document.
func (m *message) parseQuery(rest []byte) error {
	const flags, counts = 4, 8
	end := bytes.IndexByte(rest[min(flags, len(rest)):], 0)
	if end < 0 || len(rest) < flags+end+1+counts {
		return errMalformed
	}
	query, _, ok := bsoncore.ReadDocument(rest[flags+end+1+counts:])
	m.body = bson.Raw(query)
	if !ok {
		return errMalformed
	}
	return m.body.Validate()
}

func (m *message) parseSections(rest []byte) error {
	flags, rest, ok := wiremessage.ReadMsgFlags(rest)
	if !ok {
		return errMalformed
	}
	m.noReply = flags&wiremessage.MoreToCome != 0
	if flags&wiremessage.ChecksumPresent != 0 && len(rest) >= 4 {
		rest = rest[:len(rest)-4]
	}
	for len(rest) > 0 {
		var kind wiremessage.SectionType
		if kind, rest, ok = wiremessage.ReadMsgSectionType(rest); !ok {
			return errMalformed
		}
		if rest, ok = m.parseSection(kind, rest); !ok {
			return errMalformed
		}
	}
	return m.body.Validate()
}

func (m *message) parseSection(kind wiremessage.SectionType, rest []byte) ([]byte, bool) {
	if kind == wiremessage.SingleDocument {
		doc, rest, ok := wiremessage.ReadMsgSectionSingleDocument(rest)
		m.body = bson.Raw(doc)
		return rest, ok
	}
	name, docs, rest, ok := wiremessage.ReadMsgSectionDocumentSequence(rest)
	for _, doc := range docs {
		ok = ok && doc.Validate() == nil
		m.sequences[name] = append(m.sequences[name], bson.Raw(doc))
	}
	return rest, ok
}

// reply encodes an answer in the form in which the question came.
func (m *message) reply(doc bson.Raw) []byte {
	var out []byte
	var start int32
	if m.legacy {
		start, out = wiremessage.AppendHeaderStart(nil, 0, m.id, wiremessage.OpReply)
		out = wiremessage.AppendReplyFlags(out, wiremessage.AwaitCapable)
		out = wiremessage.AppendReplyCursorID(out, 0)
		out = wiremessage.AppendReplyStartingFrom(out, 0)
		out = wiremessage.AppendReplyNumberReturned(out, 1)
	} else {
		start, out = wiremessage.AppendHeaderStart(nil, 0, m.id, wiremessage.OpMsg)
		out = wiremessage.AppendMsgFlags(out, 0)
		out = wiremessage.AppendMsgSectionType(out, wiremessage.SingleDocument)
	}
	out = append(out, doc...)
	return bsoncore.UpdateLength(out, start, int32(len(out[start:])))
}
