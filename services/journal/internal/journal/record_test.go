package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

var topics = []string{event.TopicTranLog, event.TopicCashLog, event.TopicOpenCloseLog, event.TopicEvents, event.TopicTerminal}

// golden are the events that the contract between the services pins, by file name.
func golden(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../../../pkg/event/testdata/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	out := map[string][]byte{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		out[strings.TrimSuffix(filepath.Base(f), ".json")] = raw
	}
	return out
}

func topicOf(name string) string {
	switch {
	case name == "tranlog", name == "cashlog", name == "opencloselog":
		return "topic-" + name
	case strings.HasPrefix(name, "sales."), strings.HasPrefix(name, "terminal."):
		return event.TopicEvents
	case strings.HasPrefix(name, "snapshot-") && name != "snapshot-wanted":
		return event.TopicTerminal
	}
	return ""
}

func TestEveryEventOfTheContractIsReadAsItsTopicSays(t *testing.T) {
	for name, raw := range golden(t) {
		topic := topicOf(name)
		if topic == "" {
			continue // between the other services
		}
		t.Run(name, func(t *testing.T) {
			r, err := journal.Decode(topic, raw)
			require.NoError(t, err)
			assert.Equal(t, topic, r.Event.Topic())
			want, err := canonical.Hash(raw)
			require.NoError(t, err)
			assert.Equal(t, want, r.ContentHash.String())
			assert.Equal(t, journal.HashOf(r.Content), r.ContentHash)
			assert.Equal(t, r.Entry != nil, r.EntryHash != journal.Hash{})
		})
	}
}

func TestContentIsTheSameHoweverItTravelled(t *testing.T) {
	sale := tilltest.New("acme", "s1", 1).Sale("1000000.5")
	raw := tilltest.Data(t, sale)
	plain, err := journal.Decode(event.TopicTranLog, raw)
	require.NoError(t, err)
	var through map[string]any // what a bulk delivery does: numbers become float64
	require.NoError(t, json.Unmarshal(raw, &through))
	again, err := json.MarshalIndent(through, "", "  ")
	require.NoError(t, err)
	travelled, err := journal.Decode(event.TopicTranLog, bytes.ReplaceAll(again, []byte(`"sequence": 1`), []byte(`"sequence": 1e+00`)))
	require.NoError(t, err)
	assert.Equal(t, plain, travelled)
}

func TestWhatIsRefusedAndWhy(t *testing.T) {
	till, tenant := tilltest.New("acme", "s1", 1), tilltest.NewTenant("acme")
	edit := func(e event.Event, field string, value any) []byte {
		var m map[string]any
		require.NoError(t, json.Unmarshal(tilltest.Data(t, e), &m))
		m[field] = value
		if value == nil {
			delete(m, field)
		}
		raw, err := json.Marshal(m)
		require.NoError(t, err)
		return raw
	}
	sale, cash, open, detail, snapshot := till.Sale("1"), till.Cash("1"), till.Open(), till.Business("c", event.OrderSubtotalled{}), till.TerminalSnapshot(1, "")
	other := tenant.Snapshot(1)
	other.Tenant.TenantID = "bolt"
	alien := till.TerminalSnapshot(1, "")
	alien.Terminal.TerminalID = "bolt-s1-1"
	for what, c := range map[string]struct {
		topic  string
		data   []byte
		reason journal.Reason
		whose  string // stream, or "" when it cannot be attributed
	}{
		"nothing":                          {event.TopicTranLog, nil, journal.Undecodable, ""},
		"no JSON":                          {event.TopicTranLog, []byte("{"), journal.Undecodable, ""},
		"null":                             {event.TopicTranLog, []byte("null"), journal.Undecodable, ""},
		"two values":                       {event.TopicTranLog, []byte("{}{}"), journal.Undecodable, ""},
		"a list":                           {event.TopicTranLog, []byte("[]"), journal.Undecodable, ""},
		"no UTF-8":                         {event.TopicTranLog, []byte("{\"a\":\"\xff\"}"), journal.Undecodable, ""},
		"a key twice":                      {event.TopicTranLog, []byte(`{"tenant_id":"a","tenant_id":"b"}`), journal.Undecodable, ""},
		"no tenant":                        {event.TopicTranLog, edit(sale, "tenant_id", nil), journal.Undecodable, ""},
		"a tenant that is a path":          {event.TopicTranLog, edit(sale, "tenant_id", "../x"), journal.Undecodable, ""},
		"an event id that is none":         {event.TopicTranLog, edit(sale, "event_id", "$where"), journal.Undecodable, "acme-s1-1"},
		"a newer schema":                   {event.TopicTranLog, edit(sale, "schema_version", 99), journal.Undecodable, "acme-s1-1"},
		"a field of the wrong type":        {event.TopicTranLog, edit(sale, "receipt_no", "many"), journal.Undecodable, "acme-s1-1"},
		"an amount as text":                {event.TopicCashLog, edit(cash, "amount", "10"), journal.Undecodable, "acme-s1-1"},
		"too many digits":                  {event.TopicCashLog, edit(cash, "amount", json.Number("1234567890123456")), journal.Undecodable, "acme-s1-1"},
		"an unknown type":                  {event.TopicTranLog, edit(sale, "transaction_type", 999), journal.Undecodable, "acme-s1-1"},
		"a journal type on the wrong side": {event.TopicTranLog, edit(sale, "transaction_type", 401), journal.Undecodable, "acme-s1-1"},
		"a date that is none":              {event.TopicTranLog, edit(sale, "business_date", "2026-03-29"), journal.Undecodable, "acme-s1-1"},
		"the 30th of February":             {event.TopicCashLog, edit(cash, "business_date", "20260230"), journal.Undecodable, "acme-s1-1"},
		"an unknown operation":             {event.TopicOpenCloseLog, edit(open, "operation", "shut"), journal.Undecodable, "acme-s1-1"},
		"no event type":                    {event.TopicEvents, edit(detail, "eventType", nil), journal.Undecodable, "acme-s1-1"},
		"a log of no terminal":             {event.TopicTranLog, edit2(t, sale, "store_code", nil, "terminal_no", nil), journal.Undecodable, "acme"},
		"a kind of snapshot unknown":       {event.TopicTerminal, edit(snapshot, "kind", "planet"), journal.Undecodable, "acme-s1-1"},
		"a snapshot of another tenant":     {event.TopicTerminal, tilltest.Data(t, other), journal.Undecodable, "acme"},
		"a snapshot of another terminal":   {event.TopicTerminal, tilltest.Data(t, alien), journal.Undecodable, "acme-s1-1"},
		"a sale by the terminal service":   {event.TopicTranLog, edit(sale, "producer", "terminal"), journal.WrongPublisher, "acme-s1-1"},
		"cash by the cart":                 {event.TopicCashLog, edit(cash, "producer", "cart"), journal.WrongPublisher, "acme-s1-1"},
		"a sale by the journal":            {event.TopicTranLog, edit(sale, "producer", "journal"), journal.WrongPublisher, "acme-s1-1"},
		"an unknown producer":              {event.TopicTranLog, edit(sale, "producer", "me"), journal.Undecodable, ""},
		"a topic that is not ours":         {event.TopicSession, tilltest.Data(t, sale), journal.Undecodable, "acme-s1-1"},
	} {
		t.Run(what, func(t *testing.T) {
			r, err := journal.Decode(c.topic, c.data)
			var refusal *journal.Refusal
			require.ErrorAs(t, err, &refusal)
			assert.Nil(t, r)
			assert.Equal(t, c.reason, refusal.Reason)
			assert.NotEmpty(t, refusal.Detail)
			assert.NotContains(t, refusal.Detail, "Go ", "people read it")
			if c.whose == "" {
				assert.Nil(t, refusal.Envelope)
				return
			}
			require.NotNil(t, refusal.Envelope)
			assert.Equal(t, c.whose, refusal.Envelope.Stream().ID())
		})
	}
}

