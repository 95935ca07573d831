// Package command is what can be typed after `tillctl`: one file per verb, its flags and its help.
//
// A verb reads its flags, asks a service or a folder, and prints. What services answer is package
// client's to know, how things look on a screen package screen's.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/jonboulle/clockwork"

	"github.com/tillroll/tillroll/pkg/problem"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
	"github.com/tillroll/tillroll/services/tillctl/internal/strongbox"
)

// Exit codes. They are part of what scripts rely on.
const (
	exitOK     = 0
	exitFailed = 1 // it could not be done
	exitUsage  = 2 // the command line is wrong
	exitFound  = 3 // it was done, and something wrong was found
)

const description = `The command line of Tillroll, for auditors, operators and developers.

Exit codes: 0 done, 1 failed or interrupted, 2 wrong use, 3 something wrong was found (a verification that does not
hold, a session that does not add up, an open discrepancy, quarantined events, unsafe secrets).

The stack of this machine needs no configuration; "tillctl profile" gives names to others. "tillctl completion" makes the
tab key complete what you type.

    tillctl search --tenant acme --date 20260401 "green tea"
    tillctl search --help`

// World is what a verb touches besides files and the network.
type World struct {
	Program  string // as it was called, for commands that are printed to be typed
	Out, Err io.Writer
	Watched  bool // Out is a terminal window
	// ErrWatched: Err is one, too. What takes long tells there how far it is.
	ErrWatched bool
	Clock      clockwork.Clock
	Random     io.Reader
	Config     string // the user's config folder, where profiles are; "" is none

	profile chosenProfile
	paint   screen.Paint
}

// line is the whole command line.
type line struct {
	Data    string `profile:"" help:"Data folder of the local stack (default: the nearest .tillroll, from here upwards)." env:"TILLROLL_DATA" placeholder:"DIR" type:"path"`
	Profile string `help:"Use this profile (default: the one that \"profile use\" chose, else local)." env:"TILLROLL_PROFILE" suggest:"@profiles" placeholder:"NAME"`

	Color string `enum:"auto,always,never" default:"auto" help:"Colours: ${enum}. auto is on a terminal window, unless NO_COLOR is set."`

	Search searchVerb `cmd:"" group:"For auditors:" help:"Search the electronic journal."`
	Show   showVerb   `cmd:"" group:"For auditors:" help:"Show one entry of the journal as the slip of paper that it was."`

	Verify     verifyVerb     `cmd:"" group:"For auditors:" help:"Prove that nothing in a tenant's journal was changed."`
	Checkpoint checkpointVerb `cmd:"" group:"For auditors:" help:"Print a signed checkpoint of the journal, to keep where nobody can change it."`
	PublicKey  publicKeyVerb  `cmd:"" group:"For auditors:" help:"Print what checkpoints are checked with."`
	Proof      proofVerb      `cmd:"" group:"For auditors:" help:"Prove that one event is in the journal as it was stored."`
	Export     exportVerb     `cmd:"" group:"For auditors:" help:"Take a tenant's journal away: with its proofs, as a spreadsheet, or printed."`
	Compare    compareVerb    `cmd:"" group:"For auditors:" help:"Hold a journal that runs against an export."`

	Archive archiveVerb `cmd:"" group:"For auditors:" help:"Read and check the segments of the archive."`

	Reconcile reconcileVerb `cmd:"" group:"For auditors:" help:"Hold the logs of tills against what they said when they were closed."`

	Discrepancies discrepanciesVerb `cmd:"" group:"For auditors:" help:"Show what is wrong with what is stored, and accept what stays so."`

	Tenants    tenantsVerb    `cmd:"" group:"For operators:" help:"Make and list tenants."`
	Streams    streamsVerb    `cmd:"" group:"For operators:" help:"Show what the journal has of every terminal, and what is missing."`
	Quarantine quarantineVerb `cmd:"" group:"For operators:" help:"Deal with events that the journal could not store."`
	Deliveries deliveriesVerb `cmd:"" group:"For operators:" help:"Show how far events have come on their way to the journal."`
	Redeliver  redeliverVerb  `cmd:"" group:"For operators:" help:"Publish events again that a restored journal lacks."`
	Mongo      mongoVerb      `cmd:"" group:"For operators:" help:"Prepare the journal's MongoDB: roles and users."`

	Profiles profileVerb `cmd:"" name:"profile" group:"For everybody:" help:"Keep where stacks are, and as whom to ask them, under names."`

	Completion completionVerb `cmd:"" group:"For everybody:" help:"Print what makes a shell complete what you type."`
	Complete   completeVerb   `cmd:"" hidden:""`

	Backup  backupVerb  `cmd:"" group:"For the local stack:" help:"Copy a data folder, also while its stack runs."`
	Restore restoreVerb `cmd:"" group:"For the local stack:" help:"Put a backup back, or only check it."`

	Doctor doctorVerb `cmd:"" group:"For the local stack:" help:"Say what is missing on this machine, and how to get it."`

	Events eventsVerb `cmd:"" group:"For the local stack:" help:"Show what services tell each other."`

	Demo demoVerb `cmd:"" group:"For the local stack:" help:"Play a small day of a shop, and show what the journal made of it."`

	Generate generateVerb `cmd:"" group:"For the local stack:" help:"Fill a tenant's journal with shop days, for measuring."`
	Init     initVerb     `cmd:"" group:"For the local stack:" help:"Make the keys and secrets that a data folder lacks."`
	Env      envVerb      `cmd:"" group:"For the local stack:" help:"Print what a shell needs for \"dapr run -f dapr\"."`
	Token    tokenVerb    `cmd:"" group:"For the local stack:" help:"Print a token for an administrator, an auditor or a platform operator."`
}

