// Package command is the runner's command line: its verbs, its flags, and what
// it says. Each verb reads top to bottom in a file of its own.
//
// How things are built, started and recorded is in the packages beside it.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// verb is one thing that the runner can be told to do.
type verb struct {
	name    string
	summary string
	do      func(context.Context, *invocation) error
	// hidden verbs are for the runner itself.
	hidden bool
}

// verbs in the order of the help.
var verbs = []verb{
	{name: "run", summary: "build what changed, start the stack, show its log; Ctrl-C stops it", do: run},
	{name: "up", summary: "the same in the background: returns when everything is ready", do: up},
	{name: "down", summary: "stop the stack in order", do: down},
	{name: "status", summary: "what runs; exit code 0 only when everything is ready (-json for programs)", do: status},
	{name: "logs", summary: "show the logs of all, or of one: logs [-f] [-n LINES] [SERVICE]", do: logs},
	{name: "doctor", summary: "what of this machine keeps the stack from running, and what to do (-json for programs)", do: examine},
	{name: "build", summary: "only build", do: buildOnly},
	{name: "clean", summary: "delete the data folder: every sale, key and log in it (-yes: without asking)", do: clean},
	{name: background, do: runInBackground, hidden: true},
}

// invocation is one call of the runner.
type invocation struct {
	options
	out io.Writer
}

// errSilent fails a verb that has said all there is to say.
var errSilent = errors.New("")

// Run runs the verb that the arguments name and returns the exit code.
func Run(args []string, out, complaints io.Writer) int {
	if len(args) == 0 || isHelp(args[0]) {
		usage(out)
		return 0
	}
	chosen, ok := find(args[0])
	if !ok {
		fmt.Fprintf(complaints, "runner: there is no %q\n\n", args[0])
		usage(complaints)
		return 2
	}
	options, err := parse(args[0], args[1:], complaints)
	if err != nil {
		return complain(complaints, err, 2)
	}
	return complain(complaints, withInterrupt(chosen.do, &invocation{options: options, out: out}), 1)
}

// complain turns an error into an exit code and says it, unless it was said.
func complain(to io.Writer, err error, code int) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSilent):
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(to, "runner: broken off")
	default:
		fmt.Fprintf(to, "runner: %v\n", err)
	}
	return code
}

// withInterrupt lets Ctrl-C break off a verb. Verbs that have something to stop
// in order listen for themselves.
func withInterrupt(do func(context.Context, *invocation) error, call *invocation) error {
	ctx, forget := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer forget()
	return do(ctx, call)
}

func find(name string) (verb, bool) {
	for _, v := range verbs {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}

func isHelp(word string) bool {
	return strings.TrimLeft(word, "-") == "help" || word == "-h"
}

func usage(to io.Writer) {
	fmt.Fprint(to, "The runner builds, starts, watches and stops a local Tillroll stack.\n\n  runner VERB [flags]\n\n")
	for _, v := range verbs {
		if !v.hidden {
			fmt.Fprintf(to, "  %-8s %s\n", v.name, v.summary)
		}
	}
	fmt.Fprint(to, "\nFlags:\n")
	flags := newFlags("run", &options{})
	flags.SetOutput(to)
	flags.PrintDefaults()
}
