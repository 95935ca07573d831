package storetest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

// FillForPlans stores 600 entries of two stores in tenant acme, so that most filters leave too many of
// them, and gives one to go on from.
func FillForPlans(t *testing.T, s app.Store) (after string) {
	t.Helper()
	provision(t, s, "acme")
	for store := range 2 {
		till := tilltest.New("acme", fmt.Sprintf("s%d", store+1), store+1)
		var events []event.Event
		for i := range 300 {
			till.BusinessDate = fmt.Sprintf("202603%02d", 1+i/12)
			l := till.Sale("1")
			l.JournalText = "tea 緑茶"
			if i%10 == 0 {
				l.JournalText = "coffee コーヒー"
			}
			events, after = append(events, l), l.EventID
		}
		commit(t, s, "acme", events...)
	}
	return after
}

// EveryQuery calls ask with every query that the API can make: all combinations of filters, in every
// order, from the start and behind an entry, and keywords in every order. An ordinary run asks one of
// so many combinations, JOURNAL_ALL_PLANS=1 all.
func EveryQuery(after string, one int, ask func(q journal.Query)) {
	orders := [][]journal.Order{nil, {{Field: journal.ByGenerated}}}
	for _, f := range journal.Fields {
		orders = append(orders, []journal.Order{{Field: f, Descending: true}, {Field: journal.ByGenerated}})
	}
	if os.Getenv("JOURNAL_ALL_PLANS") != "" {
		one = 1
	}
	no := 0
	combine(func(q journal.Query) {
		q.Limit = 7
		for _, order := range orders {
			for _, q.After = range []string{"", after} {
				if no++; no%one == 0 {
					q.Sort = order
					ask(q)
				}
			}
		}
	})
	for _, keywords := range []string{"tea", "緑茶", "茶", "コーヒー", "nothing", "%", "tea 緑茶", `"tea 緑茶"`} {
		for _, order := range orders {
			ask(journal.Query{Keywords: journal.Keywords(keywords), Sort: order, Limit: 7})
			ask(journal.Query{Keywords: journal.Keywords(keywords), Sort: order, Limit: 7, StoreCode: "s1", StaffID: "s01"})
		}
	}
}

// combine calls fn with every combination of filters.
func combine(fn func(journal.Query)) {
	day, later, instant, n, m, amount := "20260303", "20260309", tilltest.Start.Add(time.Minute), int64(105), int64(130), money.FromInt(1)
	choices := [][]func(*journal.Query){
		{nil, func(q *journal.Query) { q.StoreCode = "s1" }},
		{nil, func(q *journal.Query) { q.Terminals = sequence.Of(1) }, func(q *journal.Query) { q.Terminals = sequence.Of(1, 2) }, func(q *journal.Query) { q.Terminals = sequence.Set{{First: 1, Last: 9999}} }},
		{nil, func(q *journal.Query) { q.Types = []journal.Type{101} }, func(q *journal.Query) { q.Types = []journal.Type{101, 102} }},
		{nil, func(q *journal.Query) { q.BusinessDate = journal.Span[string]{From: &day, To: &day} }, func(q *journal.Query) { q.BusinessDate = journal.Span[string]{From: &day, To: &later} }, func(q *journal.Query) { q.BusinessDate.From = &day }},
		{nil, func(q *journal.Query) { q.Generated.From = &instant }},
		{nil, func(q *journal.Query) { q.ReceiptNo = journal.Span[int64]{From: &n, To: &n} }, func(q *journal.Query) { q.ReceiptNo = journal.Span[int64]{From: &n, To: &m} }},
		{nil, func(q *journal.Query) { q.TransactionNo.To = &m }},
		{nil, func(q *journal.Query) { q.Amount.From = &amount }},
		{nil, func(q *journal.Query) { q.StaffID = "s01" }},
	}
	var choose func(i int, q journal.Query)
	choose = func(i int, q journal.Query) {
		if i == len(choices) {
			fn(q)
			return
		}
		for _, set := range choices[i] {
			next := q
			if set != nil {
				set(&next)
			}
			choose(i+1, next)
		}
	}
	choose(0, journal.Query{})
}