// Run does what args say and gives the exit code.
func Run(ctx context.Context, args []string, w World) (code int) {
	// Kong ends the process for --help; here only the command ends, so that tests live on.
	type ended struct{ code int }
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case ended:
			code = reason.code
		default:
			panic(reason)
		}
	}()
	var l line
	picked := &picker{config: w.Config}
	parser := newParser(&l, w, func(code int) { panic(ended{code}) }, withProfiles(picked))
	chosen, err := parser.Parse(args)
	if picked.err != nil {
		return w.fail(picked.err)
	}
	w.profile = picked.chosen
	w.paint.On = l.Color == "always" || l.Color == "auto" && w.Watched && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if err != nil {
		return w.fail(misuse{suggest(err), helpFor(err)})
	}
	chosen.BindTo(ctx, (*context.Context)(nil))
	chosen.Bind(w, dataFolder(l.Data))
	return w.fail(chosen.Run())
}

func newParser(l *line, w World, exit func(int), more ...kong.Option) *kong.Kong {
	parser, err := kong.New(l, append(more, kong.Name("tillctl"), kong.Description(description),
		kong.Writers(w.Out, w.Err), kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.WithHyphenPrefixedParameters(true))...)
	if err != nil {
		panic(err) // a mistake in a struct tag, found by the first test
	}
	return parser
}

// misuse is a wrong command line.
type misuse struct {
	error
	help string // the command that explains the right one
}

func helpFor(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		return strings.TrimSpace("tillctl "+strings.TrimPrefix(parse.Context.Command(), "tillctl")) + " --help"
	}
	return "tillctl --help"
}

// errFound ends a verb that has printed what it found wrong.
var errFound = errors.New("something wrong was found")

// unsafe makes of findings about keys and secrets a failure: exit code 3 belongs to what was asked for, and
// nobody may take a key that others can read for a journal that was changed.
func unsafe(err error) error {
	var findings strongbox.Findings
	if errors.As(err, &findings) {
		return fmt.Errorf("the keys and secrets are not as they should be:\n%s", findings.Error())
	}
	return err
}

// fail prints err and gives its exit code.
func (w World) fail(err error) int {
	var wrong misuse
	var findings strongbox.Findings
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFound):
		return exitFound
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w.Err, "tillctl: interrupted")
		return exitFailed
	case errors.As(err, &wrong):
		fmt.Fprintln(w.Err, "tillctl:", wrong.error)
		if wrong.help != "" {
			fmt.Fprintf(w.Err, "See `%s`.\n", wrong.help)
		}
		return exitUsage
	case errors.As(err, &findings):
		fmt.Fprintln(w.Err, "tillctl: the keys and secrets are not as they should be:")
		fmt.Fprintln(w.Err, findings)
		return exitFound
	}
	fmt.Fprintln(w.Err, "tillctl:", err)
	var refused *client.Problem
	if errors.As(err, &refused) && here[refused.Code] != "" {
		fmt.Fprintln(w.Err, "  → here:", here[refused.Code])
	}
	return exitFailed
}

// here is what a service's hint means on a command line, by the code of its problem.
var here = map[int]string{
	problem.Unauthenticated.Code: "a token comes from --token, --token-file, --token-command or a profile; `tillctl profile show` tells whose it is",
	client.TooWide.Code:          "--date, --store, --terminal, --receipt or --type",
}

// dataFolder is the folder of the local stack.
type dataFolder string

const usualDataFolder = ".tillroll"

// path is what the command line names, else the nearest .tillroll from the working folder upwards.
func (d dataFolder) path() string {
	if d != "" {
		return string(d)
	}
	here, err := os.Getwd()
	if err != nil {
		return usualDataFolder
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, usualDataFolder)); err == nil && info.IsDir() {
			return filepath.Join(dir, usualDataFolder)
		}
		if dir == filepath.Dir(dir) {
			return filepath.Join(here, usualDataFolder)
		}
	}
}
