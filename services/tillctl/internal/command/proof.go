package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// proofVerb proves that one event is in the journal.
type proofVerb struct {
	access
	output
	Key       string `placeholder:"FILE" help:"Public key of the journal, as 'tillctl public-key' printed it (default: the one that the journal gives)."`
	Tenant    code   `suggest:"@tenants" profile:"" env:"TILLROLL_TENANT" placeholder:"CODE" help:"The tenant; a proof names its own."`
	Offline   string `placeholder:"FILE" help:"Check a proof that was saved, and ask no service."`
	JournalID string `arg:"" optional:"" help:"Id of the journal entry, or of any other event."`
}

func (proofVerb) Help() string {
	return `The journal gives the event with its link, and the hashes that lead from it to a signed checkpoint. All of it is checked here.
Saved, it can be checked by anybody who has the public key:

    tillctl proof --tenant acme 01a1fc3a-ac15-7956-a5ff-8a4da078a3af
    tillctl proof --tenant acme 01a1fc3a-ac15-7956-a5ff-8a4da078a3af --output json > receipt.proof
    tillctl proof --offline receipt.proof --key journal.key

Exit code 3 says that the proof is wrong.`
}

// Run the verb.
func (v proofVerb) Run(ctx context.Context, w World, data dataFolder) error {
	given, keys, err := v.take(ctx, w, data)
	if err != nil {
		return err
	}
	line, signed, problem := checkProof(given.Value, keys)
	if problem == "" && v.Tenant != "" && signed.Tenant != string(v.Tenant) {
		problem = fmt.Sprintf("it is about the tenant %q", signed.Tenant)
	}
	err = v.print(w, given, func() {
		if problem == "" {
			v.draw(w, line, signed)
		}
	})
	if err == nil && problem != "" {
		fmt.Fprintln(w.Err, "WRONG  "+screen.Plain(problem))
		err = errFound
	}
	return err
}

// take gets the proof and what it is checked with.
func (v proofVerb) take(ctx context.Context, w World, data dataFolder) (given client.Answer[client.Proof], keys proof.Keys, err error) {
	if v.Offline != "" {
		if keys, err = (trust{Key: v.Key}).keys(ctx, nil); err != nil {
			return given, keys, err
		}
		raw, err := os.ReadFile(v.Offline)
		if err != nil {
			return given, keys, err
		}
		if err := json.Unmarshal(raw, &given); err != nil {
			return given, keys, fmt.Errorf("%s is no proof: %w", v.Offline, err)
		}
		return given, keys, nil
	}
	if v.Tenant == "" || v.JournalID == "" {
		return given, keys, misuse{errors.New("name --tenant and the id of the event, or --offline and a file"), "tillctl proof --help"}
	}
	of := ofTenant{v.Tenant}
	stack, err := v.connect(w, data, of.auditor())
	if err != nil {
		return given, keys, err
	}
	if keys, err = (trust{Key: v.Key}).keys(ctx, &stack.Journals); err != nil {
		return given, keys, err
	}
	given, err = stack.Journals.Proof(ctx, of.tenant(), v.JournalID)
	if err == nil && given.Value.EventID != v.JournalID {
		err = fmt.Errorf("the journal answered with the proof of %q", given.Value.EventID)
	}
	return given, keys, err
}

// checkProof says what is wrong with a proof, or "".
func checkProof(p client.Proof, keys proof.Keys) (line proof.Line, signed proof.Checkpoint, problem string) {
	signed, err := keys.Open(p.Checkpoint.Note)
	if err != nil {
		return line, signed, err.Error()
	}
	if line, err = proof.ParseLine(p.Line); err != nil {
		return line, signed, "the event cannot be read: " + err.Error()
	}
	if line.EventID != p.EventID {
		return line, signed, "it is about another event than it says"
	}
	return line, signed, line.Check(&signed)
}

func (v proofVerb) draw(w World, line proof.Line, signed proof.Checkpoint) {
	facts := screen.NewFacts()
	facts.Add("Event", line.EventID)
	facts.Add("Chain", fmt.Sprintf("link %d of %s, hash %s", line.Seq, line.Stream, line.Hash))
	facts.Add("Log", fmt.Sprintf("event %d of %d of %s", line.Index, signed.Size, signed.Tenant))
	facts.Add("Checkpoint", signed.Short()+", signed "+moment(signed.Time))
	facts.Print(w.Out, "")
	var entry struct {
		ReceiptText string `json:"receipt_text"`
		JournalText string `json:"journal_text"`
	}
	if line.Entry != nil && json.Unmarshal(line.Entry, &entry) == nil {
		text := entry.ReceiptText
		if text == "" {
			text = entry.JournalText
		}
		fmt.Fprintln(w.Out)
		screen.Receipt(w.Out, text, "")
	}
	fmt.Fprintln(w.Out, "\nIt stands in the journal as it was stored: hashes, path and signature are right.")
}
