package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/dapr/runner/internal/stack"
)

// The environment says the same as the flags, which win over it.
const (
	dataVariable   = "TILLROLL_DATA"
	offsetVariable = "TILLROLL_PORT_OFFSET"
)

const (
	defaultFile = "dapr/embedded.yaml"
	defaultData = ".tillroll"
	defaultBin  = "bin"
)

// options is what the command line and the environment say.
type options struct {
	root   string
	file   string
	data   string
	bin    string
	offset int
	ports  portFlag
	except listFlag

	follow bool
	lines  int
	json   bool
	yes    bool
	words  []string
}

// parse reads the flags of a verb. They may stand before and after other words.
func parse(name string, args []string, complaints io.Writer) (options, error) {
	o := options{ports: portFlag{}, data: os.Getenv(dataVariable)}
	if err := o.readOffset(); err != nil {
		return o, err
	}
	flags := newFlags(name, &o)
	flags.SetOutput(complaints)
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return o, errSilent // the flag package has said what is wrong
		}
		args = flags.Args()
		if len(args) > 0 {
			o.words, args = append(o.words, args[0]), args[1:]
		}
	}
	if name != "logs" && len(o.words) > 0 {
		return o, fmt.Errorf("%s takes no %q", name, o.words[0])
	}
	return o, o.resolve()
}

func (o *options) readOffset() error {
	text, set := os.LookupEnv(offsetVariable)
	if !set || text == "" {
		return nil
	}
	offset, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s is %q: it must be a number, such as 100", offsetVariable, text)
	}
	o.offset = offset
	return nil
}

func newFlags(name string, o *options) *flag.FlagSet {
	flags := flag.NewFlagSet("runner "+name, flag.ContinueOnError)
	flags.StringVar(&o.data, "data", o.data, "`DIR` of everything the stack keeps (default "+defaultData+"; also "+dataVariable+")")
	flags.IntVar(&o.offset, "port-offset", o.offset, "add `N` to every port, to run a second stack (also "+offsetVariable+")")
	flags.Var(&o.ports, "port", "use another port: `NAME=N`, such as cart=8103, cart.http=3603 or broker=5222; repeatable")
	flags.Var(&o.except, "except", "do not start the app `NAME`, only its sidecar, to run it under a debugger; repeatable")
	flags.StringVar(&o.file, "file", "", "the run `FILE` (default "+defaultFile+")")
	flags.StringVar(&o.bin, "bin", "", "run the programs in `DIR` as they are, and build nothing (default: build into "+defaultBin+")")
	switch name {
	case "logs":
		flags.BoolVar(&o.follow, "f", false, "go on showing what is logged")
		flags.IntVar(&o.lines, "n", 200, "how many `LINES` of what was logged before; 0 for all")
	case "status", "doctor":
		flags.BoolVar(&o.json, "json", false, "answer in JSON")
	case "clean":
		flags.BoolVar(&o.yes, "yes", false, "do not ask")
	}
	return flags
}

// resolve fills in the defaults and makes paths absolute: the programs of the
// stack work in other folders.
func (o *options) resolve() error {
	root, err := findRoot()
	if err != nil && (o.file == "" || o.data == "") {
		return err
	}
	o.root = root
	for _, path := range []struct {
		value    *string
		fallback string
	}{{&o.file, defaultFile}, {&o.data, defaultData}} {
		if *path.value == "" {
			*path.value = filepath.Join(root, path.fallback)
		}
		if *path.value, err = filepath.Abs(*path.value); err != nil {
			return err
		}
	}
	if o.bin != "" {
		o.bin, err = filepath.Abs(o.bin)
	}
	return err
}

// findRoot looks for the repository around the working directory, and then
// around the runner itself, which is built into its bin folder.
func findRoot() (string, error) {
	var starts []string
	if dir, err := os.Getwd(); err == nil {
		starts = append(starts, dir)
	}
	if program, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(program))
	}
	for _, dir := range starts {
		for ; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, defaultFile)); err == nil {
				return dir, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", errors.New("there is no " + defaultFile + " here or above: go into the repository, or give -file and -data")
}

// prebuilt is true when the programs are taken as they are.
func (o options) prebuilt() bool { return o.bin != "" }

func (o options) binFolder() string {
	if o.prebuilt() {
		return o.bin
	}
	return filepath.Join(o.root, defaultBin)
}

func (o options) stack() stack.Options {
	return stack.Options{Root: o.root, Data: o.data, Bin: o.binFolder(), Offset: o.offset, Ports: o.ports, Except: o.except}
}

// show shortens a path for messages.
func (o options) show(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(dir, path)
	if err != nil || strings.HasPrefix(relative, "..") {
		return path
	}
	return relative
}

// arguments repeats the options for another runner.
func (o options) arguments() []string {
	args := []string{"-file", o.file, "-data", o.data, "-bin", o.binFolder(), "-port-offset", strconv.Itoa(o.offset)}
	for name, number := range o.ports {
		args = append(args, "-port", fmt.Sprintf("%s=%d", name, number))
	}
	for _, name := range o.except {
		args = append(args, "-except", name)
	}
	return args
}

// portFlag is a repeatable NAME=N.
type portFlag map[string]int

func (p portFlag) String() string { return "" }

func (p portFlag) Set(text string) error {
	name, number, found := strings.Cut(text, "=")
	n, err := strconv.Atoi(number)
	if !found || name == "" || err != nil {
		return errors.New("write it as NAME=N, such as cart=8103")
	}
	p[name] = n
	return nil
}

// listFlag is a repeatable name, or several with commas.
type listFlag []string

func (l *listFlag) String() string { return "" }

func (l *listFlag) Set(text string) error {
	for _, name := range strings.Split(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			*l = append(*l, name)
		}
	}
	return nil
}
