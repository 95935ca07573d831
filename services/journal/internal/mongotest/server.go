// Package mongotest gives the journal's tests a MongoDB: what the program finder of test/standin finds
// or starts. Only tests import it.
package mongotest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Server is a server with a credential that may do everything there.
type Server struct {
	URI      string `json:"uri"`
	Engine   string `json:"engine"`   // what it is, for people
	Unproven string `json:"unproven"` // what it cannot prove; empty for a real one

	stop func()
}

// Find gives the first server that is there; with flags, a stand-in with these.
func Find(flags ...string) (*Server, error) {
	program, err := build()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "-standin", strings.Join(flags, " ")) //nolint:gosec // our own program
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // it ends when this closes, even if this process is killed
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{stop: func() { _ = in.Close(); _ = cmd.Wait() }}
	if err := json.NewDecoder(out).Decode(s); err != nil {
		s.stop()
		return nil, fmt.Errorf("no MongoDB was found: %w", err)
	}
	return s, nil
}

// Stop ends a server that was started.
func (s *Server) Stop() { s.stop() }

// built is where the finder lies, empty before it is built.
var built struct {
	mu      sync.Mutex
	program string
}

// standIn finds the folder of the stand-in's module, upwards of the working directory.
func standIn() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		source := filepath.Join(dir, "test", "standin")
		if _, err := os.Stat(filepath.Join(source, "go.mod")); err == nil {
			return source, nil
		}
	}
	return "", errors.New("test/standin is not above the working directory")
}

// build makes the finder, once per process.
func build() (string, error) {
	built.mu.Lock()
	defer built.mu.Unlock()
	if built.program != "" {
		return built.program, nil
	}
	source, err := standIn()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "tillroll-finder-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "finder")
	cmd := exec.Command("go", "build", "-C", source, "-trimpath", "-o", program, "./cmd/finder") //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("build the finder: %w\n%s", err, out), os.RemoveAll(dir))
	}
	built.program = program
	return program, nil
}

// Clean deletes what Find has built.
func Clean() {
	built.mu.Lock()
	defer built.mu.Unlock()
	if built.program != "" {
		_ = os.RemoveAll(filepath.Dir(built.program))
	}
	built.program = ""
}
