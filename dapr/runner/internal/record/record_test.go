package record_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/record"
)

const roleVariable = "RECORD_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "sleeps":
		time.Sleep(time.Hour)
	case "ignores SIGTERM":
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	default:
		os.Exit(m.Run())
	}
}

func TestTheSecondRunnerIsRefused(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "folder")
	if record.InUse(data) {
		t.Error("a folder that does not exist is in use")
	}
	lock, err := record.Acquire(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := record.Acquire(data); !errors.Is(err, record.ErrInUse) {
		t.Errorf("got %v", err)
	}
	if !record.InUse(data) {
		t.Error("not seen as in use")
	}
	lock.Release()
	again, err := record.Acquire(data)
	if err != nil {
		t.Fatalf("a released lock cannot be taken: %v", err)
	}
	again.Release()
}

func TestWrittenAndRead(t *testing.T) {
	data := t.TempDir()
	if _, found, err := record.Read(data); found || err != nil {
		t.Fatalf("an empty folder has a run: %v %v", found, err)
	}
	want := record.Run{
		Version: 1, State: record.Ready, Data: data, StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Runner: record.Self(),
		Processes: []record.Process{{Name: "cart", Kind: "app", App: "cart", Identity: record.Identity{PID: 7, Birth: "x"}, Ports: map[string]int{"app": 8003}}},
	}
	if err := want.Write(); err != nil {
		t.Fatal(err)
	}
	got, found, err := record.Read(data)
	if err != nil || !found || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v, want %+v", got, err, want)
	}
	if info, _ := os.Stat(filepath.Join(data, "run.json")); info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v", info.Mode())
	}
	if err := errors.Join(record.Remove(data), record.Remove(data)); err != nil {
		t.Error(err)
	}
}

func TestADamagedOrNewerFileIsRefused(t *testing.T) {
	for text, want := range map[string]string{"{": "is damaged", `{"version":99}`: "newer runner"} {
		data := t.TempDir()
		if err := os.WriteFile(filepath.Join(data, "run.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := record.Read(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestAProcessIsKnownByItsBirth(t *testing.T) {
	self := record.Self()
	if !self.Alive() {
		t.Error("this process is not alive")
	}
	for name, other := range map[string]record.Identity{
		"another with the same number": {PID: self.PID, Birth: "long ago"},
		"no process":                   {},
		"one that was not identified":  {PID: self.PID},
	} {
		if other.Alive() {
			t.Errorf("%s is alive", name)
		}
	}
}

func TestLeftoversAreStopped(t *testing.T) {
	for _, role := range []string{"sleeps", "ignores SIGTERM"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleVariable+"="+role)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // until it ignores the signal
		left := record.Process{Name: "cart", Identity: record.Identify(cmd.Process.Pid)}
		stranger := record.Process{Name: "broker", Identity: record.Identity{PID: os.Getpid(), Birth: "long ago"}}
		run := record.Run{Processes: []record.Process{left, stranger}}
		found := run.Leftovers()
		if len(found) != 1 || found[0].Name != "cart" {
			t.Errorf("leftovers: %+v", found)
		}
		record.Stop(found, 300*time.Millisecond)
		if len(run.Leftovers()) != 0 {
			t.Errorf("one that %s is still there", role)
		}
		_ = cmd.Wait()
	}
}
