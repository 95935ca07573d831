package server

import (
	"slices"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// level is what an action is done to.
type level int

const (
	collectionLevel level = iota
	databaseLevel
	clusterLevel
)

// action is something that a role can allow.
type action struct {
	name string
	on   level
}

func onCollection(names ...string) []action { return actionsOn(collectionLevel, names) }
func onDatabase(names ...string) []action   { return actionsOn(databaseLevel, names) }
func onCluster(names ...string) []action    { return actionsOn(clusterLevel, names) }

func actionsOn(on level, names []string) []action {
	var all []action
	for _, name := range names {
		all = append(all, action{name, on})
	}
	return all
}

// grant allows actions on a resource. Empty names stand for all databases, or
// all collections; anyAction stands for all actions.
type grant struct {
	database, collection string
	cluster, anyResource bool
	actions              []string
}

const anyAction = "anyAction"

var (
	readActions  = []string{"find", "listCollections", "listIndexes", "listDatabases"}
	writeActions = append([]string{"insert", "update", "remove", "createCollection", "dropCollection", "createIndex", "dropIndex"}, readActions...)
	adminActions = []string{"listCollections", "listIndexes", "createCollection", "dropCollection", "createIndex", "dropIndex", "dropDatabase"}
	userActions  = []string{"createUser", "createRole", "viewUser", "changePassword", "grantRole", "revokeRole", "dropUser", "dropRole"}
)

// builtIn gives what the roles that every server has allow in a database.
func builtIn(role roleName) []grant {
	switch role.role {
	case "root":
		return []grant{{anyResource: true, actions: []string{anyAction}}}
	case "read":
		return []grant{{database: role.db, actions: readActions}}
	case "readWrite":
		return []grant{{database: role.db, actions: writeActions}}
	case "dbAdmin":
		return []grant{{database: role.db, actions: adminActions}}
	case "userAdmin":
		return []grant{{database: role.db, actions: userActions}}
	case "readAnyDatabase":
		return []grant{{actions: readActions}, {cluster: true, actions: []string{"listDatabases"}}}
	case "readWriteAnyDatabase":
		return []grant{{actions: writeActions}, {cluster: true, actions: []string{"listDatabases"}}}
	case "clusterMonitor":
		return []grant{{cluster: true, actions: []string{"serverStatus", "listDatabases"}}}
	}
	return nil
}

func (u *users) known(role roleName) bool {
	_, made := u.roles[role.db+"."+role.role]
	return made || builtIn(role) != nil
}

func (u *users) grants(role roleName) []grant {
	if made, ok := u.roles[role.db+"."+role.role]; ok {
		return made
	}
	return builtIn(role)
}

// allowed refuses what the connection's user was not granted.
func (s *Server) allowed(r *request, c command) error {
	if !s.auth || c.open {
		return nil
	}
	if r.caller.user == nil {
		if r.name == "createUser" && s.users.none() { // the first one
			return nil
		}
		return fault.New(fault.Unauthorized, "Command %s requires authentication", r.name)
	}
	for _, needed := range needsOf(r, c) {
		if !s.users.may(r.caller.user, needed, r.database, resource(r)) {
			return fault.New(fault.Unauthorized, "not authorized on %s to execute command %s", r.database, r.body)
		}
	}
	return nil
}

// resource is the collection that a command, or the one that it explains, is about.
func resource(r *request) string {
	if inner, ok := r.body.Index(0).Value().DocumentOK(); ok && r.name == "explain" {
		name, _ := inner.Index(0).Value().StringValueOK()
		return name
	}
	return r.collection()
}

// needsOf adds to what a command always needs what this one needs.
func needsOf(r *request, c command) []action {
	needs := c.needs
	switch {
	case r.name == "explain":
		needs = onCollection("find")
	case r.name == "findAndModify" && truth(r.body, "remove", false):
		needs = onCollection("find", "remove")
	case r.name == "findAndModify" && truth(r.body, "upsert", false):
		needs = onCollection("find", "update", "insert")
	case r.name == "update":
		for _, statement := range r.documents("updates") {
			if truth(statement, "upsert", false) {
				return onCollection("update", "insert")
			}
		}
	}
	return needs
}

func (u *users) none() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.users) == 0
}

