package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
)

// background is the verb of the runner that `up` leaves behind.
const background = "run-in-background"

// report is what a runner in the background tells the one that started it.
type report struct {
	Text string `json:"text,omitempty"`
	// Ready is said once, when everything is.
	Ready bool `json:"ready,omitempty"`
}

// up starts the stack in the background and returns when it is ready.
func up(ctx context.Context, call *invocation) error {
	if err := call.buildForUp(ctx); err != nil {
		return err
	}
	child, reports, err := call.startBackground()
	if err != nil {
		return err
	}
	heard := make(chan bool, 1)
	go func() { heard <- call.relay(reports) }()
	select {
	case ready := <-heard:
		return call.outcome(child, ready)
	case <-ctx.Done():
		// Whoever breaks off the start does not want half a stack to stay.
		_ = child.Process.Signal(syscall.SIGTERM)
		<-heard
		_ = child.Wait()
		return ctx.Err()
	}
}

// buildForUp builds in the foreground, where it is seen. The lock is let go of
// before the background runner takes it.
func (c *invocation) buildForUp(ctx context.Context) error {
	lock, err := c.hold()
	if err != nil {
		return err
	}
	defer lock.Release()
	file, err := runfile.Read(c.file)
	if err != nil {
		return err
	}
	if err := c.preflight(file); err != nil {
		return err
	}
	_, err = c.buildAll(ctx, file)
	return err
}

// startBackground starts a runner in a session of its own, so that it stays when
// the terminal closes.
func (c *invocation) startBackground() (*exec.Cmd, io.ReadCloser, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer write.Close()
	crash, err := c.openCrashFile()
	if err != nil {
		return nil, nil, err
	}
	defer crash.Close()
	cmd := exec.Command(program, append([]string{background}, c.arguments()...)...)
	cmd.Dir = c.root
	cmd.Stdout, cmd.Stderr = crash, crash
	cmd.ExtraFiles = []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, read, cmd.Start()
}

// crashFile takes what a background runner says when it cannot report any more.
func (c *invocation) crashFile() string { return filepath.Join(c.data, "logs", "runner.out") }

func (c *invocation) openCrashFile() (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(c.crashFile()), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(c.crashFile(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
}

// relay prints what the background runner says until it is ready or gone.
func (c *invocation) relay(reports io.ReadCloser) (ready bool) {
	defer reports.Close()
	for decoder := json.NewDecoder(reports); ; {
		var said report
		if decoder.Decode(&said) != nil {
			return false
		}
		fmt.Fprint(c.out, said.Text)
		if said.Ready {
			return true
		}
	}
}

func (c *invocation) outcome(child *exec.Cmd, ready bool) error {
	if ready {
		return child.Process.Release()
	}
	var exit *exec.ExitError
	if err := child.Wait(); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return errSilent // it has said why
	}
	return fmt.Errorf("the runner in the background ended: see %s", c.show(c.crashFile()))
}

// reportFile is the file descriptor of the first of ExtraFiles.
const reportFile = 3

// runInBackground is the runner that `up` leaves behind.
func runInBackground(_ context.Context, call *invocation) error {
	reporter := newReporter()
	err := call.serveInBackground(reporter)
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(reporter, "runner: %v\n", err)
		return errSilent
	}
	return err
}

func (c *invocation) serveInBackground(reporter *reporter) error {
	c.out = reporter
	screen := &console{out: reporter, wordsOnly: true}
	ctx, hurry := stopSignals(&console{out: io.Discard})
	lock, err := c.hold()
	if err != nil {
		return err
	}
	defer lock.Release()
	file, err := runfile.Read(c.file)
	if err != nil {
		return err
	}
	return c.serve(ctx, hurry, file, screen, func(s *session, took time.Duration) {
		reporter.ready(s.summary(took, "`make logs` shows the log, `make down` stops everything."))
	})
}

// reporter tells the runner in the foreground everything, until the stack is
// ready; after that nobody listens.
type reporter struct {
	mu   sync.Mutex
	pipe *os.File
}

func newReporter() *reporter {
	// The programs of the stack must not inherit it: it would stay open with them.
	syscall.CloseOnExec(reportFile)
	return &reporter{pipe: os.NewFile(reportFile, "report")}
}

func (r *reporter) Write(p []byte) (int, error) {
	r.tell(report{Text: string(p)})
	return len(p), nil
}

func (r *reporter) ready(text string) { r.tell(report{Text: text + "\n", Ready: true}) }

func (r *reporter) tell(what report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pipe == nil {
		return
	}
	_ = json.NewEncoder(r.pipe).Encode(what)
	if what.Ready {
		_ = r.pipe.Close()
		r.pipe = nil
	}
}
