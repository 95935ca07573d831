package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tillroll/tillroll/dapr/runner/internal/fleet"
)

// The programs of the fleets under test are this test binary itself, told by
// its environment what to be.
const roleVariable = "FLEET_TEST_ROLE"

func TestMain(m *testing.M) {
	if role, ok := os.LookupEnv(roleVariable); ok {
		play(role)
		return
	}
	os.Exit(m.Run())
}

func play(role string) {
	ready := os.Getenv("READY_FILE")
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	switch role {
	case "serves":
		touch(ready)
		<-terminated
	case "dies":
		fmt.Println("the last words of a program")
		os.Exit(3)
	case "dies once":
		if _, err := os.Stat(ready); err != nil {
			touch(ready)
			os.Exit(4)
		}
		<-terminated
	case "is never ready":
		<-terminated
	case "ignores SIGTERM":
		touch(ready)
		select {}
	case "starts a fleet":
		member := program("child", "serves", ready)
		f := fleet.New([]fleet.Member{member}, quick, func(fleet.Event) {})
		if err := f.Start(context.Background()); err != nil {
			panic(err)
		}
		fmt.Println(f.Status()[0].PID)
		select {}
	}
}

func touch(path string) {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		panic(err)
	}
}

var quick = fleet.Timing{
	FirstPause: 5 * time.Millisecond, LongestPause: 20 * time.Millisecond, HealthyAfter: time.Hour,
	ReadyLimit: 20 * time.Second, ProbeEvery: 5 * time.Millisecond, Tries: 3,
}

// program is a member that is ready when its file exists.
func program(name, role, readyFile string) fleet.Member {
	return fleet.Member{
		Name: name, Path: os.Args[0], Grace: 10 * time.Second,
		// The race detector lets a program end only after a second, unless told otherwise.
		Env:   []string{roleVariable + "=" + role, "READY_FILE=" + readyFile, "GORACE=atexit_sleep_ms=0"},
		Ready: func(context.Context) error { _, err := os.Stat(readyFile); return err },
	}
}

// story collects events and prints them as "name: what".
type story struct {
	mu     sync.Mutex
	events []fleet.Event
}

func (s *story) tell(e fleet.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *story) of(wanted ...fleet.What) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, e := range s.events {
		if slices.Contains(wanted, e.What) {
			lines = append(lines, e.Name+": "+string(e.What))
		}
	}
	return lines
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("did not happen: %s", what)
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestWavesStartAndStopInOrder(t *testing.T) {
	dir, told := t.TempDir(), &story{}
	member := func(name string, start, stop int) fleet.Member {
		m := program(name, "serves", filepath.Join(dir, name))
		m.StartWave, m.StopWave = start, stop
		return m
	}
	f := fleet.New([]fleet.Member{
		member("broker", 0, 2), member("cart", 1, 0), member("cart.daprd", 1, 1),
	}, quick, told.tell)
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	ready := told.of(fleet.DidStart, fleet.BecameReady)
	if !slices.Equal(ready[:2], []string{"broker: started", "broker: ready"}) {
		t.Errorf("the broker must be ready before anything else starts: %v", ready)
	}
	pids := f.Status()
	f.Stop(nil)
	want := []string{
		"cart: stopping", "cart: stopped", "cart.daprd: stopping", "cart.daprd: stopped", "broker: stopping", "broker: stopped",
	}
	if got := told.of(fleet.NowStopping, fleet.DidStop, fleet.HadToKill); !slices.Equal(got, want) {
		t.Errorf("stopped as\n%v, want\n%v", got, want)
	}
	for _, status := range pids {
		if alive(status.PID) {
			t.Errorf("%s is still alive", status.Name)
		}
	}
}

func TestWhateverDiesIsRestartedAlone(t *testing.T) {
	dir, told := t.TempDir(), &story{}
	f := fleet.New([]fleet.Member{
		program("broker", "serves", filepath.Join(dir, "broker")),
		program("cart", "serves", filepath.Join(dir, "cart")),
	}, quick, told.tell)
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer f.Stop(nil)
	before := f.Status()

	// More often than Tries: what was ready once is never given up.
	for life := 1; life <= quick.Tries+1; life++ {
		if err := syscall.Kill(f.Status()[1].PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "cart is ready again", func() bool {
			cart := f.Status()[1]
			return cart.State == fleet.Ready && cart.Restarts == life
		})
	}
	if after := f.Status()[0]; after.PID != before[0].PID || after.Restarts != 0 {
		t.Errorf("the broker was touched: %+v, before %+v", after, before[0])
	}
}

