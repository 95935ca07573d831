package fleet

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// lingering is how long output is still read after a process has ended: a child
// of its own may hold the pipe open for ever.
const lingering = 2 * time.Second

// process is one life of a program.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	done    chan struct{}
	err     error // valid when done is closed
}

func startProcess(m Member) (*process, error) {
	cmd := exec.Command(m.Path, m.Args...)
	cmd.Env = m.Env
	cmd.Dir = m.Dir
	cmd.Stdout = m.Output
	cmd.Stderr = m.Output
	cmd.WaitDelay = lingering
	// A process group of its own keeps the terminal's Ctrl-C away from the
	// program: the order of the stop is ours.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	if m.Output == nil {
		cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	}
	if err := fromLastingThread(cmd.Start); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, started: time.Now(), done: make(chan struct{})}
	go p.reap()
	return p, nil
}

func (p *process) reap() {
	err := p.cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well; only its output was cut off
	}
	if err == nil {
		err = errors.New("ended with exit status 0")
	}
	p.err = err
	close(p.done)
}

func (p *process) wait() error {
	<-p.done
	return p.err
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process and whatever it has started in its group.
func (p *process) kill() {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
	}
}

// fromLastingThread runs start on a thread that lives as long as this process.
// Linux sends the parent-death signal when the *thread* that made the child
// ends, and the Go runtime may end any thread but one that is locked for ever.
func fromLastingThread(start func() error) error {
	lastingThread.Do(func() {
		go func() {
			runtime.LockOSThread()
			for request := range starts {
				request.answer <- request.start()
			}
		}()
	})
	request := startRequest{start: start, answer: make(chan error)}
	starts <- request
	if err := <-request.answer; err != nil {
		return fmt.Errorf("cannot be started: %w", err)
	}
	return nil
}

type startRequest struct {
	start  func() error
	answer chan error
}

var (
	lastingThread sync.Once
	starts        = make(chan startRequest)
)
