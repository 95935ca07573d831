package stack

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
)

func planSidecar(app runfile.App, o Options, numbers numbers, brokerURL string) Program {
	http := numbers.of(app.ID, "http")
	address := "http://" + at(http)
	return Program{
		Name: app.ID + ".daprd", Kind: Sidecar, App: app.ID, Path: filepath.Join(o.Bin, "daprd"),
		Args:      sidecarArgs(app, numbers),
		Variables: sidecarVariables(brokerURL),
		// Paths in the component files are relative to the data folder.
		Dir:   o.Data,
		Ports: []Port{http, numbers.of(app.ID, "grpc"), numbers.of(app.ID, "internal"), numbers.of(app.ID, "metrics")},
		URL:   address, Health: address + sidecarHealth(app, o),
		OnConsole: app.DaprdLogDestination != runfile.ToFile,
		StartWave: restStarts, StopWave: sidecarsStop, Grace: grace,
	}
}

func sidecarVariables(brokerURL string) map[string]string {
	variables := map[string]string{
		"TILLROLL_BROKER_URL": brokerURL,
		// The name resolution gives this address to the other sidecars. By
		// itself daprd would give the machine's own, where none of ours listens.
		"DAPR_HOST_IP": host,
	}
	// The services send traces over HTTP. By itself daprd would speak gRPC to the same
	// collector, and take its whole grace for that when it is stopped.
	if collector := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); collector != "" {
		variables["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
		variables["OTEL_EXPORTER_OTLP_INSECURE"] = strconv.FormatBool(strings.HasPrefix(collector, "http://"))
	}
	return variables
}

// sidecarHealth is where a sidecar says that it is ready. The whole of it waits
// for the app to listen, which an app that is left out does when somebody starts it.
func sidecarHealth(app runfile.App, o Options) string {
	if o.leavesOut(app.ID) {
		return "/v1.0/healthz/outbound"
	}
	return "/v1.0/healthz"
}

func sidecarArgs(app runfile.App, numbers numbers) []string {
	number := func(kind string) string { return strconv.Itoa(numbers.of(app.ID, kind).Number) }
	args := []string{
		"--app-id", app.ID,
		// By default daprd listens on all interfaces, and every sidecar on the same metrics port.
		"--dapr-listen-addresses", host,
		"--dapr-internal-grpc-listen-address", host,
		"--metrics-listen-address", host,
		"--dapr-http-port", number("http"),
		"--dapr-grpc-port", number("grpc"),
		"--dapr-internal-grpc-port", number("internal"),
		"--metrics-port", number("metrics"),
		// Neither actors nor jobs are used. The space is meant: an empty scheduler
		// address becomes localhost, and a sidecar that waits for one is never ready.
		"--placement-host-address", "",
		"--scheduler-host-address", " ",
		"--dapr-graceful-shutdown-seconds", strconv.Itoa(int(sidecarShutdown.Seconds())),
		"--log-as-json",
	}
	for _, path := range app.ResourcesPaths {
		args = append(args, "--resources-path", path)
	}
	args = appendIf(args, "--config", app.ConfigFilePath)
	args = appendIf(args, "--max-body-size", app.MaxBodySize)
	args = appendIf(args, "--log-level", app.LogLevel)
	if app.HasApp() {
		args = append(args, appArgs(app, number("app"))...)
	}
	return args
}

func appArgs(app runfile.App, port string) []string {
	args := []string{
		"--app-port", port, "--app-protocol", "http",
		// Subscriptions are files (components/subscriptions) and there are no actors, so there
		// is nothing to ask the app for; without this it is asked, and logs two refusals.
		"--disable-init-endpoints", "config,subscribe",
	}
	if !app.HealthCheck() {
		return args
	}
	args = append(args, "--enable-app-health-check", "--app-health-check-path", healthPath(app))
	args = appendIf(args, "--app-health-probe-interval", number(app.AppHealthProbeInterval))
	args = appendIf(args, "--app-health-probe-timeout", number(app.AppHealthProbeTimeout))
	return appendIf(args, "--app-health-threshold", number(app.AppHealthThreshold))
}

func appendIf(args []string, flag, value string) []string {
	if value == "" {
		return args
	}
	return append(args, flag, value)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
