// Package standin starts the MongoDB stand-in as a process of its own, for tests.
//
// The stand-in is a test server: it keeps everything in memory, or with -data in a file, belongs to the
// test that started it and ends with it. No running service can select it.
// This package knows nothing of the wire protocol; it builds cmd/standin, runs
// it and hands out its URI.
package standin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stopPatience is how long a stopped server may take before it is killed.
const stopPatience = 5 * time.Second

// Server is a running stand-in.
type Server struct {
	// URI is what a driver connects to; with -auth it has no credentials in it.
	URI string

	cmd   *exec.Cmd
	stdin io.Closer
	once  sync.Once
	err   error
}

// Start builds the stand-in once per test process, starts one with the given
// flags (none is usual, "-auth" demands authentication) and stops it when the
// test ends.
func Start(t testing.TB, flags ...string) *Server {
	t.Helper()
	program, err := Build()
	if err != nil {
		t.Fatal(err)
	}
	server, err := Run(program, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// Build compiles cmd/standin once per process and returns the program's path.
// The go command's cache makes every build after the first one cheap.
func Build() (string, error) { return build() }

var build = sync.OnceValues(func() (string, error) {
	source, err := sourceFolder()
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "tillroll-standin-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "standin")
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, "./cmd/standin")
	cmd.Dir = source
	// The module stands outside the workspace, so that its dependencies stay its own.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("standin: build: %w\n%s", err, out)
	}
	return program, nil
})

// Clean deletes what Build made; after it nothing can be started any more.
func Clean() error {
	program, err := Build()
	if err != nil {
		return err
	}
	return os.RemoveAll(filepath.Dir(program))
}

// sourceFolder finds this module: upwards of the working directory, or where it was compiled.
func sourceFolder() (string, error) {
	if _, file, _, ok := runtime.Caller(0); ok {
		if _, err := os.Stat(file); err == nil {
			return filepath.Dir(file), nil
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		for _, place := range []string{".", filepath.Join("test", "standin")} {
			if _, err := os.Stat(filepath.Join(dir, place, "cmd", "standin")); err == nil {
				return filepath.Join(dir, place), nil
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("standin: test/standin is not above the working directory")
		}
		dir = parent
	}
}

// Run starts program and waits until it says where it listens.
func Run(program string, flags ...string) (*Server, error) {
	cmd := exec.Command(program, flags...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // the server ends when this closes, even if the test is killed
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("standin: start: %w", err)
	}
	server := &Server{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("standin: no URI: %w", err), server.Kill())
	}
	server.URI = strings.TrimSpace(line)
	return server, nil
}

// Stop ends the server in order and waits for it. Later calls return the first result.
func (s *Server) Stop() error {
	return s.end(func() error {
		kill := time.AfterFunc(stopPatience, func() { _ = s.cmd.Process.Kill() })
		defer kill.Stop()
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		return s.cmd.Wait()
	})
}

// Kill ends the server at once; everything it held is lost.
func (s *Server) Kill() error {
	return s.end(func() error {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // says only that it was killed
		return nil
	})
}

func (s *Server) end(how func() error) error {
	s.once.Do(func() {
		s.err = how()
		_ = s.stdin.Close()
	})
	return s.err
}
