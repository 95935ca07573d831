package httpapi

import (
	"cmp"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/layout"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// What a store is unless it says otherwise: the peer's home.
const (
	defaultTimeZone = "Asia/Tokyo"
	defaultCutOver  = "00:00"
	defaultLanguage = "ja"
	defaultCurrency = "JPY"
)

type storeRequest struct {
	StoreCode                 string         `json:"storeCode" validate:"required,code"`
	StoreName                 string         `json:"storeName" validate:"required,max=100,plain"`
	Tags                      []string       `json:"tags" validate:"max=20,dive,min=1,max=50,plain"`
	TimeZone                  string         `json:"timeZone" validate:"omitempty,timezone"`
	CutOver                   string         `json:"cutOver" validate:"omitempty,datetime=15:04"`
	Language                  string         `json:"language" validate:"omitempty,oneof=ja en"`
	Currency                  money.Currency `json:"currency" validate:"omitempty,currency"`
	InvoiceRegistrationNumber string         `json:"invoiceRegistrationNumber" validate:"max=30,plain"`
	ReceiptHeaders            []string       `json:"receiptHeaders" validate:"max=10,dive,max=64,plain"`
	ReceiptFooters            []string       `json:"receiptFooters" validate:"max=10,dive,max=64,plain"`
	ReceiptWidth              int            `json:"receiptWidth" validate:"omitempty,min=24,max=64"`
	AllowNegativeDrawer       bool           `json:"allowNegativeDrawer"`
}

func (in storeRequest) settings() terminal.StoreSettings {
	return terminal.StoreSettings{
		Name: in.StoreName, Tags: in.Tags, TimeZone: cmp.Or(in.TimeZone, defaultTimeZone), CutOver: cmp.Or(in.CutOver, defaultCutOver),
		Language: cmp.Or(in.Language, defaultLanguage), Currency: cmp.Or(in.Currency, defaultCurrency),
		InvoiceRegistrationNumber: in.InvoiceRegistrationNumber,
		ReceiptHeaders:            in.ReceiptHeaders, ReceiptFooters: in.ReceiptFooters,
		ReceiptWidth: cmp.Or(in.ReceiptWidth, layout.DefaultWidth), AllowNegativeDrawer: in.AllowNegativeDrawer,
	}
}

// storePatch leaves alone what is not in it. A store's currency never changes.
type storePatch struct {
	StoreName                 *string   `json:"storeName" validate:"omitempty,min=1,max=100,plain"`
	Tags                      *[]string `json:"tags" validate:"omitempty,max=20,dive,min=1,max=50,plain"`
	TimeZone                  *string   `json:"timeZone" validate:"omitempty,timezone"`
	CutOver                   *string   `json:"cutOver" validate:"omitempty,datetime=15:04"`
	Language                  *string   `json:"language" validate:"omitempty,oneof=ja en"`
	InvoiceRegistrationNumber *string   `json:"invoiceRegistrationNumber" validate:"omitempty,max=30,plain"`
	ReceiptHeaders            *[]string `json:"receiptHeaders" validate:"omitempty,max=10,dive,max=64,plain"`
	ReceiptFooters            *[]string `json:"receiptFooters" validate:"omitempty,max=10,dive,max=64,plain"`
	ReceiptWidth              *int      `json:"receiptWidth" validate:"omitempty,min=24,max=64"`
	AllowNegativeDrawer       *bool     `json:"allowNegativeDrawer"`
	IsActive                  *bool     `json:"isActive"`
}

type storeAnswer struct {
	TenantID                  string         `json:"tenantId"`
	StoreCode                 string         `json:"storeCode"`
	StoreName                 string         `json:"storeName"`
	Tags                      []string       `json:"tags"`
	TimeZone                  string         `json:"timeZone"`
	CutOver                   string         `json:"cutOver"`
	Language                  string         `json:"language"`
	Currency                  money.Currency `json:"currency"`
	InvoiceRegistrationNumber string         `json:"invoiceRegistrationNumber,omitempty"`
	ReceiptHeaders            []string       `json:"receiptHeaders"`
	ReceiptFooters            []string       `json:"receiptFooters"`
	ReceiptWidth              int            `json:"receiptWidth"`
	AllowNegativeDrawer       bool           `json:"allowNegativeDrawer"`
	IsActive                  bool           `json:"isActive"`
	Version                   uint64         `json:"version"`
	EntryDatetime             time.Time      `json:"entryDatetime"`
	LastUpdateDatetime        time.Time      `json:"lastUpdateDatetime"`
}

func showStore(s terminal.Store) storeAnswer {
	return storeAnswer{
		TenantID: s.TenantID, StoreCode: s.StoreCode, StoreName: s.Settings.Name, Tags: orEmpty(s.Settings.Tags),
		TimeZone: s.Settings.TimeZone, CutOver: s.Settings.CutOver, Language: s.Settings.Language, Currency: s.Settings.Currency,
		InvoiceRegistrationNumber: s.Settings.InvoiceRegistrationNumber,
		ReceiptHeaders:            orEmpty(s.Settings.ReceiptHeaders), ReceiptFooters: orEmpty(s.Settings.ReceiptFooters),
		ReceiptWidth: s.Settings.ReceiptWidth, AllowNegativeDrawer: s.Settings.AllowNegativeDrawer,
		IsActive: s.IsActive, Version: s.Version, EntryDatetime: s.CreatedAt, LastUpdateDatetime: s.UpdatedAt,
	}
}

func (a *API) createStore(c *gin.Context) (any, error) {
	var in storeRequest
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	s, err := a.App.CreateStore(c.Request.Context(), app.CreateStore{
		TenantID: c.Param("tenant"), StoreCode: in.StoreCode, Settings: in.settings(),
	})
	return showStore(s), err
}

func (a *API) listStores(c *gin.Context) (any, error) {
	s, err := spanOf(c)
	if err != nil {
		return nil, err
	}
	page, err := a.App.Stores(c.Request.Context(), c.Param("tenant"), s)
	return listOf(page.Items, page.Total, s, showStore), err
}

func (a *API) getStore(c *gin.Context) (any, error) {
	s, err := a.App.StoreOf(c.Request.Context(), c.Param("tenant"), c.Param("store"))
	return showStore(s), err
}

func (a *API) changeStore(c *gin.Context) (any, error) {
	var in storePatch
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	s, err := a.App.ChangeStore(c.Request.Context(), c.Param("tenant"), c.Param("store"), terminal.StoreChange{
		Name: in.StoreName, Tags: in.Tags, TimeZone: in.TimeZone, CutOver: in.CutOver, Language: in.Language,
		InvoiceRegistrationNumber: in.InvoiceRegistrationNumber, ReceiptHeaders: in.ReceiptHeaders, ReceiptFooters: in.ReceiptFooters,
		ReceiptWidth: in.ReceiptWidth, AllowNegativeDrawer: in.AllowNegativeDrawer, IsActive: in.IsActive,
	})
	return showStore(s), err
}
