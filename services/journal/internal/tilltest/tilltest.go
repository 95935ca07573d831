// Package tilltest makes the events that a store's tills would send, for tests: whole, in sequence,
// and the same for the same calls.
package tilltest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// Start is when every till is switched on.
var Start = time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)

// BusinessDate of everything that happens, unless it is changed.
const BusinessDate = "20260329"

// Till is one terminal and what the two services would publish of it.
type Till struct {
	identity.Terminal
	Now          time.Time
	BusinessDate string
	OpenCounter  int
	Zone         *time.Location
	sequences    map[string]uint64
	transactions int64
	name         string
	minted       int
}

// New switches a till on.
func New(tenant, store string, no int) *Till {
	return &Till{
		Terminal: identity.Terminal{TenantID: tenant, StoreCode: store, TerminalNo: no}, Now: Start, BusinessDate: BusinessDate,
		OpenCounter: 1, Zone: time.FixedZone("", 9*3600), sequences: map[string]uint64{}, name: "till",
	}
}

// Named makes event ids differ from those of another till of the same number.
func (t *Till) Named(name string) *Till { t.name = name; return t }

// space of the made-up ids; the same till makes the same ids in every run.
var space = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")

// ID mints the next event id.
func (t *Till) ID() string {
	t.minted++
	return uuid.NewSHA1(space, fmt.Appendf(nil, "%s/%s/%d", t.name, t.Terminal.ID(), t.minted)).String()
}

func (t *Till) envelope(producer string) event.Envelope {
	t.sequences[producer]++
	t.Now = t.Now.Add(time.Second)
	return event.Envelope{
		EventID: t.ID(), SchemaVersion: event.SchemaVersion, TenantID: t.TenantID, StoreCode: t.StoreCode, TerminalNo: t.TerminalNo,
		Producer: producer, Sequence: t.sequences[producer], OccurredAt: t.Now,
	}
}

func (t *Till) generated() string { return t.Now.In(t.Zone).Format(time.RFC3339) }

// Sale of one item, paid in cash.
func (t *Till) Sale(amount string) *event.TranLog { return t.Transaction(event.TypeSale, amount) }

// Transaction of a type, paid in cash.
func (t *Till) Transaction(kind int, amount string) *event.TranLog {
	t.transactions++
	total := money.MustParse(amount)
	l := &event.TranLog{
		Envelope: t.envelope(event.ProducerCart), CartID: fmt.Sprintf("cart-%s-%d", t.Terminal.ID(), t.transactions),
		StoreName: "Shop", TransactionNo: t.transactions, TransactionType: kind, BusinessDate: t.BusinessDate,
		OpenCounter: t.OpenCounter, BusinessCounter: 7, ReceiptNo: 100 + t.transactions, Currency: "JPY",
		Staff: &event.Person{ID: "s01", Name: "Ann"},
		Sales: event.Sales{TotalAmount: total, TotalAmountWithTax: total, TotalQuantity: 1},
		LineItems: []event.LineItem{{LineNo: 1, ItemCode: "4901", Description: "おにぎり", UnitPrice: total, UnitPriceOriginal: total,
			Quantity: money.FromInt(1), Amount: total, TaxCode: "11", Discounts: []event.Discount{}, DiscountsAllocated: []event.Discount{}}},
		Payments:          []event.Payment{{PaymentNo: 1, PaymentCode: "01", PaymentType: "cash", DepositAmount: total, Amount: total}},
		Taxes:             []event.Tax{},
		SubtotalDiscounts: []event.Discount{},
		ReceiptText:       "Shop\nおにぎり " + amount + "\n",
		JournalText:       "Shop\nおにぎり " + amount + "\nNo. " + strconv.FormatInt(t.transactions, 10) + "\n",
	}
	l.GenerateDateTime = t.generated()
	return l
}

// Cash moved; negative is taken out.
func (t *Till) Cash(amount string) *event.CashLog {
	l := &event.CashLog{
		Envelope: t.envelope(event.ProducerTerminal), StoreName: "Shop", StaffID: "s01", StaffName: "Ann", BusinessDate: t.BusinessDate,
		OpenCounter: t.OpenCounter, BusinessCounter: 7, Currency: "JPY", Amount: money.MustParse(amount), Description: "change",
		ReceiptText: "cash " + amount + "\n", JournalText: "cash " + amount + "\n",
	}
	l.GenerateDateTime = t.generated()
	return l
}

// Open the session.
func (t *Till) Open() *event.OpenCloseLog { return t.openClose(event.OperationOpen) }

