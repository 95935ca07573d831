package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// model is the journal model's tables of documents, field by field: the collections, and what stands in
// each. Fields of whole stand in the event's own text only, under the same names.
var model = []struct {
	collection    string
	fields, whole []string
}{
	{"journal", []string{
		"tenant_id", "store_code", "terminal_no", "transaction_no", "transaction_type", "business_date", "open_counter", "business_counter",
		"receipt_no", "amount", "quantity", "staff_id", "user_id", "generate_date_time", "journal_text", "receipt_text",
	}, nil},
	{"log_cash_in_out", []string{
		"tenant_id", "store_code", "store_name", "terminal_no", "staff_id", "staff_name", "business_date", "open_counter", "business_counter",
		"generate_date_time", "amount", "description", "receipt_text", "journal_text",
	}, nil},
	{"log_open_close", []string{
		"tenant_id", "store_code", "store_name", "terminal_no", "staff_id", "staff_name", "business_date", "open_counter", "business_counter",
		"operation", "generate_date_time", "terminal_info", "cart_transaction_count", "cart_transaction_last_no", "cash_in_out_count",
		"cash_in_out_last_datetime", "receipt_text", "journal_text",
	}, nil},
	{"log_tran", []string{
		"tenant_id", "store_code", "store_name", "terminal_no", "transaction_no", "transaction_type", "receipt_no",
		"business_date", "open_counter", "business_counter", "generate_date_time",
	}, []string{"line_items", "payments", "taxes", "subtotal_discounts", "sales", "staff", "user", "receipt_text", "journal_text"}},
	{"log_event", []string{"tenant_id", "store_code", "terminal_no", "sequence", "producer"},
		[]string{"eventId", "eventType", "timestamp", "userId", "storeId", "correlationId", "payload"}},
}

// base are the fields of every document.
var base = []string{"shard_key", "created_at", "updated_at", "cached_on", "etag"}

// CheckModel stores one event of each kind with every field set, and looks for each field of the model
// in what document gives: a document of a collection as plain values, by the event's id. The event's own
// text is its field "content".
func CheckModel(t *testing.T, s app.Store, document func(collection, eventID string) map[string]any) {
	provision(t, s, "acme")
	till := tilltest.New("acme", "s1", 1)
	cash, sale := till.Cash("-20.5"), till.Sale("10.9")
	sale.User = &event.Person{ID: "u1", Name: "Uli"}
	closing := till.Close(1, 1, 1, cash.GenerateDateTime, "-9.6")
	closing.StaffName = "Ann"
	closing.TerminalInfo = &event.TerminalState{TerminalID: "acme-s1-1", Status: event.StatusClosed, InitialAmount: money.MustParse("1.5"), Staff: &event.Person{ID: "s01"}}
	business := till.Business("c1", event.OrderSubtotalled{OrderID: "c1"})
	commit(t, s, "acme", sale, cash, closing, business)
	for _, c := range model {
		of := map[string]event.Event{"journal": sale, "log_tran": sale, "log_cash_in_out": cash, "log_open_close": closing, "log_event": business}[c.collection]
		t.Run(c.collection, func(t *testing.T) {
			r := tilltest.Record(t, of)
			said := plainValues(t, r.Content)
			if c.collection == "journal" {
				raw, err := json.Marshal(r.Entry)
				require.NoError(t, err)
				said = plainValues(t, raw)
			}
			doc := document(c.collection, of.Head().EventID)
			for _, f := range c.fields {
				require.NotNil(t, said[f], "the test sets every field: %s", f)
				if f == "terminal_info" {
					assert.Contains(t, fmt.Sprint(doc[f]), "acme-s1-1")
					continue
				}
				assert.Equal(t, fmt.Sprint(said[f]), fmt.Sprint(doc[f]), f)
			}
			whole := map[string]any{}
			if len(c.whole) > 0 {
				whole = plainValues(t, []byte(fmt.Sprint(doc["content"])))
			}
			for _, f := range c.whole {
				require.NotNil(t, said[f], "the test sets every field: %s", f)
				assert.Equal(t, said[f], whole[f], f)
			}
			for _, f := range base {
				assert.Contains(t, doc, f)
			}
			date := strings.ReplaceAll(tilltest.Start.Format("2006-01-02"), "-", "")
			assert.Equal(t, "acme_s1_1_"+date, doc["shard_key"])
			assert.Equal(t, r.ContentHash.String(), doc["etag"])
			assert.NotEmpty(t, doc["created_at"])
			assert.Equal(t, doc["created_at"], doc["updated_at"], "documents never change")
			assert.Nil(t, doc["cached_on"])
		})
	}
}

func plainValues(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var out map[string]any
	require.NoError(t, d.Decode(&out))
	return out
}
