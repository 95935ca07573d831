package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/tillroll/tillroll/dapr/runner/internal/record"
	"github.com/tillroll/tillroll/dapr/runner/internal/runfile"
)

// buildOnly builds what is not up to date.
func buildOnly(ctx context.Context, call *invocation) error {
	if call.prebuilt() {
		return errors.New("build takes no -bin: programs are built into " + defaultBin)
	}
	file, err := runfile.Read(call.file)
	if err != nil {
		return err
	}
	made, err := call.buildAll(ctx, file)
	if err == nil && len(made) == 0 {
		fmt.Fprintln(call.out, "Everything is built.")
	}
	return err
}

// ours are what the stack keeps in its data folder. Nothing else is deleted:
// -data may have been given a folder that holds more.
var ours = []string{
	"broker", "env", "journal", "keys", "logs", "names.db", "names.db-shm", "names.db-wal", "run.json", "secrets", "state", "lock",
}

// clean deletes the data folder of a stack that does not run.
func clean(_ context.Context, call *invocation) error {
	if _, err := os.Stat(call.data); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(call.out, "There is no %s.\n", call.show(call.data))
		return nil
	}
	lock, err := record.Acquire(call.data)
	if errors.Is(err, record.ErrInUse) {
		return fmt.Errorf("the stack runs in %s: stop it first with `make down`", call.show(call.data))
	}
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := call.refuseIfLeft(); err != nil {
		return err
	}
	if err := call.confirm(os.Stdin); err != nil {
		return err
	}
	return call.remove()
}

func (c *invocation) refuseIfLeft() error {
	run, _, err := record.Read(c.data)
	if err != nil {
		return err
	}
	if left := run.Leftovers(); len(left) > 0 {
		return fmt.Errorf("%s of a runner that crashed still run: stop them first with `make down`", strings.Join(namesOf(left), ", "))
	}
	return nil
}

func (c *invocation) confirm(input *os.File) error {
	if c.yes {
		return nil
	}
	if !term.IsTerminal(int(input.Fd())) {
		return errors.New("nobody can be asked here: give -yes to delete without asking")
	}
	fmt.Fprintf(c.out, "Delete %s with every sale, journal, key and log in it? This cannot be undone. [y/N] ", c.data)
	if !saysYes(input) {
		fmt.Fprintln(c.out, "Nothing was deleted.")
		return errSilent
	}
	return nil
}

func saysYes(input io.Reader) bool {
	answer, _ := bufio.NewReader(input).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

func (c *invocation) remove() error {
	for _, name := range ours {
		if err := os.RemoveAll(filepath.Join(c.data, name)); err != nil {
			return err
		}
	}
	left, err := os.ReadDir(c.data)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		fmt.Fprintf(c.out, "Deleted what the stack kept in %s; what else is in it stays.\n", c.show(c.data))
		return nil
	}
	fmt.Fprintf(c.out, "Deleted %s.\n", c.show(c.data))
	return os.Remove(c.data)
}
