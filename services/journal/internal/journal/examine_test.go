package journal_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// looker examines one stream as the service does, with a store made of slices.
type looker struct {
	t         tilltest.T
	till      *tilltest.Till
	now       time.Time
	state     []byte
	links     []*journal.Examined
	events    []event.Event
	open      map[journal.FindingKey]*journal.Discrepancy
	discarded map[string][]uint64
	due       time.Time
}

func newLooker(t tilltest.T, till *tilltest.Till) *looker {
	return &looker{t: t, till: till, now: tilltest.Start, open: map[journal.FindingKey]*journal.Discrepancy{}}
}

// arrive stores events and looks at once.
func (l *looker) arrive(events ...event.Event) *looker {
	for _, e := range events {
		r := tilltest.Record(l.t, e)
		l.events = append(l.events, e)
		l.links = append(l.links, &journal.Examined{
			Seq: uint64(len(l.links) + 1), EventID: e.Head().EventID, Topic: e.Topic(), Producer: e.Head().Producer, Sequence: e.Head().Sequence, Content: r.Content,
		})
	}
	return l.look()
}

// later looks again after a while.
func (l *looker) later(d time.Duration) *looker {
	l.now = l.now.Add(d)
	return l.look()
}

func (l *looker) look() *looker {
	l.t.Helper()
	stream := journal.Resume(identity.TerminalStream(l.till.Terminal), l.state, slices.Collect(maps.Values(l.wrong())), l.now)
	for _, link := range l.links[stream.Seq:] {
		if err := stream.Add(link); err != nil {
			l.t.Fatal(err)
		}
	}
	for date, numbers := range stream.NewReceipts() {
		stream.Receipts(date, l.uses(date, numbers))
	}
	for _, key := range stream.WantedSessions() {
		stream.Session(key, l.session(key))
	}
	for key, found := range stream.Findings(l.discarded) {
		if d := journal.Settle(stream.Stream(), key, found, l.open[key], l.now); d != nil {
			l.open[key] = d
		}
	}
	l.due = stream.Due()
	var err error
	if l.state, err = stream.Save(); err != nil {
		l.t.Fatal(err)
	}
	return l
}

func (l *looker) uses(date string, numbers []int64) []journal.ReceiptUse {
	var out []journal.ReceiptUse
	for i, e := range l.events {
		if t, ok := e.(*event.TranLog); ok && t.BusinessDate == date && slices.Contains(numbers, t.ReceiptNo) {
			out = append(out, journal.ReceiptUse{ReceiptNo: t.ReceiptNo, EventID: t.EventID, Seq: uint64(i + 1)})
		}
	}
	return out
}

func (l *looker) session(k journal.SessionKey) *journal.Session {
	s := &journal.Session{}
	for _, e := range l.events {
		switch e := e.(type) {
		case *event.TranLog:
			if e.BusinessDate == k.BusinessDate && e.OpenCounter == k.OpenCounter {
				s.Transactions = append(s.Transactions, e)
			}
		case *event.CashLog:
			if e.BusinessDate == k.BusinessDate && e.OpenCounter == k.OpenCounter {
				s.Cash = append(s.Cash, e)
			}
		case *event.OpenCloseLog:
			if e.BusinessDate == k.BusinessDate && e.OpenCounter == k.OpenCounter {
				s.OpenClose = append(s.OpenClose, e)
			}
		}
	}
	return s
}

// wrong gives what is open, by kind and key.
func (l *looker) wrong() map[string]*journal.Discrepancy {
	out := map[string]*journal.Discrepancy{}
	for key, d := range l.open {
		if d.State == journal.DiscrepancyOpen {
			out[string(key.Kind)+" "+key.Key] = d
		}
	}
	return out
}

func (l *looker) kinds() string {
	return strings.Join(slices.Sorted(maps.Keys(l.wrong())), ", ")
}

