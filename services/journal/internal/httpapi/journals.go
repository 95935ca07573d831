package httpapi

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// JournalResponse is one entry. What an entry has not is null.
type JournalResponse struct {
	JournalID           string        `json:"journalId"`
	TenantID            string        `json:"tenantId"`
	StoreCode           string        `json:"storeCode"`
	TerminalNo          int           `json:"terminalNo"`
	TransactionNo       *string       `json:"transactionNo"`
	TransactionType     int           `json:"transactionType"`
	TransactionTypeName string        `json:"transactionTypeName"`
	BusinessDate        string        `json:"businessDate"`
	OpenCounter         *int          `json:"openCounter"`
	BusinessCounter     *int          `json:"businessCounter"`
	ReceiptNo           *int64        `json:"receiptNo"`
	Amount              money.Decimal `json:"amount"`
	Quantity            *int64        `json:"quantity"`
	StaffID             *string       `json:"staffId"`
	UserID              *string       `json:"userId"`
	GenerateDateTime    string        `json:"generateDateTime"`
	JournalText         string        `json:"journalText"`
	ReceiptText         *string       `json:"receiptText"`
	ChainSeq            uint64        `json:"chainSeq"`
	Hash                journal.Hash  `json:"hash"`
}

func journalResponse(l *journal.Listed) JournalResponse {
	return JournalResponse{
		JournalID: l.EventID, TenantID: l.TenantID, StoreCode: l.StoreCode, TerminalNo: l.TerminalNo,
		TransactionNo: l.TransactionNo, TransactionType: int(l.TransactionType), TransactionTypeName: l.TransactionType.Name(),
		BusinessDate: l.BusinessDate, OpenCounter: l.OpenCounter, BusinessCounter: l.BusinessCounter, ReceiptNo: l.ReceiptNo,
		Amount: l.Amount, Quantity: l.Quantity, StaffID: l.StaffID, UserID: l.UserID,
		GenerateDateTime: l.GenerateDateTime, JournalText: l.JournalText, ReceiptText: l.ReceiptText,
		ChainSeq: l.ChainSeq, Hash: l.Hash,
	}
}

func journalResponses(entries []journal.Listed) []JournalResponse {
	out := make([]JournalResponse, len(entries))
	for i := range entries {
		out[i] = journalResponse(&entries[i])
	}
	return out
}

// JournalListResponse is one page of a search.
type JournalListResponse struct {
	Items             []JournalResponse `json:"items"`
	Total             int               `json:"total"`
	TotalIsLowerBound bool              `json:"totalIsLowerBound"`
	Skip              int               `json:"skip"`
	Limit             int               `json:"limit"`
	NextCursor        *string           `json:"nextCursor"`
	// ArchivedUntil is the newest business date that was asked for and stands in the archive, which was not
	// searched.
	ArchivedUntil string `json:"archivedUntil,omitempty"`
}

// Limits of a page. Whoever wants to go further than maxSkip goes by cursor.
const (
	maxLimit = 100
	maxSkip  = 10_000
)

