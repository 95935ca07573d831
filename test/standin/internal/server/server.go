// Package server speaks MongoDB's wire protocol over the store: commands,
// sessions, transactions, cursors, users and fail points. Every command that
// the journal's adapter does not need answers CommandNotFound.
package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/store"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// ReplicaSet is the name of the one-node replica set that the server is.
const ReplicaSet = "rs0"

// Server serves one store.
type Server struct {
	store      *store.Store
	address    string
	auth       bool
	guise      Guise
	sessions   sessions
	cursors    cursors
	failPoints failPoints
	users      users

	mu          sync.Mutex
	connections map[net.Conn]struct{}
}

// New makes a server that will be reached at address. With auth every
// connection has to authenticate; the first user can be made without.
//
// With a file the server survives its process: documents, indexes, users and roles; not sessions and
// fail points.
func New(address string, auth bool, guise Guise, file string) (*Server, error) {
	s := &Server{
		store: store.New(), address: address, auth: auth, guise: guise,
		connections: map[net.Conn]struct{}{},
	}
	if file == "" {
		return s, nil
	}
	var err error
	s.store, err = store.Open(file, s.users.remember)
	return s, err
}

// Serve takes connections until ctx ends, and closes all of them. It does not
// wait for commands that run: nothing of what they do outlives the process.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() {
		_ = listener.Close()
		s.closeConnections()
	})
	defer stop()
	go s.sessions.expire(ctx)
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				s.closeConnections()
				return nil
			}
			return fmt.Errorf("server: accept: %w", err)
		}
		s.mu.Lock()
		s.connections[conn] = struct{}{}
		s.mu.Unlock()
		go s.converse(conn)
	}
}

func (s *Server) closeConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.connections {
		_ = conn.Close()
	}
	s.sessions.abortAll() // nobody waits for a lock that is never given back
}

func (s *Server) connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.connections)
}

// client is what the server knows of a connection.
type client struct {
	appName      string
	user         *user
	conversation *conversation
}

// converse answers one connection. An error means that the other side left,
// or speaks something else: there is nobody to tell.
func (s *Server) converse(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.connections, conn)
		s.mu.Unlock()
	}()
	reader := bufio.NewReader(conn)
	caller := &client{}
	for {
		m, err := readMessage(reader)
		if err != nil {
			return
		}
		answer := s.answer(caller, m)
		if answer == nil { // a fail point closes the connection
			return
		}
		if m.noReply {
			continue
		}
		if _, err := conn.Write(m.reply(answer)); err != nil {
			return
		}
	}
}

// request is one command.
type request struct {
	name      string
	database  string
	body      bson.Raw
	sequences map[string][]bson.Raw
	caller    *client
	txn       *store.Txn // nil outside of a transaction
}

func newRequest(caller *client, m *message) *request {
	r := &request{body: m.body, sequences: m.sequences, caller: caller, database: "admin"}
	if first, err := m.body.IndexErr(0); err == nil {
		r.name = first.Key()
	}
	if db, ok := m.body.Lookup("$db").StringValueOK(); ok {
		r.database = db
	}
	return r
}

// answer runs a command between the fail points. Nil: close the connection.
func (s *Server) answer(caller *client, m *message) (answer bson.Raw) {
	r := newRequest(caller, m)
	defer func() {
		if p := recover(); p != nil { // a malformed command must not end the tests of others
			log.Printf("%s: %v", r.name, p)
			answer = encode(refusal(r, fmt.Errorf("internal error: %v", p)))
		}
	}()
	point := s.failPoints.hit(r)
	if point != nil {
		if point.closes {
			return nil
		}
		if point.err != nil {
			return encode(refusal(r, point.err))
		}
	}
	reply := s.run(r)
	if point != nil && point.losesReply {
		return nil
	}
	if concern := point.concernError(); concern != nil {
		reply = append(reply, bson.E{Key: "writeConcernError", Value: concern})
		if labels := point.labels; len(labels) > 0 {
			reply = append(reply, bson.E{Key: "errorLabels", Value: labels})
		}
	}
	return encode(reply)
}

