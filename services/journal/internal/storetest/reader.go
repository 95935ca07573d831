package storetest

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

var readerCases = map[string]func(t *testing.T, s app.Store){
	"every filter leaves exactly what fulfils it": func(t *testing.T, s app.Store) {
		days := fill(t, s)
		from, to := ptr(tilltest.Start.Add(2*time.Second)), ptr(tilltest.Start.Add(5*time.Second))
		for what, c := range map[string]struct {
			query journal.Query
			want  func(*journal.Listed) bool
		}{
			"nothing":          {journal.Query{}, func(*journal.Listed) bool { return true }},
			"a store":          {journal.Query{StoreCode: "s2"}, func(l *journal.Listed) bool { return l.StoreCode == "s2" }},
			"a store unknown":  {journal.Query{StoreCode: "s9"}, func(*journal.Listed) bool { return false }},
			"a terminal":       {journal.Query{Terminals: sequence.Of(2)}, func(l *journal.Listed) bool { return l.TerminalNo == 2 }},
			"terminals":        {journal.Query{StoreCode: "s1", Terminals: sequence.Of(1, 3)}, func(l *journal.Listed) bool { return l.StoreCode == "s1" && l.TerminalNo != 2 }},
			"a terminal range": {journal.Query{Terminals: sequence.Set{{First: 2, Last: 9999}}}, func(l *journal.Listed) bool { return l.TerminalNo >= 2 }},
			"a type":           {journal.Query{Types: []journal.Type{journal.Return}}, func(l *journal.Listed) bool { return l.TransactionType == journal.Return }},
			"types":            {journal.Query{Types: []journal.Type{journal.CancelledSale, journal.CashOut}}, func(l *journal.Listed) bool { return l.TransactionType == -101 || l.TransactionType == 402 }},
			"a day":            {journal.Query{BusinessDate: journal.Span[string]{From: &days[1], To: &days[1]}}, func(l *journal.Listed) bool { return l.BusinessDate == days[1] }},
			"days from":        {journal.Query{BusinessDate: journal.Span[string]{From: &days[1]}}, func(l *journal.Listed) bool { return l.BusinessDate >= days[1] }},
			"days to":          {journal.Query{BusinessDate: journal.Span[string]{To: &days[0]}}, func(l *journal.Listed) bool { return l.BusinessDate == days[0] }},
			"instants": {journal.Query{Generated: journal.Span[time.Time]{From: from, To: to}}, func(l *journal.Listed) bool {
				at := l.GeneratedAt(time.Time{})
				return !at.Before(*from) && at.Before(*to)
			}},
			"a receipt":       {journal.Query{ReceiptNo: journal.Span[int64]{From: ptr(int64(101)), To: ptr(int64(101))}}, func(l *journal.Listed) bool { return l.ReceiptNo != nil && *l.ReceiptNo == 101 }},
			"receipts from":   {journal.Query{ReceiptNo: journal.Span[int64]{From: ptr(int64(103))}}, func(l *journal.Listed) bool { return l.ReceiptNo != nil && *l.ReceiptNo >= 103 }},
			"receipts from 0": {journal.Query{ReceiptNo: journal.Span[int64]{From: ptr(int64(0))}}, func(l *journal.Listed) bool { return l.ReceiptNo != nil }},
			"transactions to": {journal.Query{TransactionNo: journal.Span[int64]{To: ptr(int64(2))}}, func(l *journal.Listed) bool { n := l.TransactionNumber(); return n != nil && *n <= 2 }},
			"amounts above":   {journal.Query{Amount: journal.Span[money.Decimal]{From: ptr(money.MustParse("0.01"))}}, func(l *journal.Listed) bool { return l.Amount.Sign() > 0 }},
			"amounts below":   {journal.Query{Amount: journal.Span[money.Decimal]{To: ptr(money.MustParse("-0.01"))}}, func(l *journal.Listed) bool { return l.Amount.Sign() < 0 }},
			"staff":           {journal.Query{StaffID: "s01"}, func(l *journal.Listed) bool { return l.StaffID != nil && *l.StaffID == "s01" }},
			"staff unknown":   {journal.Query{StaffID: "S01"}, func(*journal.Listed) bool { return false }},
			"several at a time": {journal.Query{StoreCode: "s1", Terminals: sequence.Of(1), Types: []journal.Type{journal.Sale}, BusinessDate: journal.Span[string]{From: &days[0], To: &days[1]}, StaffID: "s01"}, func(l *journal.Listed) bool {
				return l.StoreCode == "s1" && l.TerminalNo == 1 && l.TransactionType == journal.Sale && l.BusinessDate <= days[1]
			}},
		} {
			t.Run(what, func(t *testing.T) {
				want := 0
				require.NoError(t, s.Each(t.Context(), "acme", journal.Query{}, func(l *journal.Listed) bool {
					if c.want(l) {
						want++
					}
					return true
				}))
				c.query.Limit = 1000
				page, err := s.Search(t.Context(), "acme", c.query)
				require.NoError(t, err)
				assert.Len(t, page.Items, want)
				assert.Equal(t, want, page.Total)
				for _, l := range page.Items {
					assert.True(t, c.want(&l), "%+v", l)
				}
				each := 0
				require.NoError(t, s.Each(t.Context(), "acme", c.query, func(*journal.Listed) bool { each++; return true }))
				assert.Equal(t, want, each)
			})
		}
	},
	"the newest come first when nothing else is asked": func(t *testing.T, s app.Store) {
		fill(t, s)
		var last time.Time
		require.NoError(t, s.Each(t.Context(), "acme", journal.Query{}, func(l *journal.Listed) bool {
			at := l.GeneratedAt(time.Time{})
			assert.False(t, !last.IsZero() && at.After(last))
			last = at
			return true
		}))
	},
	"pages by skip and by cursor give every entry once, in every order": func(t *testing.T, s app.Store) {
		fill(t, s)
		for _, sort := range orders() {
			whole := all(t, s, "acme", journal.Query{Sort: sort})
			assert.Len(t, slices.Compact(slices.Sorted(slices.Values(whole))), len(whole))
			q := journal.Query{Sort: sort, Limit: 7}
			var bySkip, byCursor []string
			for more := true; more; q.Skip += q.Limit {
				page, err := s.Search(t.Context(), "acme", q)
				require.NoError(t, err)
				more = page.More
				bySkip = append(bySkip, idsOf(page.Items)...)
			}
			q.Skip = 0
			for more := true; more; {
				page, err := s.Search(t.Context(), "acme", q)
				require.NoError(t, err)
				assert.Equal(t, len(whole), page.Total, "the total is of everything, not of what is left")
				more, q.After = page.More, page.Items[len(page.Items)-1].EventID
				byCursor = append(byCursor, idsOf(page.Items)...)
			}
			assert.Equal(t, whole, bySkip, "%v", sort)
			assert.Equal(t, whole, byCursor, "%v", sort)
		}
	},
	"a cursor is stable while entries are added": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		for range 6 {
			commit(t, s, "acme", till.Sale("1"))
		}
		q := journal.Query{Limit: 3}
		first, err := s.Search(t.Context(), "acme", q)
		require.NoError(t, err)
		commit(t, s, "acme", till.Sale("2")) // newer than the first page
		q.After = first.Items[2].EventID
		second, err := s.Search(t.Context(), "acme", q)
		require.NoError(t, err)
		assert.Len(t, second.Items, 3)
		assert.False(t, second.More)
		for _, l := range second.Items {
			assert.NotContains(t, idsOf(first.Items), l.EventID)
		}
	},
	"a cursor that names no entry is not found": func(t *testing.T, s app.Store) {
		fill(t, s)
		for _, after := range []string{"nothing", "'; --", "$where"} {
			_, err := s.Search(t.Context(), "acme", journal.Query{Limit: 1, After: after})
			assert.ErrorIs(t, err, app.ErrNotFound)
		}
	},
	"an entry that is not there is not found": func(t *testing.T, s app.Store) {
		provision(t, s, "acme", "bolt")
		till := tilltest.New("acme", "s1", 1)
		sale, detail := till.Sale("1"), till.Business("c1", event.OrderSubtotalled{OrderID: "c1"})
		commit(t, s, "acme", sale, detail)
		for tenant, id := range map[string]string{"acme": detail.EventID, "bolt": sale.EventID} {
			_, err := s.Entry(t.Context(), tenant, id)
			assert.ErrorIs(t, err, app.ErrNotFound)
		}
	},
	"a visit ends when it is told to": func(t *testing.T, s app.Store) {
		fill(t, s)
		n := 0
		require.NoError(t, s.Each(t.Context(), "acme", journal.Query{}, func(*journal.Listed) bool { n++; return n < 3 }))
		assert.Equal(t, 3, n)
	},
	"an order is shown from first to last event": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		sale := till.Sale("1")
		events := []event.Event{
			till.Business(sale.CartID, event.OrderCreated{OrderID: sale.CartID}),
			till.Business(sale.CartID, event.ProductAdded{OrderID: sale.CartID}),
			till.Business(sale.CartID, event.OrderCompleted{OrderID: sale.CartID}),
			till.Business("other", event.OrderCreated{OrderID: "other"}),
			till.Business("", event.SignedIn{}),
		}
		for _, e := range events[1:] { // one command, one instant: the sequence tells the order
			e.Head().OccurredAt = events[1].Head().OccurredAt
		}
		commit(t, s, "acme", events[2], events[4], events[1], events[3], sale, events[0])
		got, entries, err := s.Order(t.Context(), "acme", sale.CartID)
		require.NoError(t, err)
		require.Len(t, got, 3)
		for i, kind := range []string{"Sales.OrderCreated", "Sales.ProductAdded", "Sales.OrderCompleted"} {
			assert.Equal(t, kind, got[i].EventType)
		}
		assert.Equal(t, []string{sale.EventID}, idsOf(entries))
		got, entries, err = s.Order(t.Context(), "acme", "unknown")
		require.NoError(t, err)
		assert.Empty(t, got)
		assert.Empty(t, entries)
	},
	"business events are found by every filter, page by page": func(t *testing.T, s app.Store) {
		provision(t, s, "acme", "bolt")
		var all []*event.Business
		for i, of := range []struct {
			store string
			no    int
		}{{"s1", 1}, {"s1", 2}, {"s2", 1}} {
			till := tilltest.New("acme", of.store, of.no)
			for j := range 6 {
				order := "o" + strconv.Itoa(j%2)
				b := till.Business(order, event.OrderCompleted{OrderID: order})
				if j%3 == 0 {
					b = till.Business(order, event.OrderSubtotalled{OrderID: order})
				}
				b.UserID = "u" + strconv.Itoa((i+j)%2)
				if j == 5 { // at the same instant as the one before
					b.OccurredAt = all[len(all)-1].OccurredAt
				}
				all = append(all, b)
				commit(t, s, "acme", b)
			}
		}
		from, to := tilltest.Start.Add(2*time.Second), tilltest.Start.Add(5*time.Second)
		for what, q := range map[string]journal.EventQuery{
			"everything": {}, "a type": {Type: "Sales.OrderSubtotalled"}, "an order": {CorrelationID: "o1"}, "a store": {StoreCode: "s1"},
			"a terminal": {StoreCode: "s1", TerminalNo: 2}, "a terminal number": {TerminalNo: 1}, "a user": {UserID: "u1"},
			"from": {Occurred: journal.Span[time.Time]{From: &from}}, "until": {Occurred: journal.Span[time.Time]{To: &to}},
			"all at once":                     {StoreCode: "s2", TerminalNo: 1, Type: "Sales.OrderCompleted", CorrelationID: "o0", UserID: "u0", Occurred: journal.Span[time.Time]{From: &from}},
			"a type of a terminal in an hour": {StoreCode: "s1", TerminalNo: 1, Type: "Sales.OrderCompleted", Occurred: journal.Span[time.Time]{From: &from, To: &to}},
			"nothing":                         {CorrelationID: "' OR 1 --"},
		} {
			for _, oldest := range []bool{false, true} {
				q.OldestFirst = oldest
				want := map[string]bool{}
				for _, b := range all {
					if q.Holds(b) && (q.Occurred.From == nil || !b.OccurredAt.Before(from)) && (q.Occurred.To == nil || b.OccurredAt.Before(to)) {
						want[b.EventID] = true
					}
				}
				got, last := map[string]bool{}, time.Time{}
				q.After, q.Limit = "", 2
				for more := true; more; {
					var page []*event.Business
					var err error
					page, more, err = s.Events(t.Context(), "acme", q)
					require.NoError(t, err, what)
					for _, b := range page {
						assert.False(t, got[b.EventID], "%s: once", what)
						got[b.EventID], q.After = true, b.EventID
						assert.False(t, !last.IsZero() && (oldest && b.OccurredAt.Before(last) || !oldest && b.OccurredAt.After(last)), "%s: in order", what)
						last = b.OccurredAt
					}
				}
				assert.Equal(t, want, got, what)
			}
		}
		_, _, err := s.Events(t.Context(), "acme", journal.EventQuery{Limit: 1, After: "nothing"})
		assert.ErrorIs(t, err, app.ErrNotFound)
		found, _, err := s.Events(t.Context(), "bolt", journal.EventQuery{Limit: 10})
		require.NoError(t, err)
		assert.Empty(t, found)
	},
	"a session has its own logs only, by sequence": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till, other := tilltest.New("acme", "s1", 1), tilltest.New("acme", "s1", 2)
		a, b, c := till.Sale("1"), till.Sale("2"), till.Cash("3")
		till.OpenCounter = 2
		commit(t, s, "acme", b, a, c, till.Sale("4"), other.Sale("5"))
		session, err := s.Session(t.Context(), "acme", journal.SessionKey{Terminal: till.Terminal, BusinessDate: till.BusinessDate, OpenCounter: 1})
		require.NoError(t, err)
		require.Len(t, session.Transactions, 2)
		assert.Equal(t, []string{a.EventID, b.EventID}, []string{session.Transactions[0].EventID, session.Transactions[1].EventID})
		assert.Len(t, session.Cash, 1)
		assert.Empty(t, session.OpenClose)
		session, err = s.Session(t.Context(), "acme", journal.SessionKey{Terminal: till.Terminal, BusinessDate: "20200101", OpenCounter: 1})
		require.NoError(t, err)
		assert.True(t, session.Empty())
	},
	"the newest snapshot of each thing is kept, whatever came last": func(t *testing.T, s app.Store) {
		provision(t, s, "acme", "bolt")
		till, tenant := tilltest.New("acme", "s1", 1), tilltest.NewTenant("acme")
		_, err := s.Terminal(t.Context(), till.Terminal.ID())
		require.ErrorIs(t, err, app.ErrNotFound)
		old, newer := till.TerminalSnapshot(3, "old"), till.TerminalSnapshot(5, "new")
		commit(t, s, "acme", newer, old)
		got, err := s.Terminal(t.Context(), till.Terminal.ID())
		require.NoError(t, err)
		assert.Equal(t, newer, got)
		commit(t, s, "acme", tenant.StoreSnapshot("s2", "UTC", 1), tenant.StoreSnapshot("s1", "UTC", 2), tenant.StoreSnapshot("s1", "Asia/Tokyo", 3))
		stores, err := s.Stores(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, stores, 2)
		assert.Equal(t, "Asia/Tokyo", stores[0].Store.TimeZone)
		stores, err = s.Stores(t.Context(), "bolt")
		require.NoError(t, err)
		assert.Empty(t, stores)
	},
	"streams are told with their heads": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till, tenant := tilltest.New("acme", "s1", 1), tilltest.NewTenant("acme")
		commit(t, s, "acme", till.Sale("1"), till.Open(), tenant.Snapshot(1))
		states, err := s.Streams(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, states, 2)
		assert.Equal(t, identity.TenantStream("acme"), states[0].Stream)
		assert.Equal(t, identity.TerminalStream(till.Terminal), states[1].Stream)
		assert.Equal(t, uint64(2), states[1].Seq)
		assert.NotZero(t, states[1].Hash)
		assert.Equal(t, []journal.Progress{{Producer: "cart", Received: sequence.Of(1)}, {Producer: "terminal", Received: sequence.Of(1)}}, states[1].Progress)
	},
	"a walk ends with the walker's own error": func(t *testing.T, s app.Store) {
		provision(t, s, "acme")
		till := tilltest.New("acme", "s1", 1)
		commit(t, s, "acme", till.Sale("1"), till.Sale("2"))
		enough := errors.New("enough")
		links := 0
		err := s.Walk(t.Context(), "acme", app.Walker{
			Stream: func(journal.StreamState) error { return nil },
			Link:   func(*journal.Stored) error { links++; return enough },
			Stray:  func(string, string) error { return nil },
		})
		assert.ErrorIs(t, err, enough)
		assert.Equal(t, 1, links)
	},
}

