package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/probe"
	"github.com/tillroll/tillroll/dapr/runner/internal/record"
)

// States that only show when one asks.
const (
	stateStopped  = "stopped"
	stateCrashed  = "crashed"
	stateNotReady = "not ready"
)

// view is what `status -json` answers: run.json as it is at this moment.
type view struct {
	// Ready is true when everything that shall run is ready.
	Ready     bool            `json:"ready"`
	State     string          `json:"state"`
	Data      string          `json:"data"`
	StartedAt time.Time       `json:"startedAt,omitzero"`
	Runner    record.Identity `json:"runner"`
	Processes []processView   `json:"processes"`
}

type processView struct {
	record.Process
	UptimeSeconds int `json:"uptimeSeconds"`
	// Reason says what a process that is not ready lacks.
	Reason string `json:"reason,omitempty"`
}

// status tells what runs. It fails unless everything is ready.
func status(ctx context.Context, call *invocation) error {
	seen, err := call.look(ctx)
	if err != nil {
		return err
	}
	if call.json {
		err = writeJSON(call.out, seen)
	} else {
		call.writeTable(seen)
	}
	if err == nil && !seen.Ready {
		return errSilent
	}
	return err
}

// look reads run.json and asks every process how it is.
func (c *invocation) look(ctx context.Context) (view, error) {
	run, found, err := record.Read(c.data)
	if err != nil {
		return view{}, err
	}
	seen := view{State: stateStopped, Data: c.data, Processes: []processView{}}
	if !found {
		return seen, nil
	}
	seen.State, seen.StartedAt, seen.Runner = run.State, run.StartedAt, run.Runner
	if !run.Runner.Alive() {
		seen.State = stateCrashed
	}
	seen.Processes = askAll(ctx, run.Processes)
	seen.Ready = seen.State == record.Ready
	for _, process := range seen.Processes {
		seen.Ready = seen.Ready && (process.State == record.Ready || process.State == record.LeftOut)
	}
	return seen, nil
}

func askAll(ctx context.Context, processes []record.Process) []processView {
	views := make([]processView, len(processes))
	var asked sync.WaitGroup
	for i, process := range processes {
		asked.Go(func() { views[i] = ask(ctx, process) })
	}
	asked.Wait()
	return views
}

// ask finds out how a process is now; run.json knows only how it became.
func ask(ctx context.Context, process record.Process) processView {
	seen := processView{Process: process}
	if process.State == record.LeftOut {
		return seen
	}
	if !process.Alive() {
		if process.PID != 0 {
			seen.State, seen.Reason = stateStopped, "the process is gone"
		}
		return seen
	}
	seen.UptimeSeconds = int(time.Since(process.StartedAt).Seconds())
	if err := probe.Ask(ctx, process.Health); err != nil {
		seen.Reason = err.Error()
		if process.State == record.Ready {
			seen.State = stateNotReady
		}
	}
	return seen
}

func writeJSON(out io.Writer, seen any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(seen)
}

func (c *invocation) writeTable(seen view) {
	switch seen.State {
	case stateStopped:
		fmt.Fprintf(c.out, "Nothing runs in %s. Start it with `make run` or `make up`.\n", c.show(c.data))
		return
	case stateCrashed:
		fmt.Fprintf(c.out, "The runner of %s has crashed or was killed. The next `make run` or `make up` cleans up; `make down` does only that.\n\n", c.show(c.data))
	default:
		fmt.Fprintf(c.out, "%s is %s (runner %d).\n\n", c.show(c.data), seen.State, seen.Runner.PID)
	}
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROCESS\tPID\tSTATE\tUPTIME\tRESTARTS\tPORTS")
	for _, process := range seen.Processes {
		fmt.Fprintln(table, process.row())
	}
	table.Flush()
	if seen.State != stateCrashed {
		c.writeReasons(seen)
	}
}

func (c *invocation) writeReasons(seen view) {
	gap := "\n"
	for _, process := range seen.Processes {
		if process.Reason != "" {
			fmt.Fprintf(c.out, "%s%s is %s: %s\n", gap, process.Name, process.State, process.Reason)
			gap = ""
		}
	}
}

func (p processView) row() string {
	pid, uptime := "-", "-"
	if p.PID != 0 && p.State != stateStopped {
		pid = fmt.Sprint(p.PID)
		uptime = (time.Duration(p.UptimeSeconds) * time.Second).String()
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%d\t%s", p.Name, pid, p.State, uptime, p.Restarts, p.portList())
}

// portList names ports by their kind where there are several.
func (p processView) portList() string {
	if len(p.Ports) == 1 {
		for _, number := range p.Ports {
			return fmt.Sprint(number)
		}
	}
	var all []string
	for _, kind := range []string{"http", "grpc", "internal", "metrics"} {
		all = append(all, fmt.Sprintf("%s %d", kind, p.Ports[kind]))
	}
	return strings.Join(all, ", ")
}
