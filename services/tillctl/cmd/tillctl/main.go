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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command.Run(ctx, os.Args[1:], command.World{
		Out: os.Stdout, Err: os.Stderr, Clock: clockwork.NewRealClock(), Random: rand.Reader,
	})
	stop()
	os.Exit(code)
}
