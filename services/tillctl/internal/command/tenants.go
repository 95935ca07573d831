package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// tenantsVerb is what a platform operator does with tenants.
type tenantsVerb struct {
	Create tenantsCreate `cmd:"" help:"Make a tenant."`
	List   tenantsList   `cmd:"" help:"List all tenants."`
}

var platformOperator = auth.Principal{Role: auth.Platform}

type tenantsCreate struct {
	access
	output
	Code code   `arg:"" help:"Code of the tenant: small letters, digits and _."`
	Name string `help:"Name of the tenant (default: its code)."`
}

func (tenantsCreate) Help() string {
	return `Makes the tenant at the terminal service. The journal makes the tenant's database by itself when it hears of it.`
}

// Run the verb.
func (v tenantsCreate) Run(ctx context.Context, w World, data dataFolder) error {
	if v.Code == "" {
		return misuse{errors.New("the code of the tenant is empty"), ""}
	}
	stack, err := v.connect(w, data, platformOperator)
	if err != nil {
		return err
	}
	name := v.Name
	if name == "" {
		name = string(v.Code)
	}
	made, err := stack.Terminals.CreateTenant(ctx, client.NewTenant{TenantID: string(v.Code), TenantName: name})
	if err != nil {
		return err
	}
	return v.print(w, made, func() {
		fmt.Fprintf(w.Out, "Made tenant %s, %s.\n", made.Value.TenantID, screen.Plain(made.Value.TenantName))
	})
}

type tenantsList struct {
	access
	output
}

// Run the verb.
func (v tenantsList) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, platformOperator)
	if err != nil {
		return err
	}
	found, err := stack.Terminals.Tenants(ctx)
	if err != nil {
		return err
	}
	return v.print(w, found, func() {
		if len(found.Items) == 0 {
			fmt.Fprintln(w.Out, "There are no tenants yet. Make one with `tillctl tenants create CODE`.")
			return
		}
		table := screen.NewTable("tenant", "name", "state")
		for _, t := range found.Values() {
			state := "active"
			if !t.IsActive {
				state = "disabled"
			}
			table.Row(t.TenantID, t.TenantName, state)
		}
		table.Print(w.Out, "")
	})
}
