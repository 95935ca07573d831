package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/fleet"
	"github.com/tillroll/tillroll/dapr/runner/internal/logfile"
	"github.com/tillroll/tillroll/dapr/runner/internal/logline"
	"github.com/tillroll/tillroll/dapr/runner/internal/probe"
	"github.com/tillroll/tillroll/dapr/runner/internal/record"
	"github.com/tillroll/tillroll/dapr/runner/internal/stack"
)

// runnerName is the runner's own name among the logs.
const runnerName = "runner"

// session is a stack while it runs.
type session struct {
	*invocation
	console  *console
	programs []stack.Program
	fleet    *fleet.Fleet
	logs     map[string]*logfile.Writer
	log      *slog.Logger
	began    time.Time

	mu    sync.Mutex
	state string
}

// newSession opens the logs and gathers the fleet. Nothing is started yet.
func newSession(call *invocation, programs []stack.Program, console *console) (*session, error) {
	s := &session{
		invocation: call, console: console, programs: programs,
		logs: map[string]*logfile.Writer{}, began: time.Now(), state: record.Starting,
	}
	console.format = logline.Format{NameWidth: s.widestName(), Colour: coloured(console.out)}
	if err := s.openLogs(); err != nil {
		return nil, err
	}
	s.log = newRunnerLog(s.logs[runnerName])
	s.fleet = fleet.New(s.members(), fleet.DefaultTiming, s.happened)
	return s, s.writeEnvironments()
}

func (s *session) widestName() int {
	widest := len(runnerName)
	for _, program := range s.programs {
		widest = max(widest, len(program.Name))
	}
	return widest
}

func (s *session) logFolder() string { return filepath.Join(s.data, "logs") }

func (s *session) openLogs() error {
	names := map[string]bool{runnerName: true}
	for _, program := range s.programs {
		if !program.LeftOut {
			names[program.Name] = program.OnConsole
		}
	}
	for name, onConsole := range names {
		var show func([]byte)
		if onConsole {
			show = func(line []byte) { s.console.record(name, line, leastShown(name)) }
		}
		log, err := logfile.Create(s.logFolder(), name, show)
		if err != nil {
			return err
		}
		s.logs[name] = log
	}
	return nil
}

// newRunnerLog logs in the form of the services, so that one reader reads all.
func newRunnerLog(to *logfile.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch {
		case a.Key == slog.TimeKey:
			a.Key = "ts"
		case a.Key == slog.LevelKey:
			return slog.String(a.Key, strings.ToLower(a.Value.String()))
		case a.Value.Kind() == slog.KindDuration:
			return slog.String(a.Key, a.Value.Duration().Round(time.Millisecond).String())
		}
		return a
	}}
	return slog.New(slog.NewJSONHandler(to, options))
}

func (s *session) members() []fleet.Member {
	var members []fleet.Member
	for _, program := range s.programs {
		if program.LeftOut {
			continue
		}
		members = append(members, fleet.Member{
			Name: program.Name, Path: program.Path, Args: program.Args, Env: program.Environment(), Dir: program.Dir,
			Output:    s.logs[program.Name],
			Ready:     func(ctx context.Context) error { return probe.Ask(ctx, program.Health) },
			StartWave: program.StartWave, StopWave: program.StopWave, Grace: program.Grace,
		})
	}
	return members
}

// start starts everything and returns when it is ready.
func (s *session) start(ctx context.Context) error {
	s.save()
	stopTelling := s.tellWhatIsMissing()
	err := s.fleet.Start(ctx)
	stopTelling()
	if err != nil {
		s.showFailure(err)
		return err
	}
	s.enter(record.Ready)
	return nil
}

// tellEvery is how often a start that takes its time says what it waits for.
const tellEvery = 5 * time.Second

func (s *session) tellWhatIsMissing() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		ticker := time.NewTicker(tellEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			for _, status := range s.fleet.Status() {
				if status.State == fleet.Starting && status.Lacks != nil {
					s.console.say("Waiting for %s: %v", status.Name, status.Lacks)
				}
			}
		}
	}()
	return cancel
}

