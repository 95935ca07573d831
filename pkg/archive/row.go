package archive

import (
	"encoding/binary"
	"errors"

	"github.com/google/uuid"
)

// The bits of a row's first number.
const (
	hasEntry = 1 << iota
	hasUUID  // the event id is a UUID in its usual spelling and stands there as 16 bytes
	hasReceiptNo
	hasOpenCounter
	hasBusinessCounter
)

// appendRow appends the row of m, which stands behind the row of last (a zero Member: it is the first of
// its group). Numbers are varints of encoding/binary, signed ones in zigzag form; a text is its length
// and its bytes. In order:
//
//	bits                unsigned
//	index               less that of the row before, unsigned
//	chain_seq           less that of the row before, signed
//	topic, stream       texts
//	event id            16 bytes, or a text
//	terminal number     unsigned
//	generated at        microseconds less those of the row before, signed
//	order id            text
//	event type          text
//
// and when there is an entry:
//
//	transaction type    signed
//	transaction number  text
//	receipt number, open counter, business counter   signed, each only if its bit is set
//	amount, staff id    texts
func appendRow(b []byte, last, m *Member) []byte {
	id, err := uuid.Parse(m.EventID)
	usual := err == nil && id.String() == m.EventID
	b = binary.AppendUvarint(b, bit(hasEntry, m.Entry)|bit(hasUUID, usual)|bit(hasReceiptNo, m.ReceiptNo != nil)|
		bit(hasOpenCounter, m.OpenCounter != nil)|bit(hasBusinessCounter, m.BusinessCounter != nil))
	b = binary.AppendUvarint(b, m.Index-last.Index)
	b = binary.AppendVarint(b, int64(m.ChainSeq-last.ChainSeq))
	b = appendText(appendText(b, m.Topic), m.Stream)
	if usual {
		b = append(b, id[:]...)
	} else {
		b = appendText(b, m.EventID)
	}
	b = binary.AppendUvarint(b, uint64(m.TerminalNo))
	b = binary.AppendVarint(b, m.GeneratedAt-last.GeneratedAt)
	b = appendText(appendText(b, m.OrderID), m.EventType)
	if !m.Entry {
		return b
	}
	b = binary.AppendVarint(b, int64(m.TransactionType))
	b = appendText(b, m.TransactionNo)
	for _, n := range []*int64{m.ReceiptNo, m.OpenCounter, m.BusinessCounter} {
		if n != nil {
			b = binary.AppendVarint(b, *n)
		}
	}
	return appendText(appendText(b, m.Amount), m.StaffID)
}

func bit(which uint64, set bool) uint64 {
	if set {
		return which
	}
	return 0
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errRow = errors.New("a row of the index cannot be read")

// rows reads what appendRow wrote.
type rows struct {
	rest   []byte
	last   Member
	texts  map[string]string // so that what is the same is there once
	failed bool
}

func (r *rows) next() (Member, error) {
	bits := r.unsigned()
	m := Member{Entry: bits&hasEntry != 0}
	m.Index = r.last.Index + r.unsigned()
	m.ChainSeq = r.last.ChainSeq + uint64(r.signed())
	m.Topic, m.Stream = r.shared(), r.shared()
	if bits&hasUUID != 0 {
		if len(r.rest) < len(uuid.UUID{}) {
			return m, errRow
		}
		m.EventID = uuid.UUID(r.rest[:16]).String()
		r.rest = r.rest[16:]
	} else {
		m.EventID = string(r.text())
	}
	m.TerminalNo = int(min(r.unsigned(), 1<<31))
	m.GeneratedAt = r.last.GeneratedAt + r.signed()
	m.OrderID, m.EventType = string(r.text()), r.shared()
	if m.Entry {
		m.TransactionType = int(r.signed())
		m.TransactionNo = string(r.text())
		m.ReceiptNo = r.optional(bits & hasReceiptNo)
		m.OpenCounter = r.optional(bits & hasOpenCounter)
		m.BusinessCounter = r.optional(bits & hasBusinessCounter)
		m.Amount, m.StaffID = string(r.text()), r.shared()
	}
	r.last = m
	if r.failed {
		return m, errRow
	}
	return m, nil
}

func (r *rows) unsigned() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *rows) signed() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *rows) optional(set uint64) *int64 {
	if set == 0 {
		return nil
	}
	n := r.signed()
	return &n
}

func (r *rows) text() []byte {
	n := r.unsigned()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

// shared is a text that many rows have.
func (r *rows) shared() string {
	text := r.text()
	if known, ok := r.texts[string(text)]; ok {
		return known
	}
	s := string(text)
	if r.texts == nil {
		r.texts = map[string]string{}
	}
	if len(r.texts) < 1024 {
		r.texts[s] = s
	}
	return s
}
