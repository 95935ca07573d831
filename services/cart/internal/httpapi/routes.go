// Package httpapi is the cart service's HTTP side: which routes there are, who may call them, what
// they take and what they answer. It decides nothing about a sale.
package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/delivery"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/cart/internal/app"
)

// Route is one row of the table of routes. Roles are who may call it; a route without roles takes
// deliveries of the service's own sidecar only.
type Route struct {
	Method string
	Path   string
	Roles  []auth.Role
	Status int // of a success
	handle func(c *gin.Context) (any, error)
	take   delivery.Handler
}

// API answers the routes.
type API struct {
	app      *app.App
	gate     *auth.Gate
	appToken string
	log      *zap.Logger
}

// New makes the API. appToken proves the service's own sidecar.
func New(a *app.App, verifier *auth.Verifier, appToken string, log *zap.Logger) *API {
	return &API{app: a, gate: auth.NewGate(verifier, a.CheckKey), appToken: appToken, log: log}
}

const (
	carts        = "/api/v1/carts"
	oneCart      = carts + "/:cart"
	oneLine      = oneCart + "/lineItems/:line"
	transactions = "/api/v1/tenants/:tenant/stores/:store/terminals/:no/transactions"
)

// Routes is the table of routes.
func (a *API) Routes() []Route {
	sells := []auth.Role{auth.TerminalRole}
	reads := []auth.Role{auth.TerminalRole, auth.Administrator, auth.Auditor}
	operates := []auth.Role{auth.Administrator, auth.Platform}
	return []Route{
		{Method: http.MethodPost, Path: carts, Roles: sells, Status: http.StatusCreated, handle: a.createCart},
		{Method: http.MethodGet, Path: carts, Roles: sells, Status: http.StatusOK, handle: a.listCarts},
		{Method: http.MethodGet, Path: oneCart, Roles: sells, Status: http.StatusOK, handle: a.getCart},
		{Method: http.MethodPost, Path: oneCart + "/cancel", Roles: sells, Status: http.StatusOK, handle: a.change(a.app.Cancel)},
		{Method: http.MethodPost, Path: oneCart + "/lineItems", Roles: sells, Status: http.StatusOK, handle: a.addItems},
		{Method: http.MethodPost, Path: oneLine + "/cancel", Roles: sells, Status: http.StatusOK, handle: a.cancelLine},
		{Method: http.MethodPatch, Path: oneLine + "/unitPrice", Roles: sells, Status: http.StatusOK, handle: a.changePrice},
		{Method: http.MethodPatch, Path: oneLine + "/quantity", Roles: sells, Status: http.StatusOK, handle: a.changeQuantity},
		{Method: http.MethodPost, Path: oneCart + "/subtotal", Roles: sells, Status: http.StatusOK, handle: a.change(a.app.Subtotal)},
		{Method: http.MethodPost, Path: oneCart + "/resume-item-entry", Roles: sells, Status: http.StatusOK, handle: a.change(a.app.ResumeItemEntry)},
		{Method: http.MethodPost, Path: oneCart + "/payments", Roles: sells, Status: http.StatusOK, handle: a.pay},
		{Method: http.MethodPost, Path: oneCart + "/bill", Roles: sells, Status: http.StatusOK, handle: a.change(a.app.Bill)},

		{Method: http.MethodGet, Path: transactions, Roles: reads, Status: http.StatusOK, handle: a.listTransactions},
		{Method: http.MethodGet, Path: transactions + "/:transaction", Roles: reads, Status: http.StatusOK, handle: a.getTransaction},
		{Method: http.MethodPost, Path: transactions + "/:transaction/reprint", Roles: sells, Status: http.StatusOK, handle: a.reprint},

		{Method: http.MethodGet, Path: "/api/v1/terminals/:terminal/deliveries", Roles: append(sells, operates...), Status: http.StatusOK, handle: a.listDeliveries},
		{Method: http.MethodGet, Path: "/api/v1/tenants/:tenant/deliveries", Roles: operates, Status: http.StatusOK, handle: a.summariseDeliveries},
		{Method: http.MethodPost, Path: "/api/v1/tenants/:tenant/redeliver", Roles: operates, Status: http.StatusAccepted, handle: a.redeliver},

		{Method: http.MethodPost, Path: "/api/v1/subscriptions/terminal", take: a.takeSnapshots},
		{Method: http.MethodPost, Path: "/api/v1/subscriptions/journal-status", take: a.takeStatus},
	}
}

// Mount adds the routes to e, each behind its wall.
func (a *API) Mount(e *gin.Engine) {
	for _, r := range a.Routes() {
		if r.Roles == nil {
			e.Handle(r.Method, r.Path, delivery.OnlySidecar(a.appToken), delivery.Route(a.log, r.take))
			continue
		}
		e.Handle(r.Method, r.Path, a.gate.Allow(r.Roles...), a.judge, web.Handle(r.Status, r.handle))
	}
}

const tillKey = "tillroll.till"

// judge says what is known of the terminal that calls, and keeps a deactivated one out. An API key
// was checked against the service's copy a moment ago; a token is put beside it here.
func (a *API) judge(c *gin.Context) {
	p := auth.Of(c)
	if p.Terminal == nil {
		return
	}
	if c.GetHeader("Authorization") == "" {
		c.Set(tillKey, app.TillOf(p))
		return
	}
	till, err := a.app.JudgeToken(c.Request.Context(), p)
	if err != nil {
		web.Fail(c, err)
		return
	}
	c.Set(tillKey, till)
}

// tillOf gives the terminal that calls; routes for terminals only have one.
func tillOf(c *gin.Context) app.Till {
	till, _ := c.MustGet(tillKey).(app.Till)
	return till
}
