package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/state"
)

// TransactionFilter chooses among a terminal's transactions; zero values choose all.
type TransactionFilter struct {
	BusinessDate     string
	OpenCounter      int
	Types            []int
	ReceiptNo        int64
	IncludeCancelled bool
	OldestFirst      bool
	Skip, Limit      int
}

func (f TransactionFilter) matches(e indexEntry) bool {
	return (f.BusinessDate == "" || f.BusinessDate == e.BusinessDate) &&
		(f.OpenCounter == 0 || f.OpenCounter == e.OpenCounter) &&
		(len(f.Types) == 0 || slices.Contains(f.Types, e.Type)) &&
		(f.ReceiptNo == 0 || f.ReceiptNo == e.ReceiptNo) &&
		(f.IncludeCancelled || !e.Cancelled)
}

// TransactionPage is one page of a list. Total is how many match; it is a lower bound when more
// transactions would have had to be looked through than one request may.
type TransactionPage struct {
	Items             []*event.TranLog
	Total             int
	TotalIsLowerBound bool
}

// Transaction gives one transaction of a terminal. It fails with problem.NotFound.
func (a *App) Transaction(ctx context.Context, terminal identity.Terminal, no int64) (*event.TranLog, error) {
	logs, err := a.transactions(ctx, terminal, []int64{no})
	if err != nil {
		return nil, err
	}
	return logs[0], nil
}

// Transactions lists a terminal's transactions, newest first unless told otherwise.
func (a *App) Transactions(ctx context.Context, terminal identity.Terminal, f TransactionFilter) (TransactionPage, error) {
	buckets, cut, err := a.bucketsFor(ctx, terminal, f)
	if err != nil {
		return TransactionPage{}, err
	}
	page := TransactionPage{TotalIsLowerBound: cut}
	var numbers []int64
	for chunk := range slices.Chunk(buckets, bucketsAtOnce) {
		entries, err := a.readBuckets(ctx, terminal, chunk, f.OldestFirst)
		if err != nil {
			return TransactionPage{}, err
		}
		for _, e := range entries {
			if !f.matches(e) {
				continue
			}
			if page.Total >= f.Skip && len(numbers) < f.Limit {
				numbers = append(numbers, e.No)
			}
			page.Total++
		}
	}
	page.Items, err = a.transactions(ctx, terminal, numbers)
	return page, err
}

// transactions reads transactions by number.
func (a *App) transactions(ctx context.Context, terminal identity.Terminal, numbers []int64) ([]*event.TranLog, error) {
	logs := make([]*event.TranLog, len(numbers))
	if len(numbers) == 0 {
		return logs, nil
	}
	keys := make([]string, len(numbers))
	for i, no := range numbers {
		keys[i] = transactionKey(terminal.ID(), no)
	}
	items, err := a.Store.Get(ctx, keys...)
	if err != nil {
		return nil, state.Problem(err)
	}
	for i, no := range numbers {
		if !items[i].Exists() {
			return nil, problem.NotFound.New("terminal %s has no transaction %d", terminal.ID(), no)
		}
		t, err := read[transaction](items[i])
		if err != nil {
			return nil, err
		}
		logs[i] = t.Log
	}
	return logs, nil
}

// The state store cannot list, so the transactions of a terminal are listed in buckets by number, and
// the buckets of every business date in one document a year.
const (
	bucketSize = 100
	// bucketsAtOnce and bucketsMax bound one list request: a hundred buckets are ten thousand
	// transactions.
	bucketsAtOnce, bucketsMax = 10, 100
)

// indexEntry is what a list can choose by.
type indexEntry struct {
	No           int64  `json:"no"`
	ReceiptNo    int64  `json:"receipt"`
	Type         int    `json:"type"`
	BusinessDate string `json:"date"`
	OpenCounter  int    `json:"open"`
	Cancelled    bool   `json:"cancelled,omitempty"`
}

type bucket struct {
	schema
	Entries []indexEntry `json:"entries"`
}

// days tells per business date of a year the first and the last bucket with a transaction of it.
type days struct {
	schema
	Days map[string][2]int64 `json:"days"`
}

func bucketKey(terminalID string, n int64) string {
	return fmt.Sprintf("transaction-bucket/%s/%d", terminalID, n)
}

