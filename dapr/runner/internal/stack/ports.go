package stack

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tillroll/tillroll/dapr/runner/internal/listen"
	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
)

// numbers are all ports of the stack, by owner and kind: "cart.http".
type numbers map[string]Port

func (n numbers) of(owner, kind string) Port { return n[owner+"."+kind] }

// roles say in words whose port it is.
var roles = map[string]string{
	"client":   "the port of %s",
	"app":      "the app port of %s",
	"http":     "the HTTP port of %s's sidecar",
	"grpc":     "the gRPC port of %s's sidecar",
	"internal": "the internal gRPC port of %s's sidecar",
	"metrics":  "the metrics port of %s's sidecar",
}

// newNumbers gives every port its number: what the command line says of this
// one port, else what the run file says, shifted by the offset.
func newNumbers(file *runfile.File, o Options) (numbers, error) {
	all := numbers{}
	runFile := shorten(file.Path, o.Root)
	all.add("broker", "client", brokerPort, "the broker's usual port", o)
	for _, app := range file.Apps {
		for _, port := range []struct {
			kind, field string
			number      int
		}{
			{"app", "appPort", app.Port},
			{"http", "daprHTTPPort", app.HTTPPort},
			{"grpc", "daprGRPCPort", app.GRPCPort},
			{"internal", "daprInternalGRPCPort", app.InternalGRPCPort},
			{"metrics", "metricsPort", app.MetricsPort},
		} {
			if port.number != 0 {
				all.add(app.ID, port.kind, port.number, port.field+" in "+runFile, o)
			}
		}
	}
	return all, errors.Join(all.checkNames(o.Ports), checkExcept(file, o.Except))
}

func (n numbers) add(owner, kind string, number int, setting string, o Options) {
	number += o.Offset
	if o.Offset != 0 {
		setting += fmt.Sprintf(" and -port-offset %d", o.Offset)
	}
	for _, name := range namesOf(owner, kind) {
		if own, ok := o.Ports[name]; ok {
			number, setting = own, fmt.Sprintf("-port %s=%d", name, own)
		}
	}
	n[owner+"."+kind] = Port{Kind: kind, Port: listen.Port{
		Number: number, Role: fmt.Sprintf(roles[kind], owner), Setting: setting,
		Change: fmt.Sprintf("-port %s=N, or all with -port-offset N", namesOf(owner, kind)[0]),
	}}
}

// namesOf are the names of a port on the command line, the usual one first. The
// port that an owner is known by goes by the owner's name alone.
func namesOf(owner, kind string) []string {
	if kind == "app" || kind == "client" {
		return []string{owner, owner + "." + kind}
	}
	return []string{owner + "." + kind}
}

// checkNames refuses a -port for something that has no such port.
func (n numbers) checkNames(given map[string]int) error {
	var known []string
	for key := range n {
		owner, kind, _ := strings.Cut(key, ".")
		known = append(known, namesOf(owner, kind)...)
	}
	slices.Sort(known)
	var faults []error
	for _, name := range sortedKeys(given) {
		if !slices.Contains(known, name) {
			faults = append(faults, fmt.Errorf("-port %s=%d: there is no such port; there are %s", name, given[name], strings.Join(known, ", ")))
		}
	}
	return errors.Join(faults...)
}

func checkExcept(file *runfile.File, except []string) error {
	var apps []string
	for _, app := range file.Apps {
		if app.HasApp() {
			apps = append(apps, app.ID)
		}
	}
	for _, name := range except {
		if !slices.Contains(apps, name) {
			return fmt.Errorf("-except %s: there is no such app; there are %s", name, strings.Join(apps, ", "))
		}
	}
	return nil
}

// ToCheck are the ports that must be free before the start. The port of an app
// that is left out may be held already, by the one that somebody debugs.
func ToCheck(programs []Program) []listen.Port {
	var ports []listen.Port
	for _, program := range programs {
		for _, port := range program.Ports {
			if !program.LeftOut {
				ports = append(ports, port.Port)
			}
		}
	}
	return ports
}

// shorten shows a path as the developer would type it.
func shorten(path, root string) string {
	if relative, err := filepath.Rel(root, path); err == nil && !strings.HasPrefix(relative, "..") {
		return relative
	}
	return path
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
