package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/record"
)

const (
	// stopLimit is longer than all graces of the stack one after the other.
	stopLimit = 45 * time.Second
	// lookEvery is how often the end of the runner is looked for.
	lookEvery = 50 * time.Millisecond
)

// down stops a stack, in whichever terminal it was started.
func down(ctx context.Context, call *invocation) error {
	run, found, err := record.Read(call.data)
	if err != nil {
		return err
	}
	if !record.InUse(call.data) {
		return call.stopWithoutRunner(run, found)
	}
	if !found || !run.Runner.Alive() {
		return errors.New("a runner is just starting or building here: try again in a moment, or break it off with Ctrl-C in its terminal")
	}
	began := time.Now()
	fmt.Fprintf(call.out, "Stopping %s.\n", strings.Join(namesOf(run.Leftovers()), ", "))
	if err := syscall.Kill(run.Runner.PID, syscall.SIGTERM); err != nil {
		return fmt.Errorf("the runner (process %d) cannot be told to stop: %w", run.Runner.PID, err)
	}
	if err := call.awaitEnd(ctx, run); err != nil {
		return err
	}
	fmt.Fprintf(call.out, "Stopped (%s).\n", time.Since(began).Round(100*time.Millisecond))
	return nil
}

func (c *invocation) stopWithoutRunner(run record.Run, found bool) error {
	if left := run.Leftovers(); len(left) > 0 {
		fmt.Fprintf(c.out, "The runner is gone; stopping what it left: %s\n", strings.Join(namesOf(left), ", "))
		record.Stop(left, leftoverGrace)
	} else {
		fmt.Fprintf(c.out, "Nothing runs in %s.\n", c.show(c.data))
	}
	if !found {
		return nil
	}
	return record.Remove(c.data)
}

// awaitEnd waits until the runner has let go of the folder, and kills what does
// not end.
func (c *invocation) awaitEnd(ctx context.Context, run record.Run) error {
	limit := time.After(stopLimit)
	for record.InUse(c.data) {
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			fmt.Fprintln(c.out, "The runner does not end; killing it and what it has started.")
			record.Stop([]record.Process{{Name: runnerName, Identity: run.Runner}}, time.Second)
			return c.stopWithoutRunner(run, true)
		}
	}
	return nil
}
