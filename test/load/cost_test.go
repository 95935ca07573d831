//go:build load

package load_test

import (
	"bufio"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/test/stack"
)

// clockTick is the unit of /proc/PID/stat on Linux.
const clockTick = 10 * time.Millisecond

// cost is what the stack has used so far: processor time by process, and the calls that the cart's
// sidecar has taken. Processor time tells the same on a busy machine and on a quiet one.
type cost struct {
	cpu   map[string]time.Duration
	calls map[string]float64
}

func costOf(t *testing.T, s *stack.Stack) cost {
	t.Helper()
	c := cost{cpu: map[string]time.Duration{}, calls: map[string]float64{}}
	pids, err := s.PIDs()
	require.NoError(t, err)
	for name, pid := range pids {
		if used, ok := cpuOf(pid); ok {
			c.cpu[name] = used
		}
	}
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", 9093+s.Offset))
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if call, count, ok := callOf(lines.Text()); ok {
			c.calls[call] += count
		}
	}
	return c
}

// cpuOf a process, in user and kernel mode; false where there is no /proc.
func cpuOf(pid int) (time.Duration, bool) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	kernel, _ := strconv.Atoi(fields[12])
	return time.Duration(user+kernel) * clockTick, true
}

// callOf reads one line of the sidecar's metrics: how often a building block was called.
func callOf(line string) (call string, count float64, ok bool) {
	name, rest, found := strings.Cut(line, "{")
	kinds := map[string]string{
		"dapr_component_state_count": "operation", "dapr_component_pubsub_egress_bulk_count": "topic",
		"dapr_component_pubsub_egress_count": "topic", "dapr_component_pubsub_ingress_count": "topic",
	}
	label, known := kinds[name]
	if !found || !known {
		return "", 0, false
	}
	labels, value, _ := strings.Cut(rest, "} ")
	_, what, _ := strings.Cut(labels, label+`="`)
	what, _, _ = strings.Cut(what, `"`)
	count, err := strconv.ParseFloat(value, 64)
	short := strings.TrimSuffix(strings.TrimPrefix(name, "dapr_component_"), "_count")
	return short + " " + what, count, err == nil
}

// since prints what one sale has cost since before.
func (c cost) since(before cost, sales int) {
	total := time.Duration(0)
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c.cpu)) {
		used := c.cpu[name] - before.cpu[name]
		total += used
		parts = append(parts, fmt.Sprintf("%s %.2f", name, used.Seconds()*1000/float64(sales)))
	}
	fmt.Printf("  processor ms a sale  %.2f: %s\n", total.Seconds()*1000/float64(sales), strings.Join(parts, ", "))
	parts = nil
	for _, call := range slices.Sorted(maps.Keys(c.calls)) {
		if n := c.calls[call] - before.calls[call]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %.2f", call, n/float64(sales)))
		}
	}
	fmt.Printf("  cart's sidecar, calls a sale  %s\n", strings.Join(parts, ", "))
}
