package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Kind is what a stack runs on and who starts its programs. The zero value is what `make run` starts:
// components/local, under our runner.
type Kind struct {
	// Redis makes it components/redis on that server, with the sidecar that `make dapr-cli` builds.
	Redis *Redis
	// DaprCLI starts it with `dapr run -f` and dapr/dapr.yaml instead of our runner; it needs Redis.
	// The CLI restarts nothing: such a stack can be used and stopped, not killed piecemeal.
	DaprCLI bool
	// Resources is a folder of Dapr resources that the sidecars load beside the stack's own.
	Resources string
	// Secrets are what apps find in their secret store beside what tillctl makes, by app and name.
	Secrets map[string]map[string]string
}

// ErrNoDaprCLI says that the programs of `make dapr-cli` are missing.
var ErrNoDaprCLI = errors.New("the Dapr CLI and its sidecar are not built (make dapr-cli)")

// Missing tells what a kind needs that is not there: nil, or ErrNoDaprCLI.
func (k Kind) Missing() error {
	if k.Redis == nil {
		return nil
	}
	root, err := Root()
	if err != nil {
		return err
	}
	needed := []string{contribSidecar(root)}
	if k.DaprCLI {
		needed = append(needed, filepath.Join(root, "bin", "dapr"))
	}
	for _, program := range needed {
		if _, err := os.Stat(program); err != nil {
			return ErrNoDaprCLI
		}
	}
	return nil
}

// runtimeFolder is what DAPR_RUNTIME_PATH names; contribSidecar is the daprd in it.
func runtimeFolder(root string) string { return filepath.Join(root, "bin", "dapr-runtime") }
func contribSidecar(root string) string {
	return filepath.Join(runtimeFolder(root), ".dapr", "bin", "daprd")
}

// prepare writes what the kind needs beside the repository's own files, into the folder aux.
func (s *Stack) prepare(kind Kind) (err error) {
	s.kind = kind
	if err := s.writeSecrets(); err != nil {
		return err
	}
	switch {
	case kind.Redis == nil && kind.DaprCLI:
		return errors.New("dapr/dapr.yaml is a stack on Redis: give the kind one")
	case kind.Redis == nil && kind.Resources == "":
		return nil
	}
	if err := kind.Missing(); err != nil {
		return err
	}
	if kind.Redis != nil {
		s.env = append(s.env, kind.Redis.environment()...)
	}
	if s.aux, err = os.MkdirTemp("", "tillroll-kind-"); err != nil {
		return err
	}
	if kind.DaprCLI {
		return s.copyRunFile("dapr.yaml")
	}
	s.runnerArgs = []string{"-file", filepath.Join(s.aux, "dapr.yaml")}
	if kind.Redis == nil {
		return s.copyRunFile("embedded.yaml")
	}
	s.runnerArgs = append(s.runnerArgs, "-bin", filepath.Join(s.aux, "bin"))
	return errors.Join(s.copyRunFile("embedded.yaml"), s.linkPrograms())
}

// writeSecrets begins the apps' files of secrets, which tillctl then completes.
func (s *Stack) writeSecrets() error {
	folder := filepath.Join(s.Data, "secrets")
	for app, secrets := range s.kind.Secrets {
		raw, err := json.Marshal(secrets)
		if err := errors.Join(err, os.MkdirAll(folder, 0o700)); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, app+".json"), raw, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// linkPrograms makes a folder of the programs as they are, but with the sidecar that knows Redis.
// Our runner starts its broker in any case; here nobody uses it.
func (s *Stack) linkPrograms() error {
	bin := filepath.Join(s.aux, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return err
	}
	errs := []error{os.Symlink(contribSidecar(s.Root), filepath.Join(bin, "daprd"))}
	for _, name := range []string{"broker", "tillctl", "terminal", "cart", "journal"} {
		errs = append(errs, os.Symlink(filepath.Join(s.Root, "bin", name), filepath.Join(bin, name)))
	}
	return errors.Join(errs...)
}

var portField = regexp.MustCompile(`((?:appPort|daprHTTPPort|daprGRPCPort|daprInternalGRPCPort|metricsPort): )(\d+)`)

// copyRunFile copies a run file of dapr/ as it stands there, but for places: folders become absolute,
// the data folder is the test's and, where the runner does not do it, so are the ports.
func (s *Stack) copyRunFile(name string) error {
	raw, err := os.ReadFile(filepath.Join(s.Root, "dapr", name))
	if err != nil {
		return err
	}
	components := "local"
	if s.kind.Redis != nil {
		components = "redis"
	}
	text := strings.NewReplacer(
		`"../components/local"`, strconv.Quote(filepath.Join(s.Root, "components", components)),
		`"../components/`, `"`+filepath.Join(s.Root, "components")+"/",
		`"../bin/`, `"`+filepath.Join(s.Root, "bin")+"/",
		"configFilePath: config.yaml", "configFilePath: "+filepath.Join(s.Root, "dapr", "config.yaml"),
		"appDirPath: ../.tillroll", "appDirPath: "+s.Data,
		"appDirPath: ..", "appDirPath: "+s.Root,
	).Replace(string(raw))
	if s.kind.Resources != "" {
		text = strings.Replace(text, "resourcesPaths: [", "resourcesPaths: ["+strconv.Quote(s.kind.Resources)+", ", 1)
	}
	if s.kind.DaprCLI {
		text = portField.ReplaceAllStringFunc(text, func(field string) string {
			parts := portField.FindStringSubmatch(field)
			port, _ := strconv.Atoi(parts[2])
			return fmt.Sprint(parts[1], port+s.Offset)
		})
	}
	return os.WriteFile(filepath.Join(s.aux, "dapr.yaml"), []byte(text), 0o600)
}
