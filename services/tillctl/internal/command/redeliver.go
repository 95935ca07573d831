package command

import (
	"context"
	"fmt"
	"time"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// redeliverVerb makes cart and terminal publish events again.
type redeliverVerb struct {
	access
	ofTenant
	output
	Missing      bool      `xor:"from" help:"What the journal says that it lacks, of each stream and service."`
	FromSequence uint64    `xor:"from" placeholder:"N" help:"From this sequence of every stream on."`
	Since        time.Time `xor:"from" placeholder:"TIME" help:"What was recorded since this time, such as 2026-04-01T00:00:00Z."`
	Terminal     string    `placeholder:"ID" help:"Only this terminal, such as acme-main-1 (default: all streams of the tenant)."`
	Service      string    `enum:"cart,terminal,all" default:"all" help:"Whose events: ${enum}."`
}

func (redeliverVerb) Help() string {
	return `For a journal that was restored from a backup: what it lost since then is published again. What it has already it
recognises, so too much does no harm. Services keep confirmed events for 14 days.

    tillctl redeliver --tenant acme --missing
    tillctl redeliver --tenant acme --since 2026-04-01T00:00:00Z`
}

// Validate is called by the parser.
func (v redeliverVerb) Validate() error {
	if !v.Missing && v.FromSequence == 0 && v.Since.IsZero() {
		return fmt.Errorf("say from where: --missing, --from-sequence N (1 is everything that is kept) or --since TIME")
	}
	return nil
}

// Run the verb.
func (v redeliverVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.administrator())
	if err != nil {
		return err
	}
	if v.Missing {
		return v.missing(ctx, w, stack)
	}
	wanted := client.Redelivery{FromSequence: v.FromSequence, TerminalID: v.Terminal}
	if !v.Since.IsZero() {
		wanted.Since = &v.Since
	}
	found := map[string][]client.Redelivered{}
	table := screen.NewTable("stream", "service", ">from sequence")
	for _, p := range producers(stack, v.Service) {
		list, err := p.service.Redeliver(ctx, v.tenant(), wanted)
		if err != nil {
			return err
		}
		found[p.name] = list
		for _, r := range list {
			table.Row(r.StreamID, p.name, count(r.FromSequence))
		}
	}
	return v.print(w, found, func() { v.tell(w, table) })
}

func (v redeliverVerb) tell(w World, table *screen.Table) {
	if table.Len() == 0 {
		fmt.Fprintln(w.Out, "Nothing to publish again.")
		return
	}
	fmt.Fprintln(w.Out, "Publishing again:")
	table.Print(w.Out, "  ")
	fmt.Fprintf(w.Out, "Watch it with `tillctl deliveries --tenant %s`.\n", v.Tenant)
}
