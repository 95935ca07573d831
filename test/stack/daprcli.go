package stack

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// daprRun is a running `dapr run -f`.
type daprRun struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// assignment is one line of what `tillctl env` prints.
var assignment = regexp.MustCompile(`(?m)^export ([A-Z_]+)='([^']*)'$`)

// startDaprCLI does what a person types: the environment of `tillctl env`, then `dapr run -f`.
func (s *Stack) startDaprCLI() error {
	out, err := exec.Command(filepath.Join(s.Root, "bin", "tillctl"), "env", "--data", s.Data, "--redis", s.kind.Redis.Address).Output() //nolint:gosec // our own program
	if err != nil {
		return fmt.Errorf("tillctl env: %w", err)
	}
	cmd := exec.Command(filepath.Join(s.Root, "bin", "dapr"), "run", "-f", s.aux) //nolint:gosec // built by make dapr-cli
	cmd.Env = append(append(os.Environ(), s.env...), "DAPR_RUNTIME_PATH="+runtimeFolder(s.Root))
	for _, a := range assignment.FindAllStringSubmatch(string(out), -1) {
		cmd.Env = append(cmd.Env, a[1]+"="+a[2])
	}
	if err := os.MkdirAll(filepath.Join(s.Data, "logs"), 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.Data, "logs", "dapr-run.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	run := &daprRun{cmd, make(chan struct{})}
	go func() { _ = cmd.Wait(); close(run.exited) }()
	s.dapr = run
	return s.Ready(time.Minute)
}

// stopDaprCLI is Ctrl-C, which stops sidecars and apps with the CLI. It fails when one of them stays.
func (s *Stack) stopDaprCLI() error {
	run := s.dapr
	if run == nil {
		return nil
	}
	s.dapr = nil
	_ = run.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-run.exited:
	case <-time.After(30 * time.Second):
		_ = syscall.Kill(-run.cmd.Process.Pid, syscall.SIGKILL) // it leads a group of its own
		return errors.New("dapr run did not stop on Ctrl-C within 30s")
	}
	for deadline := time.Now().Add(10 * time.Second); !s.portsFree(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(-run.cmd.Process.Pid, syscall.SIGKILL)
			return errors.New("dapr run has stopped, but something still listens on its ports")
		}
	}
	return nil
}

// answering asks every app and every sidecar itself.
func (s *Stack) answering() error {
	select {
	case <-s.dapr.exited:
		return errors.New("dapr run has ended")
	default:
	}
	client := &http.Client{Timeout: 2 * time.Second}
	var urls []string
	for _, app := range []string{"terminal", "cart", "journal"} {
		urls = append(urls, s.URL(app)+"/readyz", s.SidecarURL(app)+"/v1.0/healthz")
	}
	for _, url := range append(urls, s.SidecarURL("till")+"/v1.0/healthz") {
		res, err := client.Get(url) //nolint:noctx // has a time-out
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode/100 != 2 {
			return fmt.Errorf("%s says %s", url, res.Status)
		}
	}
	return nil
}