func TestASmallDayOfATillHasNothingWrong(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	cash := till.Cash("100")
	l := newLooker(t, till).arrive(till.Open(), cash, till.Sale("10"), till.Sale("5"), till.Close(2, 2, 1, cash.GenerateDateTime, "115"))
	assert.Empty(t, l.later(time.Hour).kinds())
	assert.True(t, l.due.IsZero(), "there is nothing to look at again")
}

func TestAGapCountsOnlyAfterAWhileAndClosesByItself(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	var sales []event.Event
	for range 6 {
		sales = append(sales, till.Sale("1"))
	}
	l := newLooker(t, till).arrive(sales[0], sales[5], sales[2])
	assert.Empty(t, l.kinds(), "events may come in any order")
	assert.Equal(t, l.now.Add(journal.Grace), l.due)
	l.later(journal.Grace - time.Second).arrive(sales[1])
	require.Equal(t, "sequence-gap cart", l.later(time.Second).kinds())
	gap := l.wrong()["sequence-gap cart"]
	assert.Equal(t, sequence.Of(4, 5), gap.Numbers)
	assert.Equal(t, "2 events of cart have not come, the first of them is number 4", gap.Detail)
	assert.Equal(t, l.now.Add(journal.LookAgain), l.due, "what is missing may be discarded from quarantine")
	assert.Equal(t, sequence.Of(5), l.arrive(sales[3]).wrong()["sequence-gap cart"].Numbers)
	assert.Empty(t, l.arrive(sales[4]).kinds())
	closed := l.open[journal.FindingKey{Kind: journal.SequenceGap, Key: "cart"}]
	assert.Equal(t, journal.DiscrepancyClosed, closed.State)
	assert.Equal(t, journal.ByItself, closed.ResolvedBy)
	assert.Equal(t, 1, closed.Occurrence)
	missing, last := till.Sale("1"), till.Sale("2")
	l.arrive(last).later(journal.Grace)
	again := l.wrong()["sequence-gap cart"]
	require.NotNil(t, again, "the same may go wrong again")
	assert.Equal(t, 2, again.Occurrence)
	assert.NotEqual(t, closed.ID, again.ID)
	l.arrive(missing)
	assert.Empty(t, l.kinds())
}

func TestABusyTillWhoseGapsCloseInTimeHasNone(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	l := newLooker(t, till)
	for range 20 { // there is always a gap, and never the same one for long
		a, b := till.Sale("1"), till.Sale("1")
		l.arrive(b).later(journal.Grace / 2)
		assert.Empty(t, l.arrive(a).kinds())
	}
}

func TestWhatWasDiscardedIsNoGap(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	a, _, c := till.Sale("1"), till.Sale("2"), till.Sale("3")
	l := newLooker(t, till).arrive(a, c).later(journal.Grace)
	require.Equal(t, "sequence-gap cart", l.kinds())
	l.discarded = map[string][]uint64{"cart": {2, 99}}
	assert.Empty(t, l.later(journal.LookAgain).kinds())
}

func TestANumberThatTwoEventsCarry(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	a, b := till.Sale("1"), till.Sale("2")
	b.Sequence = a.Sequence
	l := newLooker(t, till).arrive(a, b)
	require.Equal(t, "sequence-twice cart/1", l.kinds())
	assert.Equal(t, []string{b.EventID}, l.wrong()["sequence-twice cart/1"].Events)
}

func TestAReceiptNumberUsedTwice(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	a, b, c := till.Sale("1"), till.Sale("2"), till.Sale("3")
	b.ReceiptNo, c.ReceiptNo, c.BusinessDate = a.ReceiptNo, a.ReceiptNo, "20260330"
	l := newLooker(t, till).arrive(a, c)
	assert.Empty(t, l.kinds(), "another business date is another scope")
	l.arrive(b)
	require.Equal(t, "receipt-number-twice 20260329/101", l.kinds())
	assert.Equal(t, []string{a.EventID, b.EventID}, l.wrong()["receipt-number-twice 20260329/101"].Events)
}