// fill makes three days of three tills in two stores, with every type that logs make, several entries
// at the same instant, and entries without receipt, transaction or staff. It gives the days.
func fill(t *testing.T, s app.Store) []string {
	t.Helper()
	provision(t, s, "acme")
	days := []string{"20260328", "20260329", "20260330"}
	for _, of := range []struct {
		store string
		no    int
	}{{"s1", 1}, {"s1", 2}, {"s2", 3}} {
		till := tilltest.New("acme", of.store, of.no)
		for i, day := range days[:2+of.no%2] {
			till.BusinessDate, till.Now = day, tilltest.Start.Add(time.Duration(i)*time.Second)
			cancelled := till.Sale("5" + strconv.Itoa(i))
			cancelled.Sales.IsCancelled, cancelled.Staff = true, nil
			out := till.Cash("-20.5")
			out.StaffID = ""
			commit(t, s, "acme", till.Open(), till.Cash("100"), till.Sale("10.9"), cancelled,
				till.Transaction(event.TypeReturn, "3"), till.Transaction(event.TypeVoidSale, "4"), out, till.Close(1, 1, 1, "", "1"))
		}
	}
	return days
}

// orders are all fields in both directions, and some in combination.
func orders() [][]journal.Order {
	out := [][]journal.Order{
		nil,
		{{Field: journal.ByStore}, {Field: journal.ByTerminal, Descending: true}, {Field: journal.ByGenerated}},
		{{Field: journal.ByReceiptNo}, {Field: journal.ByStaff, Descending: true}},
		{{Field: journal.ByType, Descending: true}, {Field: journal.ByReceiptNo}, {Field: journal.ByAmount, Descending: true}},
	}
	for _, f := range journal.Fields {
		out = append(out, []journal.Order{{Field: f}}, []journal.Order{{Field: f, Descending: true}})
	}
	return out
}

func idsOf(items []journal.Listed) []string {
	ids := make([]string, len(items))
	for i, l := range items {
		ids[i] = l.EventID
	}
	return ids
}
