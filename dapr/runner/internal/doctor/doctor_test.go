package doctor_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/doctor"
	"github.com/tillroll/tillroll/dapr/runner/internal/record"
)

const (
	mib = uint64(1 << 20)
	gib = uint64(1 << 30)
)

// machine has so much disk at the data folder, at the cache, and so much memory.
func machine(data, cache, memory uint64) doctor.Machine {
	return doctor.Machine{
		FreeDisk: func(folder string) (uint64, error) {
			if strings.Contains(folder, "cache") {
				return cache, nil
			}
			return data, nil
		},
		FreeMemory: func() (uint64, bool) { return memory, memory > 0 },
		UserID:     os.Getuid(),
	}
}

func expect(t *testing.T, got doctor.Check, status doctor.Status, words ...string) {
	t.Helper()
	if got.Status != status {
		t.Errorf("%s: %s, not %s: %s", got.Name, got.Status, status, got.Message)
	}
	if (got.Next == "") != (status == doctor.OK) {
		t.Errorf("%s: a next step goes with what is wrong, and with nothing else: %q", got.Name, got.Next)
	}
	for _, word := range words {
		if !strings.Contains(got.Message+" "+got.Next, word) {
			t.Errorf("%s: %q is missing in %q and %q", got.Name, word, got.Message, got.Next)
		}
	}
}

func TestDisk(t *testing.T) {
	data, cache := t.TempDir(), filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(data, "not", "there", "yet")
	expect(t, machine(10*gib, 10*gib, 0).Disk(missing, cache, true), doctor.OK, "10.0 GiB are left")
	expect(t, machine(100*mib, 10*gib, 0).Disk(data, cache, false), doctor.Fail, "100 MiB are left", "DATA=DIR")
	expect(t, machine(10*gib, gib, 0).Disk(data, cache, true), doctor.Warn, "1.0 GiB are left for "+cache, "GOCACHE")
	expect(t, machine(10*gib, gib, 0).Disk(data, cache, false), doctor.OK)
	broken := machine(0, 0, 0)
	broken.FreeDisk = func(string) (uint64, error) { return 0, errors.New("no such device") }
	expect(t, broken.Disk(data, cache, false), doctor.Warn, "no such device", "df -h")
}

func TestMemory(t *testing.T) {
	expect(t, machine(0, 0, 8*gib).Memory(true), doctor.OK, "8.0 GiB are free")
	expect(t, machine(0, 0, gib).Memory(true), doctor.Warn, "1.0 GiB are free", "GOFLAGS=-p=1")
	expect(t, machine(0, 0, gib).Memory(false), doctor.OK)
	expect(t, machine(0, 0, 100*mib).Memory(false), doctor.Warn, "600 MiB", "End other programs")
	expect(t, machine(0, 0, 0).Memory(true), doctor.OK, "does not tell")
}

func TestDataFolder(t *testing.T) {
	here := machine(0, 0, 0)
	folder := t.TempDir()
	set := func(mode os.FileMode) {
		if err := os.Chmod(folder, mode); err != nil {
			t.Fatal(err)
		}
	}
	set(0o700)
	expect(t, here.Data(folder), doctor.OK, "yours alone")
	expect(t, here.Data(filepath.Join(folder, "new", "one")), doctor.OK, "made by the first start")
	set(0o755)
	expect(t, here.Data(folder), doctor.Warn, "mode 0755", "chmod 700")
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, here.Data(file), doctor.Fail, "is no folder")
	somebody := here
	somebody.UserID = os.Getuid() + 1
	expect(t, somebody.Data(folder), doctor.Fail, "belongs to user", "sudo chown")
	if os.Getuid() != 0 { // root may write everywhere
		set(0o500)
		expect(t, here.Data(folder), doctor.Fail, "cannot be written", "chmod u+rwx")
		expect(t, here.Data(filepath.Join(folder, "new")), doctor.Fail, "cannot be made")
		set(0o700)
	}
	expect(t, here.Data("/dev/null/folder"), doctor.Fail, "cannot be looked at")
}

func TestWhatTheLastRunnerLeft(t *testing.T) {
	folder := t.TempDir()
	expect(t, doctor.Run(folder), doctor.OK, "nothing runs")
	run := record.Run{State: record.Ready, Data: folder, StartedAt: time.Now(), Runner: record.Identity{PID: 1, Birth: "long ago"}}
	write := func() {
		if err := run.Write(); err != nil {
			t.Fatal(err)
		}
	}
	write()
	expect(t, doctor.Run(folder), doctor.Warn, "did not end well", "tidies up")
	run.Processes = []record.Process{{Name: "cart", Identity: record.Self()}}
	write()
	expect(t, doctor.Run(folder), doctor.Warn, "left 1 processes", "make down")
	lock, err := record.Acquire(folder)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, doctor.Run(folder), doctor.OK, "the stack runs in")
	if err := record.Remove(folder); err != nil {
		t.Fatal(err)
	}
	expect(t, doctor.Run(folder), doctor.OK, "starting or building")
	lock.Release()
	if err := os.WriteFile(filepath.Join(folder, "run.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, doctor.Run(folder), doctor.Fail, "run.json", "Remove")
}

func TestPortsAndGo(t *testing.T) {
	expect(t, doctor.Ports(12, nil), doctor.OK, "all 12 are free")
	expect(t, doctor.Ports(12, errors.New("port 8003 is in use by nginx")), doctor.Fail, "nginx", "PORT_OFFSET")
	expect(t, doctor.Toolchain("go1.26.5 linux amd64", nil), doctor.OK, "go1.26.5")
	expect(t, doctor.Toolchain("", errors.New("go is not on PATH")), doctor.Fail, "not on PATH", "go.dev")
}

func TestThisMachineTells(t *testing.T) {
	here := doctor.Here()
	if free, err := here.FreeDisk(t.TempDir()); err != nil || free == 0 {
		t.Errorf("free disk: %d, %v", free, err)
	}
	if _, err := os.Stat("/proc/meminfo"); err == nil {
		if free, known := here.FreeMemory(); !known || free == 0 {
			t.Errorf("free memory: %d, %v", free, known)
		}
	}
}
