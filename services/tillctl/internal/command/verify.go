package command

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// verifyVerb proves that nothing in a tenant's journal was changed.
type verifyVerb struct {
	access
	ofTenant
	output
}

func (verifyVerb) Help() string {
	return `The journal computes every hash anew from what is stored and follows the chain of each terminal from its first link to its
last. Whatever was edited, removed, inserted or swapped breaks a chain, and the first bad link is named. A number that
is missing from a terminal's sequence, or stands in it twice, is named as well.

Exit code 3 says that something is wrong.`
}

// Run the verb.
func (v verifyVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	found, err := stack.Journals.Verify(ctx, v.tenant())
	if err != nil {
		return err
	}
	wrong := faults(found.Value)
	if err := v.print(w, found, func() { printVerification(w, found.Value, wrong, "") }); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return errFound
	}
	return nil
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
		fmt.Fprintln(w.Out, indent+"WRONG  "+screen.Plain(fault))
	}
	if len(wrong) == 0 {
		fmt.Fprintf(w.Out, "%sNothing was changed: %s in %s hold.\n", indent,
			plural(int(links), "link", "links"), plural(len(v.Streams), "chain", "chains")) //nolint:gosec // far below 2^53
	}
}

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
