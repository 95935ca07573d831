package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
)

// run runs the stack in the foreground until Ctrl-C.
func run(_ context.Context, call *invocation) error {
	screen := &console{out: call.out}
	ctx, hurry := stopSignals(screen)
	lock, err := call.hold()
	if err != nil {
		return err
	}
	defer lock.Release()
	file, err := runfile.Read(call.file)
	if err != nil {
		return err
	}
	if err := call.preflight(file); err != nil {
		return err
	}
	if _, err := call.buildAll(ctx, file); err != nil {
		return err
	}
	return call.serve(ctx, hurry, file, screen, func(s *session, took time.Duration) {
		screen.say("%s", s.summary(took, "Ctrl-C stops everything. This is the log, all programs together:"))
	})
}

// serve starts the stack, calls ready when it is, and stops it when the context
// ends, or at once when hurry closes.
func (c *invocation) serve(ctx context.Context, hurry <-chan struct{}, file *runfile.File, screen *console, ready func(*session, time.Duration)) error {
	began := time.Now()
	programs, err := c.ready(ctx, file)
	if err != nil {
		return err
	}
	s, err := newSession(c, programs, screen)
	if err != nil {
		return err
	}
	defer s.stop(hurry)
	if err := s.start(ctx); err != nil {
		return err
	}
	ready(s, time.Since(began))
	<-ctx.Done()
	return nil
}

// stopSignals returns a context that ends at the first Ctrl-C, SIGTERM or closed
// terminal, and a channel that closes at the second.
func stopSignals(screen *console) (context.Context, <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	hurry := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		screen.say("\nStopping in order; once more to kill everything at once.")
		cancel()
		<-signals
		close(hurry)
	}()
	return ctx, hurry
}

// summary says what runs and what can be done with it.
func (s *session) summary(took time.Duration, next string) string {
	text := fmt.Sprintf("\nTillroll is ready (%s).\n\n", took.Round(100*time.Millisecond))
	for _, program := range s.programs {
		text += fmt.Sprintf("  %-*s  %s%s\n", s.console.format.NameWidth, program.Name, program.URL, s.remark(program.Name))
	}
	text += fmt.Sprintf("\n  data  %s\n  logs  %s (make logs SERVICE=cart)\n", s.show(s.data), s.show(s.logFolder()))
	return text + "\nNext: `make demo` makes a sale and looks it up in the journal; `make status` tells how everything is.\n" + next + "\n"
}

func (s *session) remark(name string) string {
	for _, program := range s.programs {
		if program.Name == name && program.LeftOut {
			return fmt.Sprintf("  left out; start it with the variables in %s", s.show(s.environmentFile(program.App)))
		}
	}
	return ""
}
