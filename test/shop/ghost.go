package shop

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/outbox"
)

// Ghost makes the events of a till that no service knows, whole and in sequence, for tests that
// publish them past every outbox: as often, in whatever order and as wrong as they like.
type Ghost struct {
	Tenant, Store string
	No            int
	BusinessDate  string
	sequences     map[string]uint64
	sales         int64
	now           time.Time
}

// NewGhost begins the sequences of a till at 1.
func NewGhost(tenant, store string, no int) *Ghost {
	return &Ghost{Tenant: tenant, Store: store, No: no, BusinessDate: "20260329", sequences: map[string]uint64{}, now: time.Now().UTC().Truncate(time.Second)}
}

// StreamID of the till.
func (g *Ghost) StreamID() string { return fmt.Sprintf("%s-%s-%d", g.Tenant, g.Store, g.No) }

// Made is how many events of a producer there are.
func (g *Ghost) Made(producer string) uint64 { return g.sequences[producer] }

func (g *Ghost) envelope(producer string) event.Envelope {
	g.sequences[producer]++
	g.now = g.now.Add(time.Second)
	return event.Envelope{
		EventID: uuid.NewString(), SchemaVersion: event.SchemaVersion, TenantID: g.Tenant, StoreCode: g.Store, TerminalNo: g.No,
		Producer: producer, Sequence: g.sequences[producer], OccurredAt: g.now,
	}
}

// Sale of one item.
func (g *Ghost) Sale(amount string) *event.TranLog {
	g.sales++
	total := money.MustParse(amount)
	l := &event.TranLog{
		Envelope: g.envelope(event.ProducerCart), CartID: uuid.NewString(), TransactionNo: g.sales, TransactionType: event.TypeSale,
		BusinessDate: g.BusinessDate, OpenCounter: 1, BusinessCounter: 1, ReceiptNo: g.sales, Currency: "JPY",
		Sales: event.Sales{TotalAmount: total, TotalAmountWithTax: total, TotalQuantity: 1},
		LineItems: []event.LineItem{{LineNo: 1, ItemCode: "g", Description: "幽霊", UnitPrice: total, UnitPriceOriginal: total,
			Quantity: money.FromInt(1), Amount: total, TaxCode: "00", Discounts: []event.Discount{}, DiscountsAllocated: []event.Discount{}}},
		Payments: []event.Payment{{PaymentNo: 1, PaymentCode: "01", PaymentType: "cash", DepositAmount: total, Amount: total}},
		Taxes:    []event.Tax{}, SubtotalDiscounts: []event.Discount{},
		ReceiptText: "幽霊 " + amount + "\n", JournalText: "幽霊 " + amount + "\nNo. " + strconv.FormatInt(g.sales, 10) + "\n",
	}
	l.GenerateDateTime = g.now.Format(time.RFC3339)
	return l
}

// Business event of an order.
func (g *Ghost) Business(orderID string) *event.Business {
	b, err := event.NewBusiness("s01", orderID, event.OrderSubtotalled{})
	if err != nil {
		panic(err) // an empty payload
	}
	b.Envelope = g.envelope(event.ProducerCart)
	b.EventIDSeed, b.StoreID, b.Timestamp = b.EventID, g.Store, g.now.Format(time.RFC3339)
	return b
}

// Cash put in.
func (g *Ghost) Cash(amount string) *event.CashLog {
	l := &event.CashLog{
		Envelope: g.envelope(event.ProducerTerminal), BusinessDate: g.BusinessDate, OpenCounter: 1, BusinessCounter: 1,
		Currency: "JPY", Amount: money.MustParse(amount), ReceiptText: "cash\n", JournalText: "cash\n",
	}
	l.GenerateDateTime = g.now.Format(time.RFC3339)
	return l
}

// Message is an event as an outbox publishes it.
func Message(e event.Event) outbox.Message {
	data, err := json.Marshal(e)
	if err != nil {
		panic(err) // made above
	}
	return outbox.Message{EventID: e.Head().EventID, Time: e.Head().OccurredAt, Data: data}
}
