package archive

import (
	"fmt"
	"slices"
	"strconv"
	"time"

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
// the line: it is where the journal keeps the event.
func MemberOf(topic string, l *proof.Line) (Member, error) {
	m := Member{Index: l.Index, EventID: l.EventID, Stream: l.Stream, ChainSeq: l.Seq, Topic: topic, Entry: l.Entry != nil}
	var at, generated time.Time
	err := read(l.Content, func(name string, value []byte) (err error) {
		switch name {
		case "cart_id", "correlationId":
			m.OrderID, err = textOf(value)
		case "eventType":
			m.EventType, err = textOf(value)
		case "occurred_at":
			at, err = instantOf(value)
		case "terminal_no":
			m.TerminalNo, err = strconv.Atoi(string(value))
		}
		return err
	})
	if err != nil {
		return m, fmt.Errorf("the event cannot be read: %w", err)
	}
	if m.Entry {
		generated, err = m.readEntry(l.Entry)
	}
	if err != nil {
		return m, fmt.Errorf("the journal entry cannot be read: %w", err)
	}
	// A text that is no time stands in the entry as it came; then the event's own time takes its place.
	if !generated.IsZero() {
		at = generated
	}
	m.GeneratedAt = at.Truncate(time.Microsecond).UnixMicro()
	return m, nil
}

func (m *Member) readEntry(form []byte) (generated time.Time, err error) {
	return generated, read(form, func(name string, value []byte) (err error) {
		switch name {
		case "amount":
			m.Amount = string(value)
		case "business_counter":
			m.BusinessCounter, err = numberOf(value)
		case "generate_date_time":
			generated, _ = instantOf(value)
		case "open_counter":
			m.OpenCounter, err = numberOf(value)
		case "receipt_no":
			m.ReceiptNo, err = numberOf(value)
		case "staff_id":
			m.StaffID, err = textOf(value)
		case "terminal_no":
			m.TerminalNo, err = strconv.Atoi(string(value))
		case "transaction_no":
			m.TransactionNo, err = textOf(value)
		case "transaction_type":
			m.TransactionType, err = strconv.Atoi(string(value))
		}
		return err
	})
}

// read calls visit with every field of an object and says which one it failed with.
func read(form []byte, visit func(name string, value []byte) error) error {
	return fields(form, func(name, value []byte) error {
		if err := visit(string(name), value); err != nil {
			return fmt.Errorf("%.40s cannot be %.40s", name, value)
		}
		return nil
	})
}

func instantOf(value []byte) (time.Time, error) {
	s, err := textOf(value)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, s)
}

// numberOf reads a whole number; null is nil.
func numberOf(value []byte) (*int64, error) {
	if string(value) == "null" {
		return nil, nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	return &n, err
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
	fits := false
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
