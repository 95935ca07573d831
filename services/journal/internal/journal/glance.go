package journal

import (
	"encoding/json"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
)

// read reads a stored event as far as its entry and its place need it. Verifying a tenant reads every
// event that it ever had: so what is canonical is only looked through for the few members that an entry
// is made of (glance), and whatever is unusual about a text has it read as a whole. That the rest of an
// event is what it was, its hash tells.
func read(form []byte, empty func() event.Event) (event.Event, error) {
	e := empty()
	if glance(e, form) {
		return e, nil
	}
	e = empty()
	return e, json.Unmarshal(form, e)
}

// glance reads those members of an event that its entry is made of, and its envelope. It gives false
// when it is not sure to read what encoding/json would.
func glance(e event.Event, form []byte) bool {
	member := func(*canonical.Object) bool { return false }
	switch e := e.(type) {
	case *event.TranLog:
		member = func(m *canonical.Object) bool { return ofTransaction(e, m) }
	case *event.CashLog:
		member = func(m *canonical.Object) bool { return ofCash(e, m) }
	case *event.OpenCloseLog:
		member = func(m *canonical.Object) bool { return ofOpenClose(e, m) }
	case *event.Business:
		member = ofBusiness
	case *event.Snapshot:
		member = ofSnapshot
	case *Direct:
		return false // they are few
	}
	h := e.Head()
	return each(form, func(m *canonical.Object) bool { return details[string(m.Name)] || member(m) || ofEnvelope(h, m) })
}

// details are members that no entry is made of and no place depends on, and most of what an event says:
// a glance does not even tell what they are.
var details = map[string]bool{
	"line_items": true, "payments": true, "taxes": true, "subtotal_discounts": true, "origin": true, "additional_info": true,
	"payload": true, "tenant": true, "store": true, "terminal": true, "terminal_info": true, "is_provisional": true,
	"cart_transaction_count": true, "cart_transaction_last_no": true, "cash_in_out_count": true,
	"initial_amount": true, "expected_cash": true, "counted_cash": true, "over_short": true,
	"total_amount": true, "tax_amount": true, "change_amount": true, "total_discount_amount": true,
}

// each calls member with the members of an object until it gives false.
func each(form []byte, member func(m *canonical.Object) bool) bool {
	m := canonical.Members(form)
	for m.Next() {
		if !member(&m) {
			return false
		}
	}
	return m.Whole()
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

func ofTransaction(l *event.TranLog, m *canonical.Object) bool {
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
		return person(&l.User, m)
	case "staff":
		return person(&l.Staff, m)
	case "sales":
		return each(m.Value, func(m *canonical.Object) bool { return ofSales(&l.Sales, m) })
	case "receipt_text":
		return text(&l.ReceiptText, m)
	case "journal_text":
		return text(&l.JournalText, m)
	case "cart_id", "store_name", "currency":
		return isText(m)
	}
	return false
}

func ofSales(s *event.Sales, m *canonical.Object) bool {
	switch string(m.Name) {
	case "total_amount_with_tax":
		return amount(&s.TotalAmountWithTax, m)
	case "total_quantity":
		return whole(&s.TotalQuantity, m)
	case "is_cancelled":
		s.IsCancelled = string(m.Value) == "true"
		return s.IsCancelled || string(m.Value) == "false"
	case "reference_date_time":
		return isText(m)
	}
	return details[string(m.Name)]
}

func ofCash(l *event.CashLog, m *canonical.Object) bool {
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

func ofOpenClose(l *event.OpenCloseLog, m *canonical.Object) bool {
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
	case "version":
		_, ok := canonical.Whole(m.Value)
		return ok
	}
	return false
}

func person(to **event.Person, m *canonical.Object) bool {
	p := &event.Person{}
	*to = p
	return each(m.Value, func(m *canonical.Object) bool {
		switch string(m.Name) {
		case "id":
			return text(&p.ID, m)
		case "name":
			return isText(m)
		}
		return false
	})
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
