package httpapi

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/cart/internal/app"
)

type transactionQuery struct {
	BusinessDate     string `form:"businessDate" validate:"omitempty,datetime=20060102"`
	OpenCounter      int    `form:"openCounter" validate:"min=0"`
	TransactionType  string `form:"transactionType" validate:"max=100"`
	ReceiptNo        int64  `form:"receiptNo" validate:"min=0"`
	IncludeCancelled bool   `form:"includeCancelled"`
	Sort             string `form:"sort" validate:"omitempty,oneof=transactionNo:asc transactionNo:desc"`
	page
}

var firstTransactions = transactionQuery{page: firstPage}

func (a *API) listTransactions(c *gin.Context) (any, error) {
	q := firstTransactions
	if err := web.Query(c, &q); err != nil {
		return nil, err
	}
	types, err := numbersOf("transactionType", q.TransactionType)
	if err != nil {
		return nil, err
	}
	terminal, err := terminalOf(c)
	if err != nil {
		return nil, err
	}
	found, err := a.app.Transactions(c.Request.Context(), terminal, app.TransactionFilter{
		BusinessDate: q.BusinessDate, OpenCounter: q.OpenCounter, Types: types, ReceiptNo: q.ReceiptNo,
		IncludeCancelled: q.IncludeCancelled, OldestFirst: q.Sort == "transactionNo:asc", Skip: q.Skip, Limit: q.Limit,
	})
	if err != nil {
		return nil, err
	}
	return list[transactionBody]{
		Items: each(found.Items, transactionOf), Total: found.Total, TotalIsLowerBound: found.TotalIsLowerBound,
		Skip: q.Skip, Limit: q.Limit,
	}, nil
}

func (a *API) getTransaction(c *gin.Context) (any, error) {
	terminal, err := terminalOf(c)
	if err != nil {
		return nil, err
	}
	no, err := transactionNoOf(c)
	if err != nil {
		return nil, err
	}
	log, err := a.app.Transaction(c.Request.Context(), terminal, no)
	if err != nil {
		return nil, err
	}
	body := transactionOf(log)
	body.Status.Delivery, err = a.app.DeliveryOf(c.Request.Context(), log)
	return body, err
}

// copyBody is a receipt that was printed again. receiptId is that of the copy.
type copyBody struct {
	ReceiptID     string `json:"receiptId"`
	TransactionNo int64  `json:"transactionNo"`
	ReceiptNo     int64  `json:"receiptNo"`
	ReceiptText   string `json:"receiptText"`
}

func (a *API) reprint(c *gin.Context) (any, error) {
	raw, err := web.Body(c, &noRequest{})
	if err != nil {
		return nil, err
	}
	no, err := transactionNoOf(c)
	if err != nil {
		return nil, err
	}
	repeat, err := repeatOf(c, raw)
	if err != nil {
		return nil, err
	}
	made, err := a.app.Reprint(c.Request.Context(), app.Reprint{Till: tillOf(c), TransactionNo: no, Repeat: repeat})
	return copyBody(made), err
}

// transactionNoOf is the transaction that the path names.
func transactionNoOf(c *gin.Context) (int64, error) {
	no, err := strconv.ParseInt(c.Param("transaction"), 10, 64)
	if err != nil || no < 1 {
		return 0, problem.NotFound.New("a transaction number is a whole number from 1 up, which %q is not", c.Param("transaction"))
	}
	return no, nil
}

// terminalOf is the terminal that the path names.
func terminalOf(c *gin.Context) (identity.Terminal, error) {
	no, err := strconv.Atoi(c.Param("no"))
	t := identity.Terminal{TenantID: c.Param("tenant"), StoreCode: c.Param("store"), TerminalNo: no}
	if err == nil {
		err = t.Validate()
	}
	if err != nil {
		return t, problem.Invalid.New("the path names no terminal: %v", err).
			WithFields(problem.Field{Name: "path", Rule: "terminal", Message: err.Error()})
	}
	return t, nil
}

// numbersOf reads a comma-separated list.
func numbersOf(name, text string) ([]int, error) {
	if text == "" {
		return nil, nil
	}
	var numbers []int
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return nil, problem.Invalid.New("%s: %q is not a number", name, part).
				WithFields(problem.Field{Name: name, Rule: "numeric", Message: "must be numbers with commas between them"})
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
