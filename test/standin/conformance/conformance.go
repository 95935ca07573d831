// Package conformance holds what a server must answer for the journal's
// MongoDB store to work: commands with their replies, error codes and labels,
// as plain data taken from MongoDB's manual and the driver specifications. The
// cases run against any server that a driver reaches, so that the stand-in and
// a real server can be held to the same.
package conformance

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/tillroll/tillroll/test/standin/internal/value"
)

//go:embed cases.json
var data []byte

// Case is one behaviour: steps on a database of its own.
type Case struct {
	Name string `bson:"name"`
	// Needs is what a server must have been started with: "failpoints" of
	// MongoDB's test commands, "standin" for what only the stand-in does, "admin"
	// for a credential that may make roles.
	Needs string `bson:"needs"`
	Steps []Step `bson:"steps"`
}

// Step is one command, or the start or end of a transaction of a named session.
type Step struct {
	Run     bson.Raw `bson:"run"`
	Admin   bool     `bson:"admin"`   // run on the database admin
	Session string   `bson:"session"` // run in its transaction
	Start   string   `bson:"start"`
	Commit  string   `bson:"commit"`
	Abort   string   `bson:"abort"`

	Code   int32         `bson:"code"` // expected error, 0 is none
	Labels []string      `bson:"labels"`
	Not    []string      `bson:"not"`   // labels that must not be there
	Reply  bson.Raw      `bson:"reply"` // what the reply must contain
	Batch  bson.RawValue `bson:"batch"` // the documents of the first batch
}

// Cases reads the file.
func Cases() ([]Case, error) {
	var file struct {
		Cases []Case `bson:"cases"`
	}
	if err := bson.UnmarshalExtJSON(data, false, &file); err != nil {
		return nil, fmt.Errorf("conformance: cases.json: %w", err)
	}
	return file.Cases, nil
}

// Run runs every case. It skips cases whose needs are not among offered.
func Run(t *testing.T, client *mongo.Client, offered ...string) {
	cases, err := Cases()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if c.Needs != "" && !strings.Contains(strings.Join(offered, " "), c.Needs) {
				t.Skipf("UNPROVEN: needs a server with %s", c.Needs)
			}
			r := runner{t: t, client: client, sessions: map[string]mongo.Session{}, db: client.Database(fmt.Sprintf("conformance_%d", i))}
			defer r.close()
			for n, step := range c.Steps {
				r.step(n, step)
			}
		})
	}
}

type runner struct {
	t        *testing.T
	client   *mongo.Client
	db       *mongo.Database
	sessions map[string]mongo.Session
}

func (r *runner) close() {
	ctx := context.Background()
	for _, session := range r.sessions {
		session.EndSession(ctx) // aborts what is open
	}
	if err := r.db.Drop(ctx); err != nil {
		r.t.Error(err)
	}
}

func (r *runner) step(n int, s Step) {
	r.t.Helper()
	reply, err := r.do(s)
	if got := code(reply, err); got != s.Code {
		r.t.Fatalf("step %d: code %d, want %d: %v", n, got, s.Code, err)
	}
	for _, label := range s.Labels {
		if !labelled(err, label) {
			r.t.Errorf("step %d: %v has no label %s", n, err, label)
		}
	}
	for _, label := range s.Not {
		if labelled(err, label) {
			r.t.Errorf("step %d: %v has the label %s", n, err, label)
		}
	}
	if s.Reply != nil && !contains(raw(reply), raw(s.Reply)) {
		r.t.Errorf("step %d: the reply is\n%s\nwithout\n%s", n, reply, s.Reply)
	}
	if s.Batch.Type == bson.TypeArray && !contains(reply.Lookup("cursor", "firstBatch"), s.Batch) {
		r.t.Errorf("step %d: the batch is\n%s\ninstead of\n%s", n, reply.Lookup("cursor", "firstBatch"), s.Batch)
	}
}

func (r *runner) do(s Step) (bson.Raw, error) {
	ctx := context.Background()
	switch {
	case s.Start != "":
		session, err := r.session(s.Start)
		if err != nil {
			return nil, err
		}
		return nil, session.StartTransaction(options.Transaction().
			SetReadConcern(readconcern.Snapshot()).SetWriteConcern(writeconcern.Majority()))
	case s.Commit != "":
		return nil, r.sessions[s.Commit].CommitTransaction(ctx)
	case s.Abort != "":
		return nil, r.sessions[s.Abort].AbortTransaction(ctx)
	case s.Session != "":
		ctx = mongo.NewSessionContext(ctx, r.sessions[s.Session])
	}
	db := r.db
	if s.Admin {
		db = r.client.Database("admin")
	}
	result := db.RunCommand(ctx, s.Run)
	reply, err := result.Raw()
	return reply, err
}

func (r *runner) session(name string) (mongo.Session, error) {
	if session := r.sessions[name]; session != nil {
		return session, nil
	}
	session, err := r.client.StartSession()
	r.sessions[name] = session
	return session, err
}

// code is the error code of a reply, of its first write error, or -1 for an error without a code.
func code(reply bson.Raw, err error) int32 {
	var command mongo.CommandError
	var write mongo.WriteException
	switch {
	case errors.As(err, &command) && command.Code != 0:
		return command.Code
	case errors.As(err, &write) && len(write.WriteErrors) > 0:
		return int32(write.WriteErrors[0].Code)
	case errors.As(err, &write) && write.WriteConcernError != nil:
		return int32(write.WriteConcernError.Code)
	case err != nil:
		return -1
	}
	if n, ok := value.Int(reply.Lookup("writeErrors", "0", "code")); ok {
		return int32(n)
	}
	return 0
}

func labelled(err error, label string) bool {
	var labels mongo.LabeledError
	return errors.As(err, &labels) && labels.HasErrorLabel(label)
}

func raw(doc bson.Raw) bson.RawValue {
	return bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc}
}

// contains tells whether got has all fields of want; arrays must be as long, numbers may be of another type.
func contains(got, want bson.RawValue) bool {
	switch want.Type {
	case bson.TypeEmbeddedDocument:
		if got.Type != want.Type {
			return false
		}
		elements, _ := bson.Raw(want.Value).Elements()
		for _, e := range elements {
			if !contains(bson.Raw(got.Value).Lookup(e.Key()), e.Value()) {
				return false
			}
		}
		return true
	case bson.TypeArray:
		gots, wants := value.Items(got), value.Items(want)
		if len(gots) != len(wants) {
			return false
		}
		for i := range wants {
			if !contains(gots[i], wants[i]) {
				return false
			}
		}
		return true
	default:
		return value.Compare(got, want) == 0
	}
}
