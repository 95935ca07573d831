package mongostore

import (
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Abstract is what every document that an event makes has. (The driver passes over what is not exported.) The documents never change, so updated_at
// stays what created_at is and cached_on is not set; etag is the hash of what the event says.
type Abstract struct {
	ShardKey  string     `bson:"shard_key"`
	CreatedAt time.Time  `bson:"created_at"`
	UpdatedAt time.Time  `bson:"updated_at"`
	CachedOn  *time.Time `bson:"cached_on"`
	ETag      string     `bson:"etag"`
}

// newAbstract. What has no business date is sharded by the UTC day on which it occurred.
func newAbstract(r *journal.Record, businessDate string, now time.Time) Abstract {
	h := r.Envelope()
	if businessDate == "" {
		businessDate = h.OccurredAt.UTC().Format("20060102")
	}
	return Abstract{
		ShardKey:  shardKey(h.Stream(), businessDate),
		CreatedAt: now, UpdatedAt: now, ETag: r.ContentHash.String(),
	}
}

func shardKey(s identity.Stream, businessDate string) string {
	return fmt.Sprintf("%s_%s_%d_%s", s.TenantID, s.StoreCode, s.TerminalNo, businessDate)
}

// idDocument says that an event is stored, where, and as which link of its chain.
type idDocument struct {
	EventID      string             `bson:"_id"`
	TenantID     string             `bson:"tenant_id"`
	Topic        string             `bson:"topic"`
	Stream       string             `bson:"stream"`
	Producer     string             `bson:"producer"`
	Sequence     int64              `bson:"sequence"`
	ContentHash  []byte             `bson:"content_hash"`
	EntryHash    []byte             `bson:"entry_hash"`
	ChainVersion int                `bson:"chain_version"`
	ChainSeq     int64              `bson:"chain_seq"`
	PrevHash     []byte             `bson:"prev_hash"`
	Hash         []byte             `bson:"hash"`
	TraceParent  string             `bson:"traceparent,omitempty"`
	Place        primitive.ObjectID `bson:"place"`
	Abstract     `bson:",inline"`
}

// journalDocument is one entry. Instants are microseconds since 1970 UTC, which a BSON date cannot
// hold. What is not under the entry's hash is derived.
type journalDocument struct {
	EventID           string               `bson:"_id"`
	TenantID          string               `bson:"tenant_id"`
	StoreCode         string               `bson:"store_code"`
	TerminalNo        int                  `bson:"terminal_no"`
	TransactionNo     *string              `bson:"transaction_no"`
	TransactionNumber *int64               `bson:"transaction_number"` // derived
	TransactionType   int                  `bson:"transaction_type"`
	BusinessDate      string               `bson:"business_date"`
	OpenCounter       *int                 `bson:"open_counter"`
	BusinessCounter   *int                 `bson:"business_counter"`
	ReceiptNo         *int64               `bson:"receipt_no"`
	Amount            primitive.Decimal128 `bson:"amount"`
	Quantity          *int64               `bson:"quantity"`
	StaffID           *string              `bson:"staff_id"`
	UserID            *string              `bson:"user_id"`
	GenerateDateTime  string               `bson:"generate_date_time"`
	GeneratedAt       int64                `bson:"generated_at"` // derived
	JournalText       string               `bson:"journal_text"`
	ReceiptText       *string              `bson:"receipt_text"`
	ChainSeq          int64                `bson:"chain_seq"`
	Hash              []byte               `bson:"hash"`
	Place             primitive.ObjectID   `bson:"place"`
	Abstract          `bson:",inline"`
}

func newJournalDocument(id *idDocument, e *journal.Entry, occurred time.Time, base Abstract) (*journalDocument, error) {
	amount, err := decimal128(e.Amount)
	if err != nil {
		return nil, err
	}
	return &journalDocument{
		EventID: id.EventID, TenantID: e.TenantID, StoreCode: e.StoreCode, TerminalNo: e.TerminalNo,
		TransactionNo: e.TransactionNo, TransactionNumber: e.TransactionNumber(), TransactionType: int(e.TransactionType),
		BusinessDate: e.BusinessDate, OpenCounter: e.OpenCounter, BusinessCounter: e.BusinessCounter, ReceiptNo: e.ReceiptNo,
		Amount: amount, Quantity: e.Quantity, StaffID: e.StaffID, UserID: e.UserID,
		GenerateDateTime: e.GenerateDateTime, GeneratedAt: micros(e.GeneratedAt(occurred)),
		JournalText: e.JournalText, ReceiptText: e.ReceiptText,
		ChainSeq: id.ChainSeq, Hash: id.Hash, Place: id.Place, Abstract: base,
	}, nil
}

func (d *journalDocument) entry() (*journal.Entry, error) {
	amount, err := money.Parse(d.Amount.String())
	if err != nil {
		return nil, app.Damaged(fmt.Errorf("amount of %s: %w", d.EventID, err))
	}
	return &journal.Entry{
		TenantID: d.TenantID, StoreCode: d.StoreCode, TerminalNo: d.TerminalNo, TransactionNo: d.TransactionNo,
		TransactionType: journal.Type(d.TransactionType), BusinessDate: d.BusinessDate, OpenCounter: d.OpenCounter,
		BusinessCounter: d.BusinessCounter, ReceiptNo: d.ReceiptNo, Amount: amount, Quantity: d.Quantity,
		StaffID: d.StaffID, UserID: d.UserID, GenerateDateTime: d.GenerateDateTime,
		JournalText: d.JournalText, ReceiptText: d.ReceiptText,
	}, nil
}

func (d *journalDocument) listed() (*journal.Listed, error) {
	e, err := d.entry()
	if err != nil {
		return nil, err
	}
	l := &journal.Listed{Entry: *e, EventID: d.EventID, ChainSeq: uint64(d.ChainSeq)}
	l.Hash, err = asHash(d.Hash)
	return l, err
}

// logDocument makes the document of the log that an event belongs to. content is the event whole, in
// canonical form; the seed's fields stand beside it to be found by. The texts stand in content and,
// searchable, in the entry.
func logDocument(r *journal.Record, now time.Time) (collection string, doc bson.D, err error) {
	h := r.Envelope()
	doc = bson.D{
		{Key: "_id", Value: h.EventID}, {Key: "tenant_id", Value: h.TenantID}, {Key: "store_code", Value: h.StoreCode},
		{Key: "terminal_no", Value: h.TerminalNo}, {Key: "producer", Value: h.Producer}, {Key: "sequence", Value: int64(h.Sequence)},
	}
	date := ""
	switch l := r.Event.(type) {
	case *event.TranLog:
		collection, date = colTran, l.BusinessDate
		doc, err = tranFields(doc, l)
	case *event.CashLog:
		collection, date = colCash, l.BusinessDate
		doc, err = cashFields(doc, l)
	case *event.OpenCloseLog:
		collection, date = colOpenClose, l.BusinessDate
		doc, err = openCloseFields(doc, l)
	case *event.Business:
		collection = colEvent
		doc = append(doc, bson.E{Key: "event_type", Value: l.EventType}, bson.E{Key: "correlation_id", Value: optional(l.CorrelationID)},
			bson.E{Key: "user_id", Value: optional(l.UserID)}, bson.E{Key: "occurred_at", Value: micros(l.OccurredAt)})
	case *journal.Direct:
		collection, date = colDirect, l.BusinessDate
		doc = append(doc, bson.E{Key: "kind", Value: l.Kind}, bson.E{Key: "business_date", Value: l.BusinessDate}, bson.E{Key: "transaction_type", Value: int(l.TransactionType)})
	case *event.Snapshot:
		collection = colSnapshot
		doc = append(doc, bson.E{Key: "kind", Value: l.Kind}, bson.E{Key: "code", Value: l.Code()}, bson.E{Key: "version", Value: int64(l.Version)})
	default:
		return "", nil, fmt.Errorf("mongostore: no log for %T", r.Event)
	}
	base := newAbstract(r, date, now)
	return collection, append(doc, bson.E{Key: "content", Value: string(r.Content)},
		bson.E{Key: "shard_key", Value: base.ShardKey}, bson.E{Key: "created_at", Value: now}, bson.E{Key: "updated_at", Value: now},
		bson.E{Key: "cached_on", Value: nil}, bson.E{Key: "etag", Value: base.ETag}), err
}

// session are the fields of all three logs.
func session(doc bson.D, store, staff, name, date string, openCounter, businessCounter int, generated string) bson.D {
	return append(doc, bson.E{Key: "store_name", Value: optional(store)}, bson.E{Key: "staff_id", Value: optional(staff)},
		bson.E{Key: "staff_name", Value: optional(name)}, bson.E{Key: "business_date", Value: date},
		bson.E{Key: "open_counter", Value: openCounter}, bson.E{Key: "business_counter", Value: businessCounter},
		bson.E{Key: "generate_date_time", Value: generated})
}

func tranFields(doc bson.D, l *event.TranLog) (bson.D, error) {
	var staff event.Person
	if l.Staff != nil {
		staff = *l.Staff
	}
	total, err := decimal128(l.Sales.TotalAmountWithTax)
	return append(session(doc, l.StoreName, staff.ID, staff.Name, l.BusinessDate, l.OpenCounter, l.BusinessCounter, l.GenerateDateTime),
		bson.E{Key: "transaction_no", Value: l.TransactionNo}, bson.E{Key: "transaction_type", Value: l.TransactionType},
		bson.E{Key: "receipt_no", Value: l.ReceiptNo}, bson.E{Key: "cart_id", Value: l.CartID},
		bson.E{Key: "total_amount_with_tax", Value: total}, bson.E{Key: "total_quantity", Value: l.Sales.TotalQuantity},
		bson.E{Key: "is_cancelled", Value: l.Sales.IsCancelled}), err
}

func cashFields(doc bson.D, l *event.CashLog) (bson.D, error) {
	amount, err := decimal128(l.Amount)
	return append(session(doc, l.StoreName, l.StaffID, l.StaffName, l.BusinessDate, l.OpenCounter, l.BusinessCounter, l.GenerateDateTime),
		bson.E{Key: "amount", Value: amount}, bson.E{Key: "description", Value: optional(l.Description)},
		bson.E{Key: "receipt_text", Value: optional(l.ReceiptText)}, bson.E{Key: "journal_text", Value: optional(l.JournalText)}), err
}

func openCloseFields(doc bson.D, l *event.OpenCloseLog) (bson.D, error) {
	info, err := terminalInfo(l.TerminalInfo)
	return append(session(doc, l.StoreName, l.StaffID, l.StaffName, l.BusinessDate, l.OpenCounter, l.BusinessCounter, l.GenerateDateTime),
		bson.E{Key: "operation", Value: l.Operation}, bson.E{Key: "cart_transaction_count", Value: l.CartTransactionCount},
		bson.E{Key: "cart_transaction_last_no", Value: l.CartTransactionLastNo}, bson.E{Key: "cash_in_out_count", Value: l.CashInOutCount},
		bson.E{Key: "cash_in_out_last_datetime", Value: optional(l.CashInOutLastDatetime)},
		bson.E{Key: "terminal_info", Value: info},
		bson.E{Key: "receipt_text", Value: optional(l.ReceiptText)}, bson.E{Key: "journal_text", Value: optional(l.JournalText)}), err
}

// terminalInfo is the snapshot of the terminal as a document; nil when there is none.
func terminalInfo(t *event.TerminalState) (bson.D, error) {
	if t == nil {
		return nil, nil
	}
	amount, err := decimal128(t.InitialAmount)
	var staff any
	if t.Staff != nil {
		staff = bson.D{{Key: "id", Value: t.Staff.ID}, {Key: "name", Value: t.Staff.Name}}
	}
	return bson.D{
		{Key: "terminal_id", Value: t.TerminalID}, {Key: "description", Value: t.Description}, {Key: "status", Value: t.Status},
		{Key: "function_mode", Value: t.FunctionMode}, {Key: "business_date", Value: t.BusinessDate}, {Key: "open_counter", Value: t.OpenCounter},
		{Key: "business_counter", Value: t.BusinessCounter}, {Key: "initial_amount", Value: amount}, {Key: "staff", Value: staff}, {Key: "is_active", Value: t.IsActive},
	}, err
}

// collectionOf is the log of a topic.
var collectionOf = map[string]string{
	event.TopicTranLog: colTran, event.TopicCashLog: colCash, event.TopicOpenCloseLog: colOpenClose,
	event.TopicEvents: colEvent, event.TopicTerminal: colSnapshot,
	journal.TopicDirect: colDirect,
}

func decimal128(d money.Decimal) (primitive.Decimal128, error) {
	return primitive.ParseDecimal128(d.String())
}

func asHash(b []byte) (h journal.Hash, err error) {
	if len(b) != len(h) {
		return h, app.Damaged(fmt.Errorf("a hash of %d bytes", len(b)))
	}
	return journal.Hash(b), nil
}

func micros(t time.Time) int64 { return t.UnixMicro() }

// optional stores "" as nothing.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
