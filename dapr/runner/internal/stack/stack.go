// Package stack knows what a local Tillroll stack consists of: the broker, and
// for every entry of the run file an app and its sidecar; with which arguments,
// environment, ports and secrets each of them runs, and in which order.
//
// It plans. To build, start, watch and stop the programs is done elsewhere.
package stack

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/build"
	"github.com/tillroll/tillroll/dapr/runner/internal/listen"
	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
)

// Kind is what a program is in the stack.
type Kind string

// The kinds of programs.
const (
	Broker  Kind = "broker"
	App     Kind = "app"
	Sidecar Kind = "sidecar"
)

// host is where everything listens: a local stack is nobody else's business.
const host = "127.0.0.1"

// brokerPort is the port of the broker, which the run file's format has no
// place for.
const brokerPort = 4222

// The ends of programs: how long each may take after SIGTERM. A sidecar's own
// limit, sidecarShutdown, is shorter, so that it ends by itself.
const (
	grace           = 10 * time.Second
	sidecarShutdown = 5 * time.Second
)

// The broker is first to start and last to stop, because everything else needs
// it. Apps stop before their sidecars: so they finish what they were given, and
// can still save and publish.
const (
	brokerStarts, restStarts             = 0, 1
	appsStop, sidecarsStop, brokersStops = 0, 1, 2
)

// Options is what the command line says about the stack.
type Options struct {
	// Root is the folder of the repository, Data of what the stack keeps, Bin of
	// its programs.
	Root, Data, Bin string
	// Offset is added to every port.
	Offset int
	// Ports replaces single ports, by app or app.kind.
	Ports map[string]int
	// Except are the apps that are not started.
	Except []string
	// BeforeBuild plans what cannot be started yet: programs may still be missing.
	BeforeBuild bool
}

// Program is one program of the stack, ready to be started.
type Program struct {
	Name string
	Kind Kind
	// App is the app id; empty for the broker.
	App  string
	Path string
	Args []string
	Dir  string
	// Variables is what the program is told beyond the caller's environment.
	Variables map[string]string
	// Ports are what it listens on, by kind.
	Ports []Port
	// URL is where it is reached, Health where it is asked whether it is ready.
	URL, Health string
	// LeftOut is set when it is not to be started.
	LeftOut bool
	// OnConsole is set when its log is shown, too.
	OnConsole bool

	StartWave, StopWave int
	Grace               time.Duration
}

// Port is a port and what it is for.
type Port struct {
	Kind string
	listen.Port
}

// Targets lists what has to be built for a run file. daprd comes first: it takes
// as long as everything else together.
func Targets(root string, file *runfile.File) []build.Target {
	targets := []build.Target{
		{Name: "daprd", Dir: filepath.Join(root, "dapr", "daprd"), Package: "."},
		service(root, "tillctl"),
		{Name: "broker", Dir: filepath.Join(root, "dapr", "broker"), Package: "."},
	}
	for _, app := range file.Apps {
		if !app.HasApp() || app.Command[0] != filepath.Base(app.Command[0]) {
			continue
		}
		target := service(root, app.Command[0])
		if _, err := os.Stat(filepath.Join(target.Dir, target.Package)); err == nil {
			targets = append(targets, target)
		}
	}
	return targets
}

func service(root, name string) build.Target {
	return build.Target{Name: name, Dir: filepath.Join(root, "services", name), Package: "./cmd/" + name}
}

// Plan says what to run. The programs must have been built, unless it is for a look BeforeBuild.
func Plan(file *runfile.File, o Options) ([]Program, error) {
	numbers, err := newNumbers(file, o)
	if err != nil {
		return nil, err
	}
	broker := planBroker(o, numbers)
	programs := []Program{broker}
	for _, app := range file.Apps {
		if app.HasApp() {
			program, err := planApp(app, o, numbers)
			if err != nil {
				return nil, err
			}
			programs = append(programs, program)
		}
		programs = append(programs, planSidecar(app, o, numbers, broker.URL))
	}
	return programs, nil
}

