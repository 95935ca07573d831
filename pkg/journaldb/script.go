package journaldb

import (
	"encoding/json"
	"fmt"
	"strings"
)

// User is a user of the database server who has one of the roles.
type User struct {
	Name, Role string
	// Password names the environment variable that holds the password.
	Password string
}

// Users are the users that are made or given their role when their password is in the environment.
var Users = []User{
	{"tillroll_journal", ServiceRole, "TILLROLL_JOURNAL_PASSWORD"},
	{"tillroll_archiver", ArchiverRole, "TILLROLL_ARCHIVER_PASSWORD"},
	{"tillroll_keeper", KeeperRole, "TILLROLL_KEEPER_PASSWORD"},
}

const rolesHead = `// Roles and users of the journal's MongoDB, for mongosh:
//
//     TILLROLL_JOURNAL_PASSWORD=... mongosh "mongodb://admin@host/?authSource=admin" roles.js
//
// Made by "tillctl mongo roles" from the table in pkg/journaldb. It may be run again at any time: roles
// are made, or put right when they are there. A user is made, or given role and password, when the
// variable with the password is set:
//
`

const rolesBody = `
const admin = db.getSiblingDB("admin");

for (const role of roles) {
  const verb = admin.getRole(role.role) ? "updateRole" : "createRole";
  admin[verb](...(verb === "createRole" ? [role] : [role.role, { privileges: role.privileges, roles: role.roles }]));
  print(verb, role.role);
}
for (const { user, role, password } of users) {
  const pwd = process.env[password];
  if (!pwd) continue;
  const granted = [{ role, db: "admin" }];
  if (admin.getUser(user)) {
    admin.updateUser(user, { pwd, roles: granted });
    print("updateUser", user);
  } else {
    admin.createUser({ user, pwd, roles: granted });
    print("createUser", user);
  }
}
`

// RolesScript is the script for mongosh that makes roles and users.
func RolesScript(s Scope) string {
	var b strings.Builder
	b.WriteString(rolesHead)
	for _, u := range Users {
		fmt.Fprintf(&b, "//     %-28s %-18s %s\n", u.Password, u.Name, u.Role)
	}
	b.WriteString("\nconst roles = [\n")
	for _, r := range Roles(s) {
		fmt.Fprintf(&b, "  { // %s\n    role: %q,\n    privileges: [\n", r.For, r.Name)
		for _, p := range r.Privileges {
			fmt.Fprintf(&b, "      %s,\n", asJSON(p))
		}
		b.WriteString("    ],\n    roles: [],\n  },\n")
	}
	b.WriteString("];\n\nconst users = [\n")
	for _, u := range Users {
		fmt.Fprintf(&b, "  { user: %q, role: %q, password: %q },\n", u.Name, u.Role, u.Password)
	}
	b.WriteString("];\n" + rolesBody)
	return b.String()
}

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and lists of strings can always be written
	}
	return string(raw)
}
