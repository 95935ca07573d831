package command

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// deliveriesVerb shows how far the events of cart and terminal have come on their way to the journal.
type deliveriesVerb struct {
	access
	ofTenant
	output
	Terminal string `placeholder:"ID" help:"List the events of this terminal, such as acme-main-1, one by one."`
	Service  string `enum:"cart,terminal,all" default:"all" help:"Whose events: ${enum}."`
	Status   string `enum:",pending,published,received,parked" default:"" placeholder:"STATUS" help:"Only events that are pending, published, received or parked."`
	From     uint64 `placeholder:"N" help:"Begin with this sequence."`
	Limit    int    `default:"50" help:"At most so many events of each service."`
}

func (deliveriesVerb) Help() string {
	return `Without --terminal there is a line for every terminal and service: how many events it made, how many of them the broker
took and the journal reported as received, and how many are parked because the journal put them into quarantine.
What is not received is published again until it is.`
}

// Validate is called by the parser.
func (v deliveriesVerb) Validate() error {
	if v.Terminal == "" && (v.Status != "" || v.From != 0) {
		return fmt.Errorf("--status and --from choose among the events of one terminal: add --terminal ID")
	}
	if v.Limit < 1 {
		return fmt.Errorf("--limit %d is too small: use 1 or more", v.Limit)
	}
	return nil
}

// Run the verb.
func (v deliveriesVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.administrator())
	if err != nil {
		return err
	}
	if v.Terminal != "" {
		return v.events(ctx, w, stack)
	}
	return v.outboxes(ctx, w, stack)
}

func (v deliveriesVerb) outboxes(ctx context.Context, w World, stack client.Stack) error {
	type row struct {
		client.Outbox
		service string
	}
	var rows []row
	found := map[string]client.List[client.Outbox]{}
	for _, p := range producers(stack, v.Service) {
		list, err := p.service.Outboxes(ctx, v.tenant())
		if err != nil {
			return err
		}
		found[p.name] = list
		for _, o := range list.Values() {
			rows = append(rows, row{o, p.name})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.StreamID, b.StreamID) })
	return v.print(w, found, func() {
		if len(rows) == 0 {
			fmt.Fprintf(w.Out, "No events of %s yet.\n", v.Tenant)
			return
		}
		table := screen.NewTable("stream", "service", ">made", ">published", ">received", ">unconfirmed", ">parked")
		for _, r := range rows {
			table.Row(r.StreamID, r.service, count(r.LastSequence), count(r.PublishedThrough), count(r.ReceivedThrough),
				count(r.Unconfirmed), strconv.Itoa(r.Parked))
		}
		table.Print(w.Out, "")
	})
}

func (v deliveriesVerb) events(ctx context.Context, w World, stack client.Stack) error {
	found := map[string]client.List[client.Delivery]{}
	table := screen.NewTable("service", ">sequence", "status", "recorded", "topic", "event id", "reason")
	for _, p := range producers(stack, v.Service) {
		list, err := p.service.Deliveries(ctx, v.Terminal, client.DeliveryQuery{Status: v.Status, From: v.From, Limit: v.Limit})
		if err != nil {
			return err
		}
		found[p.name] = list
		for _, d := range list.Values() {
			table.Row(p.name, count(d.Sequence), d.Status, moment(d.RecordedAt), d.Topic, d.EventID, d.Reason)
		}
	}
	return v.print(w, found, func() {
		if table.Len() == 0 {
			fmt.Fprintln(w.Out, "No such events.")
			return
		}
		table.Print(w.Out, "")
	})
}

// producer is a service that makes events.
type producer struct {
	name    string
	service *client.Service
}

// producers that were chosen: one, or all.
func producers(stack client.Stack, chosen string) []producer {
	var some []producer
	for _, p := range []producer{{client.CartService, stack.Carts.Service}, {client.TerminalService, stack.Terminals.Service}} {
		if chosen == "all" || chosen == p.name {
			some = append(some, p)
		}
	}
	return some
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }
