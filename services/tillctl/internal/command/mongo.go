package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tillroll/tillroll/pkg/identity"
	"github.com/tillroll/tillroll/pkg/journaldb"
	"github.com/tillroll/tillroll/services/tillctl/internal/mongoadmin"
)

// mongoVerb is what an operator prepares in the journal's MongoDB.
type mongoVerb struct {
	Sharding mongoSharding `cmd:"" help:"Print the script that spreads tenants over the shards of a cluster."`
	Roles    mongoRoles    `cmd:"" help:"Print the script that makes the roles and users of the journal's MongoDB, or make them."`
}

// mongoRoles prints or applies. It asks no service: it is needed before there is one.
type mongoRoles struct {
	Apply     bool   `help:"Make roles and users at --uri, instead of printing the script for mongosh."`
	URI       string `help:"Connection string of an administrator of the server." name:"uri" env:"TILLROLL_MONGODB_ADMIN_URI" placeholder:"MONGODB-URI"`
	Namespace string `help:"What stands before the names of all databases, as the journal is told." env:"TILLROLL_MONGODB_NAMESPACE" placeholder:"PREFIX"`
	Tenant    []code `suggest:"@tenants" help:"Only in the databases of these tenants; then every new tenant needs this command first." placeholder:"CODE"`
}

func (mongoRoles) Help() string {
	text := `Three roles follow from what the journal does with its collections: the service adds to journal and logs and changes
nothing there, the archiver removes from them and adds nothing, the keeper drops indexes. They may be made again at any
time. A user is made, or given its role and password, when the environment has its password:

`
	for _, u := range journaldb.Users {
		text += fmt.Sprintf("  %-28s %-18s %s\n", u.Password, u.Name, u.Role)
	}
	text += `
With --apply they are made at once, otherwise the script for mongosh is printed:

    tillctl mongo roles > roles.js
    tillctl mongo roles --apply --uri mongodb://admin@db.example.com/?authSource=admin --tenant acme`
	return text
}

// Run the verb.
func (v mongoRoles) Run(ctx context.Context, w World) error {
	scope := journaldb.Scope{Namespace: v.Namespace}
	for _, tenant := range v.Tenant {
		scope.Tenants = append(scope.Tenants, string(tenant))
	}
	if !v.Apply {
		fmt.Fprint(w.Out, journaldb.RolesScript(scope))
		return nil
	}
	if v.URI == "" {
		return misuse{errors.New("--apply needs --uri, the connection string of an administrator"), "tillctl mongo roles --help"}
	}
	passwords := map[string]string{}
	for _, u := range journaldb.Users {
		if password := os.Getenv(u.Password); password != "" {
			passwords[u.Name] = password
		}
	}
	return mongoadmin.Apply(ctx, v.URI, scope, passwords, func(command, name string) { fmt.Fprintln(w.Out, command, name) })
}

// mongoSharding prints. What it prints is for an operator of the cluster, who looks at it first.
type mongoSharding struct{}

func (mongoSharding) Help() string {
	return `The script is for mongosh on a mongos; it says itself how it is called. Only tenants that outgrow one shard need it.

    tillctl mongo sharding > sharding.js`
}

// Run the verb.
func (mongoSharding) Run(w World) error {
	fmt.Fprint(w.Out, journaldb.ShardingScript(identity.CodePattern))
	return nil
}
