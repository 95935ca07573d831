package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/build"
	"github.com/tillroll/tillroll/dapr/runner/internal/listen"
	"github.com/tillroll/tillroll/dapr/runner/internal/record"
	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
	"github.com/tillroll/tillroll/dapr/runner/internal/stack"
)

// leftoverGrace is how long the processes of a crashed runner may take to end.
const leftoverGrace = 10 * time.Second

// hold locks the data folder and stops what a crashed runner has left in it.
func (c *invocation) hold() (*record.Lock, error) {
	lock, err := record.Acquire(c.data)
	if errors.Is(err, record.ErrInUse) {
		return nil, c.alreadyRunning()
	}
	if err != nil {
		return nil, err
	}
	if err := c.stopLeftovers(); err != nil {
		lock.Release()
		return nil, err
	}
	return lock, nil
}

func (c *invocation) alreadyRunning() error {
	by := ""
	if run, found, err := record.Read(c.data); err == nil && found {
		by = fmt.Sprintf(" (runner %d, since %s)", run.Runner.PID, run.StartedAt.Local().Format("15:04"))
	}
	return fmt.Errorf("the stack already runs in %s%s: see `make status`, stop it with `make down`, or run a second one with -data DIR -port-offset N",
		c.show(c.data), by)
}

func (c *invocation) stopLeftovers() error {
	run, found, err := record.Read(c.data)
	if err != nil || !found {
		return err
	}
	if left := run.Leftovers(); len(left) > 0 {
		fmt.Fprintf(c.out, "The last runner did not end well; stopping what it left: %s\n", strings.Join(namesOf(left), ", "))
		record.Stop(left, leftoverGrace)
	}
	return record.Remove(c.data)
}

func namesOf(processes []record.Process) []string {
	names := make([]string, len(processes))
	for i, process := range processes {
		names[i] = process.Name
	}
	return names
}

// buildAll builds what is not up to date, unless ready-made programs are given,
// and returns the names of what it built.
func (c *invocation) buildAll(ctx context.Context, file *runfile.File) ([]string, error) {
	if c.prebuilt() {
		return nil, nil
	}
	builder := build.Builder{Bin: c.binFolder(), Out: c.out, Screen: screenOf(c.out)}
	return builder.Build(ctx, stack.Targets(c.root, file))
}

// ready makes everything so that the programs can be started: free ports, the
// keys and tokens of a first run, and folders.
func (c *invocation) ready(ctx context.Context, file *runfile.File) ([]stack.Program, error) {
	programs, err := stack.Plan(file, c.stack())
	if err != nil {
		return nil, err
	}
	if err := listen.Check(stack.ToCheck(programs)); err != nil {
		return nil, err
	}
	if err := c.makeSecrets(ctx); err != nil {
		return nil, err
	}
	if err := stack.MakeFolders(c.data); err != nil {
		return nil, err
	}
	return programs, stack.AddSecrets(programs, c.data)
}

// makeSecrets lets tillctl make what is missing. It says something only when it
// made something, and that is worth knowing.
func (c *invocation) makeSecrets(ctx context.Context) error {
	program := filepath.Join(c.binFolder(), "tillctl")
	out, err := exec.CommandContext(ctx, program, "init", "--data", c.data).CombinedOutput()
	text := strings.TrimSpace(string(bytes.ToValidUTF8(out, nil)))
	if err != nil {
		return fmt.Errorf("%s init --data %s failed (%w): %s", c.show(program), c.show(c.data), err, text)
	}
	if text != "" {
		fmt.Fprintln(c.out, text)
	}
	return nil
}
