package httpapi

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
	"github.com/tillroll/tillroll/services/terminal/internal/terminal"
)

type staffRequest struct {
	StaffID string   `json:"staffId" validate:"required,max=32"`
	Name    string   `json:"name" validate:"required,max=100,plain"`
	PIN     string   `json:"pin" validate:"required,number,min=4,max=12"`
	Roles   []string `json:"roles" validate:"max=10,dive,min=1,max=50,plain"`
}

// staffPatch leaves alone what is not in it.
type staffPatch struct {
	Name     *string   `json:"name" validate:"omitempty,min=1,max=100,plain"`
	PIN      *string   `json:"pin" validate:"omitempty,number,min=4,max=12"`
	Roles    *[]string `json:"roles" validate:"omitempty,max=10,dive,min=1,max=50,plain"`
	IsActive *bool     `json:"isActive"`
}

// staffAnswer never has a PIN, nor its hash.
type staffAnswer struct {
	StaffID            string    `json:"staffId"`
	Name               string    `json:"name"`
	Roles              []string  `json:"roles"`
	IsActive           bool      `json:"isActive"`
	EntryDatetime      time.Time `json:"entryDatetime"`
	LastUpdateDatetime time.Time `json:"lastUpdateDatetime"`
}

func showStaff(s terminal.Staff) staffAnswer {
	return staffAnswer{
		StaffID: s.StaffID, Name: s.Name, Roles: orEmpty(s.Roles), IsActive: s.IsActive,
		EntryDatetime: s.CreatedAt, LastUpdateDatetime: s.UpdatedAt,
	}
}

func (a *API) createStaff(c *gin.Context) (any, error) {
	var in staffRequest
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	s, err := a.App.CreateStaff(c.Request.Context(), app.CreateStaff{
		TenantID: c.Param("tenant"), StoreCode: c.Param("store"), StaffID: in.StaffID, Name: in.Name, Roles: in.Roles, PIN: in.PIN,
	})
	return showStaff(s), err
}

func (a *API) listStaff(c *gin.Context) (any, error) {
	s, err := spanOf(c)
	if err != nil {
		return nil, err
	}
	page, err := a.App.StaffOf(c.Request.Context(), c.Param("tenant"), c.Param("store"), s)
	return listOf(page.Items, page.Total, s, showStaff), err
}

func (a *API) getStaff(c *gin.Context) (any, error) {
	s, err := a.App.Staff(c.Request.Context(), c.Param("tenant"), c.Param("store"), c.Param("staff"))
	return showStaff(s), err
}

func (a *API) changeStaff(c *gin.Context) (any, error) {
	var in staffPatch
	if _, err := web.Body(c, &in); err != nil {
		return nil, err
	}
	s, err := a.App.ChangeStaff(c.Request.Context(), app.ChangeStaff{
		TenantID: c.Param("tenant"), StoreCode: c.Param("store"), StaffID: c.Param("staff"),
		Name: in.Name, Roles: in.Roles, PIN: in.PIN, IsActive: in.IsActive, By: from(c),
	})
	return showStaff(s), err
}
