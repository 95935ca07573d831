// Command finder gives tests in other modules a MongoDB: it finds or starts
// one, prints it as one line of JSON (uri, engine, offers, unproven), and ends
// it on SIGTERM, on an interrupt, or when its standard input closes. With
// arguments it starts the stand-in with these flags, whatever else is there.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/tillroll/tillroll/test/standin/finder"
)

func main() {
	log.SetPrefix("finder: ")
	log.SetFlags(0)
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(flags []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	found, err := find(ctx, flags)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		return errors.Join(err, found.Stop())
	}
	<-ctx.Done()
	return found.Stop()
}

func find(ctx context.Context, flags []string) (*finder.Found, error) {
	if len(flags) > 0 {
		return finder.StandIn(flags...)
	}
	return finder.Find(ctx)
}
