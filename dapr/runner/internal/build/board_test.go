package build

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTheEstimateIsLeftOutWhileItWouldBeAGuess(t *testing.T) {
	for _, test := range []struct {
		done, all int
		elapsed   time.Duration
		want      string
	}{
		{0, 0, 0, "linking"},
		{0, 1490, 0, "compiled 0 of 1490 packages"},
		{10, 1490, time.Minute, "compiled 10 of 1490 packages"},
		{100, 1490, 2 * time.Second, "compiled 100 of 1490 packages"},
		{745, 1490, time.Minute, "compiled 745 of 1490 packages, about 1m0s left"},
		{1490, 1490, time.Minute, "compiled 1490 of 1490 packages, linking"},
	} {
		if got := compiling(test.done, test.all, test.elapsed); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestOnATerminalTheLinesAreWrittenOver(t *testing.T) {
	var out bytes.Buffer
	b := newBoard(&out, Screen{Width: 30}, []job{{Target: Target{Name: "daprd"}}, {Target: Target{Name: "cart"}}})
	b.say("daprd", "compiled 10 of 1490 packages, about 3 minutes left")
	b.show()
	b.done("daprd", "built in 3m1s")
	b.close()
	frames := strings.Split(out.String(), "\x1b[2A")
	if len(frames) < 2 {
		t.Fatalf("the lines are not written over: %q", out.String())
	}
	for _, line := range strings.Split(out.String(), "\n") {
		_, text, _ := strings.Cut(line, "\x1b[2K")
		if len([]rune(text)) >= 30 {
			t.Errorf("%q would wrap", text)
		}
	}
	if last := frames[len(frames)-1]; !strings.Contains(last, "daprd  built in 3m1s") || !strings.Contains(last, "cart   waiting") {
		t.Errorf("the last state is %q", last)
	}
}

func TestElsewhereOnlyPlainLinesAreWritten(t *testing.T) {
	var out bytes.Buffer
	b := newBoard(&out, Screen{}, []job{{Target: Target{Name: "daprd"}}, {Target: Target{Name: "cart"}}})
	b.say("daprd", "compiled 10 of 1490 packages")
	b.show()
	b.done("daprd", "built in 3m1s")
	b.close()
	want := "  daprd  compiled 10 of 1490 packages  (0s)\n  daprd  built in 3m1s\n"
	if out.String() != want {
		t.Errorf("got\n%q, want\n%q", out.String(), want)
	}
}

func TestANetworkFailureSaysWhatToDo(t *testing.T) {
	err := explain(errors.New("exit status 1"), []string{`go: example.test/x: Get "https://…": dial tcp: i/o timeout`})
	if !strings.Contains(err.Error(), "check the network and `go env GOPROXY`") {
		t.Errorf("got %v", err)
	}
}