func daysKey(terminalID, businessDate string) string {
	return "transaction-days/" + terminalID + "/" + businessDate[:min(4, len(businessDate))]
}

func bucketOf(no int64) int64 { return (no - 1) / bucketSize }

// indexTransaction lists a transaction, in the command that makes it.
func (w *work) indexTransaction(ctx context.Context, log *event.TranLog) error {
	terminalID, n := w.in.Till.ID(), bucketOf(log.TransactionNo)
	items, err := w.unit.Get(ctx, bucketKey(terminalID, n))
	if err != nil {
		return err
	}
	b, err := read[bucket](items[0])
	if err != nil {
		return err
	}
	dated := slices.ContainsFunc(b.Entries, func(e indexEntry) bool { return e.BusinessDate == log.BusinessDate })
	b.Entries = append(b.Entries, indexEntry{
		No: log.TransactionNo, ReceiptNo: log.ReceiptNo, Type: log.TransactionType,
		BusinessDate: log.BusinessDate, OpenCounter: log.OpenCounter, Cancelled: log.Sales.IsCancelled,
	})
	if err := w.unit.Put(items[0], b); err != nil || dated {
		return err
	}
	return w.indexDay(ctx, log.BusinessDate, n)
}

// indexDay notes that bucket n has a transaction of a date: once per date and bucket.
func (w *work) indexDay(ctx context.Context, businessDate string, n int64) error {
	items, err := w.unit.Get(ctx, daysKey(w.in.Till.ID(), businessDate))
	if err != nil {
		return err
	}
	d, err := read[days](items[0])
	if err != nil {
		return err
	}
	if d.Days == nil {
		d.Days = map[string][2]int64{}
	}
	first := n
	if span, known := d.Days[businessDate]; known {
		first = span[0]
	}
	d.Days[businessDate] = [2]int64{first, n} // numbers only grow, so n is the last
	return w.unit.Put(items[0], d)
}

// bucketsFor gives the buckets that may hold what f asks for, in the order of the list; cut tells
// that there are more than one request may read.
func (a *App) bucketsFor(ctx context.Context, terminal identity.Terminal, f TransactionFilter) (buckets []int64, cut bool, err error) {
	var first, last int64
	if f.BusinessDate != "" {
		first, last, err = a.daySpan(ctx, terminal, f.BusinessDate)
	} else {
		first, last, err = a.wholeSpan(ctx, terminal)
	}
	if err != nil {
		return nil, false, err
	}
	for n := first; n <= last; n++ {
		buckets = append(buckets, n)
	}
	if !f.OldestFirst {
		slices.Reverse(buckets)
	}
	cut = len(buckets) > bucketsMax
	return buckets[:min(len(buckets), bucketsMax)], cut, nil
}

// daySpan is empty (last before first) for a date without transactions.
func (a *App) daySpan(ctx context.Context, terminal identity.Terminal, businessDate string) (first, last int64, err error) {
	item, err := state.Get(ctx, a.Store, daysKey(terminal.ID(), businessDate))
	if err != nil {
		return 0, 0, state.Problem(err)
	}
	d, err := read[days](item)
	if err != nil {
		return 0, 0, err
	}
	span, known := d.Days[businessDate]
	if !known {
		return 0, -1, nil
	}
	return span[0], span[1], nil
}

func (a *App) wholeSpan(ctx context.Context, terminal identity.Terminal) (first, last int64, err error) {
	book, err := a.book(ctx, terminal)
	if err != nil || book.TransactionNo == 0 {
		return 0, -1, err
	}
	return 0, bucketOf(book.TransactionNo), nil
}

// readBuckets gives the entries of buckets in the order of the list.
func (a *App) readBuckets(ctx context.Context, terminal identity.Terminal, numbers []int64, oldestFirst bool) ([]indexEntry, error) {
	keys := make([]string, len(numbers))
	for i, n := range numbers {
		keys[i] = bucketKey(terminal.ID(), n)
	}
	items, err := a.Store.Get(ctx, keys...)
	if err != nil {
		return nil, state.Problem(err)
	}
	var all []indexEntry
	for _, item := range items {
		b, err := read[bucket](item)
		if err != nil {
			return nil, err
		}
		if !oldestFirst {
			slices.Reverse(b.Entries)
		}
		all = append(all, b.Entries...)
	}
	return all, nil
}
