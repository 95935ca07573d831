package server

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// mechanism is the only way to authenticate.
const mechanism = "SCRAM-SHA-256"

// iterations of the key derivation, as in MongoDB.
const iterations = 15_000

type users struct {
	mu    sync.Mutex
	users map[string]*user   // by database and name
	roles map[string][]grant // likewise
}

type user struct {
	name, database       string
	salt                 []byte
	storedKey, serverKey []byte
	roles                []roleName
}

type roleName struct{ role, db string }

func keyed(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

func newUser(database, name, password string, roles []roleName) (*user, error) {
	salt := make([]byte, 28)
	_, _ = rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return nil, err
	}
	stored := sha256.Sum256(keyed(salted, "Client Key"))
	return &user{
		name: name, database: database, salt: salt, roles: roles,
		storedKey: stored[:], serverKey: keyed(salted, "Server Key"),
	}, nil
}

// conversation is a SCRAM exchange of one connection.
type conversation struct {
	user                     *user
	nonce                    string
	clientFirst, serverFirst string
	skipEmpty, proven        bool
}

var errAuthentication = fault.New(fault.AuthenticationFailed, "Authentication failed.")

func saslStart(s *Server, r *request) (bson.D, error) {
	if name, _ := r.body.Lookup("mechanism").StringValueOK(); name != mechanism {
		return nil, fault.New(fault.BadValue, "Received authentication for mechanism %s which is not enabled", name)
	}
	_, payload, ok := r.body.Lookup("payload").BinaryOK()
	first, isPlain := strings.CutPrefix(string(payload), "n,,")
	fields := scramFields(first)
	if !ok || !isPlain || fields["r"] == "" {
		return nil, errAuthentication
	}
	name := strings.NewReplacer("=2C", ",", "=3D", "=").Replace(fields["n"])
	s.users.mu.Lock()
	found := s.users.users[r.database+"."+name]
	s.users.mu.Unlock()
	if found == nil {
		return nil, errAuthentication
	}
	c := &conversation{user: found, nonce: fields["r"] + rand.Text(), clientFirst: first}
	c.skipEmpty = truth(sub(r.body, "options"), "skipEmptyExchange", false)
	c.serverFirst = fmt.Sprintf("r=%s,s=%s,i=%d", c.nonce, base64.StdEncoding.EncodeToString(found.salt), iterations)
	r.caller.conversation = c
	return saslReply(c.serverFirst, false), nil
}

func saslContinue(_ *Server, r *request) (bson.D, error) {
	c := r.caller.conversation
	if c == nil {
		return nil, fault.New(17, "No SASL session state found") // ProtocolError
	}
	if c.proven {
		r.caller.user, r.caller.conversation = c.user, nil
		return saslReply("", true), nil
	}
	_, payload, _ := r.body.Lookup("payload").BinaryOK()
	withoutProof, proof, _ := strings.Cut(string(payload), ",p=")
	message := c.clientFirst + "," + c.serverFirst + "," + withoutProof
	if scramFields(withoutProof)["r"] != c.nonce || !c.user.proves(message, proof) {
		r.caller.conversation = nil
		return nil, errAuthentication
	}
	c.proven = true
	if c.skipEmpty {
		r.caller.user, r.caller.conversation = c.user, nil
	}
	signature := base64.StdEncoding.EncodeToString(keyed(c.user.serverKey, message))
	return saslReply("v="+signature, c.skipEmpty), nil
}

// proves tells whether a proof shows knowledge of the password.
func (u *user) proves(message, proof string) bool {
	key, err := base64.StdEncoding.DecodeString(proof)
	if err != nil || len(key) != sha256.Size {
		return false
	}
	signature := keyed(u.storedKey, message)
	for i := range key {
		key[i] ^= signature[i]
	}
	stored := sha256.Sum256(key)
	return hmac.Equal(stored[:], u.storedKey)
}

func saslReply(payload string, done bool) bson.D {
	return doc("conversationId", int32(1), "done", done, "payload", primitive.Binary{Data: []byte(payload)})
}

