//go:build !linux

package record

import (
	"os/exec"
	"strconv"
	"strings"
)

// birth tells when a process began, to the second. It is empty for a process
// that does not run.
func birth(pid int) string {
	out, err := exec.Command("ps", "-o", "lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
