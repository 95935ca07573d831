package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// checkpointVerb prints a signed checkpoint.
type checkpointVerb struct {
	access
	ofTenant
	output
}

func (checkpointVerb) Help() string {
	return `The journal signs what it has now: how many events, and a hash over all of them. Keep it where nobody who can change the
journal can change it. Whatever becomes of the journal later, ` + "`tillctl verify --checkpoint`" + ` tells whether it still
begins with what it had then.

    tillctl checkpoint --tenant acme >> /media/usb/acme.checkpoints`
}

// Run the verb.
func (v checkpointVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	c, err := stack.Journals.Checkpoint(ctx, v.tenant())
	if err != nil {
		return err
	}
	return v.print(w, c, func() { fmt.Fprint(w.Out, c.Value.Note) })
}

// publicKeyVerb prints the journal's public key.
type publicKeyVerb struct {
	access
	ofTenant
}

func (publicKeyVerb) Help() string {
	return `Take the key once, from somebody whom you trust, and keep it: a key that comes with what it is to check proves nothing.

    tillctl public-key --tenant acme > journal.key`
}

// Run the verb.
func (v publicKeyVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	key, err := stack.Journals.PublicKey(ctx)
	if err == nil {
		fmt.Fprintln(w.Out, key)
	}
	return err
}

// trust is part of every verb that checks signatures.
type trust struct {
	Key        string   `placeholder:"FILE" help:"Public key of the journal, as 'tillctl public-key' printed it (default: the one that the journal gives)."`
	Checkpoint []string `placeholder:"FILE" help:"Checkpoints that were kept elsewhere; a file may hold several."`
	Receipt    []string `placeholder:"TEXT" help:"Checkpoint as a close receipt shows it, such as \"1234 K7QF-2M3X-9ABC-DEFG\"."`
}

// keys reads the public key that was given, or asks the journal for it.
func (t trust) keys(ctx context.Context, journals *client.Journals) (proof.Keys, error) {
	if t.Key == "" {
		if journals == nil {
			return proof.Keys{}, misuse{errors.New("--key is missing: without a public key nothing can be proven"), ""}
		}
		text, err := journals.PublicKey(ctx)
		if err != nil {
			return proof.Keys{}, err
		}
		return proof.ParseKeys(text)
	}
	text, err := os.ReadFile(t.Key)
	if err != nil {
		return proof.Keys{}, err
	}
	keys, err := proof.ParseKeys(string(text))
	if err != nil {
		return keys, fmt.Errorf("%s: %w", t.Key, err)
	}
	return keys, nil
}

// notes are the checkpoints that were kept.
func (t trust) notes() ([]string, error) {
	var notes []string
	for _, file := range t.Checkpoint {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		found := proof.SplitNotes(string(text))
		if len(found) == 0 {
			return nil, fmt.Errorf("%s holds no checkpoint", file)
		}
		notes = append(notes, found...)
	}
	return notes, nil
}

// printed is a checkpoint as a receipt shows it.
type printed struct {
	size uint64
	root string
}

// receipts reads what receipts show.
func (t trust) receipts() ([]printed, error) {
	var all []printed
	for _, text := range t.Receipt {
		size, root, _ := strings.Cut(strings.TrimSpace(text), " ")
		n, err := strconv.ParseUint(size, 10, 63)
		root = strings.ToUpper(strings.TrimSpace(root))
		if err != nil || len(root) != len(proof.ShortRoot(proof.Hash{})) {
			return nil, misuse{fmt.Errorf("--receipt %q is not what a receipt shows, such as \"1234 K7QF-2M3X-9ABC-DEFG\"", text), ""}
		}
		all = append(all, printed{n, root})
	}
	return all, nil
}
