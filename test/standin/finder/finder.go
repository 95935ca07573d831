// Package finder finds a MongoDB for tests: the first that is there of
// MONGODB_URI, a mongod on PATH, Docker with a MongoDB image, and the stand-in.
//
// What it starts is a replica set of one member with access control, in a
// folder or container of its own, and ends with the caller. It knows nothing
// of the journal.
package finder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/test/standin"
)

// Variables that choose the server.
const (
	// URIVariable names a server that runs already: a replica set, and a credential
	// that may do everything there, since tests make and drop databases, roles and users.
	URIVariable = "MONGODB_URI"
	// KindVariable takes one kind and no other: mongod, docker (which then may download its
	// image) or standin.
	KindVariable = "TILLROLL_TEST_MONGODB"
)

// Found is a server that answers.
type Found struct {
	URI    string `json:"uri"`
	Engine string `json:"engine"` // what it is, for people
	// Started says that the server was started here, for these tests alone.
	Started bool `json:"started"`
	// Offers are the needs of conformance cases that the server fulfils.
	Offers []string `json:"offers"`
	// Unproven is what this server cannot prove of a program that passes its
	// tests there; empty for a real one.
	Unproven string `json:"unproven,omitempty"`

	stop, restart func() error
}

// Stop ends what was started, and deletes its data.
func (f *Found) Stop() error {
	if f.stop == nil {
		return nil
	}
	return f.stop()
}

// Restart kills what was started, as kill -9 does, and starts it again where it was, with what it had
// stored. It returns when the server answers.
func (f *Found) Restart() error {
	if f.restart == nil {
		return fmt.Errorf("finder: %s cannot be restarted", f.Engine)
	}
	return f.restart()
}

// unproven is what only a real server proves.
const unproven = `UNPROVEN on the stand-in: that the real planner takes the indexes; that the real server reads the roles
as their documentation says; a step-down in the middle of a commit; the timing of real write conflicts; that
what a majority has on disk survives the loss of a member; sharding; the cost of the text index.`

// kind is one way to a server. It fails with errAbsent when the way does not exist here.
type kind struct {
	name string
	find func(ctx context.Context, asked bool) (*Found, error)
}

var errAbsent = errors.New("not here")

var kinds = []kind{
	{"uri", fromURI},
	{"mongod", startMongod},
	{"docker", startDocker},
	{"standin", func(context.Context, bool) (*Found, error) { return lastingStandIn() }},
}

// Find gives the first server that is there. A server that is there and does
// not start is an error: tests that go on elsewhere would hide it.
func Find(ctx context.Context) (*Found, error) {
	wanted := os.Getenv(KindVariable)
	if wanted == "find" {
		wanted = ""
	}
	known := []string{"find"}
	for _, k := range kinds {
		known = append(known, k.name)
		if wanted != "" && wanted != k.name {
			continue
		}
		found, err := k.find(ctx, wanted != "")
		if errors.Is(err, errAbsent) && wanted == "" {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("finder: %s: %w", k.name, err)
		}
		found.Started = found.stop != nil
		return found, nil
	}
	return nil, fmt.Errorf("finder: %s=%s: it must be one of %s", KindVariable, wanted, strings.Join(known, ", "))
}

func fromURI(context.Context, bool) (*Found, error) {
	uri := os.Getenv(URIVariable)
	if uri == "" {
		return nil, errAbsent
	}
	return &Found{URI: uri, Engine: "the server of " + URIVariable, Offers: strings.Fields(os.Getenv("MONGODB_OFFERS"))}, nil
}

// Credential of the administrator of what is started here. Nobody else reaches it.
const adminName, adminPassword = "root", "only-for-tests"

// StandIn starts the stand-in with flags of its own. With -auth it has an administrator.
func StandIn(flags ...string) (*Found, error) {
	program, err := standin.Build()
	if err != nil {
		return nil, err
	}
	server, err := standin.Run(program, flags...)
	if err != nil {
		return nil, err
	}
	found := &Found{URI: server.URI, Engine: "the stand-in", Started: true, Offers: []string{"failpoints", "standin", "admin"}, Unproven: unproven}
	found.stop = func() error { return errors.Join(server.Stop(), standin.Clean()) }
	found.restart = func() (err error) {
		_ = server.Kill()
		server, err = standin.Run(program, flags...)
		return err
	}
	if slices.Contains(flags, "-auth") {
		if err := makeAdmin(context.Background(), server.URI); err != nil {
			return nil, errors.Join(err, found.Stop())
		}
		found.URI = withAdmin(server.URI)
	}
	return found, nil
}

// lastingStandIn has a port and a file of its own, so that it can be restarted.
func lastingStandIn() (*Found, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tillroll-standin-data-")
	if err != nil {
		return nil, err
	}
	found, err := StandIn("-auth", "-port", port, "-data", filepath.Join(dir, "data"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := found.stop
	found.stop = func() error { return errors.Join(stop(), os.RemoveAll(dir)) }
	return found, nil
}

func withAdmin(uri string) string {
	uri = strings.Replace(uri, "mongodb://", "mongodb://"+adminName+":"+adminPassword+"@", 1)
	return uri + "&authSource=admin"
}
