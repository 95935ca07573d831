package httpapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

type terminalRequest struct {
	TerminalNo  int    `json:"terminalNo" validate:"required,min=1,max=9999"`
	Description string `json:"description" validate:"max=200,plain"`
}

// terminalPatch leaves alone what is not in it.
type terminalPatch struct {
	Description *string `json:"description" validate:"omitempty,max=200,plain"`
	IsActive    *bool   `json:"isActive"`
}

type modeRequest struct {
	FunctionMode string `json:"functionMode" validate:"required,max=20"`
}

type staffAtTill struct {
	StaffID   string `json:"staffId"`
	StaffName string `json:"staffName"`
}

// terminalAnswer never has the API key, nor its fingerprint.
type terminalAnswer struct {
	TerminalID         string         `json:"terminalId"`
	TenantID           string         `json:"tenantId"`
	StoreCode          string         `json:"storeCode"`
	TerminalNo         int            `json:"terminalNo"`
	Description        string         `json:"description"`
	FunctionMode       string         `json:"functionMode"`
	Status             string         `json:"status"`
	BusinessDate       string         `json:"businessDate,omitempty"`
	OpenCounter        int            `json:"openCounter"`
	BusinessCounter    int            `json:"businessCounter"`
	InitialAmount      *money.Decimal `json:"initialAmount,omitempty"`
	PhysicalAmount     *money.Decimal `json:"physicalAmount,omitempty"`
	Staff              *staffAtTill   `json:"staff"`
	IsActive           bool           `json:"isActive"`
	Version            uint64         `json:"version"`
	EntryDatetime      time.Time      `json:"entryDatetime"`
	LastUpdateDatetime time.Time      `json:"lastUpdateDatetime"`
}

func showTerminal(t terminal.Terminal) terminalAnswer {
	out := terminalAnswer{
		TerminalID: t.ID(), TenantID: t.Identity.TenantID, StoreCode: t.Identity.StoreCode, TerminalNo: t.Identity.TerminalNo,
		Description: t.Description, FunctionMode: t.FunctionMode, Status: t.Status, BusinessDate: t.BusinessDate,
		OpenCounter: t.OpenCounter, BusinessCounter: t.BusinessCounter,
		InitialAmount: t.Session.InitialAmount, PhysicalAmount: t.Session.Counted,
		IsActive: t.IsActive, Version: t.Version, EntryDatetime: t.CreatedAt, LastUpdateDatetime: t.UpdatedAt,
	}
	if t.Staff != nil {
		out.Staff = &staffAtTill{t.Staff.ID, t.Staff.Name}
	}
	return out
}

// newTerminalAnswer is the only answer besides keyAnswer that has an API key.
type newTerminalAnswer struct {
	terminalAnswer
	APIKey string `json:"apiKey"`
}

type keyAnswer struct {
	TerminalID string `json:"terminalId"`
	APIKey     string `json:"apiKey"`
}

func (a *API) createTerminal(c *gin.Context) (any, error) {
	var in terminalRequest
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	id := identity.Terminal{TenantID: c.Param("tenant"), StoreCode: c.Param("store"), TerminalNo: in.TerminalNo}
	t, key, err := a.App.CreateTerminal(c.Request.Context(), id, in.Description)
	return newTerminalAnswer{showTerminal(t), key}, err
}

func (a *API) listTerminals(c *gin.Context) (any, error) {
	s, err := spanOf(c)
	if err != nil {
		return nil, err
	}
	page, err := a.App.TerminalsOf(c.Request.Context(), c.Param("tenant"), c.Param("store"), s)
	return listOf(page.Items, page.Total, s, showTerminal), err
}

func (a *API) getTerminal(c *gin.Context) (any, error) {
	t, err := a.App.TerminalByID(c.Request.Context(), terminalOf(c).ID())
	return showTerminal(t), err
}

func (a *API) changeTerminal(c *gin.Context) (any, error) {
	var in terminalPatch
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	t, err := a.App.ChangeTerminal(c.Request.Context(), app.ChangeTerminal{
		Terminal: terminalOf(c), Description: in.Description, IsActive: in.IsActive,
	})
	return showTerminal(t), err
}

func (a *API) rotateKey(c *gin.Context) (any, error) {
	if err := noBody(c); err != nil {
		return nil, err
	}
	key, err := a.App.RotateKey(c.Request.Context(), terminalOf(c))
	return keyAnswer{terminalOf(c).ID(), key}, err
}

func (a *API) setMode(c *gin.Context) (any, error) {
	var in modeRequest
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	t, err := a.App.SetMode(c.Request.Context(), terminalOf(c), in.FunctionMode)
	return showTerminal(t), err
}
