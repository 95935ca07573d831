package archive

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/proof"
)

// Member is what can be known of an event without reading its line: enough for every filter and order of a
// search but the text itself. All of it follows from the line.
type Member struct {
	Index       uint64 // in the tenant's log
	EventID     string
	Stream      string
	ChainSeq    uint64
	Topic       string
	TerminalNo  int
	GeneratedAt int64  // microseconds since 1970: the entry's instant, or when the event occurred
	OrderID     string // cart id of a transaction, correlation id of a business event; "": none
	EventType   string // of a business event
	Entry       bool   // whether there is a journal entry; what follows is of it

	TransactionType int
	TransactionNo   string // "": none
	ReceiptNo       *int64
	OpenCounter     *int64
	BusinessCounter *int64
	Amount          string // a decimal
	StaffID         string
}

// TransactionNumber is the transaction number as a number; false when it is none.
func (m *Member) TransactionNumber() (int64, bool) {
	n, err := strconv.ParseInt(m.TransactionNo, 10, 64)
	return n, err == nil
}

// At is GeneratedAt as an instant.
func (m *Member) At() time.Time { return time.UnixMicro(m.GeneratedAt).UTC() }

// MemberOf reads a member off a line, whose content and entry are in canonical form. The topic is not in
// the line: it is where the journal keeps the event. It fails when something that a member holds cannot be
// read.
func MemberOf(topic string, l *proof.Line) (Member, error) {
	m := Member{Index: l.Index, EventID: l.EventID, Stream: l.Stream, ChainSeq: l.Seq, Topic: topic, Entry: l.Entry != nil}
	var at time.Time
	err := each(l.Content, func(name, value []byte) (ok bool) {
		switch string(name) {
		case "cart_id", "correlationId":
			m.OrderID, ok = canonical.Text(value)
		case "eventType":
			m.EventType, ok = canonical.Text(value)
		case "occurred_at":
			at, ok = instant(value)
		case "terminal_no":
			m.TerminalNo, ok = whole(value)
		default:
			ok = true
		}
		return ok
	})
	if err != nil {
		return m, fmt.Errorf("the event cannot be read: %w", err)
	}
	if m.Entry {
		generated := at
		if err := m.readEntry(l.Entry, &generated); err != nil {
			return m, fmt.Errorf("the journal entry cannot be read: %w", err)
		}
		at = generated
	}
	m.GeneratedAt = at.Truncate(time.Microsecond).UnixMicro()
	return m, nil
}

// readEntry reads what is of the entry. A text that is no time stands in an entry as it came: then generated
// stays as it is.
func (m *Member) readEntry(form []byte, generated *time.Time) error {
	return each(form, func(name, value []byte) (ok bool) {
		switch string(name) {
		case "amount":
			m.Amount, ok = string(value), true
		case "business_counter":
			m.BusinessCounter, ok = optional(value)
		case "generate_date_time":
			if t, is := instant(value); is {
				*generated = t
			}
			ok = true
		case "open_counter":
			m.OpenCounter, ok = optional(value)
		case "receipt_no":
			m.ReceiptNo, ok = optional(value)
		case "staff_id":
			m.StaffID, ok = text(value)
		case "terminal_no":
			m.TerminalNo, ok = whole(value)
		case "transaction_no":
			m.TransactionNo, ok = text(value)
		case "transaction_type":
			m.TransactionType, ok = whole(value)
		default:
			ok = true
		}
		return ok
	})
}

// each calls visit with every member of a canonical object, until one cannot be read.
func each(form []byte, visit func(name, value []byte) (ok bool)) error {
	o := canonical.Members(form)
	for o.Next() {
		if !visit(o.Name, o.Value) {
			return fmt.Errorf("%.40s cannot be %.40s", o.Name, o.Value)
		}
	}
	if !o.Whole() {
		return errors.New("it is not in canonical form")
	}
	return nil
}

func instant(value []byte) (time.Time, bool) {
	s, ok := canonical.Text(value)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

func whole(value []byte) (int, bool) {
	n, ok := canonical.Whole(value)
	return int(n), ok
}

// optional reads a number; null is nil. A receipt may have one that is longer than what canonical.Whole
// takes.
func optional(value []byte) (*int64, bool) {
	if string(value) == "null" {
		return nil, true
	}
	n, ok := canonical.Whole(value)
	if !ok {
		var err error
		n, err = strconv.ParseInt(string(value), 10, 64)
		ok = err == nil
	}
	return &n, ok
}

// text reads a string; null is "".
func text(value []byte) (string, bool) {
	if string(value) == "null" {
		return "", true
	}
	return canonical.Text(value)
}

// same tells whether both say the same.
func (m *Member) same(other *Member) bool {
	a, b := *m, *other
	if !equal(a.ReceiptNo, b.ReceiptNo) || !equal(a.OpenCounter, b.OpenCounter) || !equal(a.BusinessCounter, b.BusinessCounter) {
		return false
	}
	b.ReceiptNo, b.OpenCounter, b.BusinessCounter = a.ReceiptNo, a.OpenCounter, a.BusinessCounter
	return a == b
}

func equal(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

// topicDirect is where the journal keeps entries that were made by a request.
const topicDirect = "direct"

// misfiled says why an event cannot stand under its topic, as far as that can be told from what it says.
func (m *Member) misfiled() string {
	var fits bool
	switch m.Topic {
	case event.TopicTranLog:
		fits = m.Entry && slices.Contains([]int{101, -101, 102, 201, 202}, m.TransactionType)
	case event.TopicCashLog:
		fits = m.Entry && (m.TransactionType == 401 || m.TransactionType == 402)
	case event.TopicOpenCloseLog:
		fits = m.Entry && (m.TransactionType == 301 || m.TransactionType == 302)
	case event.TopicEvents:
		fits = !m.Entry && m.EventType != ""
	case event.TopicTerminal:
		fits = !m.Entry && m.EventType == ""
	default:
		fits = m.Entry && m.Topic == topicDirect
	}
	if fits {
		return ""
	}
	return fmt.Sprintf("an event like this does not come on topic %q", m.Topic)
}
