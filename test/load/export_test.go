//go:build load

package load_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/stack"
)

// mostMemory that journal and tillctl may take while a journal is taken away, however large it is: MB.
const mostMemory = 256

// TestExportMemory fills a journal with ENTRIES entries and takes it away in every form. The memory of
// journal and tillctl stays flat.
func TestExportMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/clear_refs"); err != nil {
		t.Skip("SKIPPED: memory is measured on Linux only")
	}
	entries := number("ENTRIES", 100_000)
	s, err := stack.Start(os.Stderr, "MONGODB_URI=")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Remove()) }()
	require.NoError(t, s.Down())
	fill := exec.Command("go", "run", "./cmd/fill", "-data", s.Data, "-tenant", "acme", "-entries", strconv.Itoa(entries))
	fill.Dir, fill.Env, fill.Stdout, fill.Stderr = filepath.Join(s.Root, "services", "journal"), append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0"), os.Stderr, os.Stderr
	require.NoError(t, fill.Run())
	require.NoError(t, s.Up())
	tillctl := func(args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(s.Root, "bin", "tillctl"), append([]string{"--data", s.Data}, args...)...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		return cmd
	}
	for tries := 1; ; tries++ { // until all of it is in the log
		if err := tillctl("checkpoint", "--tenant", "acme").Run(); err == nil {
			break
		} else if tries == 20 {
			require.NoError(t, err)
		}
		time.Sleep(3 * time.Second)
	}
	pids, err := s.PIDs()
	require.NoError(t, err)
	pid := pids["journal"]
	require.Positive(t, pid)
	for _, form := range []string{"jsonl", "csv", "pdf"} {
		require.NoError(t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)) // the peak begins anew
		cmd, began := tillctl("export", "--tenant", "acme", "--format", form, "--file", filepath.Join(s.Data, "x."+form)), time.Now()
		require.NoError(t, cmd.Run())
		took := time.Since(began)
		journal, own := peak(t, pid), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss/1024
		fmt.Printf("%d entries as %s: %s, %.0f a second; peak memory: journal %d MB, tillctl %d MB\n",
			entries, form, took.Round(time.Second), float64(entries)/took.Seconds(), journal, own)
		assert.LessOrEqual(t, journal, int64(mostMemory), form)
		assert.LessOrEqual(t, own, int64(mostMemory), form)
		require.NoError(t, os.RemoveAll(filepath.Join(s.Data, "x."+form)))
	}
}

// peak resident memory of a process, in MB.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(raw)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			require.NoError(t, err)
			return kb / 1024
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
