// Package doctor looks at everything around a Tillroll: programs, servers, the clock. Each check says how
// it is and, when it is not well, what to do.
//
// It changes nothing. What the local stack needs of this machine, the runner knows; Runner asks it.
package doctor

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Status says how bad it is.
type Status string

// The statuses. A warning is about something that is not needed for everything.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Check is one thing that was looked at.
type Check struct {
	Name    string `json:"name"`
	Status  Status `json:"status"`
	Message string `json:"message"`
	Next    string `json:"next,omitempty"` // what to do; empty when all is well
}

func fine(name, message string, args ...any) Check {
	return Check{Name: name, Status: OK, Message: fmt.Sprintf(message, args...)}
}

// System is how programs are found and asked. Tests put another one in its place.
type System struct {
	Look func(program string) (path string, err error)
	Run  func(ctx context.Context, program string, args ...string) (output string, err error)
	Env  func(name string) string
}

// Here asks this machine.
func Here(env func(string) string) System {
	return System{
		Look: exec.LookPath, Env: env,
		Run: func(ctx context.Context, program string, args ...string) (string, error) {
			out, err := exec.CommandContext(ctx, program, args...).Output()
			return strings.TrimSpace(string(out)), err
		},
	}
}

// Compiler checks for a C compiler, which only the race detector of the tests needs.
func (s System) Compiler() Check {
	for _, name := range []string{s.Env("CC"), "gcc", "clang", "cc"} {
		if name == "" {
			continue
		}
		if path, err := s.Look(name); err == nil {
			return fine("C compiler", "%s", path)
		}
	}
	return Check{"C compiler", Warn, "there is none; building and running need none, but `make test` looks for races with one",
		"Install gcc or clang: apt-get install gcc, xcode-select --install."}
}

// leastDapr is the oldest sidecar that does what the services rely on.
var leastDapr = [2]int{1, 18}

// Sidecar checks our own daprd, which the embedded stack runs. built is where the runner puts it.
func (s System) Sidecar(ctx context.Context, built string) Check {
	const name = "daprd"
	version, err := s.Run(ctx, built, "--version")
	if err != nil {
		return Check{name, Warn, fmt.Sprintf("%s is not built yet", built), "make build makes it; the first time takes some minutes."}
	}
	if !atLeast(version, leastDapr) {
		return Check{name, Fail, fmt.Sprintf("%s is version %s", built, version), "Build it anew: make build."}
	}
	return fine(name, "%s is version %s, with the components of the embedded stack", built, version)
}

// Stock checks what `dapr run -f dapr` needs: the Dapr CLI, and the sidecar that `dapr init` installs.
func (s System) Stock(ctx context.Context, sidecar string) Check {
	const name = "Dapr CLI"
	path, err := s.Look("dapr")
	if err != nil {
		return Check{name, Warn, "dapr is not on PATH; `make run` needs none, `dapr run -f dapr` does",
			"Install it from https://docs.dapr.io/getting-started/install-dapr-cli/ and run dapr init, or build both with make dapr-cli."}
	}
	version, err := s.Run(ctx, sidecar, "--version")
	switch {
	case err != nil:
		return Check{name, Warn, fmt.Sprintf("%s is there, and no sidecar at %s", path, sidecar), "Run dapr init, or dapr init --slim without Docker."}
	case !atLeast(version, leastDapr):
		return Check{name, Warn, fmt.Sprintf("%s runs the sidecar %s, version %s; the services need %d.%d", path, sidecar, version, leastDapr[0], leastDapr[1]),
			"Upgrade it: dapr uninstall && dapr init."}
	}
	return fine(name, "%s with the sidecar %s, version %s: enough for `dapr run -f dapr`; the embedded stack runs its own", path, sidecar, version)
}

// atLeast compares the first two numbers of a version such as 1.18.2 or v1.18.0-rc.1.
func atLeast(version string, least [2]int) bool {
	parts := strings.SplitN(strings.TrimPrefix(strings.TrimSpace(version), "v"), ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil {
		return false
	}
	return major > least[0] || major == least[0] && minor >= least[1]
}
