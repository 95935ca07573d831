package command

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/tillroll/tillroll/services/tillctl/internal/backup"
)

// backupVerb copies a data folder, also while its stack runs.
type backupVerb struct {
	To     string `arg:"" type:"path" placeholder:"DIR" help:"The folder to make; a backup is never written over."`
	KeysTo string `type:"path" placeholder:"DIR" help:"Put the keys and secrets into a folder of their own, to be kept elsewhere."`
	Output output `embed:""`
}

func (backupVerb) Help() string {
	return `Copies the journal, the state of cart and terminal with their outboxes, and the keys, all as they were at one instant: as
if the power had gone. The stack may run; writers wait for some milliseconds. The broker is left out: what the
journal has not confirmed is in the outboxes and is published again.

The copy holds sales and, without --keys-to, the keys that sign and verify: keep it as safe as the stack. Services keep
confirmed events for 14 days, so make one at least that often. Put it back with restore.

A journal in MongoDB is not in it: back that up with mongodump.

    tillctl backup /backups/monday
    tillctl backup --keys-to /safe/monday-keys /backups/monday`
}

// Run the verb.
func (v backupVerb) Run(ctx context.Context, w World, data dataFolder) error {
	made, err := backup.Make(ctx, backup.Request{
		Data: data.path(), To: v.To, KeysTo: v.KeysTo, Now: w.Clock.Now, Told: w.tellFile("copied"),
	})
	if err != nil {
		return fmt.Errorf("no backup was made: %w", err)
	}
	return v.Output.print(w, made, func() {
		fmt.Fprintf(w.Out, "%s: %d files, %s, as of %s\n", v.To, len(made.Files), size(made.Bytes()), moment(made.MadeAt))
		if v.KeysTo != "" {
			fmt.Fprintf(w.Out, "The keys are in %s.\n", v.KeysTo)
		}
		if len(made.Tenants()) == 0 {
			fmt.Fprintln(w.Out, "It holds no journal of any tenant. If the journal is in MongoDB, back that up with mongodump.")
		}
	})
}

// tellFile prints a line for each file, on a screen only.
func (w World) tellFile(done string) func(backup.File, int, int) {
	if !w.Watched {
		return nil
	}
	return func(f backup.File, n, all int) {
		fmt.Fprintf(w.Err, "%s %d of %d: %s (%s)\n", done, n, all, filepath.FromSlash(f.Path), size(f.Bytes))
	}
}

// size spells a number of bytes for people.
func size(n int64) string {
	const step = 1024
	value, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < step {
			break
		}
		value, unit = value/step, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