func TestTotalsThatDoNotAddUp(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(l *event.TranLog)
		field string
	}{
		"nothing": {func(*event.TranLog) {}, ""},
		"a line":  {func(l *event.TranLog) { l.LineItems[0].Amount = money.MustParse("99") }, "line 1 amount"},
		"a weighed line": {func(l *event.TranLog) {
			l.LineItems[0].Quantity, l.LineItems[0].UnitPrice = money.MustParse("0.333"), money.MustParse("301")
		}, ""},
		"the total":         {func(l *event.TranLog) { l.Sales.TotalAmount = money.MustParse("1") }, "total_amount"},
		"the tax":           {func(l *event.TranLog) { l.Sales.TaxAmount = money.MustParse("8") }, "tax_amount"},
		"the sum with tax":  {func(l *event.TranLog) { l.Sales.TotalAmountWithTax = money.MustParse("108") }, "total_amount_with_tax"},
		"a payment":         {func(l *event.TranLog) { l.Payments[0].Amount = money.MustParse("50") }, "payments"},
		"the change":        {func(l *event.TranLog) { l.Sales.ChangeAmount = money.MustParse("1") }, "change_amount"},
		"a cancelled sale":  {func(l *event.TranLog) { l.Sales.IsCancelled, l.Payments = true, nil }, ""},
		"a cancelled line":  {func(l *event.TranLog) { l.LineItems[0].IsCancelled = true }, "total_amount"},
		"a huge quantity":   {func(l *event.TranLog) { l.LineItems[0].Quantity = money.MustParse("999999999999999") }, "line 1 amount"},
		"a discount":        {func(l *event.TranLog) { l.SubtotalDiscounts = []event.Discount{{DiscountAmount: money.MustParse("5")}} }, "total_amount"},
		"an exclusive tax":  {func(l *event.TranLog) { taxed(l, "External", "8") }, ""},
		"an inclusive tax":  {func(l *event.TranLog) { l.Taxes = []event.Tax{{TaxType: "Internal", TaxAmount: money.MustParse("7")}} }, ""},
		"a wrong taxes sum": {func(l *event.TranLog) { taxed(l, "External", "8"); l.Taxes[0].TaxAmount = money.MustParse("9") }, "tax_amount"},
		"an allocation": {func(l *event.TranLog) {
			l.LineItems[0].DiscountsAllocated = []event.Discount{{DiscountAmount: money.MustParse("5")}}
		}, "discounts allocated to lines"},
	} {
		t.Run(what, func(t *testing.T) {
			till := tilltest.New("acme", "s1", 1)
			sale := till.Sale("100")
			c.spoil(sale)
			l := newLooker(t, till).arrive(sale)
			if c.field == "" {
				assert.Empty(t, l.kinds())
				return
			}
			d := l.wrong()["totals-differ "+sale.EventID]
			require.NotNil(t, d, l.kinds())
			fields := []string{}
			for _, f := range d.Differences {
				fields = append(fields, f.Field)
			}
			assert.Contains(t, fields, c.field)
			assert.Contains(t, d.Detail, "transaction 1, receipt 101")
		})
	}
}

func taxed(l *event.TranLog, kind, amount string) {
	tax := money.MustParse(amount)
	l.Taxes = []event.Tax{{TaxType: kind, TaxAmount: tax}}
	l.Sales.TaxAmount = tax
	l.Sales.TotalAmountWithTax = l.Sales.TotalAmount.Add(tax)
	l.Payments[0].Amount, l.Payments[0].DepositAmount = l.Sales.TotalAmountWithTax, l.Sales.TotalAmountWithTax
}

func TestALogThatLacksWhatEveryEntryMustHave(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	sale, cash := till.Sale("1"), till.Cash("2")
	sale.JournalText, cash.GenerateDateTime = " \n", "yesterday"
	l := newLooker(t, till).arrive(sale, cash)
	assert.Equal(t, "journal_text is empty", l.wrong()["incomplete "+sale.EventID].Detail)
	assert.Equal(t, `generate_date_time "yesterday" is no time in ISO form`, l.wrong()["incomplete "+cash.EventID].Detail)
}

