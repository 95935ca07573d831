// Command tillctl is the command line of auditors, operators and developers of Tillroll. It talks
// to the services over HTTP and to the data folder of a local stack; it imports no service.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/signal"
	"syscall"

	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/services/tillctl/internal/command"
	"github.com/tillroll/tillroll/services/tillctl/internal/profile"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who interrupts twice means it
	code := command.Run(ctx, os.Args[1:], command.World{
		Program: os.Args[0], Out: os.Stdout, Err: os.Stderr, Watched: isTerminal(os.Stdout), ErrWatched: isTerminal(os.Stderr),
		Clock: clockwork.NewRealClock(), Random: rand.Reader, Config: profile.Folder(),
	})
	stop()
	os.Exit(code)
}

// isTerminal tells a terminal window from a pipe or a file.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
