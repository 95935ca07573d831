package auth

import (
	"context"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/pkg/web"
)

// KeyChecker says whether a terminal's API key is the right one, from the service's own copy. It
// fails with problem.Unauthenticated, or problem.Unavailable when the copy cannot tell.
type KeyChecker func(ctx context.Context, terminalID, key string) (*Principal, error)

// Gate is the wall in front of a service's routes.
type Gate struct {
	verifier *Verifier
	checkKey KeyChecker // nil: the service takes no API keys
}

// NewGate makes the wall. checkKey may be nil.
func NewGate(v *Verifier, checkKey KeyChecker) *Gate { return &Gate{v, checkKey} }

const principalKey = "tillroll.principal"

// Of gives the caller; routes behind Allow have one.
func Of(c *gin.Context) *Principal {
	p, _ := c.MustGet(principalKey).(*Principal)
	return p
}

// Allow lets callers with one of roles through, and checks that the tenant, store and terminal named
// in the path are theirs. Path parameters are :tenant, :store, :no and :terminal (a terminal_id).
func (g *Gate) Allow(roles ...Role) gin.HandlerFunc {
	return func(c *gin.Context) {
		p, err := g.principal(c)
		if err == nil {
			err = permit(c, p, roles)
		}
		if err != nil {
			web.Fail(c, err)
			return
		}
		c.Set(principalKey, p)
		c.Next()
	}
}

func (g *Gate) principal(c *gin.Context) (*Principal, error) {
	if header := c.GetHeader("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, problem.Unauthenticated.New("the Authorization header is not of the form Bearer <token>")
		}
		return g.verifier.Verify(strings.TrimSpace(token))
	}
	key := c.GetHeader("X-API-Key")
	if key == "" || g.checkKey == nil {
		return nil, problem.Unauthenticated.New("no credential was sent")
	}
	terminalID, ok := APIKeyTerminal(key)
	if !ok {
		return nil, problem.Unauthenticated.New("the API key has not the form of one")
	}
	return g.checkKey(c.Request.Context(), terminalID, key)
}

func permit(c *gin.Context, p *Principal, roles []Role) error {
	if !p.Is(roles...) {
		return problem.Forbidden.New("the role %s may not do this", p.Role)
	}
	tenant := c.Param("tenant")
	if tenant != "" && !identity.ValidCode(tenant) {
		return problem.Invalid.New("tenant: must match %s", identity.CodePattern).
			WithFields(problem.Field{Name: "tenant", Rule: "code", Message: "must match " + identity.CodePattern})
	}
	if tenant != "" && tenant != p.TenantID && p.Role != Platform {
		return problem.Forbidden.New("the credential belongs to another tenant")
	}
	if p.Terminal == nil {
		return nil
	}
	own := p.TerminalIdentity()
	if s := c.Param("store"); s != "" && s != own.StoreCode {
		return problem.Forbidden.New("the credential belongs to a terminal of another store")
	}
	if id := c.Param("terminal"); id != "" && id != own.ID() {
		return problem.Forbidden.New("the credential belongs to another terminal")
	}
	if no := c.Param("no"); no != "" && own.ID() != (identity.Terminal{TenantID: own.TenantID, StoreCode: own.StoreCode, TerminalNo: atoi(no)}).ID() {
		return problem.Forbidden.New("the credential belongs to another terminal")
	}
	return nil
}

func atoi(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > identity.MaxTerminalNo {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
