// Package httpapi is the service over HTTP: one table of routes, what requests and answers look like,
// and what the sidecar delivers. It decides nothing but who may come in.
package httpapi

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/delivery"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
	"github.com/tillroll/tillroll/services/terminal/internal/app"
)

// Prefix of all routes but the well-known one.
const Prefix = "/api/v1"

// API is what the routes work with.
type API struct {
	App  *app.App
	Log  *zap.Logger
	Keys func(ctx context.Context) (jose.JSONWebKeySet, error) // that verify terminals' tokens now
}

// route is one row of the table. Roles says who may come; for a terminal that means its own path only.
type route struct {
	method, path string
	roles        []auth.Role
	handle       gin.HandlerFunc
}

// who may come.
var (
	platform    = []auth.Role{auth.Platform}
	operators   = []auth.Role{auth.Platform, auth.Administrator}
	admin       = []auth.Role{auth.Administrator}
	readers     = []auth.Role{auth.Administrator, auth.Auditor}
	till        = []auth.Role{auth.TerminalRole}
	tillOrAdmin = []auth.Role{auth.TerminalRole, auth.Administrator}
	tillOrRead  = []auth.Role{auth.TerminalRole, auth.Administrator, auth.Auditor}
	tenantRead  = []auth.Role{auth.Platform, auth.Administrator, auth.Auditor, auth.TerminalRole}
	delivered   = []auth.Role{auth.Platform, auth.Administrator, auth.Auditor}
)

const (
	ok      = http.StatusOK
	created = http.StatusCreated
)

// routes behind the gate.
func (a *API) routes() []route {
	const tenant, store = "/tenants/:tenant", "/tenants/:tenant/stores/:store"
	const staff, terminal = store + "/staff", "/terminals/:terminal"
	return []route{
		{"POST", "/tenants", platform, web.Handle(created, a.createTenant)},
		{"GET", "/tenants", platform, web.Handle(ok, a.listTenants)},
		{"GET", tenant, tenantRead, web.Handle(ok, a.getTenant)},
		{"PATCH", tenant, operators, web.Handle(ok, a.changeTenant)},

		{"POST", tenant + "/stores", admin, web.Handle(created, a.createStore)},
		{"GET", tenant + "/stores", readers, web.Handle(ok, a.listStores)},
		{"GET", store, tillOrRead, web.Handle(ok, a.getStore)},
		{"PATCH", store, admin, web.Handle(ok, a.changeStore)},

		{"POST", staff, admin, web.Handle(created, a.createStaff)},
		{"GET", staff, readers, web.Handle(ok, a.listStaff)},
		{"GET", staff + "/:staff", readers, web.Handle(ok, a.getStaff)},
		{"PATCH", staff + "/:staff", admin, web.Handle(ok, a.changeStaff)},

		{"POST", store + "/terminals", admin, web.Handle(created, a.createTerminal)},
		{"GET", store + "/terminals", readers, web.Handle(ok, a.listTerminals)},
		{"GET", terminal, tillOrRead, web.Handle(ok, a.getTerminal)},
		{"PATCH", terminal, admin, web.Handle(ok, a.changeTerminal)},
		{"POST", terminal + "/api-key", admin, web.Handle(ok, a.rotateKey)},
		{"PATCH", terminal + "/function_mode", till, web.Handle(ok, a.setMode)},

		{"POST", terminal + "/sign-in", till, web.Handle(ok, a.signIn)},
		{"POST", terminal + "/sign-out", tillOrAdmin, web.Handle(ok, a.signOut)},
		{"POST", terminal + "/open", till, web.Handle(ok, a.open)},
		{"POST", terminal + "/close", tillOrAdmin, a.close},
		{"POST", terminal + "/cash-in", till, web.Handle(ok, a.cashIn)},
		{"POST", terminal + "/cash-out", till, web.Handle(ok, a.cashOut)},

		{"GET", terminal + "/deliveries", tillOrRead, web.Handle(ok, a.listDeliveriesOf)},
		{"GET", tenant + "/deliveries", delivered, web.Handle(ok, a.listDeliveries)},
		{"POST", tenant + "/redeliver", operators, web.Handle(http.StatusAccepted, a.redeliver)},
	}
}

