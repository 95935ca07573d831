package journal

import (
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
)

// Entry is one line of the electronic journal. The JSON names are those of the journal documents,
// and exactly these fields are under the entry hash; what else there is can be derived from them.
type Entry struct {
	Amount           money.Decimal `json:"amount"`
	BusinessCounter  *int          `json:"business_counter"`
	BusinessDate     string        `json:"business_date"`
	GenerateDateTime string        `json:"generate_date_time"`
	JournalText      string        `json:"journal_text"`
	OpenCounter      *int          `json:"open_counter"`
	Quantity         *int64        `json:"quantity"`
	ReceiptNo        *int64        `json:"receipt_no"`
	ReceiptText      *string       `json:"receipt_text"`
	StaffID          *string       `json:"staff_id"`
	StoreCode        string        `json:"store_code"`
	TenantID         string        `json:"tenant_id"`
	TerminalNo       int           `json:"terminal_no"`
	TransactionNo    *string       `json:"transaction_no"`
	TransactionType  Type          `json:"transaction_type"`
	UserID           *string       `json:"user_id"`
}

// TransactionNumber is the transaction number as a number, for ranges and order; nil when it is none.
func (e *Entry) TransactionNumber() *int64 {
	if e.TransactionNo == nil {
		return nil
	}
	n, err := strconv.ParseInt(*e.TransactionNo, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// GeneratedAt is the instant of GenerateDateTime to the microsecond. A text that is no time stands
// in the journal as it came; then fallback, the event's own time, takes its place.
func (e *Entry) GeneratedAt(fallback time.Time) time.Time {
	t, err := time.Parse(time.RFC3339, e.GenerateDateTime)
	if err != nil {
		t = fallback
	}
	return t.UTC().Truncate(time.Microsecond)
}

// Hash is the entry hash: SHA-256 over the canonical JSON of the entry's fields.
func (e *Entry) Hash() (Hash, error) {
	form, err := e.Form()
	if err != nil {
		return Hash{}, err
	}
	return HashOf(form), nil
}

// Form is the canonical JSON of the entry's fields, in the order of their names.
func (e *Entry) Form() ([]byte, error) {
	return e.AppendForm(make([]byte, 0, 512+len(e.JournalText)))
}

// AppendForm appends the Form to b.
func (e *Entry) AppendForm(b []byte) ([]byte, error) {
	for _, text := range []*string{&e.BusinessDate, &e.GenerateDateTime, &e.JournalText, e.ReceiptText, e.StaffID, &e.StoreCode, &e.TenantID, e.TransactionNo, e.UserID} {
		if text != nil && !utf8.ValidString(*text) {
			return b, errors.New("entry: not valid UTF-8")
		}
	}
	b = append(append(b, `{"amount":`...), e.Amount.String()...)
	b = appendInt(append(b, `,"business_counter":`...), e.BusinessCounter)
	b = canonical.AppendString(append(b, `,"business_date":`...), e.BusinessDate)
	b = canonical.AppendString(append(b, `,"generate_date_time":`...), e.GenerateDateTime)
	b = canonical.AppendString(append(b, `,"journal_text":`...), e.JournalText)
	b = appendInt(append(b, `,"open_counter":`...), e.OpenCounter)
	b = appendInt(append(b, `,"quantity":`...), e.Quantity)
	b = appendInt(append(b, `,"receipt_no":`...), e.ReceiptNo)
	b = appendText(append(b, `,"receipt_text":`...), e.ReceiptText)
	b = appendText(append(b, `,"staff_id":`...), e.StaffID)
	b = canonical.AppendString(append(b, `,"store_code":`...), e.StoreCode)
	b = canonical.AppendString(append(b, `,"tenant_id":`...), e.TenantID)
	b = strconv.AppendInt(append(b, `,"terminal_no":`...), int64(e.TerminalNo), 10)
	b = appendText(append(b, `,"transaction_no":`...), e.TransactionNo)
	b = strconv.AppendInt(append(b, `,"transaction_type":`...), int64(e.TransactionType), 10)
	b = appendText(append(b, `,"user_id":`...), e.UserID)
	return append(b, '}'), nil
}

func appendInt[T int | int64](b []byte, n *T) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, int64(*n), 10)
}