func (u *users) may(who *user, needed action, database, collection string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(who.roles, func(role roleName) bool {
		return slices.ContainsFunc(u.grants(role), func(g grant) bool { return g.allows(needed, database, collection) })
	})
}

func (g grant) allows(needed action, database, collection string) bool {
	if !slices.Contains(g.actions, needed.name) && !slices.Contains(g.actions, anyAction) {
		return false
	}
	if g.anyResource {
		return true
	}
	if g.cluster || needed.on == clusterLevel {
		return g.cluster && needed.on == clusterLevel
	}
	if g.database != "" && g.database != database {
		return false
	}
	return g.collection == "" || needed.on == collectionLevel && g.collection == collection
}

func createRole(s *Server, r *request) (bson.D, error) { return s.putRole(r, false) }
func updateRole(s *Server, r *request) (bson.D, error) { return s.putRole(r, true) }

// putRole makes a role, or replaces all that one allows.
func (s *Server) putRole(r *request, there bool) (bson.D, error) {
	name := r.collection()
	grants := []grant{}
	for _, v := range value.Items(r.body.Lookup("privileges")) {
		privilege, ok := v.DocumentOK()
		if !ok {
			return nil, fault.New(fault.TypeMismatch, "a privilege must be a document")
		}
		g := grantOf(privilege)
		if r.database != "admin" && (g.cluster || g.anyResource || g.database != r.database) {
			return nil, fault.New(fault.InvalidRoleModification, "Roles on the '%s' database cannot be granted privileges that target other databases or the cluster", r.database)
		}
		grants = append(grants, g)
	}
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	for _, role := range roleNames(r.body.Lookup("roles"), r.database) {
		if !s.users.known(role) {
			return nil, fault.New(fault.RoleNotFound, "Could not find role: %s@%s", role.role, role.db)
		}
		grants = append(grants, s.users.grants(role)...)
	}
	key := r.database + "." + name
	switch _, ok := s.users.roles[key]; {
	case ok && !there:
		return nil, fault.New(fault.RoleExists, "Role \"%s@%s\" already exists", name, r.database)
	case !ok && there:
		return nil, fault.New(fault.RoleNotFound, "Role %s@%s not found", name, r.database)
	}
	if s.users.roles == nil {
		s.users.roles = map[string][]grant{}
	}
	s.users.roles[key] = grants
	s.store.Keep(keptRole{Role: key, Grants: keptGrants(grants)})
	return doc(), nil
}

// dropRole forgets a role, also of those who have it.
func dropRole(s *Server, r *request) (bson.D, error) {
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	key := r.database + "." + r.collection()
	if _, ok := s.users.roles[key]; !ok {
		return nil, fault.New(fault.RoleNotFound, "Role '%s@%s' not found", r.collection(), r.database)
	}
	delete(s.users.roles, key)
	s.store.Keep(keptRole{Role: key, Gone: true})
	return doc(), nil
}

// privileges are all that a user's roles allow, as connectionStatus tells them.
func (u *users) privileges(who *user) bson.A {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := bson.A{}
	for _, role := range who.roles {
		for _, g := range u.grants(role) {
			all = append(all, doc("resource", g.resource(), "actions", g.actions))
		}
	}
	return all
}

func (g grant) resource() bson.D {
	switch {
	case g.anyResource:
		return doc("anyResource", true)
	case g.cluster:
		return doc("cluster", true)
	}
	return doc("db", g.database, "collection", g.collection)
}

func grantOf(privilege bson.Raw) grant {
	where := sub(privilege, "resource")
	g := grant{cluster: truth(where, "cluster", false), anyResource: truth(where, "anyResource", false)}
	g.database, _ = where.Lookup("db").StringValueOK()
	g.collection, _ = where.Lookup("collection").StringValueOK()
	for _, v := range value.Items(privilege.Lookup("actions")) {
		name, _ := v.StringValueOK()
		g.actions = append(g.actions, name)
	}
	return g
}
