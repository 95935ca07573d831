package command

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// finding is something wrong that somebody has to see to: a discrepancy, or an event in quarantine. Both are
// listed and shown alike.
type finding struct {
	id, state, kind, detail string
	stream, producer        string
	numbers                 string // of the producer's sequence
	events                  string
	date                    string
	opening                 int
	since, last             time.Time
	times                   int
	resolved                *time.Time
	by, resolution          string
}

func discrepancy(d client.Discrepancy) finding {
	return finding{
		id: d.ID, state: d.State, kind: d.Kind, detail: d.Detail, stream: d.StreamID, producer: d.Producer, numbers: ranges(d.Numbers),
		events: listed(d.Events), date: d.BusinessDate, opening: d.OpenCounter, since: d.OpenedAt, last: d.ChangedAt, times: d.Occurrence,
		resolved: d.ResolvedAt, by: d.ResolvedBy, resolution: d.Resolution,
	}
}

func quarantined(q client.Quarantined) finding {
	return finding{
		id: q.ID, state: q.State, kind: q.Reason, detail: q.Detail, stream: q.StreamID, producer: q.Producer, numbers: unlessZero(q.Sequence),
		events: q.EventID, since: q.FirstSeen, last: q.LastSeen, times: q.Times, resolved: q.ResolvedAt, by: q.ResolvedBy, resolution: q.Resolution,
	}
}

// findings is how they are listed.
var findings = listing[finding]{
	id: func(f finding) string { return f.id },
	columns: []column[finding]{
		{title: "id", name: "id", cell: func(f finding) string { return f.id }},
		{title: "state", name: "state", cell: func(f finding) string { return f.state }},
		{title: "kind", name: "kind", cell: func(f finding) string { return f.kind }},
		{title: "stream", name: "streamId", cell: func(f finding) string { return f.stream }},
		{title: "service", name: "producer", cell: func(f finding) string { return f.producer }},
		{title: ">sequence", name: "sequence", cell: func(f finding) string { return f.numbers }},
		{title: "date", name: "businessDate", cell: func(f finding) string { return f.date }},
		{title: ">opening", name: "openCounter", cell: func(f finding) string { return unlessZero(uint64(max(0, f.opening))) }}, //nolint:gosec // not negative
		{title: "since", name: "since", cell: func(f finding) string { return moment(f.since) }, value: func(f finding) string { return instant(f.since) }},
		{name: "last", value: func(f finding) string { return instant(f.last) }},
		{title: ">times", name: "times", cell: func(f finding) string { return once(f.times) }, value: func(f finding) string { return strconv.Itoa(f.times) }},
		{title: "detail", name: "detail", cell: func(f finding) string { return clip(f.detail) }, value: func(f finding) string { return f.detail }},
	},
}

// instant spells a time for programs.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// once leaves out what happened no more than that.
func once(n int) string {
	if n <= 1 {
		return ""
	}
	return strconv.Itoa(n)
}

// paged is part of the verbs that list findings.
type paged struct {
	Skip  int  `help:"Leave out so many."`
	Limit int  `default:"50" help:"At most so many, 100 at the most."`
	All   bool `help:"All of them, page after page."`
}

// pages asks for the pages that are wanted, and gives them as one.
func pages[T any](p paged, ask func(skip, limit int) (client.List[T], error)) (all client.List[T], err error) {
	if !p.All {
		return ask(p.Skip, p.Limit)
	}
	for {
		page, err := ask(p.Skip+len(all.Items), 100)
		if err != nil {
			return all, err
		}
		items := append(all.Items, page.Items...)
		all, all.Items = page, items
		if all.Skip, all.Limit = p.Skip, len(items); len(page.Items) == 0 || p.Skip+len(items) >= page.Total {
			return all, nil
		}
	}
}

// printFindings prints a page of findings, and ends with errFound when one of them is open. nothing is said
// when there is none.
func printFindings[T any](w World, form string, p paged, page client.List[T], found []finding, nothing string) error {
	if len(found) == 0 && form == "table" {
		fmt.Fprintln(w.Out, nothing)
		return nil
	}
	err := findings.print(w, form, page, found, func() {
		fmt.Fprintf(w.Out, "\n%d of %d.", len(found), page.Total)
		if next := p.Skip + len(found); next < page.Total {
			fmt.Fprintf(w.Out, " The next page: add --skip %d   All: --all", next)
		}
		fmt.Fprintln(w.Out)
	})
	for _, f := range found {
		if err == nil && f.state == "open" {
			err = errFound
		}
	}
	return err
}

// print shows one finding; more is what only its kind has.
func (f finding) print(w World, more func(*screen.Facts)) {
	facts := screen.NewFacts()
	facts.Add("Id", f.id)
	facts.Add("State", f.state)
	facts.Add("Kind", f.kind)
	facts.Add("Detail", f.detail)
	facts.Add("Stream", f.stream)
	facts.Add("Service", f.producer)
	facts.Add("Sequence", f.numbers)
	facts.Add("Events", f.events)
	facts.Add("Date", f.date)
	facts.Add("Opening", unlessZero(uint64(max(0, f.opening)))) //nolint:gosec // not negative
	more(facts)
	facts.Add("Since", moment(f.since))
	if !f.last.Equal(f.since) {
		facts.Add("Last", moment(f.last))
	}
	facts.Add("Times", once(f.times))
	if f.resolved != nil {
		facts.Add("Resolved", fmt.Sprintf("%s by %s: %s", moment(*f.resolved), f.by, orDash(f.resolution)))
	}
	facts.Print(w.Out, "")
}
