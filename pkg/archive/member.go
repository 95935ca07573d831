package archive

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

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

// MemberOf reads a member off a line. The topic is not in the line: it is where the journal keeps the
// event.
func MemberOf(topic string, l *proof.Line) (Member, error) {
	m := Member{Index: l.Index, EventID: l.EventID, Stream: l.Stream, ChainSeq: l.Seq, Topic: topic, Entry: l.Entry != nil}
	var c struct {
		TerminalNo    int       `json:"terminal_no"`
		OccurredAt    time.Time `json:"occurred_at"`
		CartID        string    `json:"cart_id"`
		CorrelationID string    `json:"correlationId"`
		EventType     string    `json:"eventType"`
	}
	if err := json.Unmarshal(l.Content, &c); err != nil {
		return m, fmt.Errorf("the event cannot be read: %w", err)
	}
	m.TerminalNo, m.OrderID, m.EventType = c.TerminalNo, c.CartID, c.EventType
	if m.OrderID == "" {
		m.OrderID = c.CorrelationID
	}
	at := c.OccurredAt
	if l.Entry != nil {
		var e struct {
			Amount           json.Number `json:"amount"`
			BusinessCounter  *int64      `json:"business_counter"`
			GenerateDateTime string      `json:"generate_date_time"`
			OpenCounter      *int64      `json:"open_counter"`
			ReceiptNo        *int64      `json:"receipt_no"`
			StaffID          *string     `json:"staff_id"`
			TerminalNo       int         `json:"terminal_no"`
			TransactionNo    *string     `json:"transaction_no"`
			TransactionType  int         `json:"transaction_type"`
		}
		if err := json.Unmarshal(l.Entry, &e); err != nil {
			return m, fmt.Errorf("the journal entry cannot be read: %w", err)
		}
		m.TransactionType, m.ReceiptNo, m.OpenCounter, m.BusinessCounter = e.TransactionType, e.ReceiptNo, e.OpenCounter, e.BusinessCounter
		m.Amount, m.TerminalNo = e.Amount.String(), e.TerminalNo
		if e.TransactionNo != nil {
			m.TransactionNo = *e.TransactionNo
		}
		if e.StaffID != nil {
			m.StaffID = *e.StaffID
		}
		if t, err := time.Parse(time.RFC3339, e.GenerateDateTime); err == nil {
			at = t
		}
	}
	m.GeneratedAt = at.UTC().Truncate(time.Microsecond).UnixMicro()
	return m, nil
}
