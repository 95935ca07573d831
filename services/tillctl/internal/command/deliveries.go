package command

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// deliveriesVerb shows how far the events of cart and terminal have come on their way to the journal.
type deliveriesVerb struct {
	access
	ofTenant
	listOutput
	Terminal string `placeholder:"ID" help:"List the events of this terminal, such as acme-main-1, one by one."`
	Service  string `enum:"cart,terminal,all" default:"all" help:"Whose events: ${enum}."`
	Status   string `enum:",pending,published,received,parked" default:"" placeholder:"STATUS" help:"Only events that are pending, published, received or parked."`
	From     uint64 `placeholder:"N" help:"Begin with this sequence."`
	Limit    int    `default:"50" help:"At most so many events of each service."`
}

func (deliveriesVerb) Help() string {
	return `Without --terminal there is a line for every terminal and service: how many events it made, how many of them the broker
took and the journal reported as received, and how many are parked because the journal put them into quarantine.
What is not received is published again until it is.

    tillctl deliveries --tenant acme
    tillctl deliveries --tenant acme --terminal acme-main-1 --status parked`
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
	var rows []outboxRow
	found := map[string]client.List[client.Outbox]{}
	for _, p := range producers(stack, v.Service) {
		list, err := p.service.Outboxes(ctx, v.tenant())
		if err != nil {
			return err
		}
		found[p.name] = list
		for _, o := range list.Values() {
			rows = append(rows, outboxRow{o, p.name})
		}
	}
	slices.SortStableFunc(rows, func(a, b outboxRow) int { return cmp.Compare(a.StreamID, b.StreamID) })
	if len(rows) == 0 && v.Output == "table" {
		fmt.Fprintf(w.Out, "No events of %s yet.\n", v.Tenant)
		return nil
	}
	return outboxes.print(w, v.Output, found, rows, nil)
}

// outboxRow is how far the events of one terminal have come at one service.
type outboxRow struct {
	client.Outbox
	service string
}

var outboxes = listing[outboxRow]{
	id: func(r outboxRow) string { return r.StreamID },
	columns: []column[outboxRow]{
		{title: "stream", name: "streamId", cell: func(r outboxRow) string { return r.StreamID }},
		{title: "service", name: "service", cell: func(r outboxRow) string { return r.service }},
		{title: ">made", name: "lastSequence", cell: func(r outboxRow) string { return count(r.LastSequence) }},
		{title: ">published", name: "publishedThrough", cell: func(r outboxRow) string { return count(r.PublishedThrough) }},
		{title: ">received", name: "receivedThrough", cell: func(r outboxRow) string { return count(r.ReceivedThrough) }},
		{title: ">unconfirmed", name: "unconfirmed", cell: func(r outboxRow) string { return count(r.Unconfirmed) }},
		{title: ">parked", name: "parked", cell: func(r outboxRow) string { return strconv.Itoa(r.Parked) }},
	},
}

func (v deliveriesVerb) events(ctx context.Context, w World, stack client.Stack) error {
	found := map[string]client.List[client.Delivery]{}
	var rows []deliveryRow
	for _, p := range producers(stack, v.Service) {
		list, err := p.service.Deliveries(ctx, v.Terminal, client.DeliveryQuery{Status: v.Status, From: v.From, Limit: v.Limit})
		if err != nil {
			return err
		}
		found[p.name] = list
		for _, d := range list.Values() {
			rows = append(rows, deliveryRow{d, p.name})
		}
	}
	if len(rows) == 0 && v.Output == "table" {
		fmt.Fprintln(w.Out, "No such events.")
		return nil
	}
	return deliveries.print(w, v.Output, found, rows, nil)
}

// deliveryRow is where one event of a service is.
type deliveryRow struct {
	client.Delivery
	service string
}

var deliveries = listing[deliveryRow]{
	id: func(r deliveryRow) string { return r.EventID },
	columns: []column[deliveryRow]{
		{title: "service", name: "service", cell: func(r deliveryRow) string { return r.service }},
		{title: ">sequence", name: "sequence", cell: func(r deliveryRow) string { return count(r.Sequence) }},
		{title: "status", name: "status", cell: func(r deliveryRow) string { return r.Status }},
		{title: "recorded", name: "recordedAt", cell: func(r deliveryRow) string { return moment(r.RecordedAt) }, value: func(r deliveryRow) string { return instant(r.RecordedAt) }},
		{title: "topic", name: "topic", cell: func(r deliveryRow) string { return r.Topic }},
		{title: "event id", name: "eventId", cell: func(r deliveryRow) string { return r.EventID }},
		{title: "reason", name: "reason", cell: func(r deliveryRow) string { return r.Reason }},
	},
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
