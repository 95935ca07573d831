package record

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// birth tells when a process began: the clock ticks since the boot, and the
// boot. It is empty for a process that does not run, or that is dead and only
// waits to be reaped.
func birth(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name of the program stands in brackets and may hold anything.
	_, after, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(after)
	const state, startTime = 0, 19
	if len(fields) <= startTime || fields[state] == "Z" || fields[state] == "X" {
		return ""
	}
	return fields[startTime] + "@" + boot()
}

var boot = sync.OnceValue(func() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
})
