package journaldb

import (
	"fmt"
	"slices"
	"strings"
)

// Names of the roles. They live in the database admin, where alone a role may speak of other
// databases.
const (
	ServiceRole  = "tillroll_journal_service"
	ArchiverRole = "tillroll_journal_archiver"
	KeeperRole   = "tillroll_journal_keeper"
)

// Resource is what a privilege is about: a collection of a database. An empty Database stands for all
// databases, so for the collections of that name in those of tenants to come, too.
type Resource struct {
	Database   string `json:"db" bson:"db"`
	Collection string `json:"collection" bson:"collection"`
}

// Privilege allows actions on a resource.
type Privilege struct {
	Resource Resource `json:"resource" bson:"resource"`
	Actions  []string `json:"actions" bson:"actions"`
}

// Role is a set of privileges.
type Role struct {
	Name       string
	For        string // what it is for, in one sentence
	Privileges []Privilege
}

// Scope says in which databases roles are good.
type Scope struct {
	Namespace string
	// Tenants are the codes of the tenants; none: the collections by their names in all databases, so
	// that a tenant can be made while the journal runs.
	Tenants []string
}

// rights are the actions by which the service uses a collection. To make collections and indexes
// cannot be left to somebody else, because tenants come while it runs; to drop them can.
var rights = map[Access][]string{
	Append: {"find", "insert", "listIndexes", "createCollection", "createIndex"},
	Change: {"find", "insert", "update", "listIndexes", "createCollection", "createIndex"},
	Watch:  {"find", "listIndexes", "createCollection", "createIndex"},
}

// archiving are the actions by which the archiver uses a collection.
var archiving = map[Archiving][]string{
	0:      {"find"},
	Remove: {"find", "remove"},
	Add:    {"find", "insert"},
	Hold:   {"find", "insert", "update"},
	Store:  {"find", "insert", "remove"},
}

// Use gives the actions by which somebody uses a collection.
type Use func(Collection) []string

// The uses: that of the journal service, and that of its archiver.
var (
	ByService  Use = func(c Collection) []string { return rights[c.Access] }
	ByArchiver Use = func(c Collection) []string { return archiving[c.Archiver] }
)

// Roles are all roles.
func Roles(s Scope) []Role {
	return []Role{Service(s), Archiver(s), Keeper(s)}
}

// Service is the role of the journal service.
func Service(s Scope) Role {
	return Role{
		Name: ServiceRole, For: "The journal service: adds to journal and logs, and never changes or removes what stands there.",
		Privileges: s.privileges(ByService),
	}
}

// Archiver is the role of the journal's archiver. To journal and logs it may add nothing and change
// nothing there, and event ids, chains, the log over them and its checkpoints it may only read: so what it
// removes can be missed, and what it leaves behind can be proved.
func Archiver(s Scope) Role {
	return Role{
		Name: ArchiverRole, For: "The archiver: reads everything, adds segments to the archive, removes from journal and logs what a segment has.",
		Privileges: s.privileges(ByArchiver),
	}
}

// Keeper is the role of an operator who mends indexes. It reads no document.
func Keeper(s Scope) Role {
	return Role{
		Name: KeeperRole, For: "Keeping indexes: drops one that is not as it should be, so that it is made anew. Reads no document.",
		Privileges: s.privileges(func(Collection) []string {
			return []string{"listIndexes", "createCollection", "createIndex", "dropIndex", "collStats", "indexStats"}
		}),
	}
}

func (s Scope) privileges(actions func(Collection) []string) []Privilege {
	var all []Privilege
	seen := map[Resource]bool{}
	add := func(schema Schema, databases []string) {
		for _, db := range databases {
			for _, c := range schema.Collections {
				if r := (Resource{db, c.Name}); !seen[r] {
					seen[r] = true
					all = append(all, Privilege{r, actions(c)})
				}
			}
		}
	}
	tenants := []string{""}
	if len(s.Tenants) > 0 {
		tenants = nil
	}
	for _, code := range s.Tenants {
		tenants = append(tenants, s.Namespace+TenantPrefix+code)
	}
	add(Tenant, tenants)
	add(Platform, []string{s.Namespace + PlatformDatabase})
	return all
}