func planBroker(o Options, numbers numbers) Program {
	port := numbers.of("broker", "client")
	address := "nats://" + at(port)
	return Program{
		Name: "broker", Kind: Broker, Path: filepath.Join(o.Bin, "broker"), Dir: o.Data,
		Args: []string{
			"-port", strconv.Itoa(port.Number),
			"-dir", filepath.Join(o.Data, "broker"),
			"-users", filepath.Join(o.Data, "secrets", "broker.json"),
		},
		Ports: []Port{port}, URL: address, Health: address, OnConsole: true,
		StartWave: brokerStarts, StopWave: brokersStops, Grace: grace,
	}
}

func planApp(app runfile.App, o Options, numbers numbers) (Program, error) {
	leftOut := o.leavesOut(app.ID)
	path, err := findProgram(app, o.Bin)
	if err != nil && !leftOut && !o.BeforeBuild {
		return Program{}, err
	}
	port := numbers.of(app.ID, "app")
	variables := maps.Clone(app.Env)
	maps.Copy(variables, appVariables(app.ID, o, numbers))
	address := "http://" + at(port)
	return Program{
		Name: app.ID, Kind: App, App: app.ID, Path: path, Args: app.Command[1:], Dir: app.Dir,
		Variables: variables,
		Ports:     []Port{port}, URL: address, Health: address + healthPath(app), LeftOut: leftOut,
		OnConsole: app.AppLogDestination != runfile.ToFile,
		StartWave: restStarts, StopWave: appsStop, Grace: grace,
	}, nil
}

// appVariables has the names that the Dapr CLI gives an app, so that an app
// cannot tell by whom it was started.
func appVariables(app string, o Options, numbers numbers) map[string]string {
	number := func(kind string) string { return strconv.Itoa(numbers.of(app, kind).Number) }
	return map[string]string{
		"APP_ID":            app,
		"APP_PORT":          number("app"),
		"DAPR_HTTP_PORT":    number("http"),
		"DAPR_GRPC_PORT":    number("grpc"),
		"DAPR_METRICS_PORT": number("metrics"),
		"TILLROLL_DATA":     o.Data,
	}
}

func healthPath(app runfile.App) string {
	if app.AppHealthCheckPath != "" {
		return app.AppHealthCheckPath
	}
	return "/readyz"
}

// findProgram looks for a bare name among the built programs first; anything
// with a slash is relative to the app's folder.
func findProgram(app runfile.App, bin string) (string, error) {
	name := app.Command[0]
	if filepath.Base(name) != name {
		if filepath.IsAbs(name) {
			return name, nil
		}
		return filepath.Join(app.Dir, name), nil
	}
	built := filepath.Join(bin, name)
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("the program %s of app %s is neither in %s nor on PATH", name, app.ID, bin)
	}
	return path, nil
}

func (o Options) leavesOut(app string) bool {
	for _, name := range o.Except {
		if name == app {
			return true
		}
	}
	return false
}

func at(port Port) string { return host + ":" + strconv.Itoa(port.Number) }

// foreign are variables of the caller's shell that would change what a sidecar
// or an app does here: they belong to another Dapr, or to a cluster.
var foreign = []string{"DAPR_", "APP_ID=", "APP_PORT=", "APP_API_TOKEN=", "NAMESPACE=", "POD_NAME="}

// Environment is the whole environment of the program: the caller's without what
// is foreign, and the program's own variables.
func (p Program) Environment() []string {
	var env []string
	for _, entry := range os.Environ() {
		if !hasAnyPrefix(entry, foreign) {
			env = append(env, entry)
		}
	}
	// A later entry wins over an earlier one of the same name.
	for _, name := range sortedKeys(p.Variables) {
		env = append(env, name+"="+p.Variables[name])
	}
	return env
}

func hasAnyPrefix(text string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}