func scramFields(message string) map[string]string {
	fields := map[string]string{}
	for part := range strings.SplitSeq(message, ",") {
		name, v, _ := strings.Cut(part, "=")
		fields[name] = v
	}
	return fields
}

func roleNames(list bson.RawValue, database string) []roleName {
	var names []roleName
	for _, v := range value.Items(list) {
		if name, ok := v.StringValueOK(); ok {
			names = append(names, roleName{name, database})
		} else if d, ok := v.DocumentOK(); ok {
			name, _ := d.Lookup("role").StringValueOK()
			db, _ := d.Lookup("db").StringValueOK()
			names = append(names, roleName{name, db})
		}
	}
	return names
}

func createUser(s *Server, r *request) (bson.D, error) { return s.putUser(r, false) }
func updateUser(s *Server, r *request) (bson.D, error) { return s.putUser(r, true) }

// putUser makes a user, or gives one another password and other roles.
func (s *Server) putUser(r *request, there bool) (bson.D, error) {
	name, password := r.collection(), r.body.Lookup("pwd")
	secret, ok := password.StringValueOK()
	if name == "" || !ok {
		return nil, fault.New(fault.BadValue, "%s needs a name and a 'pwd'", r.name)
	}
	made, err := newUser(r.database, name, secret, roleNames(r.body.Lookup("roles"), r.database))
	if err != nil {
		return nil, err
	}
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	for _, role := range made.roles {
		if !s.users.known(role) {
			return nil, fault.New(fault.RoleNotFound, "Could not find role: %s@%s", role.role, role.db)
		}
	}
	key := r.database + "." + name
	switch old := s.users.users[key]; {
	case old != nil && !there:
		return nil, fault.New(fault.UserExists, "User \"%s@%s\" already exists", name, r.database)
	case old == nil && there:
		return nil, fault.New(fault.UserNotFound, "User %s@%s not found", name, r.database)
	}
	if s.users.users == nil {
		s.users.users = map[string]*user{}
	}
	s.users.users[key] = made
	s.store.Keep(keptUser{Key: key, Name: made.name, Database: made.database, Salt: made.salt, StoredKey: made.storedKey, ServerKey: made.serverKey, Roles: kept(made.roles)})
	return doc(), nil
}

func dropUser(s *Server, r *request) (bson.D, error) {
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	key := r.database + "." + r.collection()
	if s.users.users[key] == nil {
		return nil, fault.New(fault.UserNotFound, "User '%s@%s' not found", r.collection(), r.database)
	}
	delete(s.users.users, key)
	s.store.Keep(keptUser{Key: key, Gone: true})
	return doc(), nil
}

func (u *user) document() bson.D {
	roles := bson.A{}
	for _, role := range u.roles {
		roles = append(roles, doc("role", role.role, "db", role.db))
	}
	return doc("_id", u.database+"."+u.name, "user", u.name, "db", u.database, "roles", roles, "mechanisms", bson.A{mechanism})
}

func usersInfo(s *Server, r *request) (bson.D, error) {
	wanted, _ := r.body.Index(0).Value().StringValueOK()
	if d, ok := r.body.Index(0).Value().DocumentOK(); ok {
		wanted, _ = d.Lookup("user").StringValueOK()
	}
	s.users.mu.Lock()
	defer s.users.mu.Unlock()
	found := bson.A{}
	for _, u := range s.users.users {
		if u.database == r.database && (wanted == "" || wanted == u.name) {
			found = append(found, u.document())
		}
	}
	return doc("users", found), nil
}

func connectionStatus(s *Server, r *request) (bson.D, error) {
	who, roles, privileges := bson.A{}, bson.A{}, bson.A{}
	if u := r.caller.user; u != nil {
		who = append(who, doc("user", u.name, "db", u.database))
		for _, role := range u.roles {
			roles = append(roles, doc("role", role.role, "db", role.db))
		}
		privileges = s.users.privileges(u)
	}
	info := doc("authenticatedUsers", who, "authenticatedUserRoles", roles)
	if truth(r.body, "showPrivileges", false) {
		info = append(info, bson.E{Key: "authenticatedUserPrivileges", Value: privileges})
	}
	return doc("authInfo", info), nil
}
