package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// seeds of the random journals; the same journals in every run.
const (
	journals    = 1
	entriesEach = 150
)

var searchCases = map[string]func(t *testing.T, s app.Store){
	"every filter alone, in all pairs and with keywords gives what looking at each entry gives": func(t *testing.T, s app.Store) {
		for seed := range uint64(journals) {
			tenant := fmt.Sprintf("random%d", seed)
			r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // tests are to be repeatable
			entries := scatter(t, s, tenant, r)
			names := slices.Sorted(mapsKeys(filterKinds))
			for i, a := range names {
				for _, b := range names[i:] {
					q := journal.Query{Sort: someOrder(r), Limit: 25 + r.IntN(100)}
					filterKinds[a](r, &q)
					filterKinds[b](r, &q)
					check(t, s, tenant, entries, q, a+" and "+b)
				}
			}
		}
	},
	"any combination of filters, page after page, gives what looking at each entry gives": func(t *testing.T, s app.Store) {
		r := rand.New(rand.NewPCG(99, 1)) //nolint:gosec // tests are to be repeatable
		entries := scatter(t, s, "acme", r)
		names := slices.Sorted(mapsKeys(filterKinds))
		for range 50 {
			q := journal.Query{Sort: someOrder(r), Limit: 9 + r.IntN(40)}
			for _, i := range r.Perm(len(names))[:r.IntN(5)] {
				filterKinds[names[i]](r, &q)
			}
			check(t, s, "acme", entries, q, fmt.Sprintf("%+v", q))
		}
	},
	"keywords find any part in Japanese and words in Latin, as a full scan does": func(t *testing.T, s app.Store) {
		r := rand.New(rand.NewPCG(5, 5)) //nolint:gosec // tests are to be repeatable
		entries := scatter(t, s, "acme", r)
		for range 70 {
			text := []rune(entries[r.IntN(len(entries))].JournalText)
			from := r.IntN(len(text))
			phrase := string(text[from:min(len(text), from+1+r.IntN(6))])
			if r.IntN(3) == 0 {
				phrase = `"` + phrase + `" ` + words[r.IntN(len(words))]
			}
			check(t, s, "acme", entries, journal.Query{Keywords: journal.Keywords(phrase), Limit: 9 + r.IntN(30)}, phrase)
		}
		for _, phrase := range []string{"%", "_", "*", `"`, "'", "--", "a*", "NOT tea", "terms:tea", "(", "NEAR", "\x00", "{", "$where", "緑 OR 茶", "-緑茶", "^", "￥"} {
			check(t, s, "acme", entries, journal.Query{Keywords: journal.Keywords(phrase), Limit: 100}, phrase)
		}
	},
	"a cursor sees every entry once while new ones arrive": func(t *testing.T, s app.Store) {
		for i, q := range []journal.Query{
			{}, {Keywords: journal.Keywords("緑茶")}, {Keywords: journal.Keywords("おにぎり")}, {Keywords: journal.Keywords("tea"), Sort: []journal.Order{{Field: journal.ByGenerated}}},
			{StoreCode: "s1"}, {Types: []journal.Type{journal.Sale, journal.Return}}, {Sort: []journal.Order{{Field: journal.ByAmount}}}, {Sort: []journal.Order{{Field: journal.ByReceiptNo, Descending: true}}, StaffID: "s01"},
		} {
			tenant := fmt.Sprintf("flow%d", i)
			r := rand.New(rand.NewPCG(uint64(i), 3)) //nolint:gosec // tests are to be repeatable
			before := matching(scatter(t, s, tenant, r), q)
			seen := map[string]int{}
			q.Limit = 17
			till := newScatterer(tenant, "s1", 7, r)
			for more := true; more; {
				page, err := s.Search(t.Context(), tenant, q)
				require.NoError(t, err)
				for _, l := range page.Items {
					seen[l.EventID]++
					q.After = l.EventID
				}
				more = page.More
				commit(t, s, tenant, till.next(), till.next(), till.next())
			}
			for id, n := range seen {
				assert.Equal(t, 1, n, "%s of %+v", id, q)
			}
			for _, l := range before {
				assert.Equal(t, 1, seen[l.EventID], "%s of %+v", l.EventID, q)
			}
		}
	},
	"a type that is named twice is one type": func(t *testing.T, s app.Store) {
		r := rand.New(rand.NewPCG(12, 4)) //nolint:gosec // tests are to be repeatable
		entries := scatter(t, s, "acme", r)
		for _, q := range []journal.Query{{}, {StoreCode: "s1"}, {StoreCode: "s1", Terminals: sequence.Of(1, 2)}, {Keywords: journal.Keywords("茶")}} {
			q.Types, q.Limit = []journal.Type{journal.Sale, journal.Return, journal.Sale}, 20
			check(t, s, "acme", entries, q, fmt.Sprintf("%+v", q))
		}
	},
	"totals are exact as far as they are counted, and are counted to the end when that is wanted": func(t *testing.T, s app.Store) {
		r := rand.New(rand.NewPCG(8, 8)) //nolint:gosec // tests are to be repeatable
		entries := scatter(t, s, "acme", r)
		for _, q := range []journal.Query{{}, {StoreCode: "s1"}, {StaffID: "s01"}, {Keywords: journal.Keywords("緑茶")}, {Keywords: journal.Keywords("おにぎり"), StoreCode: "s1"}} {
			want := len(matching(entries, q))
			q.Limit = 5
			for counting, total := range map[journal.Counting]int{journal.CountUsual: want, journal.CountAll: want, journal.CountNone: 0} {
				q.Counting = counting
				page, err := s.Search(t.Context(), "acme", q)
				require.NoError(t, err)
				if counting != journal.CountNone || len(q.Keywords) == 0 {
					assert.Equal(t, total, page.Total, "%+v", q)
				}
				assert.False(t, page.TotalIsLowerBound)
			}
		}
	},
}

