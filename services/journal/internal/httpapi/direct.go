package httpapi

import (
	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/canonical"
	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// CreateJournalRequest makes a journal entry. What each type of entry needs is checked behind; tenant,
// store and terminal may be left out, as the path names them.
type CreateJournalRequest struct {
	TenantID        string         `json:"tenantId,omitempty"`
	StoreCode       string         `json:"storeCode,omitempty"`
	TerminalNo      *int           `json:"terminalNo,omitempty"`
	TransactionNo   string         `json:"transactionNo,omitempty"`
	TransactionType int            `json:"transactionType"`
	BusinessDate    string         `json:"businessDate"`
	OpenCounter     *int           `json:"openCounter,omitempty"`
	BusinessCounter *int           `json:"businessCounter,omitempty"`
	ReceiptNo       *int64         `json:"receiptNo,omitempty"`
	Amount          *money.Decimal `json:"amount,omitempty"`
	Quantity        *int64         `json:"quantity,omitempty"`
	StaffID         string         `json:"staffId,omitempty"`
	UserID          string         `json:"userId,omitempty"`
	JournalText     string         `json:"journalText"`
	ReceiptText     string         `json:"receiptText,omitempty"`
}

// DirectTransactionRequest makes the entry of a transaction: its numbers and counters must be given.
type DirectTransactionRequest CreateJournalRequest

func (a *API) createJournal(c *gin.Context) (any, error) {
	var r CreateJournalRequest
	return a.createDirect(c, journal.DirectJournal, &r, &r)
}

func (a *API) createTransaction(c *gin.Context) (any, error) {
	var r DirectTransactionRequest
	return a.createDirect(c, journal.DirectTransaction, &r, (*CreateJournalRequest)(&r))
}

// createDirect reads the body into v, which is said, too.
func (a *API) createDirect(c *gin.Context, kind string, v any, said *CreateJournalRequest) (any, error) {
	body, err := web.Body(c, v)
	if err != nil {
		return nil, err
	}
	if form, err := canonical.JSON(body); err == nil { // the same request in another spelling is the same
		body = form
	}
	r := app.DirectRequest{
		Kind: kind, By: auth.Of(c), TransactionNo: said.TransactionNo, TransactionType: said.TransactionType, BusinessDate: said.BusinessDate,
		OpenCounter: said.OpenCounter, BusinessCounter: said.BusinessCounter, ReceiptNo: said.ReceiptNo, Amount: said.Amount, Quantity: said.Quantity,
		StaffID: said.StaffID, UserID: said.UserID, JournalText: said.JournalText, ReceiptText: said.ReceiptText,
	}
	if r.Request, err = idempotency.NewRequest(c.GetHeader(idempotency.Header), kind, body); err != nil {
		return nil, err
	}
	if r.Terminal, err = agreed(c, said); err != nil {
		return nil, err
	}
	l, err := a.App.Direct.Create(c.Request.Context(), r)
	if err != nil {
		return nil, err
	}
	return journalResponse(l), nil
}

// agreed is the terminal of the path, with which the body agrees.
func agreed(c *gin.Context, said *CreateJournalRequest) (identity.Terminal, error) {
	t := identity.Terminal{TenantID: c.Param("tenant")}
	var err error
	if t.StoreCode, err = pathStore(c); err != nil {
		return t, err
	}
	if t.TerminalNo, err = pathTerminal(c); err != nil {
		return t, err
	}
	var fields []problem.Field
	agree := func(name string, same bool) {
		if !same {
			fields = append(fields, problem.Field{Name: name, Rule: "path", Message: "must be what the path says"})
		}
	}
	agree("tenantId", said.TenantID == "" || said.TenantID == t.TenantID)
	agree("storeCode", said.StoreCode == "" || said.StoreCode == t.StoreCode)
	agree("terminalNo", said.TerminalNo == nil || *said.TerminalNo == t.TerminalNo)
	if len(fields) > 0 {
		return t, app.DirectInvalid.New("%s: %s", fields[0].Name, fields[0].Message).WithFields(fields...)
	}
	return t, nil
}
