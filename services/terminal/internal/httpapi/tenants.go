package httpapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

// tenantPolicy on the wire. SignInRequired is true unless it is set to false.
type tenantPolicy struct {
	SignInRequired *bool          `json:"signInRequired"`
	CashInOutMin   *money.Decimal `json:"cashInOutMin,omitempty"`
	CashInOutMax   *money.Decimal `json:"cashInOutMax,omitempty"`
}

func (p *tenantPolicy) domain() terminal.Policy {
	if p == nil {
		return terminal.Policy{SignInRequired: true}
	}
	return terminal.Policy{
		SignInRequired: p.SignInRequired == nil || *p.SignInRequired, CashMin: p.CashInOutMin, CashMax: p.CashInOutMax,
	}
}

type tenantRequest struct {
	TenantID   string        `json:"tenantId" validate:"required,code"`
	TenantName string        `json:"tenantName" validate:"required,max=100,plain"`
	Tags       []string      `json:"tags" validate:"max=20,dive,min=1,max=50,plain"`
	Policy     *tenantPolicy `json:"policy"`
}

// tenantPatch leaves alone what is not in it. A policy replaces the whole policy.
type tenantPatch struct {
	TenantName *string       `json:"tenantName" validate:"omitempty,min=1,max=100,plain"`
	Tags       *[]string     `json:"tags" validate:"omitempty,max=20,dive,min=1,max=50,plain"`
	Policy     *tenantPolicy `json:"policy"`
	IsActive   *bool         `json:"isActive"`
}

type tenantAnswer struct {
	TenantID           string       `json:"tenantId"`
	TenantName         string       `json:"tenantName"`
	Tags               []string     `json:"tags"`
	Policy             tenantPolicy `json:"policy"`
	IsActive           bool         `json:"isActive"`
	Version            uint64       `json:"version"`
	EntryDatetime      time.Time    `json:"entryDatetime"`
	LastUpdateDatetime time.Time    `json:"lastUpdateDatetime"`
}

func showTenant(t terminal.Tenant) tenantAnswer {
	return tenantAnswer{
		TenantID: t.TenantID, TenantName: t.Name, Tags: orEmpty(t.Tags),
		Policy:   tenantPolicy{SignInRequired: &t.Policy.SignInRequired, CashInOutMin: t.Policy.CashMin, CashInOutMax: t.Policy.CashMax},
		IsActive: t.IsActive, Version: t.Version, EntryDatetime: t.CreatedAt, LastUpdateDatetime: t.UpdatedAt,
	}
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (a *API) createTenant(c *gin.Context) (any, error) {
	var in tenantRequest
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	t, err := a.App.CreateTenant(c.Request.Context(), app.CreateTenant{
		TenantID: in.TenantID, Name: in.TenantName, Tags: in.Tags, Policy: in.Policy.domain(),
	})
	return showTenant(t), err
}

func (a *API) listTenants(c *gin.Context) (any, error) {
	s, err := spanOf(c)
	if err != nil {
		return nil, err
	}
	page, err := a.App.Tenants(c.Request.Context(), s)
	return listOf(page.Items, page.Total, s, showTenant), err
}

func (a *API) getTenant(c *gin.Context) (any, error) {
	t, err := a.App.Tenant(c.Request.Context(), c.Param("tenant"))
	return showTenant(t), err
}

func (a *API) changeTenant(c *gin.Context) (any, error) {
	var in tenantPatch
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	change := terminal.TenantChange{Name: in.TenantName, Tags: in.Tags, IsActive: in.IsActive}
	if in.Policy != nil {
		policy := in.Policy.domain()
		change.Policy = &policy
	}
	t, err := a.App.ChangeTenant(c.Request.Context(), c.Param("tenant"), change)
	return showTenant(t), err
}