func appendText(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return canonical.AppendString(b, *s)
}

// same tells whether both entries say the same. One number may have two spellings.
func (e *Entry) same(other *Entry) bool {
	return e.TenantID == other.TenantID && e.StoreCode == other.StoreCode && e.TerminalNo == other.TerminalNo &&
		e.TransactionType == other.TransactionType && e.BusinessDate == other.BusinessDate && e.GenerateDateTime == other.GenerateDateTime &&
		e.JournalText == other.JournalText && equal(e.ReceiptText, other.ReceiptText) && equal(e.TransactionNo, other.TransactionNo) &&
		equal(e.ReceiptNo, other.ReceiptNo) && equal(e.Quantity, other.Quantity) && equal(e.OpenCounter, other.OpenCounter) &&
		equal(e.BusinessCounter, other.BusinessCounter) && equal(e.StaffID, other.StaffID) && equal(e.UserID, other.UserID) &&
		e.Amount.Equal(other.Amount)
}

// EntryOf makes the entry of an event by the entry rules. Events that only tell a detail (business
// events, snapshots) have none: then it is nil.
func EntryOf(e event.Event) *Entry {
	switch e := e.(type) {
	case *event.TranLog:
		return transactionEntry(e)
	case *event.CashLog:
		return cashEntry(e)
	case *event.OpenCloseLog:
		return openCloseEntry(e)
	case *Direct:
		return directEntry(e)
	}
	return nil
}

func transactionEntry(l *event.TranLog) *Entry {
	t := Type(l.TransactionType)
	if t == Sale && l.Sales.IsCancelled {
		t = CancelledSale
	}
	effect := t.Effect()
	if l.Sales.IsCancelled {
		effect = None // whatever was cancelled, nothing reached or left the till
	}
	e := newEntry(&l.Envelope, t, l.BusinessDate, l.OpenCounter, l.BusinessCounter, l.GenerateDateTime, l.JournalText, l.ReceiptText)
	no := strconv.FormatInt(l.TransactionNo, 10)
	e.TransactionNo, e.ReceiptNo, e.Quantity = &no, &l.ReceiptNo, &l.Sales.TotalQuantity
	e.Amount = effect.on(l.Sales.TotalAmountWithTax)
	e.StaffID, e.UserID = personID(l.Staff), personID(l.User)
	return e
}

func cashEntry(l *event.CashLog) *Entry {
	t := CashIn
	if l.Amount.Sign() < 0 {
		t = CashOut
	}
	e := newEntry(&l.Envelope, t, l.BusinessDate, l.OpenCounter, l.BusinessCounter, l.GenerateDateTime, l.JournalText, l.ReceiptText)
	e.Amount = t.Effect().on(l.Amount)
	e.StaffID = optional(l.StaffID)
	return e
}

func openCloseEntry(l *event.OpenCloseLog) *Entry {
	t := Open
	if l.Operation == event.OperationClose {
		t = Close
	}
	e := newEntry(&l.Envelope, t, l.BusinessDate, l.OpenCounter, l.BusinessCounter, l.GenerateDateTime, l.JournalText, l.ReceiptText)
	e.StaffID = optional(l.StaffID)
	return e
}

func newEntry(h *event.Envelope, t Type, businessDate string, openCounter, businessCounter int, generated, journalText, receiptText string) *Entry {
	return &Entry{
		TenantID: h.TenantID, StoreCode: h.StoreCode, TerminalNo: h.TerminalNo,
		TransactionType: t, BusinessDate: businessDate, OpenCounter: &openCounter, BusinessCounter: &businessCounter,
		GenerateDateTime: generated, JournalText: journalText, ReceiptText: optional(receiptText),
	}
}

func (f Effect) on(total money.Decimal) money.Decimal {
	switch f {
	case PutsIn:
		return total
	case TakesOut:
		return total.Neg()
	default:
		return money.Zero
	}
}

func personID(p *event.Person) *string {
	if p == nil {
		return nil
	}
	return optional(p.ID)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Terminal whose entry it is.
func (e *Entry) Terminal() identity.Terminal {
	return identity.Terminal{TenantID: e.TenantID, StoreCode: e.StoreCode, TerminalNo: e.TerminalNo}
}
