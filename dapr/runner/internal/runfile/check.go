package runfile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// supportedVersion is the only version that the format has had.
const supportedVersion = 1

// appID is what Dapr accepts for an app and what is safe in a file name.
var appID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// reserved are the names of processes that are not in the file.
var reserved = []string{"broker", "runner"}

func check(doc document) error {
	if doc.Version != supportedVersion {
		return fmt.Errorf("line 1: version is %d; the runner reads version %d", doc.Version, supportedVersion)
	}
	if len(doc.Apps) == 0 {
		return errors.New("line 1: apps: is empty; there is nothing to run")
	}
	var faults []error
	seen := map[string]int{}
	for _, app := range doc.Apps {
		faults = append(faults, app.check()...)
		if before, repeated := seen[app.ID]; repeated {
			faults = append(faults, app.fault("appID %q is already used on line %d", app.ID, before))
		}
		seen[app.ID] = app.Line
	}
	return joined(faults)
}

func (a App) check() []error {
	var faults []error
	if !appID.MatchString(a.ID) {
		faults = append(faults, a.fault("appID %q must be lower-case letters, digits and hyphens", a.ID))
	}
	if slices.Contains(reserved, a.ID) {
		faults = append(faults, a.fault("appID %q is the name of a part of the stack; choose another", a.ID))
	}
	if a.Dir == "" {
		faults = append(faults, a.fault("app %s has no appDirPath", a.ID))
	}
	faults = append(faults, a.checkPorts()...)
	return append(faults, a.checkDestinations()...)
}

// checkPorts wants every port fixed: a port that is chosen at random cannot be
// told to anyone, nor checked before the start.
func (a App) checkPorts() []error {
	var faults []error
	for _, port := range []struct {
		field  string
		number int
	}{
		{"daprHTTPPort", a.HTTPPort},
		{"daprGRPCPort", a.GRPCPort},
		{"daprInternalGRPCPort", a.InternalGRPCPort},
		{"metricsPort", a.MetricsPort},
	} {
		if port.number < 1 || port.number > 65535 {
			faults = append(faults, a.fault("app %s: %s is %d; give it a port from 1 to 65535", a.ID, port.field, port.number))
		}
	}
	switch {
	case a.HasApp() && (a.Port < 1 || a.Port > 65535):
		faults = append(faults, a.fault("app %s has a command, so it needs an appPort from 1 to 65535", a.ID))
	case !a.HasApp() && a.Port != 0:
		faults = append(faults, a.fault("app %s has an appPort but no command; leave the appPort out to run the sidecar alone", a.ID))
	}
	return faults
}

func (a App) checkDestinations() []error {
	var faults []error
	for _, destination := range []Destination{a.AppLogDestination, a.DaprdLogDestination} {
		if !slices.Contains([]Destination{ToFile, ToConsole, ToFileAndConsole}, destination) {
			faults = append(faults, a.fault("app %s: log destination %q must be file, console or fileAndConsole", a.ID, destination))
		}
	}
	return faults
}

func (a App) fault(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", a.Line, fmt.Sprintf(format, args...))
}

// faults is several complaints that inFile can still tell apart.
type faults []error

func (f faults) Error() string { return errors.Join(f...).Error() }

func joined(all []error) error {
	if len(all) == 0 {
		return nil
	}
	return faults(all)
}
