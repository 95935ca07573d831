package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// streamsVerb shows what the journal has of every terminal.
type streamsVerb struct {
	access
	ofTenant
	output
}

func (streamsVerb) Help() string {
	return `One line for every terminal, and the tenant itself, and each service that makes events for it: how far its sequence has
come in the journal, and which numbers are missing. Missing events are still on their way, or lie in quarantine.`
}

// Run the verb.
func (v streamsVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	found, err := stack.Journals.Streams(ctx, v.tenant())
	if err != nil {
		return err
	}
	return v.print(w, found, func() {
		table := screen.NewTable("stream", "service", ">through", ">complete", ">missing", "which", ">links", "last hash")
		for _, s := range found.Values() {
			for _, p := range s.Producers {
				table.Row(s.StreamID, p.Producer, count(p.ReceivedThrough), count(p.CompleteThrough), count(p.Missing.Len()),
					ranges(p.Missing), count(s.ChainSeq), short(s.LastHash))
			}
		}
		if table.Len() == 0 {
			fmt.Fprintf(w.Out, "The journal has no events of %s yet.\n", v.Tenant)
			return
		}
		table.Print(w.Out, "")
	})
}

// mostRanges that are spelt out.
const mostRanges = 8

// ranges spells a set of numbers: 3, 7-9.
func ranges(set sequence.Set) string {
	parts := make([]string, 0, len(set))
	for i, r := range set {
		if i == mostRanges {
			parts = append(parts, "…")
			break
		}
		part := count(r.First)
		if r.Last > r.First {
			part += "-" + count(r.Last)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}
