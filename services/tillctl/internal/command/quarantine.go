package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tillroll/tillroll/pkg/auth"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// quarantineVerb is about events that the journal could not store.
type quarantineVerb struct {
	List    quarantineList    `cmd:"" help:"List quarantined events."`
	Show    quarantineShow    `cmd:"" help:"Show one quarantined event, as it came."`
	Replay  quarantineReplay  `cmd:"" help:"Try again to store a quarantined event."`
	Discard quarantineDiscard `cmd:"" help:"Give a quarantined event up for good."`
}

func (quarantineVerb) Help() string {
	return `An event that cannot be decoded, comes from a service that may not send it, or has a known id and other content is never
thrown away: it lies in quarantine with its reason until somebody replays it, after mending the cause, or discards it.

Without --tenant these verbs are about events that belong to no tenant, which is a platform operator's business.`
}

// whose is part of the quarantine's verbs.
type whose struct {
	access
	output
	Tenant code `suggest:"@tenants" profile:"" env:"TILLROLL_TENANT" placeholder:"CODE" help:"The tenant (default: events that belong to none)."`
}

func (v whose) journals(w World, data dataFolder) (client.Journals, error) {
	p := auth.Principal{Role: auth.Administrator, TenantID: string(v.Tenant)}
	if v.Tenant == "" {
		p.Role = auth.Platform
	}
	stack, err := v.connect(w, data, p)
	return stack.Journals, err
}

type quarantineList struct {
	whose
	State  string `enum:"open,replayed,discarded" default:"open" help:"Which ones: ${enum}."`
	Reason string `placeholder:"REASON" help:"Only those with this reason, such as unknown-tenant."`
	Skip   int    `help:"Leave out so many."`
	Limit  int    `default:"50" help:"At most so many, 100 at the most."`
}

// Run the verb.
func (v quarantineList) Run(ctx context.Context, w World, data dataFolder) error {
	journals, err := v.journals(w, data)
	if err != nil {
		return err
	}
	found, err := journals.Quarantine(ctx, string(v.Tenant), client.QuarantineQuery{State: v.State, Reason: v.Reason, Skip: v.Skip, Limit: v.Limit})
	if err != nil {
		return err
	}
	return v.print(w, found, func() {
		if len(found.Items) == 0 {
			fmt.Fprintf(w.Out, "Nothing in quarantine is %s.\n", v.State)
			return
		}
		table := screen.NewTable("id", "reason", "stream", "service", ">sequence", ">times", "last seen", "detail")
		for _, q := range found.Values() {
			table.Row(q.ID, q.Reason, q.StreamID, q.Producer, unlessZero(q.Sequence), strconv.Itoa(q.Times), moment(q.LastSeen), clip(q.Detail))
		}
		table.Print(w.Out, "")
		fmt.Fprintf(w.Out, "\n%d of %d.\n", len(found.Items), found.Total)
	})
}

// one is part of the verbs about one quarantined event.
type one struct {
	whose
	ID string `arg:"" help:"Id of the quarantined event, as the list prints it."`
}

type quarantineShow struct{ one }

// Run the verb.
func (v quarantineShow) Run(ctx context.Context, w World, data dataFolder) error {
	journals, err := v.journals(w, data)
	if err != nil {
		return err
	}
	item, err := journals.Quarantined(ctx, string(v.Tenant), v.ID)
	if err != nil {
		return err
	}
	return v.print(w, item, func() {
		printQuarantined(w, item.Value)
		printEvent(w, item)
	})
}

type quarantineReplay struct{ one }

// Run the verb.
func (v quarantineReplay) Run(ctx context.Context, w World, data dataFolder) error {
	journals, err := v.journals(w, data)
	if err != nil {
		return err
	}
	item, err := journals.Replay(ctx, string(v.Tenant), v.ID)
	if err != nil {
		return err
	}
	return v.print(w, item, func() { printQuarantined(w, item.Value) })
}

type quarantineDiscard struct {
	one
	Reason string `required:"" help:"Why it is given up; it stays on record."`
}

// Run the verb.
func (v quarantineDiscard) Run(ctx context.Context, w World, data dataFolder) error {
	journals, err := v.journals(w, data)
	if err != nil {
		return err
	}
	item, err := journals.Discard(ctx, string(v.Tenant), v.ID, v.Reason)
	if err != nil {
		return err
	}
	return v.print(w, item, func() { printQuarantined(w, item.Value) })
}

func printQuarantined(w World, q client.Quarantined) {
	facts := screen.NewFacts()
	facts.Add("Id", q.ID)
	facts.Add("State", q.State)
	facts.Add("Reason", q.Reason+": "+q.Detail)
	facts.Add("Event", q.EventID)
	facts.Add("Topic", q.Topic)
	facts.Add("Stream", q.StreamID)
	facts.Add("Sequence", unlessZero(q.Sequence))
	facts.Add("From", q.Producer)
	facts.Add("First seen", moment(q.FirstSeen))
	facts.Add("Last seen", fmt.Sprintf("%s, %s", moment(q.LastSeen), plural(q.Times, "time", "times")))
	if q.ResolvedAt != nil {
		facts.Add("Resolved", fmt.Sprintf("%s by %s: %s", moment(*q.ResolvedAt), q.ResolvedBy, orDash(q.Resolution)))
	}
	facts.Print(w.Out, "")
}

// printEvent prints the event as it came. It may be anything at all, so nothing of it reaches the
// terminal window unescaped.
func printEvent(w World, item client.Answer[client.Quarantined]) {
	var whole struct {
		Event json.RawMessage `json:"event"`
	}
	raw, err := item.MarshalJSON()
	if err != nil || json.Unmarshal(raw, &whole) != nil || len(whole.Event) == 0 {
		return
	}
	var text bytes.Buffer
	if json.Indent(&text, whole.Event, "", "  ") != nil {
		return
	}
	fmt.Fprintf(w.Out, "\n%s\n", escapeControls(text.String()))
}

func unlessZero(n uint64) string {
	if n == 0 {
		return ""
	}
	return count(n)
}

// clip shortens what would make a table unreadable.
func clip(s string) string {
	const most = 60
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}