// Close the session with what the terminal counted.
func (t *Till) Close(transactions, lastNo, cash int64, lastCash, expected string) *event.OpenCloseLog {
	l := t.openClose(event.OperationClose)
	e := money.MustParse(expected)
	l.CartTransactionCount, l.CartTransactionLastNo, l.CashInOutCount = &transactions, &lastNo, &cash
	l.CashInOutLastDatetime, l.ExpectedCash = lastCash, &e
	return l
}

func (t *Till) openClose(operation string) *event.OpenCloseLog {
	l := &event.OpenCloseLog{
		Envelope: t.envelope(event.ProducerTerminal), StoreName: "Shop", StaffID: "s01", BusinessDate: t.BusinessDate,
		OpenCounter: t.OpenCounter, BusinessCounter: 7, Operation: operation, Currency: "JPY",
		ReceiptText: operation + "\n", JournalText: operation + "\n",
	}
	l.GenerateDateTime = t.generated()
	return l
}

// Business event of an order.
func (t *Till) Business(orderID string, payload event.Payload) *event.Business {
	b, err := event.NewBusiness("s01", orderID, payload)
	if err != nil {
		panic(err)
	}
	b.Envelope = t.envelope(event.ProducerCart)
	b.EventIDSeed, b.StoreID, b.Timestamp = b.EventID, t.StoreCode, t.generated()
	return b
}

// TerminalSnapshot of this till, with the API key whose fingerprint it carries.
func (t *Till) TerminalSnapshot(version uint64, key string) *event.Snapshot {
	return &event.Snapshot{Envelope: t.envelope(event.ProducerTerminal), Kind: event.KindTerminal, Version: version,
		Terminal: &event.TerminalState{TerminalID: t.Terminal.ID(), Status: event.StatusOpened, BusinessDate: t.BusinessDate,
			OpenCounter: t.OpenCounter, BusinessCounter: 7, APIKeySHA256: auth.Fingerprint(key), IsActive: true}}
}

// Tenant is what the terminal service publishes of a tenant itself.
type Tenant struct {
	ID   string
	till *Till
}

// NewTenant begins a tenant's own stream.
func NewTenant(id string) *Tenant { return &Tenant{id, New(id, "", 0).Named("tenant")} }

// Snapshot of the tenant.
func (t *Tenant) Snapshot(version uint64) *event.Snapshot {
	return &event.Snapshot{Envelope: t.till.envelope(event.ProducerTerminal), Kind: event.KindTenant, Version: version,
		Tenant: &event.TenantState{TenantID: t.ID, TenantName: t.ID, IsActive: true}}
}

// StoreSnapshot of one of its stores.
func (t *Tenant) StoreSnapshot(store, zone string, version uint64) *event.Snapshot {
	return &event.Snapshot{Envelope: t.till.envelope(event.ProducerTerminal), Kind: event.KindStore, Version: version,
		Store: &event.StoreState{StoreCode: store, StoreName: store, TimeZone: zone, Language: "ja", Currency: "JPY", IsActive: true}}
}

// T is what of a test is needed here; property tests have it too.
type T interface {
	Helper()
	Fatal(args ...any)
}

// Data is an event as it travels.
func Data(t T, e event.Event) []byte {
	t.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Record is an event as it is stored.
func Record(t T, e event.Event) *journal.Record {
	t.Helper()
	if d, ok := e.(*journal.Direct); ok {
		return DirectRecord(t, d)
	}
	r, err := journal.Decode(e.Topic(), Data(t, e))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Records of several events.
func Records(t T, events ...event.Event) []*journal.Record {
	t.Helper()
	out := make([]*journal.Record, len(events))
	for i, e := range events {
		out[i] = Record(t, e)
	}
	return out
}

// Direct is an entry that a request made at this till.
func (t *Till) Direct(kind journal.Type, amount string) *journal.Direct {
	t.transactions++
	t.Now = t.Now.Add(time.Second)
	receipt := 100 + t.transactions
	return &journal.Direct{
		Envelope: event.Envelope{EventID: t.ID(), SchemaVersion: event.SchemaVersion, TenantID: t.TenantID, StoreCode: t.StoreCode, TerminalNo: t.TerminalNo,
			Producer: event.ProducerJournal, OccurredAt: t.Now},
		Kind: journal.DirectTransaction, TransactionNo: strconv.FormatInt(t.transactions, 10), TransactionType: kind, BusinessDate: t.BusinessDate,
		OpenCounter: &t.OpenCounter, ReceiptNo: &receipt, Amount: money.MustParse(amount), GenerateDateTime: t.generated(),
		JournalText: "by hand " + amount + "\n", MadeBy: "administrator ann", Fingerprint: "f",
	}
}

// DirectRecord is such an entry as it is stored.
func DirectRecord(t T, d *journal.Direct) *journal.Record {
	t.Helper()
	r, err := d.Record()
	if err != nil {
		t.Fatal(err)
	}
	return r
}
