package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tillroll/tillroll/dapr/runner/internal/build"
	"github.com/tillroll/tillroll/dapr/runner/internal/doctor"
	"github.com/tillroll/tillroll/dapr/runner/internal/listen"
	"github.com/tillroll/tillroll/dapr/runner/internal/record"
	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
	"github.com/tillroll/tillroll/dapr/runner/internal/stack"
)

// diagnosis is what `doctor -json` answers.
type diagnosis struct {
	OK     bool           `json:"ok"`
	Checks []doctor.Check `json:"checks"`
}

// examine says what of this machine keeps the stack from being built and run.
// It fails when something does.
func examine(ctx context.Context, call *invocation) error {
	file, err := runfile.Read(call.file)
	if err != nil {
		return err
	}
	version, err := build.Toolchain(ctx, stack.Targets(call.root, file))
	checks := append([]doctor.Check{doctor.Toolchain(version, err)}, call.checks(file)...)
	checks = append(checks, doctor.Run(call.data))
	found := diagnosis{OK: true, Checks: checks}
	for _, check := range checks {
		found.OK = found.OK && check.Status != doctor.Fail
	}
	if call.json {
		err = writeJSON(call.out, found)
	} else {
		err = nil
		for _, check := range checks {
			fmt.Fprintf(call.out, "%-4s  %-11s  %s\n", check.Status, check.Name, indent(check))
		}
	}
	if err == nil && !found.OK {
		return errSilent
	}
	return err
}

// preflight looks, before anything is built, at what would make the start fail
// after the build. It is quiet when all is well.
func (c *invocation) preflight(file *runfile.File) error {
	var faults []error
	for _, check := range c.checks(file) {
		switch check.Status {
		case doctor.OK:
		case doctor.Warn:
			fmt.Fprintf(c.out, "Note: %s. %s\n", check.Message, check.Next)
		case doctor.Fail:
			faults = append(faults, errors.New(indent(check)))
		}
	}
	return errors.Join(faults...)
}

// checks are those that take no time.
func (c *invocation) checks(file *runfile.File) []doctor.Check {
	here, building := doctor.Here(), !c.prebuilt() && !c.built()
	return []doctor.Check{
		here.Disk(c.data, buildCache(), building),
		here.Memory(building),
		here.Data(c.data),
		c.checkPorts(file),
	}
}

// built is true when a sidecar was built before: the long part is done.
func (c *invocation) built() bool {
	_, err := os.Stat(filepath.Join(c.binFolder(), "daprd"))
	return err == nil
}

func (c *invocation) checkPorts(file *runfile.File) doctor.Check {
	options := c.stack()
	options.BeforeBuild = true
	programs, err := stack.Plan(file, options)
	if err != nil {
		return doctor.Check{Name: "ports", Status: doctor.Fail, Message: err.Error(), Next: "Mend the command; make help lists the variables."}
	}
	ports := stack.ToCheck(programs)
	if run, found, err := record.Read(c.data); err == nil && found && (len(run.Leftovers()) > 0) {
		return doctor.Check{Name: "ports", Status: doctor.OK, Message: "they are held by the stack itself"}
	}
	return doctor.Ports(len(ports), listen.Check(ports))
}

// buildCache is where Go keeps what it compiled, without asking Go, which takes
// a while.
func buildCache() string {
	if dir := os.Getenv("GOCACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return os.TempDir()
	}
	return filepath.Join(dir, "go-build")
}

func indent(check doctor.Check) string {
	if check.Next == "" {
		return check.Message
	}
	return check.Message + "\n                     → " + check.Next
}
