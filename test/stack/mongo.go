package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Mongo is the MongoDB of a stack: what the program finder of test/standin finds or starts.
type Mongo struct {
	URI    string `json:"uri"`    // of an administrator
	Engine string `json:"engine"` // for the record of the run
	// Started says that the server was started for this test alone.
	Started bool `json:"started"`

	namespace string
	rights    string // what the journal connects with
	folder    string
	cmd       *exec.Cmd
	stdin     io.WriteCloser // the finder, and what it started, ends when this closes
	answers   *json.Decoder
}

// wantsMongo tells whether stacks keep their journal in MongoDB unless they say otherwise: the test run
// was told so.
func wantsMongo() bool {
	return os.Getenv("MONGODB_URI") != "" || os.Getenv("TILLROLL_TEST_MONGODB") != ""
}

// StartMongo takes or starts a server. On one of its own the journal gets a user with the rights of its
// role and no more; on a server of somebody else's it connects as it was told, to databases with
// names of this stack alone, which go with it.
func StartMongo() (*Mongo, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	if err := build(root, io.Discard); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "tillroll-finder-")
	if err != nil {
		return nil, err
	}
	m := &Mongo{folder: folder, namespace: fmt.Sprintf("stack%06d_", rand.IntN(1_000_000))} //nolint:gosec // any name will do
	program := filepath.Join(folder, "finder")
	build := exec.Command("go", "build", "-C", filepath.Join(root, "test", "standin"), "-trimpath", "-o", program, "./cmd/finder") //nolint:gosec // our own program
	build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the finder: %w\n%s", err, out)
	}
	m.cmd = exec.Command(program, "-drop", m.namespace) //nolint:gosec // our own program
	m.cmd.Stderr = os.Stderr
	if m.stdin, err = m.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := m.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	m.answers = json.NewDecoder(stdout)
	if err := m.answers.Decode(m); err != nil {
		m.Remove()
		return nil, errors.Join(errors.New("no MongoDB was found"), err)
	}
	if err := m.limit(root); err != nil {
		m.Remove()
		return nil, err
	}
	return m, nil
}

// limit makes the journal's user.
func (m *Mongo) limit(root string) error {
	m.rights = m.URI
	if !m.Started {
		return nil
	}
	const password = "only-for-tests"
	cmd := exec.Command(filepath.Join(root, "bin", "tillctl"), "mongo", "roles", "--apply") //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), "TILLROLL_MONGODB_ADMIN_URI="+m.URI, "TILLROLL_MONGODB_NAMESPACE="+m.namespace, "TILLROLL_JOURNAL_PASSWORD="+password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("tillctl mongo roles: %w\n%s", err, out)
	}
	_, host, _ := strings.Cut(m.URI, "@")
	m.rights = "mongodb://tillroll_journal:" + password + "@" + host
	return nil
}

// Env is what the journal is told.
func (m *Mongo) Env() []string {
	return []string{
		"MONGODB_URI=" + m.rights, "TILLROLL_MONGODB_NAMESPACE=" + m.namespace,
		fmt.Sprintf("TILLROLL_MONGODB_ANY_RIGHTS=%t", !m.Started),
	}
}

// KillAndRestart kills the server with kill -9 and starts it again with what it had stored.
func (m *Mongo) KillAndRestart() error {
	if _, err := io.WriteString(m.stdin, "restart\n"); err != nil {
		return err
	}
	return m.answers.Decode(&struct{}{})
}

// Remove ends what was started; a server that was there before stays.
func (m *Mongo) Remove() {
	if m.cmd == nil {
		return
	}
	_ = m.stdin.Close()
	_ = m.cmd.Wait()
	_ = os.RemoveAll(m.folder)
}
