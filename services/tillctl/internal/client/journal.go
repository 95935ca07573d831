package client

import (
	"context"
	"maps"
	"net/url"
	"strconv"

	"github.com/tillroll/tillroll/pkg/money"
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

// SearchQuery says which entries are wanted. The fields are spelled as the service spells its
// parameters; what is empty filters nothing.
type SearchQuery struct {
	Store   string // "": all stores
	Filters url.Values
	Sort    string
	Skip    int
	Limit   int
}

// largestPage of a list.
const largestPage = 100

// Search gives the entries that fulfil q, asking for page after page. A limit of 0 is all of them.
func (j Journals) Search(ctx context.Context, tenant string, q SearchQuery) (List[Entry], error) {
	where := path("tenants", tenant, "journals")
	if q.Store != "" {
		where = path("tenants", tenant, "stores", q.Store, "journals")
	}
	all, err := j.page(ctx, where, q, "", 0)
	for err == nil && all.NextCursor != "" && (q.Limit == 0 || len(all.Items) < q.Limit) {
		var next List[Entry]
		next, err = j.page(ctx, where, q, all.NextCursor, len(all.Items))
		all.Items, all.NextCursor = append(all.Items, next.Items...), next.NextCursor
	}
	all.Skip, all.Limit = q.Skip, q.Limit
	return all, err
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
