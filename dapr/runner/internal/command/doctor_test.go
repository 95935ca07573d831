package command_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestWhatWouldFailAfterTheBuildIsSaidBeforeIt(t *testing.T) {
	h := newHouse(t, "programs/cart")
	holder, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", h.ports[1]))
	must(err)
	defer holder.Close()
	said, code := h.runner("run", "-bin", "nothing-is-built-here")
	if code != 1 || !strings.Contains(said, fmt.Sprintf("port %d, the app port of cart", h.ports[1])) || !strings.Contains(said, "→ Stop what holds them") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

func TestDoctor(t *testing.T) {
	h := newHouse(t, "programs/cart")
	must(os.MkdirAll(h.data, 0o700))
	must(os.Chmod(h.data, 0o755))
	said, _ := h.runner("doctor", "-json", "-port", fmt.Sprintf("broker=%d", h.ports[0]))
	var found struct {
		OK     bool
		Checks []struct{ Name, Status, Message, Next string }
	}
	if err := json.Unmarshal([]byte(said), &found); err != nil {
		t.Fatalf("%v in %s", err, said)
	}
	status := map[string]string{}
	for _, c := range found.Checks {
		status[c.Name] = c.Status
	}
	for name, want := range map[string]string{"data folder": "warn", "ports": "ok", "runner": "ok"} {
		if status[name] != want {
			t.Errorf("%s is %q, not %q: %s", name, status[name], want, said)
		}
	}
	for _, name := range []string{"go", "disk", "memory"} {
		if status[name] == "" {
			t.Errorf("%s was not looked at", name)
		}
	}
}

func TestOnAFreshMachineNothingIsBuiltYetAndNothingIsWrong(t *testing.T) {
	h := newHouse(t, "not-built-yet")
	said, _ := h.runner("doctor", "-bin", "nothing-is-built-here")
	if !regexp.MustCompile(`(?m)^ok +ports `).MatchString(said) {
		t.Errorf("ports are not ok: %s", said)
	}
}

func TestNamesThatDoNotExistAreNoFaultOfThePorts(t *testing.T) {
	h := newHouse(t, "programs/cart")
	said, code := h.runner("doctor", "-except", "card")
	if code != 1 || !strings.Contains(said, "there is no such app") || strings.Contains(said, "Stop what holds them") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

func TestAStartIsQuietWhenAllIsWell(t *testing.T) {
	h := newHouse(t, "programs/cart")
	said, code := h.runner("up")
	if code != 0 || strings.Contains(said, "Note:") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

// A warning keeps nothing from starting: it is said before the start, with what to do.
func TestAWarningIsSaidBeforeTheStart(t *testing.T) {
	h := newHouse(t, "programs/cart")
	must(os.MkdirAll(h.data, 0o700))
	must(os.Chmod(h.data, 0o755))
	said, code := h.runner("up")
	note := fmt.Sprintf("Note: others can look into %s (mode 0755), and keys are in there. chmod 700 %[1]s\n", h.data)
	if code != 0 || !strings.HasPrefix(said, note) {
		t.Errorf("exit code %d, and not first of all %q:\n%s", code, note, said)
	}
}