// Granted is a privilege as a server tells it: about a resource of any kind.
type Granted struct {
	Database   *string  `bson:"db"`
	Collection *string  `bson:"collection"`
	Cluster    bool     `bson:"cluster"`
	Any        bool     `bson:"anyResource"`
	Actions    []string `bson:"actions"`
}

func (g Granted) String() string {
	where := "everything"
	switch {
	case g.Cluster:
		where = "the cluster"
	case g.Database == nil || g.Collection == nil:
	case *g.Collection == "":
		where = "every collection of " + anyOr(*g.Database)
	default:
		where = anyOr(*g.Database) + "." + *g.Collection
	}
	return strings.Join(g.Actions, ", ") + " on " + where
}

func anyOr(database string) string {
	if database == "" {
		return "any database"
	}
	return database
}

// Excess gives those of the granted rights that a use does not need. Rights on a single
// collection of a name that the tables do not know are none of its business: so the roles for a newer
// program can be there before the program is.
func (use Use) Excess(granted []Granted, platform string) []Granted {
	var all []Granted
	for _, g := range granted {
		if g.Actions = slices.DeleteFunc(slices.Clone(g.Actions), g.needed(platform, use)); len(g.Actions) > 0 {
			all = append(all, g)
		}
	}
	return all
}

// Excess is that of the service.
func Excess(granted []Granted, platform string) []Granted { return ByService.Excess(granted, platform) }

// Missing is that of the service.
func Missing(granted []Granted, platform string) []string {
	return ByService.Missing(granted, platform)
}

// needed tells of every action of a granted privilege whether a use needs it there.
func (g Granted) needed(platform string, use Use) func(action string) bool {
	if g.Cluster || g.Any || g.Database == nil || g.Collection == nil || *g.Collection == "" {
		return func(string) bool { return false }
	}
	schemas := []Schema{Tenant}
	if *g.Database == platform {
		schemas = []Schema{Platform}
	}
	fits := named(*g.Collection, schemas)
	if len(fits) == 0 {
		unknown := len(named(*g.Collection, []Schema{Tenant, Platform})) == 0
		return func(string) bool { return unknown }
	}
	return func(action string) bool {
		return slices.ContainsFunc(fits, func(c Collection) bool { return slices.Contains(use(c), action) })
	}
}

// named are the collections of a name.
func named(collection string, schemas []Schema) (all []Collection) {
	for _, schema := range schemas {
		for _, c := range schema.Collections {
			if c.Name == collection {
				all = append(all, c)
			}
		}
	}
	return all
}

// Missing gives what cannot be done in the platform's database with the granted rights that a use needs,
// and what cannot be done in a tenant's, where there are rights in no tenant's database at all.
func (use Use) Missing(granted []Granted, platform string) []string {
	var all []string
	lacks := func(name string, schema Schema, in func(database string) bool) {
		for _, c := range schema.Collections {
			for _, action := range use(c) {
				if !slices.ContainsFunc(granted, func(g Granted) bool { return g.allows(action, c.Name, in) }) {
					all = append(all, fmt.Sprintf("%s on %s.%s", action, name, c.Name))
				}
			}
		}
	}
	lacks(anyOr(platform), Platform, func(db string) bool { return db == "" || db == platform })
	lacks("a tenant's database", Tenant, func(db string) bool { return db == "" || db != platform })
	return all
}

func (g Granted) allows(action, collection string, in func(database string) bool) bool {
	if g.Cluster || !slices.Contains(g.Actions, action) && !slices.Contains(g.Actions, "anyAction") {
		return false
	}
	if g.Any {
		return true
	}
	return g.Database != nil && g.Collection != nil && in(*g.Database) && (*g.Collection == "" || *g.Collection == collection)
}