func edit2(t *testing.T, e event.Event, changes ...any) []byte {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(tilltest.Data(t, e), &m))
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(m, changes[i].(string))
		} else {
			m[changes[i].(string)] = changes[i+1]
		}
	}
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	return raw
}

func TestWhatHappenedIsNeverRefusedForWhatItSays(t *testing.T) {
	sale := tilltest.New("acme", "s1", 1).Sale("1")
	for what, data := range map[string][]byte{
		"no text":                 edit2(t, sale, "journal_text", ""),
		"no staff":                edit2(t, sale, "staff", nil),
		"a receipt number of 0":   edit2(t, sale, "receipt_no", 0),
		"a negative number":       edit2(t, sale, "transaction_no", -4),
		"a time that is none":     edit2(t, sale, "generate_date_time", "half past ten"),
		"no lines and no totals":  edit2(t, sale, "line_items", nil, "sales", nil, "payments", nil),
		"an unknown currency":     edit2(t, sale, "currency", "XXX"),
		"a field nobody knows":    edit2(t, sale, "colour", "blue"),
		"outside any sequence":    edit2(t, sale, "sequence", nil),
		"a sale long ago, or new": edit2(t, sale, "occurred_at", "1999-12-31T23:59:59Z"),
	} {
		_, err := journal.Decode(event.TopicTranLog, data)
		assert.NoError(t, err, what)
	}
}

func TestATenantsOwnSnapshotCallsItIntoBeing(t *testing.T) {
	tenant, till := tilltest.NewTenant("acme"), tilltest.New("acme", "s1", 1)
	assert.Equal(t, "acme", tilltest.Record(t, tenant.Snapshot(1)).ProvisionedBy())
	for _, e := range []event.Event{tenant.StoreSnapshot("s1", "UTC", 1), till.TerminalSnapshot(1, ""), till.Sale("1")} {
		assert.Empty(t, tilltest.Record(t, e).ProvisionedBy())
	}
}

// FuzzDecode feeds whatever could come on a topic: it must be read or refused, never panic, and what
// is read must say the same when it is read again.
func FuzzDecode(f *testing.F) {
	for name, raw := range golden(f) {
		for i, topic := range topics {
			if topic == topicOf(name) {
				f.Add(i, raw)
			}
		}
	}
	for _, odd := range []string{"", "null", "{}", "[]", "0", `{"event_id":1}`, `{"sequence":1e400}`, strings.Repeat("[", 200), `{"a":"\ud800"}`} {
		f.Add(0, []byte(odd))
	}
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		topic := topics[((i%len(topics))+len(topics))%len(topics)]
		r, err := journal.Decode(topic, data)
		if err != nil {
			var refusal *journal.Refusal
			if !errors.As(err, &refusal) || refusal.Reason == "" {
				t.Fatalf("refused without a reason: %v", err)
			}
			if refusal.Envelope != nil && refusal.Envelope.Stream().Validate() != nil {
				t.Fatalf("attributed to a stream that cannot be: %+v", refusal.Envelope)
			}
			return
		}
		again, err := journal.Decode(topic, r.Content)
		if err != nil {
			t.Fatalf("its own content is refused: %v", err)
		}
		if again.ContentHash != r.ContentHash || again.EntryHash != r.EntryHash {
			t.Fatal("its own content says something else")
		}
	})
}
