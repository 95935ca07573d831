package stack

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Mongo is the MongoDB of a test: the server that MONGODB_URI names, else the stand-in.
type Mongo struct {
	URI    string
	Engine string // for the record of the run

	folder string
	cmd    *exec.Cmd
	stdin  io.Closer // the stand-in ends when this closes
}

// StartMongo takes or starts a server.
func StartMongo() (*Mongo, error) {
	if uri := os.Getenv("MONGODB_URI"); uri != "" {
		return &Mongo{URI: uri, Engine: "MongoDB (MONGODB_URI)"}, nil
	}
	root, err := Root()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "tillroll-standin-")
	if err != nil {
		return nil, err
	}
	m := &Mongo{Engine: "MongoDB stand-in", folder: folder}
	program := filepath.Join(folder, "standin")
	build := exec.Command("go", "build", "-C", filepath.Join(root, "test", "standin"), "-o", program, "./cmd/standin") //nolint:gosec // our own program
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the stand-in: %w\n%s", err, out)
	}
	m.cmd = exec.Command(program) //nolint:gosec // our own program
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
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		m.Remove()
		return nil, errors.Join(errors.New("the stand-in ended at once"), err)
	}
	m.URI = strings.TrimSpace(line)
	return m, nil
}

// Remove ends the stand-in; a server that was there before stays.
func (m *Mongo) Remove() {
	if m.cmd == nil {
		return
	}
	_ = m.stdin.Close()
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
	_ = os.RemoveAll(m.folder)
}