// searchJournals serves all three lists; the path and the credential narrow the search.
func (a *API) searchJournals(c *gin.Context) (any, error) {
	p := newParams(c)
	r := app.SearchRequest{Tenant: c.Param("tenant"), Query: readQuery(p, c.Param("no") == "")}
	r.GenerateDates = span(p, "generateDateTo", journal.Span[string]{From: p.day("generateDateFrom"), To: p.day("generateDateTo")}, strings.Compare)
	r.TimeZone, r.Keyword, r.Cursor = p.text("timeZone"), p.text("keyword"), p.cursor("cursor")
	r.Regex, r.Query.Counting = p.flag("regex"), p.counting("total")
	r.Archived = p.flag("archived")
	if r.Cursor != "" && r.Query.Skip > 0 {
		p.fail("skip", "cursor", "must not come with cursor, which says by itself where to go on")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if err := narrow(c, &r.Query); err != nil {
		return nil, err
	}
	found, err := a.App.Search.Find(c.Request.Context(), r)
	if err != nil {
		return nil, err
	}
	response := JournalListResponse{
		Items: journalResponses(found.Items), Total: found.Total, TotalIsLowerBound: found.TotalIsLowerBound,
		Skip: r.Query.Skip, Limit: r.Query.Limit, ArchivedUntil: found.ArchivedUntil,
	}
	if found.NextCursor != "" {
		response.NextCursor = &found.NextCursor
	}
	return response, nil
}

func readQuery(p *params, manyTerminals bool) journal.Query {
	q := journal.Query{
		Types:         p.types("transactionType"),
		BusinessDate:  span(p, "businessDateTo", journal.Span[string]{From: p.businessDate("businessDateFrom"), To: p.businessDate("businessDateTo")}, strings.Compare),
		ReceiptNo:     span(p, "receiptNoTo", journal.Span[int64]{From: p.number("receiptNoFrom", 1), To: p.number("receiptNoTo", 999)}, cmp.Compare),
		TransactionNo: span(p, "transactionNoTo", journal.Span[int64]{From: p.number("transactionNoFrom", 1), To: p.number("transactionNoTo", 999)}, cmp.Compare),
		Amount:        span(p, "amountTo", journal.Span[money.Decimal]{From: p.amount("amountFrom"), To: p.amount("amountTo")}, money.Decimal.Cmp),
		StaffID:       p.text("staffId"),
		Sort:          p.sort("sort"),
		Skip:          p.bounded("skip", 0, 0, maxSkip),
		Limit:         p.bounded("limit", maxLimit, 1, maxLimit),
	}
	if manyTerminals {
		q.Terminals = p.terminals("terminalNo")
	}
	return q
}

// counting reads how far to count.
func (p *params) counting(name string) journal.Counting {
	s, given := p.one(name)
	if given && s != "exact" {
		p.fail(name, "enum", "must be exact, or not be given: then it is counted up to %d", journal.ExactTotal)
	}
	if given {
		return journal.CountAll
	}
	return journal.CountUsual
}

// cursor may be longer than other texts.
func (p *params) cursor(name string) string {
	s, _ := p.one(name)
	if len(s) > 5*maxText {
		p.fail(name, "format", "must be the nextCursor of the page before")
		return ""
	}
	return s
}

// narrow restricts a search to what the path names and the credential may see.
func narrow(c *gin.Context, q *journal.Query) error {
	var err error
	if q.StoreCode, err = pathStore(c); err != nil {
		return err
	}
	if c.Param("no") != "" {
		no, err := pathTerminal(c)
		if err != nil {
			return err
		}
		q.Terminals = sequence.Of(uint64(no))
	}
	who := auth.Of(c)
	if who.Terminal == nil {
		return nil
	}
	own := uint64(who.Terminal.TerminalNo)
	if len(q.Terminals) > 0 && (q.Terminals.Len() != 1 || !q.Terminals.Contains(own)) {
		return problem.Forbidden.New("a terminal sees its own journal only")
	}
	q.Terminals = sequence.Of(own)
	return nil
}

// pathStore is the store of the path, "" when it names none.
func pathStore(c *gin.Context) (string, error) {
	store := c.Param("store")
	if store != "" && !identity.ValidCode(store) {
		return "", problem.Invalid.New("store: must match %s", identity.CodePattern).
			WithFields(problem.Field{Name: "store", Rule: "code", Message: "must match " + identity.CodePattern})
	}
	return store, nil
}

func pathTerminal(c *gin.Context) (int, error) {
	no, err := strconv.Atoi(c.Param("no"))
	if err != nil || no < 1 || no > identity.MaxTerminalNo {
		return 0, problem.Invalid.New("the terminal number in the path must be from 1 to %d", identity.MaxTerminalNo).
			WithFields(problem.Field{Name: "no", Rule: "range", Message: "must be a terminal number such as 1"})
	}
	return no, nil
}

// showJournal gives one entry, if it belongs to what the path names and to who asks.
func (a *API) showJournal(c *gin.Context) (any, error) {
	var q journal.Query
	if err := narrow(c, &q); err != nil {
		return nil, err
	}
	l, err := a.App.Search.Entry(c.Request.Context(), c.Param("tenant"), c.Param("journal"))
	if err != nil {
		return nil, err
	}
	if q.StoreCode != "" && l.StoreCode != q.StoreCode || len(q.Terminals) > 0 && !q.Terminals.Contains(uint64(l.TerminalNo)) {
		return nil, app.EntryNotFound.New("")
	}
	return journalResponse(l), nil
}

// TimelineResponse is one order from first to last event.
type TimelineResponse struct {
	OrderID  string            `json:"orderId"`
	Events   []EventResponse   `json:"events"`
	Journals []JournalResponse `json:"journals"`
}

func (a *API) timeline(c *gin.Context) (any, error) {
	order := c.Param("order")
	events, entries, err := a.App.Orders.Timeline(c.Request.Context(), c.Param("tenant"), order)
	if err != nil {
		return nil, err
	}
	return TimelineResponse{OrderID: order, Events: eventResponses(events), Journals: journalResponses(entries)}, nil
}
