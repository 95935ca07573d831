// Package runfile reads a multi-app run file in the format of the Dapr CLI
// (`dapr run -f`), so that one file describes the local stack to both.
//
// It knows the format and nothing of Tillroll: no ports, no folders, no
// processes. It is stricter than the CLI, which ignores a misspelt field: here
// that is an error with its line number.
package runfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
)

// File is a run file with the common section already applied to every app and
// with every path made absolute.
type File struct {
	Path string
	Apps []App
}

// App is one application and its sidecar, or a sidecar alone when it has no
// command.
type App struct {
	Shared `yaml:",inline"`

	ID               string   `yaml:"appID"`
	Dir              string   `yaml:"appDirPath"`
	Port             int      `yaml:"appPort"`
	HTTPPort         int      `yaml:"daprHTTPPort"`
	GRPCPort         int      `yaml:"daprGRPCPort"`
	InternalGRPCPort int      `yaml:"daprInternalGRPCPort"`
	MetricsPort      int      `yaml:"metricsPort"`
	Command          []string `yaml:"command"`

	// Line is where the app begins in the file, for messages.
	Line int `yaml:"-"`
}

// Shared is what an app may set for itself or take from the common section.
type Shared struct {
	ResourcesPaths         []string          `yaml:"resourcesPaths"`
	ConfigFilePath         string            `yaml:"configFilePath"`
	EnableAppHealthCheck   *bool             `yaml:"enableAppHealthCheck"`
	AppHealthCheckPath     string            `yaml:"appHealthCheckPath"`
	AppHealthProbeInterval int               `yaml:"appHealthProbeInterval"`
	AppHealthProbeTimeout  int               `yaml:"appHealthProbeTimeout"`
	AppHealthThreshold     int               `yaml:"appHealthThreshold"`
	MaxBodySize            string            `yaml:"maxBodySize"`
	LogLevel               string            `yaml:"logLevel"`
	AppLogDestination      Destination       `yaml:"appLogDestination"`
	DaprdLogDestination    Destination       `yaml:"daprdLogDestination"`
	Env                    map[string]string `yaml:"env"`
}

// Destination says where the output of a process is shown.
type Destination string

// The destinations of the Dapr CLI. The runner always keeps the file.
const (
	ToFile           Destination = "file"
	ToConsole        Destination = "console"
	ToFileAndConsole Destination = "fileAndConsole"
)

// HasApp tells an application with a sidecar from a sidecar alone.
func (a App) HasApp() bool { return len(a.Command) > 0 }

// HealthCheck tells whether the sidecar is to watch the app's health.
func (a App) HealthCheck() bool { return a.EnableAppHealthCheck != nil && *a.EnableAppHealthCheck }

// document is the file as it is written.
type document struct {
	Version int    `yaml:"version"`
	Common  Shared `yaml:"common"`
	Apps    []App  `yaml:"apps"`
}

// Read reads and checks the run file at path.
func Read(path string) (*File, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(absolute)
	if err != nil {
		return nil, fmt.Errorf("the run file cannot be read: %w", err)
	}
	apps, err := parse(data)
	if err != nil {
		return nil, inFile(path, err)
	}
	file := &File{Path: absolute, Apps: apps}
	file.resolvePaths()
	return file, nil
}

func parse(data []byte) ([]App, error) {
	var doc document
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	noteLines(data, doc.Apps)
	for i := range doc.Apps {
		doc.Apps[i].Shared = merge(doc.Common, doc.Apps[i].Shared)
	}
	return doc.Apps, check(doc)
}

// noteLines finds where each app begins. The strict decoder does not tell, and
// a decoder of our own for App would lose the strictness.
func noteLines(data []byte, apps []App) {
	var lines struct {
		Apps []yaml.Node `yaml:"apps"`
	}
	if yaml.Unmarshal(data, &lines) != nil {
		return
	}
	for i := range min(len(apps), len(lines.Apps)) {
		apps[i].Line = lines.Apps[i].Line
	}
}

func merge(common, app Shared) Shared {
	if app.ResourcesPaths == nil {
		app.ResourcesPaths = common.ResourcesPaths
	}
	if app.EnableAppHealthCheck == nil {
		app.EnableAppHealthCheck = common.EnableAppHealthCheck
	}
	inherit(&app.ConfigFilePath, common.ConfigFilePath)
	inherit(&app.AppHealthCheckPath, common.AppHealthCheckPath)
	inherit(&app.AppHealthProbeInterval, common.AppHealthProbeInterval)
	inherit(&app.AppHealthProbeTimeout, common.AppHealthProbeTimeout)
	inherit(&app.AppHealthThreshold, common.AppHealthThreshold)
	inherit(&app.MaxBodySize, common.MaxBodySize)
	inherit(&app.LogLevel, common.LogLevel)
	inherit(&app.AppLogDestination, common.AppLogDestination)
	inherit(&app.DaprdLogDestination, common.DaprdLogDestination)
	inherit(&app.AppLogDestination, ToFileAndConsole)
	inherit(&app.DaprdLogDestination, ToFileAndConsole)

	env := maps.Clone(common.Env)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, app.Env)
	app.Env = env
	return app
}

func inherit[T comparable](own *T, common T) {
	var unset T
	if *own == unset {
		*own = common
	}
}

// resolvePaths makes paths absolute; as in the Dapr CLI they are relative to
// the folder of the run file, and a command to the app's own folder.
func (f *File) resolvePaths() {
	base := filepath.Dir(f.Path)
	absolute := func(path string) string {
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(base, path)
	}
	for i := range f.Apps {
		app := &f.Apps[i]
		app.Dir = absolute(app.Dir)
		app.ConfigFilePath = absolute(app.ConfigFilePath)
		app.ResourcesPaths = slices.Clone(app.ResourcesPaths)
		for j, path := range app.ResourcesPaths {
			app.ResourcesPaths[j] = absolute(path)
		}
	}
}

// decoderLine is how yaml.v3 begins every message about a place in the file.
var (
	decoderLine  = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	unknownField = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
)

// inFile turns errors into `file:line: what is wrong`, one a line.
func inFile(path string, err error) error {
	var all []error
	for _, message := range messages(err) {
		if at := decoderLine.FindStringSubmatch(message); at != nil {
			all = append(all, fmt.Errorf("%s:%s: %s", path, at[1], inWords(at[2])))
			continue
		}
		all = append(all, fmt.Errorf("%s: %s", path, message))
	}
	return errors.Join(all...)
}

// messages takes an error apart into one message for each place in the file.
func messages(err error) []string {
	var types *yaml.TypeError
	if errors.As(err, &types) {
		return types.Errors
	}
	var several faults
	if !errors.As(err, &several) {
		return []string{err.Error()}
	}
	all := make([]string, len(several))
	for i, fault := range several {
		all[i] = fault.Error()
	}
	return all
}

func inWords(message string) string {
	if field := unknownField.FindStringSubmatch(message); field != nil {
		return fmt.Sprintf("unknown field %q; fields are those of a Dapr multi-app run file that the runner acts on", field[1])
	}
	return message
}
