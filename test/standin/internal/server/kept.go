package server

import "go.mongodb.org/mongo-driver/bson"

// keptUser is a user in the store's file.
type keptUser struct {
	Key       string      `bson:"user"`
	Gone      bool        `bson:"gone,omitempty"`
	Name      string      `bson:"name"`
	Database  string      `bson:"db"`
	Salt      []byte      `bson:"salt"`
	StoredKey []byte      `bson:"stored"`
	ServerKey []byte      `bson:"server"`
	Roles     [][2]string `bson:"roles"`
}

// keptRole is a role there.
type keptRole struct {
	Role   string      `bson:"role"`
	Gone   bool        `bson:"gone,omitempty"`
	Grants []keptGrant `bson:"grants"`
}

type keptGrant struct {
	Database   string   `bson:"db"`
	Collection string   `bson:"collection"`
	Cluster    bool     `bson:"cluster"`
	Any        bool     `bson:"any"`
	Actions    []string `bson:"actions"`
}

func kept(roles []roleName) (all [][2]string) {
	for _, r := range roles {
		all = append(all, [2]string{r.role, r.db})
	}
	return all
}

func keptGrants(grants []grant) (all []keptGrant) {
	for _, g := range grants {
		all = append(all, keptGrant{g.database, g.collection, g.cluster, g.anyResource, g.actions})
	}
	return all
}

// remember takes in what a server before this one kept.
func (u *users) remember(raw bson.Raw) error {
	if u.users == nil {
		u.users, u.roles = map[string]*user{}, map[string][]grant{}
	}
	if _, err := raw.LookupErr("role"); err == nil {
		var r keptRole
		if err := bson.Unmarshal(raw, &r); err != nil {
			return err
		}
		grants := []grant{}
		for _, g := range r.Grants {
			grants = append(grants, grant{database: g.Database, collection: g.Collection, cluster: g.Cluster, anyResource: g.Any, actions: g.Actions})
		}
		u.roles[r.Role] = grants
		if r.Gone {
			delete(u.roles, r.Role)
		}
		return nil
	}
	var k keptUser
	if err := bson.Unmarshal(raw, &k); err != nil {
		return err
	}
	one := &user{name: k.Name, database: k.Database, salt: k.Salt, storedKey: k.StoredKey, serverKey: k.ServerKey}
	for _, r := range k.Roles {
		one.roles = append(one.roles, roleName{r[0], r[1]})
	}
	u.users[k.Key] = one
	if k.Gone {
		delete(u.users, k.Key)
	}
	return nil
}