func TestASessionIsHeldAgainstItsCloseByItself(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	open, cash, first, second := till.Open(), till.Cash("100"), till.Sale("10"), till.Sale("5")
	l := newLooker(t, till).arrive(open, first, till.Close(2, 2, 1, cash.GenerateDateTime, "115"))
	assert.Empty(t, l.kinds(), "the rest may be on its way")
	require.Contains(t, l.later(journal.Grace).kinds(), "session-differs 20260329/1")
	d := l.wrong()["session-differs 20260329/1"]
	assert.Equal(t, 1, d.OpenCounter)
	assert.Equal(t, "cartTransactionCount: the logs have 1, the close log says 2; cartTransactionLastNo: the logs have 1, the close log says 2; "+
		"cashInOutCount: the logs have 0, the close log says 1; cashInOutLastDatetime: the logs have nothing, the close log says 2026-03-29T09:00:02+09:00; "+
		"expectedCash: the logs have 10, the close log says 115", d.Detail)
	l.arrive(second)
	assert.Len(t, l.wrong()["session-differs 20260329/1"].Differences, 3, "it says what is wrong now")
	assert.Empty(t, l.arrive(cash).kinds())
	assert.Equal(t, journal.DiscrepancyClosed, l.open[journal.FindingKey{Kind: journal.SessionDiffer, Key: "20260329/1"}].State)
}

func TestWhatTheCloseLogDoesNotKnowOf(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	sale, closing := till.Sale("10"), till.Close(1, 1, 0, "", "10")
	late, cash := till.Sale("5"), till.Cash("7")
	l := newLooker(t, till).arrive(late, sale, closing)
	require.Equal(t, "after-close 20260329/1", l.kinds(), "whenever it came")
	assert.Equal(t, []string{late.EventID}, l.wrong()["after-close 20260329/1"].Events)
	l.arrive(cash)
	assert.Equal(t, []string{late.EventID, cash.EventID}, l.wrong()["after-close 20260329/1"].Events)
	again := till.Close(2, 2, 1, cash.GenerateDateTime, "22")
	assert.Empty(t, l.arrive(again).later(journal.Grace).kinds(), "a later close log that knows of it puts it right")
}

func TestAfterAProvisionalCloseWhateverComesIsLate(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	sale, late := till.Sale("10"), till.Sale("5")
	open, forced := till.Open(), till.Close(0, 0, 0, "", "0")
	forced.IsProvisional, forced.CartTransactionCount, forced.CartTransactionLastNo, forced.ExpectedCash = true, nil, nil, nil
	l := newLooker(t, till).arrive(sale, forced, open)
	assert.Empty(t, l.later(journal.Grace).kinds(), "the opening is no surprise")
	l.arrive(late)
	require.Equal(t, "after-close 20260329/1", l.kinds())
	assert.Equal(t, []string{late.EventID}, l.wrong()["after-close 20260329/1"].Events)
	till.OpenCounter = 2
	l.arrive(till.Open(), till.Sale("3"))
	assert.Equal(t, "after-close 20260329/1", l.later(journal.Grace).kinds(), "the next session is another one")
}

func TestStaffThatNobodyOfWasSignedIn(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	l := newLooker(t, till).arrive(till.Sale("1"), till.TerminalSnapshot(1, "key"))
	assert.Empty(t, l.later(journal.Grace).kinds(), "where nobody was seen it cannot be told")
	other := till.Business("", event.SignedIn{TerminalID: till.Terminal.ID(), StaffID: "s02"})
	other.UserID = "s02"
	l.arrive(other)
	require.Equal(t, "unknown-staff s01", l.kinds())
	assert.Contains(t, l.wrong()["unknown-staff s01"].Detail, `1 logs carry the staff id "s01"`)
	snapshot := till.TerminalSnapshot(2, "key")
	snapshot.Terminal.Staff = &event.Person{ID: "s01"}
	assert.Empty(t, l.arrive(snapshot).kinds(), "the sign-in had only not come yet")
	assert.Empty(t, l.arrive(till.Sale("1")).later(journal.Grace).kinds())
}