// showFailure shows the last words of the program that kept the stack from starting.
func (s *session) showFailure(err error) {
	var failed *fleet.StartError
	if !errors.As(err, &failed) {
		return
	}
	log, ok := s.logs[failed.Name]
	if !ok {
		return
	}
	s.console.say("\nThe last lines of %s:", s.show(logfile.Path(s.logFolder(), failed.Name)))
	for _, line := range log.Last() {
		s.console.say("  %s", s.console.format.Line(failed.Name, logline.Parse(line), time.Now()))
	}
	s.console.say("")
}

// stop stops everything in order, or at once when hurry closes.
func (s *session) stop(hurry <-chan struct{}) {
	s.enter(record.Stopping)
	s.fleet.Stop(hurry)
	if err := record.Remove(s.data); err != nil {
		s.log.Error("run.json cannot be removed", "error", err)
	}
	for _, log := range s.logs {
		_ = log.Close()
	}
}

// happened logs what happens to a program, and keeps run.json up to date.
func (s *session) happened(e fleet.Event) {
	log := s.log.With("process", e.Name)
	switch e.What {
	case fleet.DidStart:
		log.Debug("started", "pid", e.PID)
	case fleet.BecameReady:
		log.Info(e.Name+" is ready", "pid", e.PID, "took", e.Took)
	case fleet.Died:
		log.Warn(e.Name+" died and is started again", "reason", e.Reason.Error(), "in", e.Pause)
	case fleet.NowStopping:
		log.Debug("stopping", "pid", e.PID)
	case fleet.DidStop:
		log.Info(e.Name+" stopped", "took", e.Took)
	case fleet.HadToKill:
		log.Warn(e.Name+" did not stop by itself and was killed", "took", e.Took)
	}
	s.save()
}

func (s *session) enter(state string) {
	s.mu.Lock()
	s.state = state
	s.mu.Unlock()
	s.save()
}

// save writes run.json. Other programs find by it what runs; the stack itself
// does not need it, so that a full disk must not stop it.
func (s *session) save() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.describe().Write(); err != nil {
		s.log.Error("run.json cannot be written", "error", err)
	}
}

func (s *session) describe() record.Run {
	statuses := map[string]fleet.Status{}
	for _, status := range s.fleet.Status() {
		statuses[status.Name] = status
	}
	run := record.Run{State: s.state, Data: s.data, StartedAt: s.began.UTC().Truncate(time.Millisecond), Runner: record.Self()}
	for _, program := range s.programs {
		run.Processes = append(run.Processes, s.describeProcess(program, statuses[program.Name]))
	}
	return run
}

func (s *session) describeProcess(program stack.Program, status fleet.Status) record.Process {
	process := record.Process{
		Name: program.Name, Kind: string(program.Kind), App: program.App, State: string(status.State),
		Restarts: status.Restarts, Ports: map[string]int{}, URL: program.URL, Health: program.Health,
		Log: logfile.Path(s.logFolder(), program.Name),
	}
	if program.LeftOut {
		process.State = record.LeftOut
	}
	if status.PID != 0 {
		process.Identity = record.Identify(status.PID)
		process.StartedAt = status.Started.UTC().Truncate(time.Millisecond)
	}
	for _, port := range program.Ports {
		process.Ports[port.Kind] = port.Number
	}
	return process
}

// environmentFile is where the variables of an app that is left out are, for
// whoever starts it.
func (s *session) environmentFile(app string) string {
	return filepath.Join(s.data, "env", app+".env")
}

// writeEnvironments writes what an app that is left out would have been told. The
// file holds its tokens, so it is the owner's alone.
func (s *session) writeEnvironments() error {
	for _, program := range s.programs {
		if !program.LeftOut {
			continue
		}
		path := s.environmentFile(program.App)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(shellVariables(program.Variables)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// shellVariables writes variables so that a shell and most debuggers read them.
func shellVariables(variables map[string]string) string {
	var text strings.Builder
	for _, name := range sorted(variables) {
		fmt.Fprintf(&text, "%s='%s'\n", name, strings.ReplaceAll(variables[name], "'", `'\''`))
	}
	return text.String()
}
