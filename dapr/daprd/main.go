// Command daprd is the Dapr sidecar of a local Tillroll stack: the stock
// runtime of github.com/dapr/dapr with only the components that Tillroll's
// embedded stack uses, so that it builds in minutes, starts in milliseconds and
// stays small.
//
// It takes the flags of stock daprd and answers the same APIs. What it does not
// have is every other component: run stock daprd for components/redis and
// components/production, or build this one with the tag contrib (contrib.go).
//
// This is a main of our own because the stock one (cmd/daprd/app) imports the
// registration of all components, which panics at start unless a build tag
// selects well over a hundred of them.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/dapr/dapr/cmd/daprd/options"
	"github.com/dapr/dapr/pkg/buildinfo"
	"github.com/dapr/dapr/pkg/runtime"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/signals"
	"go.uber.org/automaxprocs/maxprocs"
)

// Both exist before the flags are read, because --log-level and --log-as-json
// reach only the loggers that exist by then.
var (
	log        = logger.NewLogger("dapr.runtime")
	contribLog = logger.NewLogger("dapr.contrib")
)

func main() {
	// A container's CPU limit is not GOMAXPROCS by itself. Failing to read it is no reason not to start.
	_, _ = maxprocs.Set()

	opts, err := options.New(os.Args[1:])
	if err != nil {
		log.Fatalf("Failed to parse flags: %v", err)
	}
	if answered(opts) {
		return
	}

	opts.Logger.SetAppID(opts.AppID)
	if err := logger.ApplyOptionsToLoggers(&opts.Logger); err != nil {
		log.Fatal(err)
	}
	log.Infof("Starting Dapr Runtime -- version %s -- Tillroll's own build", buildinfo.Version())
	log.Infof("Log level set to: %s", opts.Logger.OutputLevel)

	if err := runUntilStopped(opts); err != nil {
		log.Fatalf("Fatal error from runtime: %s", err)
	}
	log.Info("Daprd shutdown gracefully")
}

// answered handles the flags that ask a question instead of starting a sidecar.
func answered(opts *options.Options) bool {
	switch {
	case opts.RuntimeVersion:
		fmt.Println(buildinfo.Version())
	case opts.BuildInfo:
		fmt.Printf("Version: %s\nGit Commit: %s\nGit Version: %s\n", buildinfo.Version(), buildinfo.Commit(), buildinfo.GitVersion())
	case opts.WaitCommand:
		runtime.WaitUntilDaprOutboundReady(opts.DaprHTTPPort)
	default:
		return false
	}
	return true
}

// runUntilStopped runs the sidecar until SIGTERM, SIGINT or its shutdown API.
// SIGHUP starts it anew with re-read resources, as in stock daprd.
func runUntilStopped(opts *options.Options) error {
	ctx := signals.Context()
	hup := signals.OnHUP(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case run, ok := <-hup:
			if !ok {
				return nil
			}
			if err := runSidecar(run, opts); err != nil {
				return err
			}
			if stoppedByItself(run) {
				return nil
			}
		}
	}
}

// stoppedByItself tells the shutdown API from a signal: no signal has cancelled
// the context, and waiting for one would leave a process that does nothing.
func stoppedByItself(run context.Context) bool { return run.Err() == nil }
