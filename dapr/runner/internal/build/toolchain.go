package build

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// flagsFile holds a module's linker flags, one a line.
const flagsFile = "build.flags"

// flagsOf are the flags of go build for a module.
func flagsOf(dir string) ([]string, error) {
	// No version control stamp: a build must not fail because git is missing or
	// distrusts the folder, and every commit would relink every program.
	// Paths are trimmed everywhere, because go keeps what it compiled with and
	// without them apart: all programs share one compilation of the standard
	// library and of what they have in common with the sidecar.
	flags := []string{"-buildvcs=false", "-trimpath"}
	text, err := os.ReadFile(filepath.Join(dir, flagsFile))
	if errors.Is(err, os.ErrNotExist) {
		return flags, nil
	}
	if err != nil {
		return nil, err
	}
	linker := strings.Join(strings.Fields(string(text)), " ")
	return append(flags, "-ldflags", linker), nil
}

// goCommand is the go command in a module's folder. Programs are built without
// the workspace, as their modules are tested, and without C, so that they run
// wherever they are copied to.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// Toolchain tells which Go would build the targets, or what is wrong with it.
func Toolchain(ctx context.Context, targets []Target) (string, error) {
	answer, err := findToolchain(ctx, targets)
	return strings.TrimSpace(answer), err
}

// findToolchain returns what identifies the compiler, or says that there is none
// or that it is too old.
func findToolchain(ctx context.Context, targets []Target) (string, error) {
	if len(targets) == 0 {
		return "", nil
	}
	wanted, dir, err := newestWanted(targets)
	if err != nil {
		return "", err
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "", fmt.Errorf("go is not on PATH: install Go %s or newer from https://go.dev/dl and try again, or run programs that are built already with -bin DIR", wanted)
	}
	var complaint strings.Builder
	cmd := goCommand(ctx, dir, "env", "GOVERSION", "GOOS", "GOARCH", "GOFLAGS")
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go does not work (%w): %s\n%s", err, strings.TrimSpace(complaint.String()), upgrade(wanted))
	}
	answers := strings.Split(string(out), "\n")
	if version.IsValid(answers[0]) && version.Compare(answers[0], "go"+wanted) < 0 {
		return "", fmt.Errorf("%s is too old: %s", answers[0], upgrade(wanted))
	}
	// Programs are built with trimmed paths whether GOFLAGS say so too or not.
	flags := slices.DeleteFunc(strings.Fields(strings.Join(answers, " ")), func(f string) bool { return f == "-trimpath" })
	return strings.Join(flags, " "), nil
}

func upgrade(wanted string) string {
	return fmt.Sprintf("install Go %s or newer from https://go.dev/dl, or let go fetch it with GOTOOLCHAIN=auto", wanted)
}

// newestWanted is the newest Go that a target asks for, and the module that asks.
func newestWanted(targets []Target) (wanted, dir string, err error) {
	for _, target := range targets {
		lines, err := modLines(target.Dir)
		if err != nil {
			return "", "", fmt.Errorf("%s cannot be built: %w", target.Name, err)
		}
		for _, line := range lines {
			asks, isDirective := strings.CutPrefix(line, "go ")
			if isDirective && version.Compare("go"+asks, "go"+wanted) > 0 {
				wanted, dir = asks, target.Dir
			}
		}
	}
	if dir == "" {
		dir = targets[0].Dir
	}
	return wanted, dir, nil
}
