// Package doctor looks at the machine before the stack is built and started:
// what is missing, and how to get it.
//
// It knows folders, memory and what runs; what the stack needs of them is told
// by the caller. It changes nothing.
package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tillroll/tillroll/dapr/runner/internal/record"
)

// Status says how bad it is.
type Status string

// The statuses. A warning keeps nothing from starting.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Check is one thing that was looked at.
type Check struct {
	Name    string `json:"name"`
	Status  Status `json:"status"`
	Message string `json:"message"`
	// Next is what to do; empty when all is well.
	Next string `json:"next,omitempty"`
}

func fine(name, message string, args ...any) Check {
	return Check{Name: name, Status: OK, Message: fmt.Sprintf(message, args...)}
}

// Bytes that are needed.
const (
	mib = 1 << 20
	gib = 1 << 30

	// leastDisk keeps databases and streams writing for a while.
	leastDisk = 512 * mib
	// buildDisk is what modules and build cache of a first build take.
	buildDisk = 4 * gib
	// buildMemory is what the linker of daprd and a few compilers take.
	buildMemory = 1536 * mib
	// runMemory is what a stack at work takes.
	runMemory = 600 * mib
)

// Machine is what is looked at. Tests put other machines in its place.
type Machine struct {
	// FreeDisk is how many bytes can be written below a folder.
	FreeDisk func(folder string) (uint64, error)
	// FreeMemory is how many bytes programs can still take; ok is false where
	// the system does not tell.
	FreeMemory func() (bytes uint64, ok bool)
	UserID     int
}

// Disk checks the space for the data folder, and for a build when there is one
// to come.
func (m Machine) Disk(data, cache string, building bool) Check {
	const name = "disk"
	free, err := m.FreeDisk(nearest(data))
	switch {
	case err != nil:
		return Check{name, Warn, fmt.Sprintf("how much space is left for %s cannot be told: %v", data, err), "Look for yourself: df -h."}
	case free < leastDisk:
		return Check{name, Fail, fmt.Sprintf("%s are left for %s; sales could soon not be written any more", size(free), data),
			"Make room, or put the data folder on another disk with DATA=DIR."}
	}
	if building {
		if room, err := m.FreeDisk(nearest(cache)); err == nil && room < buildDisk {
			return Check{name, Warn, fmt.Sprintf("%s are left for %s; a first build takes up to %s there", size(room), cache, size(buildDisk)),
				"Make room, or put Go's build cache on another disk: go env -w GOCACHE=DIR."}
		}
	}
	return fine(name, "%s are left for %s", size(free), data)
}

// Memory checks what programs can still take.
func (m Machine) Memory(building bool) Check {
	const name = "memory"
	free, known := m.FreeMemory()
	switch {
	case !known:
		return fine(name, "this system does not tell how much is free")
	case free < runMemory:
		return Check{name, Warn, fmt.Sprintf("%s are free; the stack takes about %s", size(free), size(runMemory)), "End other programs."}
	case building && free < buildMemory:
		return Check{name, Warn, fmt.Sprintf("%s are free; building the sidecar takes up to %s", size(free), size(buildMemory)),
			"End other programs, or let Go take fewer at a time: GOFLAGS=-p=1 make build."}
	}
	return fine(name, "%s are free", size(free))
}

// Data checks that the data folder is ours alone and can be written.
func (m Machine) Data(folder string) Check {
	const name = "data folder"
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := nearest(folder)
		if err := writable(parent); err != nil {
			return Check{name, Fail, fmt.Sprintf("%s is not there and cannot be made: %v", folder, err),
				"Give a folder that you may write with DATA=DIR, or mend the rights of " + parent + "."}
		}
		return fine(name, "%s is made by the first start", folder)
	case err != nil:
		return Check{name, Fail, fmt.Sprintf("%s cannot be looked at: %v", folder, err), "Mend its rights, or give another folder with DATA=DIR."}
	case !info.IsDir():
		return Check{name, Fail, folder + " is no folder", "Move the file away, or give another folder with DATA=DIR."}
	}
	if owner, known := ownerOf(info); known && owner != m.UserID && m.UserID != 0 {
		return Check{name, Fail, fmt.Sprintf("%s belongs to user %d; it was made with sudo, perhaps", folder, owner),
			fmt.Sprintf("sudo chown -R %d %s", m.UserID, folder)}
	}
	if err := writable(folder); err != nil {
		return Check{name, Fail, fmt.Sprintf("%s cannot be written: %v", folder, err), "chmod u+rwx " + folder}
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return Check{name, Warn, fmt.Sprintf("others can look into %s (mode %04o), and keys are in there", folder, info.Mode().Perm()), "chmod 700 " + folder}
	}
	return fine(name, "%s is there and yours alone", folder)
}

// Run checks what the last runner has left in the data folder.
func Run(folder string) Check {
	const name = "runner"
	run, found, err := record.Read(folder)
	switch {
	case err != nil:
		return Check{name, Fail, err.Error(), "Remove " + filepath.Join(folder, "run.json") + " when nothing of the stack runs any more."}
	case record.InUse(folder) && found:
		return fine(name, "the stack runs in %s since %s", folder, run.StartedAt.Local().Format("2006-01-02 15:04"))
	case record.InUse(folder):
		return fine(name, "a runner is starting or building in %s", folder)
	case !found:
		return fine(name, "nothing runs in %s", folder)
	}
	if left := run.Leftovers(); len(left) > 0 {
		return Check{name, Warn, fmt.Sprintf("the last runner died and left %d processes in %s", len(left), folder), "make down stops them; make run does so by itself."}
	}
	return Check{name, Warn, fmt.Sprintf("the last runner in %s did not end well; nothing of it runs any more", folder), "Nothing: the next start tidies up."}
}

// Ports turns what is wrong with ports into a check; count is how many there are.
func Ports(count int, err error) Check {
	const name = "ports"
	if err == nil {
		return fine(name, "all %d are free", count)
	}
	return Check{name, Fail, err.Error(), "Stop what holds them, or shift all ports of this stack: PORT_OFFSET=1000."}
}

// Toolchain turns what is wrong with Go into a check.
func Toolchain(version string, err error) Check {
	const name = "go"
	if err == nil {
		return fine(name, "%s", version)
	}
	return Check{name, Fail, err.Error(), "See https://go.dev/doc/install."}
}

// nearest is the folder itself, or the nearest one above that is there.
func nearest(folder string) string {
	for {
		if _, err := os.Stat(folder); err == nil || folder == filepath.Dir(folder) {
			return folder
		}
		folder = filepath.Dir(folder)
	}
}

// writable tries to write.
func writable(folder string) error {
	file, err := os.CreateTemp(folder, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// size in words.
func size(bytes uint64) string {
	if bytes < gib {
		return fmt.Sprintf("%d MiB", bytes/mib)
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/gib)
}
