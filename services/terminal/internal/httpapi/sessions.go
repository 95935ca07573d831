package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/idempotency"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

type tokenAnswer struct {
	AccessToken string `json:"accessToken"`
	TokenType   string `json:"tokenType"`
	ExpiresIn   int    `json:"expiresIn"` // seconds
}

func (a *API) buyToken(c *gin.Context) (any, error) {
	if err := noBody(c); err != nil {
		return nil, err
	}
	token, err := a.App.BuyToken(c.Request.Context(), c.GetHeader("X-API-Key"))
	return tokenAnswer{token, "bearer", int(app.TokenLife.Seconds())}, err
}

type signInRequest struct {
	StaffID string `json:"staffId" validate:"required,max=32"`
	PIN     string `json:"pin" validate:"required,max=12"`
}

func (a *API) signIn(c *gin.Context) (any, error) {
	var in signInRequest
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	t, err := a.App.SignIn(c.Request.Context(), app.SignIn{Terminal: terminalOf(c), StaffID: in.StaffID, PIN: in.PIN})
	if err != nil {
		return nil, err
	}
	a.newToken(c)
	return showTerminal(t), nil
}

func (a *API) signOut(c *gin.Context) (any, error) {
	if err := noBody(c); err != nil {
		return nil, err
	}
	t, err := a.App.SignOut(c.Request.Context(), terminalOf(c), from(c))
	if err != nil {
		return nil, err
	}
	a.newToken(c)
	return showTerminal(t), nil
}

// keyed reads the body and the Idempotency-Key of a command that moves money or counters.
func keyed(c *gin.Context, operation string, in any) (idempotency.Request, error) {
	body, err := web.Body(c, in)
	if err != nil {
		return idempotency.Request{}, err
	}
	return idempotency.NewRequest(c.GetHeader(idempotency.Header), operation, body)
}

type openRequest struct {
	InitialAmount *money.Decimal `json:"initialAmount"`
	BusinessDate  string         `json:"businessDate" validate:"max=8"`
}

type openAnswer struct {
	TerminalID      string         `json:"terminalId"`
	BusinessDate    string         `json:"businessDate"`
	OpenCounter     int            `json:"openCounter"`
	BusinessCounter int            `json:"businessCounter"`
	InitialAmount   *money.Decimal `json:"initialAmount,omitempty"`
	TerminalInfo    terminalAnswer `json:"terminalInfo"`
	ReceiptText     string         `json:"receiptText"`
	JournalText     string         `json:"journalText"`
}

func (a *API) open(c *gin.Context) (any, error) {
	var in openRequest
	request, err := keyed(c, "open", &in)
	if err != nil {
		return nil, err
	}
	done, err := a.App.Open(c.Request.Context(), app.Open{
		Terminal: terminalOf(c), Request: request,
		Opening: terminal.Opening{InitialAmount: in.InitialAmount, BusinessDate: in.BusinessDate},
	})
	if err != nil {
		return nil, err
	}
	a.newToken(c)
	t := done.Terminal
	return openAnswer{
		TerminalID: t.ID(), BusinessDate: t.BusinessDate, OpenCounter: t.OpenCounter, BusinessCounter: t.BusinessCounter,
		InitialAmount: t.Session.InitialAmount, TerminalInfo: showTerminal(t),
		ReceiptText: done.Slip.Receipt, JournalText: done.Slip.Journal,
	}, nil
}

type closeRequest struct {
	PhysicalAmount *money.Decimal `json:"physicalAmount"`
	Force          bool           `json:"force"`
}

