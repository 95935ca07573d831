package journal

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
)

// TopicDirect is where entries stand that were made by a request. It is no topic of the broker: nothing
// that is delivered may claim it.
const TopicDirect = "direct"

// The kinds of direct entries, named after their routes.
const (
	DirectJournal     = "journals"
	DirectTransaction = "transactions"
)

// Direct is an entry that was made by a request and not by an event of a service. It stands in the
// chain of its terminal like every other; its producer is the journal, which has no sequence, so it is
// never missed and makes no gap.
type Direct struct {
	event.Envelope
	Kind             string        `json:"kind"`
	TransactionNo    string        `json:"transaction_no,omitempty"`
	TransactionType  Type          `json:"transaction_type"`
	BusinessDate     string        `json:"business_date"`
	OpenCounter      *int          `json:"open_counter,omitempty"`
	BusinessCounter  *int          `json:"business_counter,omitempty"`
	ReceiptNo        *int64        `json:"receipt_no,omitempty"`
	Amount           money.Decimal `json:"amount"`
	Quantity         *int64        `json:"quantity,omitempty"`
	StaffID          string        `json:"staff_id,omitempty"`
	UserID           string        `json:"user_id,omitempty"`
	GenerateDateTime string        `json:"generate_date_time"`
	JournalText      string        `json:"journal_text"`
	ReceiptText      string        `json:"receipt_text,omitempty"`
	MadeBy           string        `json:"made_by"` // role and name of the caller
	Fingerprint      string        `json:"request_fingerprint"`
}

// Topic of a Direct.
func (*Direct) Topic() string { return TopicDirect }

// Record of the entry, to be committed.
func (d *Direct) Record() (*Record, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	form, err := canonical.JSON(raw)
	if err != nil {
		return nil, err
	}
	return newRecord(d, form)
}

func directEntry(d *Direct) *Entry {
	return &Entry{
		TenantID: d.TenantID, StoreCode: d.StoreCode, TerminalNo: d.TerminalNo, TransactionNo: optional(d.TransactionNo),
		TransactionType: d.TransactionType.Canonical(), BusinessDate: d.BusinessDate, OpenCounter: d.OpenCounter, BusinessCounter: d.BusinessCounter,
		ReceiptNo: d.ReceiptNo, Amount: d.Amount, Quantity: d.Quantity, StaffID: optional(d.StaffID), UserID: optional(d.UserID),
		GenerateDateTime: d.GenerateDateTime, JournalText: d.JournalText, ReceiptText: optional(d.ReceiptText),
	}
}

// Canonical is the type under which an alias stands in the journal.
func (t Type) Canonical() Type {
	if of, ok := aliases[t]; ok {
		return of
	}
	return t
}

var aliases = map[Type]Type{FlashAlias: FlashReport, DailyAlias: DailyReport}

// IsTransaction tells whether entries of the type have a transaction and a receipt number.
func (t Type) IsTransaction() bool {
	return slices.Contains([]string{Sales, Returns}, rowOf[t].Category)
}

// CheckAmount explains what is wrong with the amount of an entry of this type, or returns nil: an entry
// says what the operation does to the till.
func (t Type) CheckAmount(amount money.Decimal) error {
	sign := amount.Sign()
	switch {
	case t == CashOut && sign >= 0:
		return fmt.Errorf("must be less than 0: %s takes out of the till", t.Name())
	case t == CashOut:
		return nil
	case t.Effect() == PutsIn && sign < 0:
		return fmt.Errorf("must be at least 0: %s puts into the till", t.Name())
	case t.Effect() == TakesOut && sign > 0:
		return fmt.Errorf("must be at most 0: %s takes out of the till", t.Name())
	case t.Effect() == None && sign != 0:
		return fmt.Errorf("must be 0: %s moves no money", t.Name())
	}
	return nil
}

// stored are all subjects that can stand in a chain: what is delivered, and what was made directly.
func stored(topic string) (make func() event.Event, ok bool) {
	if topic == TopicDirect {
		return func() event.Event { return new(Direct) }, true
	}
	s, ok := subjects[topic]
	return s.make, ok
}
