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
	Show   tenantsShow   `cmd:"" help:"Show a tenant: its stores, how much its journal has, and what is wrong."`
}

var platformOperator = auth.Principal{Role: auth.Platform}

type tenantsCreate struct {
	access
	output
	Code code   `arg:"" help:"Code of the tenant: small letters, digits and _."`
	Name string `help:"Name of the tenant (default: its code)."`
}

func (tenantsCreate) Help() string {
	return `Makes the tenant at the terminal service. The journal makes the tenant's database by itself when it hears of it.

    tillctl tenants create acme --name "Acme Ltd"`
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
	listOutput
}

func (tenantsList) Help() string {
	return `Those that were switched off are among them.

    tillctl tenants list
    tillctl tenants list --output ids`
}

var tenants = listing[client.Tenant]{
	id: func(t client.Tenant) string { return t.TenantID },
	columns: []column[client.Tenant]{
		{title: "tenant", name: "tenantId", cell: func(t client.Tenant) string { return t.TenantID }},
		{title: "name", name: "tenantName", cell: func(t client.Tenant) string { return t.TenantName }},
		{title: "state", name: "state", cell: tenantState},
		{title: "since", name: "entryDatetime", cell: func(t client.Tenant) string { return moment(t.EntryDatetime) }, value: func(t client.Tenant) string { return instant(t.EntryDatetime) }},
	},
}

func tenantState(t client.Tenant) string {
	if t.IsActive {
		return "active"
	}
	return "disabled"
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
	if len(found.Items) == 0 && v.Output == "table" {
		fmt.Fprintln(w.Out, "There are no tenants yet. Make one with `tillctl tenants create CODE`.")
		return nil
	}
	return tenants.print(w, v.Output, found, found.Values(), nil)
}