// run runs a command and makes a complete reply.
func (s *Server) run(r *request) bson.D {
	command, ok := commands[r.name]
	if !ok {
		return refusal(r, fault.New(fault.CommandNotFound, "no such command: '%s'", r.name))
	}
	if err := s.allowed(r, command); err != nil {
		return refusal(r, err)
	}
	reply, err := s.inSession(r, command)
	if err != nil {
		return refusal(r, err)
	}
	return append(reply, bson.E{Key: "ok", Value: 1.0})
}

func encode(reply bson.D) bson.Raw {
	raw, err := bson.Marshal(reply)
	if err != nil {
		raw, _ = bson.Marshal(refusal(nil, err))
	}
	return raw
}

// refusal is the reply of a command that failed.
func refusal(r *request, err error) bson.D {
	refused := asFault(err)
	if r != nil {
		label(r, refused)
	}
	reply := doc("ok", 0.0, "errmsg", refused.Message, "code", int32(refused.Code), "codeName", refused.Code.Name())
	if len(refused.Labels) > 0 {
		reply = append(reply, bson.E{Key: "errorLabels", Value: refused.Labels})
	}
	return append(reply, refused.Details...)
}

func asFault(err error) *fault.Error {
	var refused *fault.Error
	if errors.As(err, &refused) {
		own := *refused // labels are this reply's own
		return &own
	}
	var conflict store.Conflict
	if errors.As(err, &conflict) {
		return fault.New(fault.WriteConflict, "%s", conflict)
	}
	return fault.New(8, "%v", err) // UnknownError
}

// label adds the labels by which a driver decides whether to try again.
func label(r *request, refused *fault.Error) {
	if refused.Labels != nil { // a fail point said which
		return
	}
	_, numbered := r.body.Lookup("txnNumber").Int64OK()
	inTxn := r.inTransaction()
	ending := r.name == "commitTransaction" || r.name == "abortTransaction"
	switch refused.Code {
	case fault.NoSuchTransaction, fault.WriteConflict:
		if inTxn {
			refused.Label(fault.TransientTransaction)
		}
	default:
		if inTxn && !ending && refused.Code.Retryable() {
			refused.Label(fault.TransientTransaction)
		}
	}
	if numbered && (!inTxn || ending) && refused.Code.Retryable() {
		refused.Label(fault.RetryableWrite)
	}
}

func (r *request) inTransaction() bool {
	_, err := r.body.LookupErr("autocommit")
	return err == nil
}

// doc makes a document of names and values in turn.
func doc(pairs ...any) bson.D {
	d := make(bson.D, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		d = append(d, bson.E{Key: name, Value: pairs[i+1]})
	}
	return d
}

// collection is the name that the command's first field gives.
func (r *request) collection() string {
	name, _ := r.body.Index(0).Value().StringValueOK()
	return name
}

func (r *request) namespace() string { return store.Namespace(r.database, r.collection()) }

// documents are the statements of a command: in a sequence of their own or in an array.
func (r *request) documents(name string) []bson.Raw {
	if docs, ok := r.sequences[name]; ok {
		return docs
	}
	var docs []bson.Raw
	for _, v := range value.Items(r.body.Lookup(name)) {
		if v.Type == bson.TypeEmbeddedDocument {
			docs = append(docs, bson.Raw(v.Value))
		}
	}
	return docs
}

var empty = bson.Raw{5, 0, 0, 0, 0}

// sub is an embedded document, an empty one when there is none.
func sub(d bson.Raw, name string) bson.Raw {
	if inner, ok := d.Lookup(name).DocumentOK(); ok {
		return inner
	}
	return empty
}

func number(d bson.Raw, name string, otherwise int) int {
	if n, ok := value.Int(d.Lookup(name)); ok {
		return int(n)
	}
	return otherwise
}

func truth(d bson.Raw, name string, otherwise bool) bool {
	v, err := d.LookupErr(name)
	if err != nil {
		return otherwise
	}
	return value.True(v)
}

var started = time.Now()
