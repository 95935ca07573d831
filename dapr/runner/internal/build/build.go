// Package build builds the programs of the stack from their Go modules, says
// how far it is, and builds nothing that is up to date.
//
// It knows the go command and module folders. Which programs there are, and what
// they are for, is the caller's knowledge.
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// atOnce is how many programs are built at the same time. The compiler uses all
// cores for one already; two keep them busy while one program links, and more
// would only need more memory.
const atOnce = 2

// Target is one program.
type Target struct {
	// Name is the name of the program in the bin folder.
	Name string
	// Dir is the folder of its Go module.
	Dir string
	// Package is the main package in it, such as ./cmd/cart.
	Package string
}

// Builder builds targets into a folder.
type Builder struct {
	Bin string
	// Out is told what is done; Screen is its size when it is a terminal.
	Out    io.Writer
	Screen Screen
}

// Build makes every target that is not up to date, in the order given, and
// returns the names of those it made.
func (b Builder) Build(ctx context.Context, targets []Target) ([]string, error) {
	work, err := b.outdated(ctx, targets)
	if err != nil || len(work) == 0 {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(b.Bin, stampFolder), 0o750); err != nil {
		return nil, err
	}
	b.announce(work)
	board := newBoard(b.Out, b.Screen, work)
	err = b.buildAll(ctx, work, board)
	board.close()
	return names(work), err
}

// announce prepares for the wait, when it is a long one.
func (b Builder) announce(work []job) {
	first := ""
	for _, j := range work {
		if _, err := os.Stat(stampPath(b.Bin, j.Name)); err != nil {
			first = " The first time takes some minutes and downloads Go modules; later starts build nothing."
		}
	}
	fmt.Fprintf(b.Out, "Building %s into %s.%s\n", count(len(work), "program"), filepath.Base(b.Bin), first)
}

// job is a target with everything that decides how it is built.
type job struct {
	Target
	flags []string
	stamp string
}

// outdated returns what has to be built: targets whose sources, flags or
// compiler are not those that their program in the bin folder was built with.
func (b Builder) outdated(ctx context.Context, targets []Target) ([]job, error) {
	toolchain, err := findToolchain(ctx, targets)
	if err != nil {
		return nil, err
	}
	sources := hashes{}
	var work []job
	for _, target := range targets {
		flags, err := flagsOf(target.Dir)
		if err != nil {
			return nil, err
		}
		stamp, err := stampOf(target, flags, toolchain, sources)
		if err != nil {
			return nil, err
		}
		if !upToDate(b.Bin, target.Name, stamp) {
			work = append(work, job{Target: target, flags: flags, stamp: stamp})
		}
	}
	return work, nil
}

// buildAll builds jobs, some at once, and gives up all at the first failure.
func (b Builder) buildAll(ctx context.Context, work []job, board *board) error {
	ctx, abort := context.WithCancel(ctx)
	defer abort()
	queue := make(chan job, len(work))
	for _, j := range work {
		queue <- j
	}
	close(queue)

	var failures failures
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for j := range queue {
				if err := b.buildOne(ctx, j, board); err != nil {
					failures.add(err)
					abort()
				}
			}
		})
	}
	workers.Wait()
	return failures.first()
}

func (b Builder) buildOne(ctx context.Context, j job, board *board) error {
	if err := ctx.Err(); err != nil {
		board.say(j.Name, "not built")
		return err
	}
	began := time.Now()
	// Built beside and moved into place: a program that is running, or a build
	// that is broken off, never sees half a file.
	temporary := filepath.Join(b.Bin, stampFolder, fmt.Sprintf("%s.%d", j.Name, os.Getpid()))
	defer os.Remove(temporary)
	if err := compile(ctx, j, temporary, board); err != nil {
		if ctx.Err() != nil {
			board.done(j.Name, "broken off")
			return ctx.Err()
		}
		board.done(j.Name, "failed")
		return fmt.Errorf("%s could not be built: %w", j.Name, err)
	}
	if err := install(b.Bin, j, temporary); err != nil {
		return err
	}
	board.done(j.Name, "built in "+duration(time.Since(began)))
	return nil
}

func install(bin string, j job, temporary string) error {
	program := filepath.Join(bin, j.Name)
	if err := os.Rename(temporary, program); err != nil {
		return err
	}
	return writeStamp(bin, j.Name, j.stamp)
}

// failures remembers the first error that is a cause: what was broken off
// because of it is not.
type failures struct {
	mu  sync.Mutex
	err error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil || errors.Is(f.err, context.Canceled) {
		f.err = err
	}
}

func (f *failures) first() error { return f.err }

func names(work []job) []string {
	all := make([]string, len(work))
	for i, j := range work {
		all[i] = j.Name
	}
	return all
}
