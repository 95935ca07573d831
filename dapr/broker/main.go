// Command broker is the message broker of a local Tillroll stack: a NATS server
// with JetStream on a file store, in one program that needs no installation and
// no configuration file.
//
//	broker -dir DIR -users FILE [-addr 127.0.0.1] [-port 4222] [-sync-always]
//
// It knows users and their rights (users.go). It knows nothing of topics,
// streams and consumers: the sidecars make them as they need them, so a wiped
// store folder is a fresh start and nothing else.
//
// It exits 0 after SIGTERM or SIGINT, and 1 with one log line that says what to
// do when it cannot run. A second signal ends it at once.
package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log := newLogger(os.Stdout)
	settings, err := parseFlags(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = runUntilSignal(settings, log)
	}
	if err != nil {
		log.Error("broker stopped", slog.String("error", err.Error()))
		os.Exit(1)
	}
}

// runUntilSignal gives the first signal to the broker for an orderly stop and
// the second one back to the system, so that nobody needs kill -9.
func runUntilSignal(settings settings, log *slog.Logger) error {
	ctx, forget := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer forget()
	context.AfterFunc(ctx, forget)
	return run(ctx, settings, log)
}
