package event_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
)

var update = flag.Bool("update", false, "rewrite the golden files: a change of the wire contract")

func envelope(producer string, n uint64) event.Envelope {
	return event.Envelope{
		EventID: "01890a5d-ac96-774b-bcce-b302099a8057", SchemaVersion: 1, TenantID: "acme", StoreCode: "s1", TerminalNo: 1,
		Producer: producer, Sequence: n, OccurredAt: time.Date(2026, 3, 29, 9, 0, 0, 123_000_000, time.UTC),
	}
}

func ptr[T any](v T) *T { return &v }

func business(payload event.Payload) *event.Business {
	b, err := event.NewBusiness("s01", "c1", payload)
	if err != nil {
		panic(err)
	}
	b.Envelope = envelope(event.ProducerCart, 3)
	b.EventIDSeed, b.StoreID, b.Timestamp = b.EventID, "s1", "2026-03-29T09:00:00.123Z"
	return b
}

var d = money.MustParse

// samples has one of every type with every field set.
var samples = map[string]event.Event{
	"tranlog": &event.TranLog{
		Envelope: envelope(event.ProducerCart, 9), CartID: "c1", StoreName: "Shop", TransactionNo: 5, TransactionType: event.TypeReturn, BusinessDate: "20260329", OpenCounter: 1, BusinessCounter: 7, ReceiptNo: 12,
		GenerateDateTime: "2026-03-29T18:00:00+09:00", Currency: "JPY", User: &event.Person{ID: "u1", Name: "User"}, Staff: &event.Person{ID: "s01", Name: "Ann"},
		Sales:             event.Sales{ReferenceDateTime: "2026-03-28T18:00:00+09:00", TotalAmount: d("100"), TotalAmountWithTax: d("108"), TaxAmount: d("8"), TotalQuantity: 1, ChangeAmount: d("2"), TotalDiscountAmount: d("10"), IsCancelled: true},
		LineItems:         []event.LineItem{{LineNo: 1, ItemCode: "4901", CategoryCode: "food", Description: "おにぎり", UnitPrice: d("110"), UnitPriceOriginal: d("120"), IsUnitPriceChanged: true, Quantity: d("1.5"), Unit: "kg", Discounts: []event.Discount{{SeqNo: 1, DiscountType: "DiscountAmount", DiscountValue: d("10"), DiscountAmount: d("10"), Detail: "d", PromotionCode: "p", PromotionType: "category_discount"}}, DiscountsAllocated: []event.Discount{}, Amount: d("100"), TaxCode: "11", IsCancelled: true, IsDiscountRestricted: true}},
		Payments:          []event.Payment{{PaymentNo: 1, PaymentCode: "01", PaymentType: "cash", DepositAmount: d("110"), Amount: d("108"), Description: "Cash", Detail: "x"}},
		Taxes:             []event.Tax{{TaxNo: 1, TaxCode: "11", TaxType: "External", TaxName: "外税 8%", Rate: d("8"), TaxAmount: d("8"), TargetAmount: d("100"), TargetQuantity: d("1")}},
		SubtotalDiscounts: []event.Discount{}, Origin: &event.Origin{GenerateDateTime: "2026-03-28T18:00:00+09:00", StoreCode: "s1", StoreName: "Shop", TerminalNo: 1, TransactionNo: 4, TransactionType: event.TypeSale, ReceiptNo: 11},
		AdditionalInfo: &event.AdditionalInfo{InvoiceRegistrationNumber: "T1", ReceiptHeaders: []string{"h"}, ReceiptFooters: []string{"f"}}, ReceiptText: "receipt", JournalText: "journal",
	},
	"cashlog": &event.CashLog{Envelope: envelope(event.ProducerTerminal, 2), StoreName: "Shop", StaffID: "s01", StaffName: "Ann", BusinessDate: "20260329", OpenCounter: 1, BusinessCounter: 7, GenerateDateTime: "2026-03-29T18:00:00+09:00", Currency: "EUR", Amount: d("-10.90"), Description: "bank", ReceiptText: "r", JournalText: "j"},
	"opencloselog": &event.OpenCloseLog{Envelope: envelope(event.ProducerTerminal, 4), StoreName: "Shop", StaffID: "s01", StaffName: "Ann", BusinessDate: "20260329", OpenCounter: 1, BusinessCounter: 7, Operation: event.OperationClose, GenerateDateTime: "2026-03-29T18:00:00+09:00", Currency: "JPY",
		TerminalInfo: terminalState(), InitialAmount: ptr(d("1000")), CartTransactionCount: ptr(int64(3)), CartTransactionLastNo: ptr(int64(5)), CashInOutCount: ptr(int64(2)), CashInOutLastDatetime: "2026-03-29T17:00:00+09:00", ExpectedCash: ptr(d("1108")), CountedCash: ptr(d("1100")), OverShort: ptr(d("-8")), IsProvisional: true, ReceiptText: "r", JournalText: "j"},
	"snapshot-terminal": &event.Snapshot{Envelope: envelope(event.ProducerTerminal, 5), Kind: event.KindTerminal, Version: 8, Terminal: terminalState(), StoreVersion: 3, TenantVersion: 2},
	"snapshot-store":    &event.Snapshot{Envelope: envelope(event.ProducerTerminal, 5), Kind: event.KindStore, Version: 8, Store: &event.StoreState{StoreCode: "s1", StoreName: "Shop", TimeZone: "Asia/Tokyo", Language: "ja", Currency: "JPY", InvoiceRegistrationNumber: "T1", ReceiptHeaders: []string{"h"}, ReceiptFooters: []string{"f"}, ReceiptWidth: 32, IsActive: true}},
	"snapshot-tenant":   &event.Snapshot{Envelope: envelope(event.ProducerTerminal, 5), Kind: event.KindTenant, Version: 8, Tenant: &event.TenantState{TenantID: "acme", TenantName: "Acme", IsActive: true}},
	"session":           &event.SessionReport{Envelope: envelope(event.ProducerCart, 0), BusinessDate: "20260329", OpenCounter: 1, ClosingVersion: 8, IsSealed: true, TransactionCount: 3, TransactionLastNo: 5, LastSequence: 44, CashAmount: d("108"), CartsInProgress: []string{"c9"}},
	"snapshot-wanted":   &event.SnapshotWanted{Envelope: envelope(event.ProducerCart, 0), AskedBy: "cart"},
	"journal-status":    &event.JournalStatus{Envelope: envelope(event.ProducerCart, 0), Generation: 1, ReceivedThrough: 9, Missing: sequence.Of(3, 4), Failed: []event.FailedEvent{{EventID: "e", Sequence: 3, Reason: "garbled"}}, Cleared: []uint64{4}, Checkpoint: "tillroll/journal/acme\n7\n…"},

	"sales.order-created": business(event.OrderCreated{OrderID: "c1", Customer: &event.Person{ID: "k1"}, TransactionType: event.TypeSale, Currency: "JPY", BusinessDate: "20260329", OpenCounter: 1, BusinessCounter: 7, Staff: &event.Person{ID: "s01", Name: "Ann"}, User: &event.Person{ID: "u1"},
		Store: &event.OrderStore{Name: "Shop", TimeZone: "Asia/Tokyo", Language: "ja", InvoiceRegistrationNumber: "T1", ReceiptHeaders: []string{"h"}, ReceiptFooters: []string{"f"}, ReceiptWidth: 32}}),
	"sales.product-added":            business(event.ProductAdded{OrderID: "c1", ProductID: "4901", Quantity: d("1.5"), Price: d("110"), LineNo: 1, OriginalPrice: d("120"), Description: "おにぎり", CategoryCode: "food", Unit: "kg", DiscountRestricted: true, Tax: event.OrderTax{Code: "11", Type: "External", Name: "外税 8%", Rate: d("8"), Rounding: money.Floor}}),
	"sales.price-overridden":         business(event.PriceOverridden{OrderID: "c1", ProductID: "4901", OldPrice: d("120"), NewPrice: d("99.5"), LineNo: 1}),
	"sales.product-quantity-updated": business(event.ProductQuantityUpdated{OrderID: "c1", ProductID: "4901", OldQuantity: d("1"), NewQuantity: d("2"), LineNo: 1}),
	"sales.product-removed":          business(event.ProductRemoved{OrderID: "c1", ProductID: "4901", LineNo: 1}),
	"sales.order-subtotalled":        business(event.OrderSubtotalled{OrderID: "c1"}),
	"sales.order-entry-resumed":      business(event.OrderEntryResumed{OrderID: "c1"}),
	"sales.payment-tendered":         business(event.PaymentTendered{OrderID: "c1", PaymentType: "cash", Amount: d("108"), PaymentNo: 1, PaymentCode: "01", Deposit: d("110"), Description: "Cash", Detail: "x"}),
	"sales.payment-released":         business(event.PaymentReleased{OrderID: "c1", PaymentNo: 1}),
	"sales.receipt-printed":          business(event.ReceiptPrinted{OrderID: "c1", ReceiptID: "01890a5d-ac96-774b-bcce-b302099a8058"}),
	"sales.order-completed":          business(event.OrderCompleted{OrderID: "c1", TransactionNo: 5, ReceiptNo: 12, GenerateDateTime: "2026-03-29T18:00:00+09:00"}),
	"sales.order-cancelled":          business(event.OrderCancelled{OrderID: "c1", TransactionNo: 5, ReceiptNo: 12, GenerateDateTime: "2026-03-29T18:00:00+09:00"}),
	"terminal.signed-in":             business(event.SignedIn{TerminalID: "acme-s1-1", StaffID: "s01", StaffName: "Ann"}),
	"terminal.signed-out":            business(event.SignedOut{TerminalID: "acme-s1-1", StaffID: "s01"}),
	"terminal.opened":                business(event.Opened{TerminalID: "acme-s1-1", StaffID: "s01", BusinessDate: "20260329", OpenCounter: 1, BusinessCounter: 7, InitialAmount: d("1000")}),
	"terminal.closing":               business(event.Closing{TerminalID: "acme-s1-1", StaffID: "s01", BusinessDate: "20260329", OpenCounter: 1}),
	"terminal.closed":                business(event.Closed{TerminalID: "acme-s1-1", StaffID: "s01", BusinessDate: "20260329", OpenCounter: 1, ExpectedCash: ptr(d("1108")), CountedCash: ptr(d("1100")), OverShort: ptr(d("-8")), Provisional: true}),
	"terminal.close-abandoned":       business(event.CloseAbandoned{TerminalID: "acme-s1-1", StaffID: "s01", CartsInProgress: []string{"c9"}}),
	"terminal.cash-moved":            business(event.CashMoved{TerminalID: "acme-s1-1", StaffID: "s01", Amount: d("-10.90"), Description: "bank"}),
}

