package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// verifyVerb proves that nothing in a tenant's journal was changed.
type verifyVerb struct {
	access
	output
	trust
	Tenant  code   `suggest:"@tenants" profile:"" env:"TILLROLL_TENANT" placeholder:"CODE" help:"The tenant; an export names its own."`
	Offline string `placeholder:"FILE" help:"Check this export, or this segment of the archive, and ask no service."`
}

func (verifyVerb) Help() string {
	return `The journal computes every hash anew from what is stored, follows the chain of each terminal from its first link to its
last, and holds the log of all of them against every checkpoint that was signed. Whatever was edited, removed, inserted or
swapped is found, and the first bad event is named. A number that is missing from a terminal's sequence, or stands in it
twice, is named as well.

What the journal says of itself, somebody who rebuilt all of it could make it say. So hold it against checkpoints that were
kept elsewhere, or take an export and check that with nothing but the public key:

    tillctl verify --tenant acme --checkpoint acme.checkpoints --key journal.key
    tillctl verify --tenant acme --receipt "1234 K7QF-2M3X-9ABC-DEFG"
    tillctl verify --offline acme.jsonl --key journal.key --checkpoint acme.checkpoints

Exit code 3 says that something is wrong.`
}

// Run the verb.
func (v verifyVerb) Run(ctx context.Context, w World, data dataFolder) error {
	if v.Offline != "" {
		return v.offline(ctx, w)
	}
	if v.Tenant == "" {
		return misuse{errors.New("missing flags: --tenant=CODE, or --offline=FILE"), "tillctl verify --help"}
	}
	of := ofTenant{v.Tenant}
	stack, err := v.connect(w, data, of.auditor())
	if err != nil {
		return err
	}
	found, err := stack.Journals.Verify(ctx, of.tenant())
	if err != nil {
		return err
	}
	wrong := faults(found.Value)
	var kept []string
	if len(v.Checkpoint)+len(v.Receipt) > 0 || v.Key != "" {
		var rewritten []string
		if kept, rewritten, err = v.againstKept(ctx, of.tenant(), &stack.Journals); err != nil {
			return err
		}
		wrong = append(wrong, rewritten...)
	}
	if err := v.print(w, found, func() { printVerification(w, found.Value, wrong, "") }); err != nil {
		return err
	}
	for _, line := range kept {
		if v.Output == "table" {
			fmt.Fprintln(w.Out, line)
		}
	}
	if len(wrong) > 0 {
		return errFound
	}
	return nil
}

// againstKept holds the journal against what was kept elsewhere: it says what agrees, and what does not.
func (v verifyVerb) againstKept(ctx context.Context, tenant string, journals *client.Journals) (agree, wrong []string, err error) {
	keys, err := v.keys(ctx, journals)
	if err != nil {
		return nil, nil, err
	}
	notes, err := v.notes()
	if err != nil {
		return nil, nil, err
	}
	receipts, err := v.receipts()
	if err != nil {
		return nil, nil, err
	}
	newest, err := journals.Checkpoint(ctx, tenant)
	if err != nil {
		return nil, nil, err
	}
	signed, err := keys.Open(newest.Value.Note)
	if err != nil || signed.Tenant != tenant {
		return nil, []string{fmt.Sprintf("the journal's newest checkpoint: %v", orOther(err, "it is another tenant's"))}, nil
	}
	agree = append(agree, fmt.Sprintf("The signature is right: checkpoint %s of %s.", signed.Short(), moment(signed.Time)))
	for _, note := range notes {
		kept, err := keys.Open(note)
		if err != nil {
			return nil, nil, fmt.Errorf("a checkpoint that was kept: %w", err)
		}
		if kept.Tenant != tenant {
			return nil, nil, fmt.Errorf("a checkpoint that was kept is of the tenant %q and not of %q", kept.Tenant, tenant)
		}
		name := fmt.Sprintf("the checkpoint %s of %s", kept.Short(), moment(kept.Time))
		problem, err := continues(ctx, journals, keys, tenant, kept.Size, func(proof.Hash) proof.Hash { return kept.Root })
		if err != nil {
			return nil, nil, err
		}
		agree, wrong = compared(agree, wrong, name, kept.Size, problem)
	}
	for _, r := range receipts {
		problem, err := continues(ctx, journals, keys, tenant, r.size, func(root proof.Hash) proof.Hash {
			if proof.ShortRoot(root) != r.root {
				return proof.Hash{} // which leads to no root
			}
			return root
		})
		if err != nil {
			return nil, nil, err
		}
		agree, wrong = compared(agree, wrong, fmt.Sprintf("the receipt's checkpoint %d %s", r.size, r.root), r.size, problem)
	}
	return agree, wrong, nil
}

func compared(agree, wrong []string, name string, size uint64, problem string) (yes, no []string) {
	if problem != "" {
		return agree, append(wrong, fmt.Sprintf("%s: %s", name, problem))
	}
	return append(agree, fmt.Sprintf("The first %s are as %s has them.", plural(int(size), "event", "events"), name)), wrong //nolint:gosec // far below 2^53
}

func orOther(err error, other string) string {
	if err != nil {
		return err.Error()
	}
	return other
}