// words of which the texts are made.
var words = []string{
	"緑茶", "おにぎり", "おにぎり鮭", "ハンバーガー", "ﾊﾝﾊﾞｰｶﾞｰ", "コーヒー", "ｶﾌｪ", "茶", "茶碗", "円", "合計", "領収書", "㈱山田", "人々",
	"Tea", "tea", "ＴＥＡ", "steak", "Café", "cafe\u0301", "crème", "Green", "A-1047", "1,080", "１０８０", "100", "10", "☕", "🍙🍵", "%", "----", "─────",
}

// filterKinds set one filter each, to something that may or may not be there.
var filterKinds = map[string]func(r *rand.Rand, q *journal.Query){
	"store":     func(r *rand.Rand, q *journal.Query) { q.StoreCode = pick(r, "s1", "s2", "s9") },
	"terminal":  func(r *rand.Rand, q *journal.Query) { q.Terminals = sequence.Of(uint64(1 + r.IntN(4))) },
	"terminals": func(r *rand.Rand, q *journal.Query) { q.Terminals = sequence.Of(1, uint64(2+r.IntN(2))) },
	"many terminals": func(r *rand.Rand, q *journal.Query) {
		q.Terminals = sequence.Set{{First: uint64(1 + r.IntN(3)), Last: 9999}}
	},
	"type": func(r *rand.Rand, q *journal.Query) {
		q.Types = []journal.Type{journal.Types[r.IntN(len(journal.Types))].Type}
	},
	"types": func(r *rand.Rand, q *journal.Query) {
		q.Types = journal.OfCategory(journal.Categories[r.IntN(len(journal.Categories))])
	},
	"day": func(r *rand.Rand, q *journal.Query) {
		d := someDay(r)
		q.BusinessDate = journal.Span[string]{From: &d, To: &d}
	},
	"days":      func(r *rand.Rand, q *journal.Query) { q.BusinessDate = someSpan(r, someDay(r), someDay(r)) },
	"generated": func(r *rand.Rand, q *journal.Query) { q.Generated = someTimes(r) },
	"receipt": func(r *rand.Rand, q *journal.Query) {
		n := int64(100 + r.IntN(60))
		q.ReceiptNo = journal.Span[int64]{From: &n, To: &n}
	},
	"receipts": func(r *rand.Rand, q *journal.Query) {
		q.ReceiptNo = someSpan(r, int64(100+r.IntN(60)), int64(100+r.IntN(60)))
	},
	"transactions": func(r *rand.Rand, q *journal.Query) {
		q.TransactionNo = someSpan(r, int64(r.IntN(60)), int64(r.IntN(60)))
	},
	"amounts": func(r *rand.Rand, q *journal.Query) {
		a, b := money.FromInt(int64(r.IntN(400)-100)), money.MustParse(fmt.Sprintf("%d.%02d", r.IntN(400), r.IntN(100)))
		if a.Cmp(b) > 0 {
			a, b = b, a
		}
		q.Amount = journal.Span[money.Decimal]{From: pointer(r, a), To: pointer(r, b)}
	},
	"staff":   func(r *rand.Rand, q *journal.Query) { q.StaffID = pick(r, "s01", "s02", "nobody") },
	"keyword": func(r *rand.Rand, q *journal.Query) { q.Keywords = journal.Keywords(words[r.IntN(len(words))]) },
	"keywords": func(r *rand.Rand, q *journal.Query) {
		q.Keywords = journal.Keywords(pick(r, words...) + " " + pick(r, words...))
	},
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// pointer leaves an end of a range open now and then.
func pointer[T any](r *rand.Rand, v T) *T {
	if r.IntN(4) == 0 {
		return nil
	}
	return &v
}

func someSpan[T cmp.Ordered](r *rand.Rand, a, b T) journal.Span[T] {
	return journal.Span[T]{From: pointer(r, min(a, b)), To: pointer(r, max(a, b))}
}

func someTimes(r *rand.Rand) journal.Span[time.Time] {
	a, b := tilltest.Start.Add(time.Duration(r.IntN(200))*time.Second), tilltest.Start.Add(time.Duration(200+r.IntN(400))*time.Second)
	return journal.Span[time.Time]{From: pointer(r, a), To: pointer(r, b)}
}

func someDay(r *rand.Rand) string { return fmt.Sprintf("202603%02d", 27+r.IntN(4)) }

func someOrder(r *rand.Rand) []journal.Order {
	if r.IntN(2) == 0 {
		return nil
	}
	var order []journal.Order
	for _, i := range r.Perm(len(journal.Fields))[:1+r.IntN(2)] {
		order = append(order, journal.Order{Field: journal.Fields[i], Descending: r.IntN(2) == 0})
	}
	return order
}

func mapsKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// scatterer makes events at random.
type scatterer struct {
	*tilltest.Till
	r *rand.Rand
}

func newScatterer(tenant, store string, no int, r *rand.Rand) *scatterer {
	return &scatterer{tilltest.New(tenant, store, no), r}
}

func (s *scatterer) next() event.Event {
	s.BusinessDate = someDay(s.r)
	if s.r.IntN(4) == 0 { // clocks are set, and tills come late
		s.Now = tilltest.Start.Add(time.Duration(s.r.IntN(600)) * time.Second)
	}
	var text strings.Builder
	for range 1 + s.r.IntN(12) {
		text.WriteString(pick(s.r, words...))
		text.WriteString(pick(s.r, " ", "\n", "", "　", "  ", ",", "円"))
	}
	switch s.r.IntN(8) {
	case 0:
		l := s.Cash(pick(s.r, "5", "-5", "-20.5", "0"))
		l.JournalText, l.StaffID = text.String(), pick(s.r, "s01", "")
		return l
	case 1:
		l := s.Open()
		l.JournalText = text.String()
		return l
	}
	l := s.Transaction([]int{event.TypeSale, event.TypeReturn, event.TypeVoidSale, event.TypeVoidReturn}[s.r.IntN(4)],
		fmt.Sprintf("%d.%d", s.r.IntN(300), s.r.IntN(3)))
	l.JournalText, l.Sales.IsCancelled = text.String(), s.r.IntN(5) == 0
	l.Staff = &event.Person{ID: pick(s.r, "s01", "s02"), Name: "x"}
	if s.r.IntN(9) == 0 {
		l.Staff = nil
	}
	return l
}

// scatter fills a tenant's journal at random and gives all of its entries, in the order of storing.
func scatter(t *testing.T, s app.Store, tenant string, r *rand.Rand) []journal.Listed {
	t.Helper()
	provision(t, s, tenant)
	tills := []*scatterer{newScatterer(tenant, "s1", 1, r), newScatterer(tenant, "s1", 2, r), newScatterer(tenant, "s2", 3, r)}
	var order []string
	for len(order) < entriesEach {
		var events []event.Event
		for range min(1+r.IntN(60), entriesEach-len(order)) {
			e := tills[r.IntN(len(tills))].next()
			events, order = append(events, e), append(order, e.Head().EventID)
		}
		commit(t, s, tenant, events...)
	}
	place := map[string]int{}
	for i, id := range order {
		place[id] = i
	}
	entries := make([]journal.Listed, len(order))
	require.NoError(t, s.Each(t.Context(), tenant, journal.Query{}, func(l *journal.Listed) bool {
		entries[place[l.EventID]] = *l
		return true
	}))
	return entries
}

// fulfils is the definition of every filter.
func fulfils(l *journal.Listed, q *journal.Query) bool {
	at := l.GeneratedAt(time.Time{})
	within := func(v *int64, s journal.Span[int64]) bool {
		return s.Open() || v != nil && (s.From == nil || *v >= *s.From) && (s.To == nil || *v <= *s.To)
	}
	return (q.StoreCode == "" || l.StoreCode == q.StoreCode) &&
		(len(q.Terminals) == 0 || q.Terminals.Contains(uint64(l.TerminalNo))) &&
		(len(q.Types) == 0 || slices.Contains(q.Types, l.TransactionType)) &&
		(q.BusinessDate.From == nil || l.BusinessDate >= *q.BusinessDate.From) && (q.BusinessDate.To == nil || l.BusinessDate <= *q.BusinessDate.To) &&
		(q.Generated.From == nil || !at.Before(*q.Generated.From)) && (q.Generated.To == nil || at.Before(*q.Generated.To)) &&
		within(l.ReceiptNo, q.ReceiptNo) && within(l.TransactionNumber(), q.TransactionNo) &&
		(q.Amount.From == nil || l.Amount.Cmp(*q.Amount.From) >= 0) && (q.Amount.To == nil || l.Amount.Cmp(*q.Amount.To) <= 0) &&
		(q.StaffID == "" || l.StaffID != nil && *l.StaffID == q.StaffID) &&
		journal.Holds(l.JournalText, q.Keywords)
}

// matching filters and orders entries, which come in the order of storing, as a query says.
func matching(entries []journal.Listed, q journal.Query) []journal.Listed {
	var out []journal.Listed
	for i := range entries {
		if fulfils(&entries[i], &q) {
			out = append(out, entries[i])
		}
	}
	sort := q.Sort
	if len(sort) == 0 {
		sort = []journal.Order{{Field: journal.ByGenerated, Descending: true}}
	}
	if sort[0].Descending { // the order of storing decides between equals, in the direction of the first key
		slices.Reverse(out)
	}
	slices.SortStableFunc(out, func(a, b journal.Listed) int {
		for _, o := range sort {
			c := compare(&a, &b, o.Field)
			if o.Descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return out
}

func compare(a, b *journal.Listed, f journal.Field) int {
	switch f {
	case journal.ByStore:
		return cmp.Compare(a.StoreCode, b.StoreCode)
	case journal.ByTerminal:
		return cmp.Compare(a.TerminalNo, b.TerminalNo)
	case journal.ByType:
		return cmp.Compare(a.TransactionType, b.TransactionType)
	case journal.ByBusinessDate:
		return cmp.Compare(a.BusinessDate, b.BusinessDate)
	case journal.ByGenerated:
		return a.GeneratedAt(time.Time{}).Compare(b.GeneratedAt(time.Time{}))
	case journal.ByTransactionNo:
		return cmp.Or(comparePointers(a.TransactionNumber(), b.TransactionNumber()), comparePointers(a.TransactionNo, b.TransactionNo))
	case journal.ByReceiptNo:
		return comparePointers(a.ReceiptNo, b.ReceiptNo)
	case journal.ByAmount:
		return a.Amount.Cmp(b.Amount)
	case journal.ByOpenCounter:
		return comparePointers(a.OpenCounter, b.OpenCounter)
	case journal.ByBusinessCounter:
		return comparePointers(a.BusinessCounter, b.BusinessCounter)
	case journal.ByStaff:
		return comparePointers(a.StaffID, b.StaffID)
	case journal.ByRelevance: // is no field of an entry
	}
	panic(f)
}

// comparePointers puts nothing first.
func comparePointers[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

// check holds pages by cursor and by skip, and the total, against the definition.
func check(t *testing.T, s app.Store, tenant string, entries []journal.Listed, q journal.Query, what string) {
	t.Helper()
	want := idsOf(matching(entries, q))
	got := []string{}
	for more := true; more; {
		page, err := s.Search(context.WithoutCancel(t.Context()), tenant, q)
		require.NoError(t, err, what)
		require.Equal(t, len(want), page.Total, what)
		got = append(got, idsOf(page.Items)...)
		if more = page.More; more {
			require.Len(t, page.Items, q.Limit, what)
			q.After = got[len(got)-1]
		}
	}
	require.Equal(t, want, got, what)
	q.After, q.Skip = "", len(want)/2
	page, err := s.Search(t.Context(), tenant, q)
	require.NoError(t, err, what)
	require.Equal(t, want[q.Skip:min(len(want), q.Skip+q.Limit)], idsOf(page.Items), what)
}