func terminalState() *event.TerminalState {
	return &event.TerminalState{TerminalID: "acme-s1-1", Description: "Till 1", Status: event.StatusOpened, FunctionMode: "Sales", BusinessDate: "20260329", OpenCounter: 1, BusinessCounter: 7, InitialAmount: d("1000"), Staff: &event.Person{ID: "s01", Name: "Ann"}, APIKeySHA256: "ab", IsActive: true}
}

func TestGolden(t *testing.T) {
	for name, e := range samples {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetIndent("", "  ")
			enc.SetEscapeHTML(false)
			require.NoError(t, enc.Encode(e))
			file := filepath.Join("testdata", name+".json")
			if *update {
				require.NoError(t, os.WriteFile(file, got.Bytes(), 0o644)) //nolint:gosec // test data
			}
			want, err := os.ReadFile(file) //nolint:gosec // test data
			require.NoError(t, err)
			assert.Equal(t, string(want), got.String())

			back := reflect.New(reflect.TypeOf(e).Elem()).Interface()
			dec := json.NewDecoder(bytes.NewReader(want))
			dec.DisallowUnknownFields()
			require.NoError(t, dec.Decode(back))
			var again bytes.Buffer
			enc = json.NewEncoder(&again)
			enc.SetIndent("", "  ")
			enc.SetEscapeHTML(false)
			require.NoError(t, enc.Encode(back))
			assert.Equal(t, got.String(), again.String(), "what is read is what was written")
			require.NoError(t, e.Head().Validate())
			assert.NotEmpty(t, e.Topic())
		})
	}
}