func TestAProgramThatDiesOnceStillStarts(t *testing.T) {
	// Ready only after its second life has begun, so the file is not enough.
	told := &story{}
	m := program("cart", "dies once", filepath.Join(t.TempDir(), "cart"))
	ready := m.Ready
	m.Ready = func(ctx context.Context) error {
		if len(told.of(fleet.Died)) == 0 {
			return errors.New("first life")
		}
		return ready(ctx)
	}
	f := fleet.New([]fleet.Member{m}, quick, told.tell)
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.Stop(nil)
	if got := told.of(fleet.Died); len(got) != 1 {
		t.Errorf("deaths: %v", got)
	}
}

func TestAProgramThatKeepsDyingStopsTheStart(t *testing.T) {
	var output safeBuffer
	m := program("cart", "dies", filepath.Join(t.TempDir(), "cart"))
	m.Output = &output
	f := fleet.New([]fleet.Member{m}, quick, func(fleet.Event) {})
	err := f.Start(context.Background())
	var failed *fleet.StartError
	if !errors.As(err, &failed) || failed.Name != "cart" || !strings.Contains(err.Error(), "exit status 3, 3 times") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(output.String(), "the last words of a program") {
		t.Errorf("its output is lost: %q", output.String())
	}
	f.Stop(nil)
	if state := f.Status()[0].State; state != fleet.Failed {
		t.Errorf("state is %s", state)
	}
}

func TestAProgramThatCannotBeStarted(t *testing.T) {
	m := fleet.Member{Name: "cart", Path: filepath.Join(t.TempDir(), "missing"), Ready: func(context.Context) error { return nil }}
	f := fleet.New([]fleet.Member{m}, quick, func(fleet.Event) {})
	if err := f.Start(context.Background()); err == nil || !strings.Contains(err.Error(), "cannot be started") {
		t.Errorf("got %v", err)
	}
	f.Stop(nil)
}

func TestAProgramThatIsNeverReadySaysWhatItLacks(t *testing.T) {
	timing := quick
	timing.ReadyLimit = 200 * time.Millisecond
	m := program("cart", "is never ready", filepath.Join(t.TempDir(), "cart"))
	m.Ready = func(context.Context) error { return errors.New("/readyz answered 503") }
	f := fleet.New([]fleet.Member{m}, timing, func(fleet.Event) {})
	err := f.Start(context.Background())
	if err == nil || !strings.Contains(err.Error(), "cart did not start: not ready after 200ms: /readyz answered 503") {
		t.Errorf("got %v", err)
	}
	f.Stop(nil)
}

func TestWhatIgnoresSIGTERMIsKilledAfterItsGrace(t *testing.T) {
	told := &story{}
	m := program("cart", "ignores SIGTERM", filepath.Join(t.TempDir(), "cart"))
	m.Grace = 50 * time.Millisecond
	f := fleet.New([]fleet.Member{m}, quick, told.tell)
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.Stop(nil)
	if got := told.of(fleet.DidStop, fleet.HadToKill); !slices.Equal(got, []string{"cart: killed"}) {
		t.Errorf("got %v", got)
	}
}

func TestHurryKillsAtOnce(t *testing.T) {
	m := program("cart", "ignores SIGTERM", filepath.Join(t.TempDir(), "cart"))
	m.Grace = time.Hour
	f := fleet.New([]fleet.Member{m}, quick, func(fleet.Event) {})
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	hurry := make(chan struct{})
	close(hurry)
	f.Stop(hurry)
	if status := f.Status()[0]; status.PID != 0 || status.State != fleet.Stopped {
		t.Errorf("left over: %+v", status)
	}
}

func TestStopDuringTheStart(t *testing.T) {
	m := program("cart", "is never ready", filepath.Join(t.TempDir(), "cart"))
	later := program("till", "serves", filepath.Join(t.TempDir(), "till"))
	later.StartWave = 1
	f := fleet.New([]fleet.Member{m, later}, quick, func(fleet.Event) {})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := f.Start(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	f.Stop(nil)
	for _, status := range f.Status() {
		if status.State != fleet.Stopped || status.PID != 0 {
			t.Errorf("left over: %+v", status)
		}
	}
}

func TestChildrenDieWithAKilledParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a parent-death signal; elsewhere the next start stops what is left")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), roleVariable+"=starts a fleet", "READY_FILE="+filepath.Join(t.TempDir(), "child"))
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 16)
	n, err := io.ReadAtLeast(out, line, 2)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil || !alive(pid) {
		t.Fatalf("no child: %v %q", err, line[:n])
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	eventually(t, "the child is gone", func() bool { return !alive(pid) || isZombie(pid) })
}

// isZombie is true for a process that is dead but that init has not yet reaped.
func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

type safeBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
