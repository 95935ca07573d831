package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

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

Without --tenant these verbs are about events that belong to no tenant, which is a platform operator's business.

list ends with exit code 3 when something is open.

    tillctl quarantine list --tenant acme
    tillctl quarantine discard --tenant acme 01a1fc3a-ac15-7956-a5ff-8a4da078a3af --reason "sent by a test"`
}

// whose is part of the quarantine's verbs.
type whose struct {
	access
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
	listOutput
	State string `enum:"open,replayed,discarded" default:"open" help:"Which ones: ${enum}."`
	Kind  string `aliases:"reason" placeholder:"KIND" suggest:"undecodable,wrong-publisher,content-changed,unknown-tenant,poison,dead-letter" help:"Only those of this kind, such as unknown-tenant: why the journal did not take them."`
	paged
}

func (quarantineList) Help() string {
	return `Exit code 3 says that something is open.

    tillctl quarantine list --tenant acme
    tillctl quarantine list --tenant acme --state discarded --all --output csv`
}

// Run the verb.
func (v quarantineList) Run(ctx context.Context, w World, data dataFolder) error {
	journals, err := v.journals(w, data)
	if err != nil {
		return err
	}
	page, err := pages(v.paged, func(skip, limit int) (client.List[client.Quarantined], error) {
		return journals.Quarantine(ctx, string(v.Tenant), client.QuarantineQuery{State: v.State, Reason: v.Kind, Skip: skip, Limit: limit})
	})
	if err != nil {
		return err
	}
	var found []finding
	for _, q := range page.Values() {
		found = append(found, quarantined(q))
	}
	return printFindings(w, v.Output, v.paged, page, found, fmt.Sprintf("Nothing in quarantine is %s.", v.State))
}

// one is part of the verbs about one quarantined event.
type one struct {
	whose
	output
	ID string `arg:"" help:"Id of the quarantined event, as the list prints it."`
}

type quarantineShow struct{ one }

func (quarantineShow) Help() string {
	return `The event is printed as it came, whatever it is.

    tillctl quarantine show --tenant acme 01a1fc3a-ac15-7956-a5ff-8a4da078a3af`
}

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

func (quarantineReplay) Help() string {
	return `Mend the cause first: make the tenant, or give the sender its right. What cannot be stored even now stays where it is.

    tillctl quarantine replay --tenant acme 01a1fc3a-ac15-7956-a5ff-8a4da078a3af`
}

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

func (quarantineDiscard) Help() string {
	return `It is not removed: name and reason stay on record beside it.

    tillctl quarantine discard --tenant acme 01a1fc3a-ac15-7956-a5ff-8a4da078a3af --reason "sent by a test"`
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
	quarantined(q).print(w, func(facts *screen.Facts) { facts.Add("Topic", q.Topic) })
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
