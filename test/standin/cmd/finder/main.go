// Command finder gives tests in other modules a MongoDB: it finds or starts
// one, prints it as one line of JSON (uri, engine, started, offers, unproven),
// and ends it on SIGTERM, on an interrupt, or when its standard input closes.
// At a line "restart" there it kills and starts the server again, and prints
// the line of JSON once more when it answers.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tillroll/tillroll/test/standin/finder"
)

func main() {
	standin := flag.String("standin", "", "start the stand-in with these flags, whatever else is there")
	drop := flag.String("drop", "", "at the end, drop all databases whose names begin so")
	flag.Parse()
	log.SetPrefix("finder: ")
	log.SetFlags(0)
	if err := run(strings.Fields(*standin), *drop); err != nil {
		log.Fatal(err)
	}
}

func run(standin []string, drop string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	found, err := find(ctx, standin)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		return errors.Join(err, found.Stop())
	}
	if len(standin) == 0 {
		note(found)
	}
	failed := make(chan error, 1)
	go func() {
		failed <- obey(found)
		stop()
	}()
	<-ctx.Done()
	select {
	case err = <-failed:
	default: // a signal
	}
	if drop != "" && !found.Started { // what was started goes as a whole
		err = errors.Join(err, finder.Drop(context.Background(), found.URI, drop))
	}
	return errors.Join(err, found.Stop())
}

// obey does what standard input says until it closes.
func obey(found *finder.Found) error {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() != "restart" {
			return fmt.Errorf("unknown command %q", lines.Text())
		}
		if err := found.Restart(); err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
			return err
		}
	}
	return nil
}

func find(ctx context.Context, standin []string) (*finder.Found, error) {
	if len(standin) > 0 {
		return finder.StandIn(standin...)
	}
	return finder.Find(ctx)
}

// note adds to the notes of a test run what must be read also when everything
// passes, once: go test hides what a passing package prints.
func note(found *finder.Found) {
	name := os.Getenv("TILLROLL_TEST_NOTES")
	if name == "" {
		return
	}
	text := "Tests of the journal on MongoDB ran on " + found.Engine + ".\n"
	if found.Unproven != "" {
		text += found.Unproven + "\n"
	}
	if there, _ := os.ReadFile(name); strings.Contains(string(there), text) {
		return
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return // it was printed, too
	}
	_, _ = file.WriteString(text)
	_ = file.Close()
}