// continues says what is wrong when the journal does not begin with the first size events that were
// signed then. root gives the root of then, and may look at the one that the journal tells.
func continues(ctx context.Context, journals *client.Journals, keys proof.Keys, tenant string, size uint64, root func(told proof.Hash) proof.Hash) (string, error) {
	found, err := journals.Consistency(ctx, tenant, size)
	var p *client.Problem
	switch {
	case err == nil:
	case errors.As(err, &p) && p.Status == http.StatusNotFound:
		return "the journal has fewer events: its end was cut off, or it was set back. " + p.Detail, nil
	default:
		return "", err
	}
	return broken(&found, keys, tenant, size, root), nil
}

// broken says why the journal's proof does not lead from the first size events to what it has now; ""
// when it does.
func broken(found *client.Consistency, keys proof.Keys, tenant string, size uint64, root func(told proof.Hash) proof.Hash) string {
	now, err := keys.Open(found.To.Note)
	if err != nil {
		return err.Error()
	}
	var told proof.Hash
	if found.From != nil {
		told = found.From.RootHash
	}
	if now.Tenant != tenant || now.Size < size || proof.CheckConsistency(size, now.Size, found.Proof, root(told), now.Root) != nil {
		return fmt.Sprintf("the journal does not begin with it any more: one of the first %d events was changed, and history written anew. "+
			"`tillctl export` and `tillctl verify --offline` name it", size)
	}
	return ""
}

// faults says in words what is wrong: in a chain, in a sequence, or outside of all chains.
func faults(v client.Verification) []string {
	var wrong []string
	for _, s := range v.Streams {
		if bad := s.FirstBad; bad != nil {
			wrong = append(wrong, fmt.Sprintf("%s, link %d (event %s): %s", s.StreamID, bad.ChainSeq, orDash(bad.EventID), bad.Problem))
		}
		for _, p := range s.Producers {
			if n := p.Missing.Len(); n > 0 {
				wrong = append(wrong, fmt.Sprintf("%s, %s: %s missing: %s. They may still be on their way: see `tillctl deliveries`",
					s.StreamID, p.Producer, plural(int(n), "event is", "events are"), ranges(p.Missing))) //nolint:gosec // far below 2^53
			}
			if n := p.Twice.Len(); n > 0 {
				wrong = append(wrong, fmt.Sprintf("%s, %s: there is more than one event with the sequence %s", s.StreamID, p.Producer, ranges(p.Twice)))
			}
		}
	}
	if bad := v.Log.FirstBad; bad != nil {
		fault := proof.Fault{Index: bad.Index, Last: bad.LastIndex, Problem: bad.Problem}
		where := ""
		if bad.StreamID != "" {
			where = fmt.Sprintf(", link %d of %s", bad.ChainSeq, bad.StreamID)
		}
		wrong = append(wrong, "log"+where+", "+fault.String())
	}
	for _, s := range v.Strays {
		wrong = append(wrong, fmt.Sprintf("%s %s is stored, and no chain has a link for it", s.Where, s.ID))
	}
	if len(wrong) == 0 && !v.Holds {
		wrong = append(wrong, "the journal says that it does not hold, and gives no reason that this tillctl understands")
	}
	return wrong
}

func printVerification(w World, v client.Verification, wrong []string, indent string) {
	table := screen.NewTable("stream", ">links", "from", ">events", "chain", "last hash")
	links := uint64(0)
	for _, s := range v.Streams {
		links += s.Count
		verdict := "holds"
		if s.FirstBad != nil {
			verdict = "BROKEN at link " + count(s.FirstBad.ChainSeq)
		}
		id, of, hash := s.StreamID, count(s.Count), short(s.LastHash)
		for _, p := range s.Producers {
			table.Row(id, of, p.Producer, count(p.ReceivedThrough-p.Missing.Len()), verdict, hash)
			id, of, verdict, hash = "", "", "", ""
		}
		if len(s.Producers) == 0 {
			table.Row(id, of, "", "", verdict, hash)
		}
	}
	if table.Len() > 0 {
		table.Print(w.Out, indent)
		fmt.Fprintln(w.Out)
	}
	for _, fault := range wrong {
		fmt.Fprintln(w.Out, indent+w.paint.Bad("WRONG")+"  "+screen.Plain(fault))
	}
	if len(wrong) == 0 {
		fmt.Fprintf(w.Out, "%sNothing was changed: %s in %s hold", indent,
			plural(int(links), "link", "links"), plural(len(v.Streams), "chain", "chains")) //nolint:gosec // far below 2^53
		if v.Log.Checkpoints > 0 {
			fmt.Fprintf(w.Out, ", and the log is as %s", plural(v.Log.Checkpoints, "checkpoint says", "checkpoints say"))
		}
		fmt.Fprintln(w.Out, ".")
	}
	if v.Log.Waiting > manyWaiting {
		fmt.Fprintf(w.Out, "%sThe log is being made: %s in no checkpoint yet. Verify again when it has them.\n", indent,
			plural(int(v.Log.Waiting), "event is", "events are")) //nolint:gosec // far below 2^53
	}
}

// manyWaiting is how many events are not just those of the last moment.
const manyWaiting = 1000

// short shows the beginning of a hash; the whole of it is in the JSON.
func short(hash string) string { return hash[:min(len(hash), 12)] }

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// number spells a count that may be absent.
func number(n int64) string { return strconv.FormatInt(n, 10) }
