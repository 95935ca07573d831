package command

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/tillroll/tillroll/dapr/runner/internal/build"
	"github.com/tillroll/tillroll/dapr/runner/internal/logline"
	"github.com/tillroll/tillroll/dapr/runner/internal/stack"
)

// console is where a running stack is seen: plain words of the runner, and the
// merged log of all programs. Several goroutines write to it.
type console struct {
	mu     sync.Mutex
	out    io.Writer
	format logline.Format
	// wordsOnly leaves the logs out: in the background nobody reads along.
	wordsOnly bool
}

// say prints words of the runner.
func (c *console) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format+"\n", args...)
}

// record prints a line of a program's log if it weighs enough.
func (c *console) record(name string, line []byte, least logline.Level) {
	record := logline.Parse(line)
	if c.wordsOnly || !isShown(record, least) {
		return
	}
	text := c.format.Line(name, record, time.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(c.out, text)
}

// harmless are warnings that a local stack gives at every start: mTLS, actors and
// jobs are not used here, the sidecar of a till has neither an app nor secrets,
// and passwords at the broker never leave this machine.
var harmless = []string{
	"mTLS is disabled.", "Actor runtime disabled:", "No scheduler host addresses",
	"App channel is not initialized.", "Secrets configuration added for 'secretstore', but no matching",
	"Skipping programmatic", "Plaintext passwords detected",
}

// isShown tells whether a record is worth a line among those of other programs.
func isShown(record logline.Record, least logline.Level) bool {
	if record.Level < least || record.Message == "" {
		return false
	}
	if record.Level != logline.Warn {
		return true
	}
	return !slices.ContainsFunc(harmless, func(begin string) bool { return strings.HasPrefix(record.Message, begin) })
}

// leastShown is the lightest level of a program that is shown beside others:
// sidecars and the broker tell more than anyone wants to read, as long as nothing
// is wrong.
func leastShown(name string) logline.Level {
	switch {
	case strings.HasSuffix(name, ".daprd"), name == string(stack.Broker):
		return logline.Warn
	case name == runnerName:
		return logline.Info
	}
	return logline.Debug
}

// screenOf is the size of a terminal, or none.
func screenOf(out io.Writer) build.Screen {
	file, isFile := out.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return build.Screen{}
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width < 20 {
		return build.Screen{}
	}
	return build.Screen{Width: width}
}

// coloured is true on a terminal, unless the user asks for none (no-color.org).
func coloured(out io.Writer) bool {
	return screenOf(out).Width > 0 && os.Getenv("NO_COLOR") == ""
}
