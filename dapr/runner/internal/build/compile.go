package build

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// complaintLines is how much of what the go command says about a failure is shown.
const complaintLines = 30

// compile downloads what is missing, counts what has to be compiled, and
// compiles it into the file.
func compile(ctx context.Context, j job, file string, board *board) error {
	outdated, err := listOutdated(ctx, j, board)
	if err != nil {
		return err
	}
	began, compiled := time.Now(), 0
	args := append([]string{"build", "-v", "-o", file}, j.flags...)
	_, err = runGo(goCommand(ctx, j.Dir, append(args, j.Package)...), func(line string) bool {
		if !outdated[line] {
			return false
		}
		compiled++
		board.say(j.Name, compiling(compiled, len(outdated), time.Since(began)))
		return true
	})
	return err
}

// listOutdated returns the packages that are not in the build cache. To know
// them the go command downloads every module that is missing.
func listOutdated(ctx context.Context, j job, board *board) (map[string]bool, error) {
	board.say(j.Name, "looking what there is to do")
	const ifStale = "{{if .Stale}}{{.ImportPath}}{{end}}"
	args := append([]string{"list", "-deps", "-f", ifStale}, j.flags...)
	modules := 0
	out, err := runGo(goCommand(ctx, j.Dir, append(args, j.Package)...), func(line string) bool {
		if !strings.HasPrefix(line, "go: downloading ") {
			return false
		}
		modules++
		board.say(j.Name, "downloaded "+count(modules, "module"))
		return true
	})
	if err != nil {
		return nil, err
	}
	outdated := map[string]bool{}
	for _, line := range strings.Fields(out) {
		outdated[line] = true
	}
	board.say(j.Name, compiling(0, len(outdated), 0))
	return outdated, nil
}

// runGo runs a go command. heard is given every line that it says and returns
// true for one that is progress; the others explain a failure.
func runGo(cmd *exec.Cmd, heard func(line string) bool) (string, error) {
	var out strings.Builder
	cmd.Stdout = &out
	said, err := cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	complaint := listen(said, heard)
	if err := cmd.Wait(); err != nil {
		return "", explain(err, complaint)
	}
	return out.String(), nil
}

func listen(said io.Reader, heard func(string) bool) []string {
	var complaint []string
	scanner := bufio.NewScanner(said)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if line := scanner.Text(); !heard(line) && len(complaint) < complaintLines {
			complaint = append(complaint, line)
		}
	}
	_, _ = io.Copy(io.Discard, said) // what is too long for a line must not block the command
	return complaint
}

func explain(err error, complaint []string) error {
	text := strings.Join(complaint, "\n")
	switch {
	case text == "":
		return err
	case strings.Contains(text, "dial tcp"), strings.Contains(text, "proxyconnect"), strings.Contains(text, "TLS handshake"):
		return fmt.Errorf("%w\n%s\nModules could not be downloaded: check the network and `go env GOPROXY`, then try again; what was downloaded is kept", err, text)
	case strings.Contains(text, "no space left on device"):
		return fmt.Errorf("%w\n%s\nThe disk is full: the first build needs about 3 GB for Go's caches (see `go env GOCACHE GOMODCACHE`)", err, text)
	}
	return errors.Join(err, errors.New(text))
}

// compiling says how far it is and how long it may still take. Packages differ
// in size, so the estimate is rough, and is left out while it would be a guess.
func compiling(done, all int, elapsed time.Duration) string {
	text := fmt.Sprintf("compiled %d of %s", done, count(all, "package"))
	switch {
	case all == 0:
		return "linking"
	case done >= all:
		return text + ", linking"
	case done*20 >= all && elapsed > 3*time.Second:
		left := elapsed * time.Duration(all-done) / time.Duration(done)
		return text + ", about " + left.Round(time.Second).String() + " left"
	}
	return text
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// duration is as exact as a reader needs it.
func duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}
