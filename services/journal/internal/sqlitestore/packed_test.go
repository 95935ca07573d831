package sqlitestore

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// Whatever stands in a row: taken apart from one value it is what its columns say. Only a text with a
// byte 0 is left to be read column by column.
func TestAPackedRowIsTheRow(t *testing.T) {
	s, _ := newStore(t)
	till := tilltest.New("acme", "s1", 1)
	odd := till.Sale("3")
	odd.JournalText = "a\x00b"
	direct := &journal.Direct{
		Envelope: event.Envelope{EventID: till.ID(), SchemaVersion: 1, TenantID: "acme", StoreCode: "s1", TerminalNo: 1, Producer: event.ProducerJournal, OccurredAt: till.Now},
		Kind:     journal.DirectJournal, TransactionType: journal.FlashReport, BusinessDate: till.BusinessDate, GenerateDateTime: "never", JournalText: "=",
	}
	record, err := direct.Record()
	require.NoError(t, err)
	sale := till.Sale("-10.123456")
	sale.Staff, sale.ReceiptText = nil, ""
	records := tilltest.Records(t, till.Open(), sale, till.Cash("-0.5"), till.Business("c", event.OrderSubtotalled{}), odd, till.Sale("0.000001"))
	_, err = s.Commit(t.Context(), "acme", append(records, record))
	require.NoError(t, err)

	var want []*journal.Stored
	_, err = logAll(t.Context(), s)
	require.NoError(t, err)
	require.NoError(t, s.Logged(t.Context(), "acme", 0, 7, func(_ uint64, l *journal.Stored) error { want = append(want, l); return nil }))
	var got []*journal.Stored
	require.NoError(t, s.Walk(t.Context(), "acme", app.Walker{
		Stream: func(journal.StreamState) error { return nil },
		Link: func(l *journal.Stored) error {
			kept := *l
			kept.Content = []byte(string(l.Content))
			if l.Entry != nil {
				kept.Entry = clone(l.Entry)
			}
			if l.Number != nil {
				n := *l.Number
				kept.Number = &n
			}
			got = append(got, &kept)
			return nil
		},
		Stray: func(where, id string) error { t.Errorf("%s %s", where, id); return nil },
	}))
	assert.Equal(t, want, got)
	assert.Len(t, got, 7)
}

// clone is a copy that shares nothing with a row that is read next.
func clone(e *journal.Entry) *journal.Entry {
	c := *e
	for _, p := range []**string{&c.TransactionNo, &c.ReceiptText, &c.StaffID, &c.UserID} {
		if *p != nil {
			text := strings.Clone(**p)
			*p = &text
		}
	}
	for _, p := range []**int{&c.OpenCounter, &c.BusinessCounter} {
		if *p != nil {
			n := **p
			*p = &n
		}
	}
	for _, p := range []**int64{&c.ReceiptNo, &c.Quantity} {
		if *p != nil {
			n := **p
			*p = &n
		}
	}
	return &c
}

// A value that cannot be taken apart for certain is none.
func TestWhatCannotBeTakenApartIsNot(t *testing.T) {
	hashes := strings.Repeat("h", 128)
	good := "7\x001\x003\x00id\x00topic\x00cart\x005\x001\x00\x00" + hashes
	r := &room{}
	row, ok := r.unpack([]byte(good), "acme")
	require.True(t, ok)
	assert.Equal(t, int64(7), row)
	assert.Equal(t, "id", r.stored.EventID)
	for name, value := range map[string]string{
		"nothing":             "",
		"only its id":         "7\x00",
		"a hash too short":    good[:len(good)-1],
		"a hash too long":     good + "h",
		"a byte 0 in a text":  strings.Replace(good, "id", "i\x00d", 1),
		"lengths do not hold": strings.Replace(good, "\x001\x00\x00", "\x000\x00\x00", 1),
		"a number that is no": strings.Replace(good, "\x003\x00", "\x00x\x00", 1),
		"no entry, no mark":   strings.Replace(good, "\x001\x00\x00", "\x001\x00!\x00", 1),
	} {
		_, ok := r.unpack([]byte(value), "acme")
		assert.False(t, ok, name)
	}
}
