package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// shortLife of the tokens that tillctl makes for its own requests.
const shortLife = 15 * time.Minute

// access is how a verb reaches the services: where they are, and as whom it asks.
type access struct {
	TerminalURL string `group:"Services:" env:"TILLROLL_TERMINAL_URL" placeholder:"URL" help:"Where the terminal service is (default: as the runner says, else http://127.0.0.1:8001)."`
	CartURL     string `group:"Services:" env:"TILLROLL_CART_URL" placeholder:"URL" help:"Where the cart service is (default: as the runner says, else http://127.0.0.1:8003)."`
	JournalURL  string `group:"Services:" env:"TILLROLL_JOURNAL_URL" placeholder:"URL" help:"Where the journal service is (default: as the runner says, else http://127.0.0.1:8005)."`
	PortOffset  *int   `group:"Services:" env:"TILLROLL_PORT_OFFSET" placeholder:"N" help:"What the runner was told to add to every port."`
	Token       string `group:"Services:" env:"TILLROLL_TOKEN" placeholder:"JWT" help:"Ask as the bearer of this token (default: one is made with the key of the local stack)."`
}

// connect prepares to ask the services as p, or as the bearer of the token that was given.
func (a access) connect(w World, data dataFolder, p auth.Principal) (client.Stack, error) {
	if p.TenantID == "" && p.Role != auth.Platform {
		return client.Stack{}, misuse{errors.New("--tenant is empty: name the tenant"), ""}
	}
	where, err := client.Where{
		Given: map[string]string{
			client.TerminalService: a.TerminalURL, client.CartService: a.CartURL, client.JournalService: a.JournalURL,
		},
		PortOffset: a.PortOffset, Data: data.path(),
	}.Endpoints()
	if err != nil {
		return client.Stack{}, err
	}
	token := a.Token
	if token == "" {
		p.Subject = whoAmI()
		if token, err = issue(w, data, p, shortLife); err != nil {
			return client.Stack{}, fmt.Errorf("no --token is given (TILLROLL_TOKEN is empty, too), and none can be made:\n  %w", err)
		}
	}
	return client.Connect(where, client.Bearer(token), w.Clock), nil
}

// code is a tenant's or store's code. Empty, as of a variable that is not set, counts as not given.
type code string

// UnmarshalText is called by the parser.
func (c *code) UnmarshalText(text []byte) error {
	if len(text) > 0 && !identity.ValidCode(string(text)) {
		return fmt.Errorf("%q is no code of a tenant or store: it must match %s", text, identity.CodePattern)
	}
	*c = code(text)
	return nil
}

// ofTenant is part of every verb that is about one tenant.
type ofTenant struct {
	Tenant code `required:"" env:"TILLROLL_TENANT" placeholder:"CODE" help:"The tenant."`
}

func (t ofTenant) tenant() string { return string(t.Tenant) }

func (t ofTenant) auditor() auth.Principal {
	return auth.Principal{Role: auth.Auditor, TenantID: t.tenant()}
}

func (t ofTenant) administrator() auth.Principal {
	return auth.Principal{Role: auth.Administrator, TenantID: t.tenant()}
}
