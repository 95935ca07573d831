package command

import (
	"fmt"
	"os/user"
	"time"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/tillctl/internal/strongbox"
)

// longestLife of a token. A token cannot be taken back, so it should not outlive its use.
const longestLife = 30 * 24 * time.Hour

type tokenVerb struct {
	Role    auth.Role     `required:"" enum:"administrator,auditor,platform" help:"What its bearer may do: ${enum}."`
	Tenant  code          `suggest:"@tenants" help:"The tenant it is for; a platform operator needs none." placeholder:"CODE"`
	Life    time.Duration `default:"8h" help:"How long it holds (at most 720h)."`
	Subject string        `help:"Who bears it, as audit records will name them (default: you)." placeholder:"NAME"`
}

func (tokenVerb) Help() string {
	return `Signs a token with the key of the local stack and prints nothing else, for

    curl -H "Authorization: Bearer $(tillctl token --role auditor --tenant demo)" ...

    tillctl token --role platform --life 15m

An administrator searches and manages a tenant, an auditor searches, proves and exports, a platform operator makes
tenants. In production tokens come from your OpenID Connect issuer.`
}

// Run the verb.
func (v tokenVerb) Run(w World, data dataFolder) error {
	token, err := issue(w, data, auth.Principal{Subject: v.subject(), Role: v.Role, TenantID: string(v.Tenant)}, v.Life)
	if err != nil {
		return err
	}
	fmt.Fprintln(w.Out, token)
	return nil
}

// Validate is called by the parser.
func (v tokenVerb) Validate() error {
	switch {
	case v.Tenant == "" && (v.Role == auth.Administrator || v.Role == auth.Auditor):
		return fmt.Errorf("an %s belongs to a tenant: add --tenant CODE", v.Role)
	case v.Life <= 0 || v.Life > longestLife:
		return fmt.Errorf("--life %s is out of range: use more than 0s and at most %s", v.Life, longestLife)
	}
	return nil
}

func (v tokenVerb) subject() string {
	if v.Subject != "" {
		return v.Subject
	}
	return whoAmI()
}

// whoAmI is the name of the user at the keyboard.
func whoAmI() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "tillctl"
}

// issue signs a token with the key of the local stack.
func issue(w World, data dataFolder, p auth.Principal, life time.Duration) (string, error) {
	key, err := strongbox.IssuerKey(data.path())
	if err != nil {
		return "", unsafe(err)
	}
	issuer, err := auth.NewIssuer(auth.UserIssuer, key, w.Clock.Now)
	if err != nil {
		return "", err
	}
	return issuer.Issue(p, life)
}
