package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// streamsVerb shows what the journal has of every terminal.
type streamsVerb struct {
	access
	ofTenant
	listOutput
}

func (streamsVerb) Help() string {
	return `One line for every terminal, and the tenant itself, and each service that makes events for it: how far its sequence has
come in the journal, and which numbers are missing. Missing events are still on their way, or lie in quarantine.

    tillctl streams --tenant acme
    tillctl streams --tenant acme --output csv`
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
	var rows []streamRow
	for _, s := range found.Values() {
		for _, p := range s.Producers {
			rows = append(rows, streamRow{s, p})
		}
	}
	if len(rows) == 0 && v.Output == "table" {
		fmt.Fprintf(w.Out, "The journal has no events of %s yet.\n", v.Tenant)
		return nil
	}
	return streams.print(w, v.Output, found, rows, nil)
}

// streamRow is what the journal has of one service for one terminal.
type streamRow struct {
	client.Stream
	p client.Progress
}

var streams = listing[streamRow]{
	id: func(r streamRow) string { return r.StreamID },
	columns: []column[streamRow]{
		{title: "stream", name: "streamId", cell: func(r streamRow) string { return r.StreamID }},
		{title: "service", name: "producer", cell: func(r streamRow) string { return r.p.Producer }},
		{title: ">through", name: "receivedThrough", cell: func(r streamRow) string { return count(r.p.ReceivedThrough) }},
		{title: ">complete", name: "completeThrough", cell: func(r streamRow) string { return count(r.p.CompleteThrough) }},
		{title: ">missing", name: "missing", cell: func(r streamRow) string { return count(r.p.Missing.Len()) }},
		{title: "which", name: "which", cell: func(r streamRow) string { return ranges(r.p.Missing) }},
		{title: ">links", name: "chainSeq", cell: func(r streamRow) string { return count(r.ChainSeq) }},
		{title: "last hash", name: "lastHash", cell: func(r streamRow) string { return short(r.LastHash) }, value: func(r streamRow) string { return r.LastHash }},
	},
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