// closeAnswer is of a close that is done. What is missing is not known: nothing was counted, or the
// close is provisional.
type closeAnswer struct {
	TerminalID            string         `json:"terminalId"`
	BusinessDate          string         `json:"businessDate"`
	OpenCounter           int            `json:"openCounter"`
	BusinessCounter       int            `json:"businessCounter"`
	InitialAmount         *money.Decimal `json:"initialAmount,omitempty"`
	PhysicalAmount        *money.Decimal `json:"physicalAmount,omitempty"`
	ExpectedAmount        *money.Decimal `json:"expectedAmount,omitempty"`
	OverShort             *money.Decimal `json:"overShort,omitempty"`
	CartTransactionCount  *int64         `json:"cartTransactionCount,omitempty"`
	CartTransactionLastNo *int64         `json:"cartTransactionLastNo,omitempty"`
	CashInOutCount        *int64         `json:"cashInOutCount,omitempty"`
	CashInOutLastDatetime string         `json:"cashInOutLastDatetime,omitempty"`
	IsProvisional         bool           `json:"isProvisional"`
	TerminalInfo          terminalAnswer `json:"terminalInfo"`
	ReceiptText           string         `json:"receiptText"`
	JournalText           string         `json:"journalText"`
}

// closingAnswer is of a close that goes on by itself. The same request with the same Idempotency-Key
// waits for it again.
type closingAnswer struct {
	TerminalID   string         `json:"terminalId"`
	Status       string         `json:"status"`
	TerminalInfo terminalAnswer `json:"terminalInfo"`
}

func (a *API) close(c *gin.Context) {
	var in closeRequest
	request, err := keyed(c, "close", &in)
	if err != nil {
		web.Fail(c, err)
		return
	}
	done, err := a.App.Close(c.Request.Context(), app.Close{
		Terminal: terminalOf(c), Counted: in.PhysicalAmount, Force: in.Force, By: from(c), Request: request,
	})
	if err != nil {
		web.Fail(c, err)
		return
	}
	a.newToken(c)
	if done.Log == nil {
		c.Header("Retry-After", "1")
		c.JSON(http.StatusAccepted, closingAnswer{terminalOf(c).ID(), done.Terminal.Status, showTerminal(done.Terminal)})
		return
	}
	c.JSON(http.StatusOK, showClose(done))
}

func showClose(done app.Closed) closeAnswer {
	log := done.Log
	return closeAnswer{
		TerminalID: done.Terminal.ID(), BusinessDate: log.BusinessDate, OpenCounter: log.OpenCounter, BusinessCounter: log.BusinessCounter,
		InitialAmount: log.InitialAmount, PhysicalAmount: log.CountedCash, ExpectedAmount: log.ExpectedCash, OverShort: log.OverShort,
		CartTransactionCount: log.CartTransactionCount, CartTransactionLastNo: log.CartTransactionLastNo,
		CashInOutCount: log.CashInOutCount, CashInOutLastDatetime: log.CashInOutLastDatetime, IsProvisional: log.IsProvisional,
		TerminalInfo: showTerminal(done.Terminal), ReceiptText: log.ReceiptText, JournalText: log.JournalText,
	}
}

type cashRequest struct {
	Amount      *money.Decimal `json:"amount" validate:"required"`
	Description string         `json:"description" validate:"max=100,plain"`
}

type cashAnswer struct {
	TerminalID  string        `json:"terminalId"`
	Amount      money.Decimal `json:"amount"` // negative for cash out
	Description string        `json:"description"`
	ReceiptText string        `json:"receiptText"`
	JournalText string        `json:"journalText"`
}

func (a *API) cashIn(c *gin.Context) (any, error) { return a.moveCash(c, "cash-in", terminal.CashIn) }
func (a *API) cashOut(c *gin.Context) (any, error) {
	return a.moveCash(c, "cash-out", terminal.CashOut)
}

func (a *API) moveCash(c *gin.Context, operation string, direction terminal.Direction) (any, error) {
	var in cashRequest
	request, err := keyed(c, operation, &in)
	if err != nil {
		return nil, err
	}
	log, err := a.App.MoveCash(c.Request.Context(), app.MoveCash{
		Terminal: terminalOf(c), Request: request,
		Move: terminal.CashMove{Direction: direction, Amount: *in.Amount, Reason: in.Description},
	})
	if err != nil {
		return nil, err
	}
	return cashAnswer{terminalOf(c).ID(), log.Amount, log.Description, log.ReceiptText, log.JournalText}, nil
}
