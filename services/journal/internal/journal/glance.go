package journal

import (
	"encoding/json"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
)

// glanceRoom is where one event after the other is read: an event in it is gone with the next one.
type glanceRoom struct {
	transaction event.TranLog
	cash        event.CashLog
	openClose   event.OpenCloseLog
	business    event.Business
	snapshot    event.Snapshot
	staff, user event.Person
}

// read reads a stored event as far as its entry and its place need it, until the next one is read.
// Verifying a tenant reads every event that it ever had: so what is canonical is only looked through for
// the few members that an entry is made of, and whatever is unusual about a text has it read as a whole.
// That the rest of an event is what it was, its hash tells.
func (c *StreamCheck) read(s *Stored) (event.Event, error) {
	if e := c.room.glance(s.Topic, s.Content); e != nil {
		return e, nil
	}
	makeEvent, _ := stored(s.Topic)
	e := makeEvent()
	return e, json.Unmarshal(s.Content, e)
}

// glance reads those members of an event that its entry is made of, and its envelope. It gives nil when
// it is not sure to read what encoding/json would, and for topics on which few events come.
func (r *glanceRoom) glance(topic string, form []byte) event.Event {
	var e event.Event
	var member func(m *canonical.Object) bool
	switch topic {
	case event.TopicTranLog:
		r.transaction, e, member = event.TranLog{}, &r.transaction, r.ofTransaction
	case event.TopicCashLog:
		r.cash, e, member = event.CashLog{}, &r.cash, r.ofCash
	case event.TopicOpenCloseLog:
		r.openClose, e, member = event.OpenCloseLog{}, &r.openClose, r.ofOpenClose
	case event.TopicEvents:
		r.business, e, member = event.Business{}, &r.business, ofBusiness
	case event.TopicTerminal:
		r.snapshot, e, member = event.Snapshot{}, &r.snapshot, ofSnapshot
	default:
		return nil
	}
	h := e.Head()
	m := canonical.Members(form)
	for m.Next() {
		if !member(&m) && !ofEnvelope(h, &m) && !isDetail(m.Name) {
			return nil
		}
	}
	if !m.Whole() {
		return nil
	}
	return e
}

// isDetail tells of members that no entry is made of and no place depends on, and that are most of what
// an event says: a glance does not even tell what they are.
func isDetail(name []byte) bool {
	switch string(name) {
	case "line_items", "payments", "taxes", "subtotal_discounts", "origin", "additional_info", "payload", "tenant", "store", "terminal",
		"terminal_info", "is_provisional", "cart_transaction_count", "cart_transaction_last_no", "cash_in_out_count",
		"initial_amount", "expected_cash", "counted_cash", "over_short",
		"total_amount", "tax_amount", "change_amount", "total_discount_amount":
		return true
	}
	return false
}

func ofEnvelope(h *event.Envelope, m *canonical.Object) bool {
	switch string(m.Name) {
	case "event_id":
		return text(&h.EventID, m)
	case "schema_version":
		return whole(&h.SchemaVersion, m)
	case "tenant_id":
		return text(&h.TenantID, m)
	case "store_code":
		return text(&h.StoreCode, m)
	case "terminal_no":
		return whole(&h.TerminalNo, m)
	case "producer":
		return text(&h.Producer, m)
	case "sequence":
		return natural(&h.Sequence, m)
	case "device_sequence":
		return natural(&h.DeviceSequence, m)
	case "occurred_at":
		return h.OccurredAt.UnmarshalJSON(m.Value) == nil
	}
	return false
}

func (r *glanceRoom) ofTransaction(m *canonical.Object) bool {
	l := &r.transaction
	switch string(m.Name) {
	case "transaction_no":
		return whole(&l.TransactionNo, m)
	case "transaction_type":
		return whole(&l.TransactionType, m)
	case "business_date":
		return text(&l.BusinessDate, m)
	case "open_counter":
		return whole(&l.OpenCounter, m)
	case "business_counter":
		return whole(&l.BusinessCounter, m)
	case "receipt_no":
		return whole(&l.ReceiptNo, m)
	case "generate_date_time":
		return text(&l.GenerateDateTime, m)
	case "user":
		l.User = &r.user
		return person(l.User, m.Value)
	case "staff":
		l.Staff = &r.staff
		return person(l.Staff, m.Value)
	case "sales":
		return ofSales(&l.Sales, m.Value)
	case "receipt_text":
		return text(&l.ReceiptText, m)
	case "journal_text":
		return text(&l.JournalText, m)
	case "cart_id", "store_name", "currency":
		return isText(m)
	}
	return false
}

