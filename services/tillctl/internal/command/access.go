package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/profile"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// shortLife of the tokens that tillctl makes for its own requests.
const shortLife = 15 * time.Minute

// access is how a verb reaches the services: where they are, and as whom it asks. What a profile can say is
// tagged so.
type access struct {
	TerminalURL  string `group:"Services:" profile:"" env:"TILLROLL_TERMINAL_URL" placeholder:"URL" help:"Where the terminal service is (default: as profile or runner say, else http://127.0.0.1:8001)."`
	CartURL      string `group:"Services:" profile:"" env:"TILLROLL_CART_URL" placeholder:"URL" help:"Where the cart service is (default: as profile or runner say, else http://127.0.0.1:8003)."`
	JournalURL   string `group:"Services:" profile:"" env:"TILLROLL_JOURNAL_URL" placeholder:"URL" help:"Where the journal service is (default: as profile or runner say, else http://127.0.0.1:8005)."`
	PortOffset   *int   `group:"Services:" env:"TILLROLL_PORT_OFFSET" placeholder:"N" help:"What the runner was told to add to every port."`
	CA           string `group:"Services:" profile:"" name:"ca" env:"TILLROLL_CA" type:"path" placeholder:"FILE" help:"Certificates, in PEM, that sign those of the services (beside those that the system trusts)."`
	Token        string `group:"Services:" env:"TILLROLL_TOKEN" placeholder:"JWT" help:"Ask as the bearer of this token (default: one is made with the key of the local stack)."`
	TokenFile    string `group:"Services:" profile:"" env:"TILLROLL_TOKEN_FILE" type:"path" placeholder:"FILE" help:"Ask as the bearer of the token in this file, which only you can read (mode 0600)."`
	TokenCommand string `group:"Services:" profile:"" env:"TILLROLL_TOKEN_COMMAND" placeholder:"COMMAND" help:"Ask as the bearer of the token that this command prints."`
}

// connect prepares to ask the services as p, or as the bearer of the token that was given.
func (a access) connect(w World, data dataFolder, p auth.Principal) (client.Stack, error) {
	if p.TenantID == "" && p.Role != auth.Platform {
		return client.Stack{}, misuse{errors.New("--tenant is empty: name the tenant"), ""}
	}
	where, err := a.endpoints(w, data)
	if err != nil {
		return client.Stack{}, err
	}
	token, err := a.credential(w, data, p)
	if err != nil {
		return client.Stack{}, err
	}
	stack := client.Connect(where, client.Bearer(token), w.Clock)
	if a.CA == "" {
		return stack, nil
	}
	roots, err := profile.ReadCA(a.CA)
	return stack.Trusting(roots), err
}

func (a access) endpoints(w World, data dataFolder) (client.Endpoints, error) {
	return client.Where{
		Given: map[string]string{
			client.TerminalService: a.TerminalURL, client.CartService: a.CartURL, client.JournalService: a.JournalURL,
		},
		PortOffset: a.PortOffset, Data: data.path(), OnlyGiven: w.profile.elsewhere(),
	}.Endpoints()
}

// makesTokens tells whether no token is given, and so one is made for everything that is asked.
func (a access) makesTokens() bool { return a.Token == "" && a.TokenFile == "" && a.TokenCommand == "" }

// credential is the token that was given, or one of p that is made with the key of the local stack.
func (a access) credential(w World, data dataFolder, p auth.Principal) (token string, err error) {
	switch {
	case !a.makesTokens():
		return a.given(w)
	case w.profile.elsewhere() && data == "":
		return "", fmt.Errorf("the profile %s says where the services are, and not with whose token to ask them\n  → give it one with --token-file or --token-command of `tillctl profile add %[1]s --replace`, or use --token", w.profile.name)
	}
	p.Subject = whoAmI()
	if token, err = issue(w, data, p, shortLife); err != nil {
		err = fmt.Errorf("no --token is given (TILLROLL_TOKEN is empty, too), and none can be made:\n  %w", err)
	}
	return token, err
}

// given is the token that flags, environment or profile lead to, if it still holds.
func (a access) given(w World) (token string, err error) {
	remedy := "get a new one; for a local stack `tillctl token` makes one"
	switch {
	case a.Token != "":
		token = a.Token
	case a.TokenFile != "":
		token, err = profile.ReadToken(a.TokenFile)
		remedy = "get a new one and write it into " + a.TokenFile
	default:
		token, err = profile.RunCommand(context.Background(), a.TokenCommand, w.Err)
		remedy = "make the command print a new one: " + a.TokenCommand
	}
	if err != nil {
		return "", err
	}
	if claims, ok := profile.ReadClaims(token); ok {
		if since := claims.Expired(w.Clock.Now()); since > 0 {
			return "", fmt.Errorf("the token of %s has expired: it held until %s, %s ago\n  → %s", orDash(screen.Plain(claims.Subject)),
				moment(time.Unix(claims.Expiry, 0)), since.Round(time.Second), remedy)
		}
	}
	return token, nil
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
	Tenant code `suggest:"@tenants" required:"" profile:"" env:"TILLROLL_TENANT" placeholder:"CODE" help:"The tenant."`
}

func (t ofTenant) tenant() string { return string(t.Tenant) }

func (t ofTenant) auditor() auth.Principal {
	return auth.Principal{Role: auth.Auditor, TenantID: t.tenant()}
}

func (t ofTenant) administrator() auth.Principal {
	return auth.Principal{Role: auth.Administrator, TenantID: t.tenant()}
}
