package stack

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Sidecar is one that a test started by itself, without the rest of a stack.
type Sidecar struct{ HTTP, GRPC string } // addresses

// StartSidecar starts a daprd that loads the folder resources and ends with the test. appPort is empty for
// one without an app.
func StartSidecar(t testing.TB, program, app, appPort, resources string) Sidecar {
	t.Helper()
	httpPort, grpcPort := FreePort(t), FreePort(t)
	args := []string{"--app-id", app,
		"--dapr-http-port", httpPort, "--dapr-grpc-port", grpcPort, "--dapr-internal-grpc-port", FreePort(t), "--metrics-port", FreePort(t),
		"--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1", "--metrics-listen-address", "127.0.0.1",
		"--placement-host-address", "", "--scheduler-host-address", " ", "--resources-path", resources, "--dapr-graceful-shutdown-seconds", "1"}
	if appPort != "" {
		args = append(args, "--app-port", appPort, "--app-protocol", "http", "--disable-init-endpoints", "config,subscribe")
	}
	log := Run(t, program, t.TempDir(), args...)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get("http://127.0.0.1:" + httpPort + "/v1.0/healthz") //nolint:noctx // on this machine
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode/100 == 2 {
				return Sidecar{"127.0.0.1:" + httpPort, "127.0.0.1:" + grpcPort}
			}
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log) //nolint:gosec // our own log
			t.Fatalf("the sidecar of %s is not ready:\n%s", app, said)
		}
	}
}

// Run starts a program that ends with the test and gives the file of what it says.
func Run(t testing.TB, program, dir string, args ...string) (log string) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "*.log")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...) //nolint:gosec // our own program
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		killer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		killer.Stop()
		_ = out.Close()
	})
	return out.Name()
}

// FreePort is one that nobody listens on.
func FreePort(t testing.TB) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// freePort is below those that systems hand out: while a server of a test is away, nobody else may come
// to stand at its port by chance.
func freePort() (string, error) {
	for range 100 {
		port := strconv.Itoa(12_000 + rand.IntN(20_000)) //nolint:gosec // any free one will do
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return "", errors.New("no port is free")
}