func ofSales(s *event.Sales, form []byte) bool {
	m := canonical.Members(form)
	for m.Next() {
		var ok bool
		switch string(m.Name) {
		case "total_amount_with_tax":
			ok = amount(&s.TotalAmountWithTax, &m)
		case "total_quantity":
			ok = whole(&s.TotalQuantity, &m)
		case "is_cancelled":
			s.IsCancelled = string(m.Value) == "true"
			ok = s.IsCancelled || string(m.Value) == "false"
		case "reference_date_time":
			ok = isText(&m)
		default:
			ok = isDetail(m.Name)
		}
		if !ok {
			return false
		}
	}
	return m.Whole()
}

func (r *glanceRoom) ofCash(m *canonical.Object) bool {
	l := &r.cash
	switch string(m.Name) {
	case "staff_id":
		return text(&l.StaffID, m)
	case "business_date":
		return text(&l.BusinessDate, m)
	case "open_counter":
		return whole(&l.OpenCounter, m)
	case "business_counter":
		return whole(&l.BusinessCounter, m)
	case "generate_date_time":
		return text(&l.GenerateDateTime, m)
	case "amount":
		return amount(&l.Amount, m)
	case "receipt_text":
		return text(&l.ReceiptText, m)
	case "journal_text":
		return text(&l.JournalText, m)
	case "store_name", "staff_name", "currency", "description":
		return isText(m)
	}
	return false
}

func (r *glanceRoom) ofOpenClose(m *canonical.Object) bool {
	l := &r.openClose
	switch string(m.Name) {
	case "staff_id":
		return text(&l.StaffID, m)
	case "business_date":
		return text(&l.BusinessDate, m)
	case "open_counter":
		return whole(&l.OpenCounter, m)
	case "business_counter":
		return whole(&l.BusinessCounter, m)
	case "operation":
		return text(&l.Operation, m)
	case "generate_date_time":
		return text(&l.GenerateDateTime, m)
	case "receipt_text":
		return text(&l.ReceiptText, m)
	case "journal_text":
		return text(&l.JournalText, m)
	case "store_name", "staff_name", "currency", "cash_in_out_last_datetime":
		return isText(m)
	}
	return false
}

// ofBusiness reads nothing: no entry is made of a business event.
func ofBusiness(m *canonical.Object) bool {
	switch string(m.Name) {
	case "eventId", "eventType", "timestamp", "userId", "storeId", "correlationId":
		return isText(m)
	}
	return false
}

// ofSnapshot reads nothing: no entry is made of a snapshot.
func ofSnapshot(m *canonical.Object) bool {
	switch string(m.Name) {
	case "kind":
		return isText(m)
	case "version", "store_version", "tenant_version":
		n, ok := canonical.Whole(m.Value)
		return ok && n >= 0
	}
	return false
}

func person(p *event.Person, form []byte) bool {
	*p = event.Person{}
	m := canonical.Members(form)
	for m.Next() {
		if string(m.Name) == "id" && !text(&p.ID, &m) || string(m.Name) == "name" && !isText(&m) || string(m.Name) != "id" && string(m.Name) != "name" {
			return false
		}
	}
	return m.Whole()
}

func text(to *string, m *canonical.Object) (ok bool) {
	*to, ok = canonical.Text(m.Value)
	return ok
}

func isText(m *canonical.Object) bool { return m.Value[0] == '"' }

func whole[T int | int64](to *T, m *canonical.Object) bool {
	n, ok := canonical.Whole(m.Value)
	*to = T(n)
	return ok
}

func natural(to *uint64, m *canonical.Object) bool {
	n, ok := canonical.Whole(m.Value)
	*to = uint64(n) //nolint:gosec // it is not negative, or not taken
	return ok && n >= 0
}

func amount(to *money.Decimal, m *canonical.Object) bool { return to.UnmarshalJSON(m.Value) == nil }