func TestEnvelopesThatCannotBeUsed(t *testing.T) {
	for name, spoil := range map[string]func(*event.Envelope){
		"no id":          func(e *event.Envelope) { e.EventID = "" },
		"id is no UUID":  func(e *event.Envelope) { e.EventID = "{$ne:1}" },
		"id in braces":   func(e *event.Envelope) { e.EventID = "{01890a5d-ac96-774b-bcce-b302099a8057}" },
		"no version":     func(e *event.Envelope) { e.SchemaVersion = 0 },
		"newer version":  func(e *event.Envelope) { e.SchemaVersion = 2 },
		"tenant as path": func(e *event.Envelope) { e.TenantID = "../../etc" },
		"no store":       func(e *event.Envelope) { e.StoreCode = "" },
		"store, no till": func(e *event.Envelope) { e.TerminalNo = 0 },
		"producer":       func(e *event.Envelope) { e.Producer = "eve" },
		"sequence":       func(e *event.Envelope) { e.Sequence = 1 << 53 },
		"no time":        func(e *event.Envelope) { e.OccurredAt = time.Time{} },
	} {
		e := envelope(event.ProducerCart, 1)
		require.NoError(t, e.Validate())
		spoil(&e)
		assert.Error(t, e.Validate(), name)
	}
}
