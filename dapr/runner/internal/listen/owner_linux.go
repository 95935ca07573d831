package listen

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// owner names the process that holds a TCP port, or "" when it cannot be told:
// the process of another user does not show its files.
func owner(port int) string {
	sockets := append(socketsOn("/proc/net/tcp", port), socketsOn("/proc/net/tcp6", port)...)
	if len(sockets) == 0 {
		return ""
	}
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, descriptor := range descriptors {
		target, err := os.Readlink(descriptor)
		if err == nil && slices.Contains(sockets, target) {
			return describe(strings.Split(descriptor, "/")[2])
		}
	}
	return ""
}

// socketsOn lists the sockets whose local port it is, as /proc/*/fd names them.
// Not only listening ones: an outgoing connection can hold a high port, too.
func socketsOn(table string, port int) []string {
	file, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer file.Close()
	suffix := fmt.Sprintf(":%04X", port)
	var sockets []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		// sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && strings.HasSuffix(fields[1], suffix) && fields[9] != "0" {
			sockets = append(sockets, "socket:["+fields[9]+"]")
		}
	}
	return sockets
}

// commandWidth keeps a long command line from filling the screen.
const commandWidth = 60

func describe(pid string) string {
	if _, err := strconv.Atoi(pid); err != nil {
		return ""
	}
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
	command := strings.TrimSpace(strings.ReplaceAll(string(raw), "\x00", " "))
	if err != nil || command == "" {
		return "process " + pid
	}
	if letters := []rune(command); len(letters) > commandWidth {
		command = string(letters[:commandWidth]) + "…"
	}
	return fmt.Sprintf("process %s (%s)", pid, command)
}
