package journal_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

func TestEntryRules(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	transaction := func(kind int, cancelled bool) event.Event {
		l := till.Transaction(kind, "108.5")
		l.Sales.IsCancelled = cancelled
		return l
	}
	for what, c := range map[string]struct {
		event  event.Event
		kind   journal.Type
		amount string
	}{
		"a sale":                                 {transaction(101, false), 101, "108.5"},
		"a cancelled sale":                       {transaction(101, true), -101, "0"},
		"a return":                               {transaction(102, false), 102, "-108.5"},
		"a void of a sale":                       {transaction(201, false), 201, "-108.5"},
		"a void of a return":                     {transaction(202, false), 202, "108.5"},
		"a cancelled return leaves the till too": {transaction(102, true), 102, "0"},
		"cash in":                                {till.Cash("100"), 401, "100"},
		"an opening float of zero is cash in":    {till.Cash("0"), 401, "0"},
		"cash out":                               {till.Cash("-20.25"), 402, "-20.25"},
		"open":                                   {till.Open(), 301, "0"},
		"close":                                  {till.Close(1, 1, 1, "", "1"), 302, "0"},
	} {
		t.Run(what, func(t *testing.T) {
			e := journal.EntryOf(c.event)
			require.NotNil(t, e)
			assert.Equal(t, c.kind, e.TransactionType)
			assert.Equal(t, c.amount, e.Amount.String())
		})
	}
}

func TestAnEntryHasTheFieldsOfItsLog(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	sale := till.Sale("108")
	sale.User, sale.Sales.TotalQuantity = &event.Person{ID: "u1"}, 3
	ptr := func(s string) *string { return &s }
	number := func(n int) *int { return &n }
	big := func(n int64) *int64 { return &n }
	assert.Equal(t, &journal.Entry{
		TenantID: "acme", StoreCode: "s1", TerminalNo: 1, TransactionNo: ptr("1"), TransactionType: 101, BusinessDate: "20260329",
		OpenCounter: number(1), BusinessCounter: number(7), ReceiptNo: big(101), Amount: money.MustParse("108"), Quantity: big(3),
		StaffID: ptr("s01"), UserID: ptr("u1"), GenerateDateTime: "2026-03-29T09:00:01+09:00",
		JournalText: sale.JournalText, ReceiptText: &sale.ReceiptText,
	}, journal.EntryOf(sale))

	cash := journal.EntryOf(till.Cash("1"))
	assert.Nil(t, cash.TransactionNo)
	assert.Nil(t, cash.ReceiptNo)
	assert.Nil(t, cash.Quantity)
	assert.Nil(t, cash.TransactionNumber())
	assert.Equal(t, ptr("s01"), cash.StaffID)
}

func TestOnlyLogsMakeEntries(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	assert.Nil(t, journal.EntryOf(till.Business("c1", event.OrderSubtotalled{})))
	assert.Nil(t, journal.EntryOf(till.TerminalSnapshot(1, "")))
}

func TestTheInstantIsUTCAndATextThatIsNoTimeHasTheEventsOwn(t *testing.T) {
	e := journal.EntryOf(tilltest.New("acme", "s1", 1).Sale("1"))
	fallback := time.Date(2020, 1, 1, 0, 0, 0, 999, time.FixedZone("", 3600))
	assert.Equal(t, time.Date(2026, 3, 29, 0, 0, 1, 0, time.UTC), e.GeneratedAt(fallback))
	e.GenerateDateTime = "yesterday"
	assert.Equal(t, time.Date(2019, 12, 31, 23, 0, 0, 0, time.UTC), e.GeneratedAt(fallback))
}

func TestTheTableOfTypes(t *testing.T) {
	codes := []journal.Type{}
	for _, r := range journal.Types {
		codes = append(codes, r.Type)
		assert.Contains(t, journal.Categories, r.Category)
		assert.Equal(t, r.Name, r.Type.Name())
	}
	assert.Equal(t, []journal.Type{101, -101, 102, 201, 202, 301, 302, 401, 402, 501, 502, 701, 702}, codes)
	assert.False(t, journal.Type(999).Valid())
	assert.Empty(t, journal.Type(999).Name())
	assert.Equal(t, []journal.Type{401, 402}, journal.OfCategory("cash"))
	assert.Nil(t, journal.OfCategory("nothing"))
}

func TestTheEntryHashIsOverTheCanonicalFormWhateverIsInTheTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := journal.EntryOf(tilltest.New("acme", "s1", 1).Sale("10.90"))
		e.JournalText = rapid.String().Draw(t, "text") + rapid.SampledFrom([]string{"", "\u2028", "<b>&", "\x00\x1f\x7f", `\u2028 "\`, "\b\f\n\r\t", "👩‍👩‍👧"}).Draw(t, "odd")
		e.ReceiptText = &e.JournalText
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		want, err := canonical.Hash(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Hash(); err != nil || got.String() != want {
			t.Fatalf("%s, not %s: %v", got, want, err)
		}
	})
}
