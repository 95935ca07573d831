package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/tillroll/tillroll/services/tillctl/internal/backup"
)

// restoreVerb puts a backup back.
type restoreVerb struct {
	From        string `arg:"" type:"path" placeholder:"DIR" help:"The backup."`
	KeysFrom    string `type:"path" xor:"keys" placeholder:"DIR" help:"The folder of the keys, when they were kept apart."`
	NewKeys     bool   `xor:"keys" help:"Leave the keys out; the next start makes new ones."`
	JournalOnly bool   `help:"Put only the journal back, into a data folder whose own journal was moved away."`
	Check       bool   `help:"Only check that the backup is whole; change nothing."`
}

func (restoreVerb) Help() string {
	return `Checks every file against the manifest, then makes the data folder (--data), which must be empty or not there: nothing is
ever written over. A stack that is started in it goes on as after a power cut.

When only the journal was lost, stop the stack, move DATA/journal away and use --journal-only: cart and terminal keep what
they have, and the journal gets from them what is newer than the backup:

    make down && mv .tillroll/journal .tillroll/journal.old
    tillctl restore --journal-only /backups/monday && make up
    tillctl redeliver --tenant acme --missing
    tillctl verify --tenant acme`
}

// Validate is called by the parser.
func (v restoreVerb) Validate() error {
	if v.JournalOnly && (v.KeysFrom != "" || v.NewKeys) {
		return errors.New("--journal-only leaves the keys alone: drop --keys-from and --new-keys")
	}
	return nil
}

// Run the verb.
func (v restoreVerb) Run(ctx context.Context, w World, data dataFolder) error {
	r := backup.Restoration{
		From: v.From, Data: data.path(), KeysFrom: v.KeysFrom, NewKeys: v.NewKeys, JournalOnly: v.JournalOnly,
		Told: w.tellFile("checked"),
	}
	if v.Check {
		// Keys that are kept apart and not named cannot be checked.
		found, err := backup.Read(v.From)
		if err != nil {
			return err
		}
		r.NewKeys = r.NewKeys || found.KeysApart && v.KeysFrom == ""
		if found, err = backup.Check(ctx, r); err != nil {
			return err
		}
		fmt.Fprintf(w.Out, "The backup is whole: %d files, %s, as of %s\n", len(found.Files), size(found.Bytes()), moment(found.MadeAt))
		if r.NewKeys && !v.NewKeys {
			fmt.Fprintln(w.Out, "Its keys are kept apart and were not checked: name their folder with --keys-from.")
		}
		return nil
	}
	put, err := backup.Restore(ctx, r)
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	fmt.Fprintf(w.Out, "Restored into %s, as of %s.\n", data.path(), moment(put.MadeAt))
	if !v.JournalOnly {
		fmt.Fprintln(w.Out, "Start the stack; what the journal had not confirmed is published again by itself.")
		return nil
	}
	fmt.Fprintln(w.Out, "Start the stack, then let the journal have what is newer than the backup, and see that all is there:")
	for _, tenant := range put.Tenants() {
		fmt.Fprintf(w.Out, "    %s redeliver --tenant %s --missing && %[1]s verify --tenant %[2]s\n", w.Program, tenant)
	}
	return nil
}