// Mount puts all routes on e. Callers pass the gate; deliveries come from the own sidecar only.
func (a *API) Mount(e *gin.Engine, verifier *auth.Verifier, appToken string) {
	e.GET("/.well-known/jwks.json", web.Handle(ok, a.jwks))
	v1 := e.Group(Prefix)
	v1.POST("/auth/token", web.Handle(ok, a.buyToken)) // the key in it is the credential
	gate := auth.NewGate(verifier, a.App.CheckKey)
	for _, r := range a.routes() {
		v1.Handle(r.method, r.path, gate.Allow(r.roles...), a.admit, r.handle)
	}
	subscriptions := v1.Group("/subscriptions", delivery.OnlySidecar(appToken))
	for path, handle := range a.subscriptions() {
		subscriptions.POST(path, delivery.Route(a.Log, handle))
	}
}

const terminalKey = "tillroll.terminal"

// admit is the second wall: a terminal that is disabled stays out whatever its token says, and the
// terminal of the path belongs to the caller's tenant.
func (a *API) admit(c *gin.Context) {
	p, path := auth.Of(c), c.Param("terminal")
	var id identity.Terminal
	var err error
	switch {
	case p.Terminal != nil:
		id = p.TerminalIdentity() // the gate has compared it with the path
		err = a.App.AdmitTerminal(c.Request.Context(), id)
	case path != "":
		id, err = a.App.AdmitUser(c.Request.Context(), p.TenantID, path)
	}
	if err != nil {
		web.Fail(c, err)
		return
	}
	c.Set(terminalKey, id)
	c.Next()
}

// terminalOf is the terminal that the path names.
func terminalOf(c *gin.Context) identity.Terminal {
	id, _ := c.MustGet(terminalKey).(identity.Terminal)
	return id
}

// from is the user who acts on a till from elsewhere, or "" when it is the till itself.
func from(c *gin.Context) string {
	if p := auth.Of(c); p.Terminal == nil {
		return p.Subject
	}
	return ""
}

// newToken hands the till a token with its present claims. When none can be made now, the till still
// has its old one and the command has taken place all the same.
func (a *API) newToken(c *gin.Context) {
	p := auth.Of(c)
	if p.Terminal == nil {
		return
	}
	token, err := a.App.RenewToken(c.Request.Context(), p.TerminalIdentity())
	if err != nil {
		a.Log.Warn("no new token could be issued", zap.String("terminal", p.TerminalIdentity().ID()), zap.Error(err))
		return
	}
	c.Header("X-New-Token", token)
}

// span of a list.
type span struct {
	Skip  int `form:"skip,default=0" validate:"min=0,max=1000000"`
	Limit int `form:"limit,default=100" validate:"min=1,max=100"`
}

func spanOf(c *gin.Context) (app.Span, error) {
	var s span
	err := web.Query(c, &s)
	return app.Span(s), err
}

// list is a page of items on the wire.
type list[T any] struct {
	Items []T `json:"items"`
	Total int `json:"total"`
	Skip  int `json:"skip"`
	Limit int `json:"limit"`
}

func listOf[T, R any](items []T, total int, s app.Span, show func(T) R) list[R] {
	out := list[R]{Items: make([]R, len(items)), Total: total, Skip: s.Skip, Limit: s.Limit}
	for i, item := range items {
		out.Items[i] = show(item)
	}
	return out
}

// noBody refuses a body where none is expected.
func noBody(c *gin.Context) error {
	_, err := web.Body(c, &struct{}{})
	return err
}

// jwks publishes the keys that verify terminals' tokens.
func (a *API) jwks(c *gin.Context) (any, error) {
	set, err := a.Keys(c.Request.Context())
	if err != nil {
		return nil, problem.Unavailable.New("the keys cannot be read").Because(err)
	}
	return set, nil
}
