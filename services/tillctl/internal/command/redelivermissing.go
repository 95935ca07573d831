package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// missing has every stream published again from the first event on that the journal lacks. A journal
// that was restored from before a tenant lacks all of it.
func (v redeliverVerb) missing(ctx context.Context, w World, stack client.Stack) error {
	complete, err := v.complete(ctx, stack)
	if err != nil {
		return err
	}
	found := map[string][]client.Redelivered{}
	table := screen.NewTable("stream", "service", ">from sequence")
	var gone []string
	for _, p := range producers(stack, v.Service) {
		outboxes, err := p.service.Outboxes(ctx, v.tenant())
		if err != nil {
			return err
		}
		for _, o := range outboxes.Values() {
			first := complete[p.name][o.StreamID] + 1
			if first > o.LastSequence || v.Terminal != "" && v.Terminal != o.StreamID {
				continue
			}
			if first <= o.SweptThrough {
				gone = append(gone, fmt.Sprintf("%s of %s: %d to %d", o.StreamID, p.name, first, o.SweptThrough))
				if first = o.SweptThrough + 1; first > o.LastSequence {
					continue
				}
			}
			list, err := p.service.Redeliver(ctx, v.tenant(), client.Redelivery{FromSequence: first, TerminalID: o.StreamID})
			if err != nil {
				return err
			}
			found[p.name] = append(found[p.name], list...)
			for _, r := range list {
				table.Row(r.StreamID, p.name, count(r.FromSequence))
			}
		}
	}
	if err := v.print(w, found, func() { v.tell(w, table) }); err != nil || len(gone) == 0 {
		return err
	}
	fmt.Fprintln(w.Err, "The journal lacks events that are no longer kept; restore a newer backup of it:")
	for _, line := range gone {
		fmt.Fprintln(w.Err, "   ", line)
	}
	return errFound
}

// complete is how far the journal has everything, by producer and stream.
func (v redeliverVerb) complete(ctx context.Context, stack client.Stack) (map[string]map[string]uint64, error) {
	known := map[string]map[string]uint64{client.CartService: {}, client.TerminalService: {}}
	streams, err := stack.Journals.Streams(ctx, v.tenant())
	var p *client.Problem
	if errors.As(err, &p) && p.Code == journalKnowsNoSuchTenant {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	for _, s := range streams.Values() {
		for _, p := range s.Producers {
			if known[p.Producer] != nil {
				known[p.Producer][s.StreamID] = p.CompleteThrough
			}
		}
	}
	return known, nil
}

// journalKnowsNoSuchTenant is the journal's code for a tenant that it has not heard of.
const journalKnowsNoSuchTenant = 410008