func TestAnAcceptedDiscrepancyStaysAcceptedUntilSomethingElseIsWrong(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	a, b, c, d := till.Sale("1"), till.Sale("2"), till.Sale("3"), till.Sale("4")
	l := newLooker(t, till).arrive(a, c).later(journal.Grace)
	key := journal.FindingKey{Kind: journal.SequenceGap, Key: "cart"}
	l.open[key].State = journal.DiscrepancyAccepted
	assert.Empty(t, l.later(journal.LookAgain).kinds())
	till.Sale("5")
	l.arrive(d, till.Sale("6")).later(journal.Grace)
	require.Equal(t, "sequence-gap cart", l.kinds())
	assert.Equal(t, 2, l.open[key].Occurrence)
	_ = b
}

func TestAStateThatIsLostOrOfAnotherVersionIsMadeAgain(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	a, _, c := till.Sale("1"), till.Sale("2"), till.Sale("3")
	c.JournalText = ""
	l := newLooker(t, till).arrive(a, c).later(journal.Grace)
	before := l.wrong()
	for _, lost := range []string{"", "{", `{"version":99,"seq":7}`} {
		l.state = []byte(lost)
		l.look().later(journal.Grace)
		assert.Equal(t, before, l.wrong())
	}
}

func TestTheOldestSessionsAreForgottenAndFoundAgain(t *testing.T) {
	till := tilltest.New("acme", "s1", 1)
	l := newLooker(t, till)
	var first *event.TranLog
	for i := range 120 {
		till.OpenCounter = i + 1
		sale := till.Sale("1")
		if i == 0 {
			first = sale
			l.arrive(till.Close(1, 1, 0, "", "1"))
			continue
		}
		l.arrive(sale, till.Close(1, sale.TransactionNo, 0, "", "1"))
	}
	assert.Equal(t, "sequence-gap cart, session-differs 20260329/1", l.later(journal.Grace).kinds(), "what is wrong is not forgotten")
	assert.Empty(t, l.arrive(first).kinds())
	late := till.Sale("9")
	late.OpenCounter = 2
	l.arrive(late)
	assert.Equal(t, "after-close 20260329/2", l.kinds())
	assert.Equal(t, "after-close 20260329/2, session-differs 20260329/2", l.later(journal.Grace).kinds())
}

// However the events of a day come, the same is wrong in the end, and after everything came nothing of
// what heals is.
func TestTheOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		till := tilltest.New("acme", "s1", 1)
		events := []event.Event{till.Open()}
		sales, last := int64(0), int64(0)
		for range rapid.IntRange(1, 8).Draw(rt, "sales") {
			sale := till.Sale("7")
			sales, last = sales+1, sale.TransactionNo
			events = append(events, sale)
		}
		spoilt := rapid.IntRange(0, 8).Draw(rt, "spoilt")
		if spoilt < len(events)-1 {
			events[spoilt+1].(*event.TranLog).Sales.TotalAmount = money.MustParse("1")
		}
		events = append(events, till.Close(sales, last, 0, "", fmt.Sprint(7*sales)))
		seed := rapid.Uint64().Draw(rt, "seed")
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		l := newLooker(rt, till)
		for _, e := range events {
			l.arrive(e).later(time.Duration(rapid.IntRange(0, 15).Draw(rt, "pause")) * time.Second)
		}
		l.later(journal.Grace)
		for key := range l.wrong() {
			if !strings.HasPrefix(key, "totals-differ ") {
				rt.Fatal(key)
			}
		}
		if (spoilt < int(sales)) != (len(l.wrong()) == 1) {
			rt.Fatal(l.kinds())
		}
	})
}
