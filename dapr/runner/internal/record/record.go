// Package record keeps, in the data folder, what the runner has started: the
// lock that lets only one runner use the folder, and run.json, by which every
// other program finds the processes, their ports and their state.
//
// run.json outlives a runner that is killed. So a process is never identified
// by its number alone, which the system gives to somebody else in time.
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// version is the version of the format of run.json.
const version = 1

const fileName = "run.json"

// Run is the content of run.json.
type Run struct {
	Version   int       `json:"version"`
	State     string    `json:"state"`
	Data      string    `json:"data"`
	StartedAt time.Time `json:"startedAt"`
	Runner    Identity  `json:"runner"`
	Processes []Process `json:"processes"`
}

// Identity is a process that can be told from a later one with the same number.
type Identity struct {
	PID int `json:"pid"`
	// Birth is opaque: when the process began, in the words of the system.
	Birth string `json:"birth,omitempty"`
}

// Process is one process of the stack.
type Process struct {
	// Name is also the name of the log: broker, cart, cart.daprd.
	Name string `json:"name"`
	// Kind is broker, app or sidecar.
	Kind string `json:"kind"`
	// App is the Dapr app id; empty for the broker.
	App string `json:"app,omitempty"`
	Identity
	State     string         `json:"state"`
	StartedAt time.Time      `json:"startedAt,omitzero"`
	Restarts  int            `json:"restarts"`
	Ports     map[string]int `json:"ports"`
	URL       string         `json:"url"`
	// Health is asked to know whether the process is ready.
	Health string `json:"health"`
	Log    string `json:"log"`
}

// The states of a whole run.
const (
	Starting = "starting"
	Ready    = "ready"
	Stopping = "stopping"
)

// LeftOut is the state of an app that the runner was told not to start.
const LeftOut = "left out"

// Self identifies this process.
func Self() Identity { return Identify(os.Getpid()) }

// Identify identifies a running process.
func Identify(pid int) Identity { return Identity{PID: pid, Birth: birth(pid)} }

// Alive is true when exactly this process, not a later one with its number, runs.
func (i Identity) Alive() bool {
	return i.PID > 0 && i.Birth != "" && birth(i.PID) == i.Birth
}

// Write replaces run.json in one step, so that no reader sees half of it.
func (r Run) Write() error {
	r.Version = version
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(r.Data, fileName)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Remove takes run.json away: nothing runs any more.
func Remove(data string) error {
	err := os.Remove(filepath.Join(data, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Read reads run.json. There is none when nothing runs: found is false.
func Read(data string) (run Run, found bool, err error) {
	text, err := os.ReadFile(filepath.Join(data, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return Run{}, false, nil
	}
	if err != nil {
		return Run{}, false, err
	}
	if err := json.Unmarshal(text, &run); err != nil {
		return Run{}, false, fmt.Errorf("%s is damaged (%w): stop what still runs by hand, and delete it", filepath.Join(data, fileName), err)
	}
	if run.Version > version {
		return Run{}, false, fmt.Errorf("%s was written by a newer runner (version %d): use that one", filepath.Join(data, fileName), run.Version)
	}
	return run, true, nil
}
