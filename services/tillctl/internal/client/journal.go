package client

import (
	"context"
	"maps"
	"net/url"
	"strconv"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
)

// Entry is one line of the electronic journal.
type Entry struct {
	JournalID           string        `json:"journalId"`
	TenantID            string        `json:"tenantId"`
	StoreCode           string        `json:"storeCode"`
	TerminalNo          int           `json:"terminalNo"`
	TransactionNo       string        `json:"transactionNo"`
	TransactionType     int           `json:"transactionType"`
	TransactionTypeName string        `json:"transactionTypeName"`
	BusinessDate        string        `json:"businessDate"`
	OpenCounter         int           `json:"openCounter"`
	BusinessCounter     int           `json:"businessCounter"`
	ReceiptNo           *int64        `json:"receiptNo"`
	Amount              money.Decimal `json:"amount"`
	Quantity            *int64        `json:"quantity"`
	StaffID             string        `json:"staffId"`
	GenerateDateTime    string        `json:"generateDateTime"`
	JournalText         string        `json:"journalText"`
	ReceiptText         string        `json:"receiptText"`
	ChainSeq            uint64        `json:"chainSeq"`
	Hash                string        `json:"hash"`
}

// TooWide is the journal's problem with a search that would read too much.
var TooWide = &problem.Kind{Code: 410004}

// SearchQuery says which entries are wanted. The fields are spelled as the service spells its
// parameters; what is empty filters nothing.
type SearchQuery struct {
	Store   string // "": all stores
	Filters url.Values
	Sort    string
	Cursor  string // where the page before ended; "": at the beginning
	Skip    int
	Limit   int
}

// largestPage of a list.
const largestPage = 100

// Search gives the entries that fulfil q, asking for page after page. A limit of 0 is all of them.
func (j Journals) Search(ctx context.Context, tenant string, q SearchQuery) (all List[Entry], err error) {
	err = j.Pages(ctx, tenant, q, func(page List[Entry]) error {
		items := append(all.Items, page.Items...)
		if all.Items == nil { // the first page says how many there are
			all = page
		}
		all.Items, all.NextCursor = items, page.NextCursor
		return nil
	})
	all.Skip, all.Limit = q.Skip, q.Limit
	return all, err
}

// Pages gives the entries that fulfil q, page after page. A limit of 0 is all of them.
func (j Journals) Pages(ctx context.Context, tenant string, q SearchQuery, take func(List[Entry]) error) error {
	where := path("tenants", tenant, "journals")
	if q.Store != "" {
		where = path("tenants", tenant, "stores", q.Store, "journals")
	}
	cursor, have := q.Cursor, 0
	for {
		page, err := j.page(ctx, where, q, cursor, have)
		if err != nil {
			return err
		}
		if err := take(page); err != nil {
			return err
		}
		cursor, have = page.NextCursor, have+len(page.Items)
		if cursor == "" || q.Limit > 0 && have >= q.Limit {
			return nil
		}
	}
}

// page asks for the page at cursor, or for the first one. have is how many entries are there already.
func (j Journals) page(ctx context.Context, where string, q SearchQuery, cursor string, have int) (List[Entry], error) {
	query := url.Values{}
	maps.Copy(query, q.Filters)
	set(query, "sort", q.Sort)
	set(query, "cursor", cursor)
	if cursor == "" && q.Skip > 0 {
		query.Set("skip", strconv.Itoa(q.Skip))
	}
	size := largestPage
	if q.Limit > 0 {
		size = min(size, q.Limit-have)
	}
	query.Set("limit", strconv.Itoa(size))
	var page List[Entry]
	return page, j.get(ctx, where, query, &page)
}

// Entry gives one entry by its id.
func (j Journals) Entry(ctx context.Context, tenant, id string) (Answer[Entry], error) {
	var entry Answer[Entry]
	return entry, j.get(ctx, path("tenants", tenant, "journals", id), nil, &entry)
}
