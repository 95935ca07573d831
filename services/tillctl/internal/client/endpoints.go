package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The services that tillctl talks to.
const (
	TerminalService = "terminal"
	CartService     = "cart"
	JournalService  = "journal"
)

// usualPorts of the services in a local stack.
var usualPorts = map[string]int{TerminalService: 8001, CartService: 8003, JournalService: 8005}

// Endpoints are the base addresses of the services, by name.
type Endpoints map[string]string

// Where is what the user and the machine say about where the services are.
type Where struct {
	Given      map[string]string // by flag or environment; empty: not given
	PortOffset *int              // what the runner was told to add to every port; nil: not given
	Data       string            // data folder of the local stack, whose run.json tells what runs now
	OnlyGiven  bool              // what is not given is nowhere, and not on this machine
}

// Endpoints finds the address of every service: as given, else by the port offset, else as the
// runner has written down, else the usual one.
func (w Where) Endpoints() (Endpoints, error) {
	running := map[string]string{}
	if w.PortOffset == nil && !w.OnlyGiven {
		var err error
		if running, err = readRun(w.Data); err != nil {
			return nil, err
		}
	}
	found := Endpoints{}
	for name, port := range usualPorts {
		if w.PortOffset != nil {
			port += *w.PortOffset
		}
		if !w.OnlyGiven {
			found[name] = "http://127.0.0.1:" + strconv.Itoa(port)
		}
		if address := running[name]; address != "" {
			found[name] = address
		}
		if given := w.Given[name]; given != "" {
			if err := CheckAddress(given); err != nil {
				return nil, fmt.Errorf("the address of the %s service, %q, cannot be used: %w", name, given, err)
			}
			found[name] = strings.TrimRight(given, "/")
		}
	}
	return found, nil
}

// CheckAddress says what is wrong with the base address of a service.
func CheckAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return err
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("write it like http://127.0.0.1:8001")
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("write a host, a port and at most a path")
	}
	return nil
}

// newestRun is the newest format of run.json that is understood here.
const newestRun = 1

// run is what the runner has written down.
type run struct {
	Version   int `json:"version"`
	Processes []struct {
		Kind string `json:"kind"`
		App  string `json:"app"`
		URL  string `json:"url"`
	} `json:"processes"`
}

// readRun gives the addresses of the apps that the runner has started on this data folder. None when
// nothing runs.
func readRun(data string) (map[string]string, error) {
	run, err := parseRun(data)
	if err != nil {
		return nil, err
	}
	addresses := map[string]string{}
	for _, p := range run.Processes {
		if p.Kind == "app" {
			addresses[p.App] = p.URL
		}
	}
	return addresses, nil
}

// parseRun reads run.json; it is empty when there is none.
func parseRun(data string) (run, error) {
	file := filepath.Join(data, "run.json")
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return run{}, nil
	}
	if err != nil {
		return run{}, fmt.Errorf("where the services are cannot be read: %w (say it with --port-offset)", err)
	}
	var found run
	if err := json.Unmarshal(raw, &found); err != nil {
		return run{}, fmt.Errorf("%s is damaged: %w (say where the services are with --port-offset)", file, err)
	}
	if found.Version > newestRun {
		return run{}, fmt.Errorf("%s was written by a newer runner (format %d): build tillctl anew, or use --port-offset", file, found.Version)
	}
	return found, nil
}

// Broker gives the address of the broker that the runner has started on this data folder.
func Broker(data string) (string, error) {
	run, err := parseRun(data)
	if err != nil {
		return "", err
	}
	for _, p := range run.Processes {
		if p.Kind == "broker" {
			return p.URL, nil
		}
	}
	return "", fmt.Errorf("no stack of the runner runs in %s: start one with make run, or say where it is with --data", data)
}
