package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// discrepanciesVerb is about what is wrong with what is stored.
type discrepanciesVerb struct {
	List   discrepancyList   `cmd:"" help:"List what is wrong."`
	Show   discrepancyShow   `cmd:"" help:"Show one discrepancy."`
	Accept discrepancyAccept `cmd:"" help:"Leave a discrepancy as it is, for a reason."`
}

func (discrepanciesVerb) Help() string {
	return `What breaks a rule is stored all the same, and a discrepancy beside it says what is wrong: a number of a sequence that has
not come, a receipt number used twice, totals that do not add up, a session that differs from its close. Most close by
themselves when what is missing comes; the others an administrator accepts, with a reason.

list ends with exit code 3 when something is open.`
}

type discrepancyList struct {
	access
	ofTenant
	output
	Store    code   `suggest:"@stores" profile:"" placeholder:"CODE" help:"Only this store."`
	Terminal int    `placeholder:"NO" help:"Only this terminal of the store."`
	State    string `enum:"open,closed,accepted,any" default:"open" help:"Which ones: ${enum}."`
	Kind     string `placeholder:"KIND" help:"Only this kind, such as sequence-gap."`
	Date     day    `placeholder:"YYYYMMDD" help:"Only this business date."`
	Skip     int    `help:"Leave out so many."`
	Limit    int    `default:"50" help:"At most so many, 100 at the most."`
}

// Validate is called by the parser.
func (v discrepancyList) Validate() error {
	if v.Terminal != 0 && v.Store == "" {
		return errors.New("--terminal is a number within a store: add --store CODE")
	}
	return nil
}

// Run the verb.
func (v discrepancyList) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	found, err := stack.Journals.Discrepancies(ctx, v.tenant(), client.DiscrepancyQuery{
		Store: string(v.Store), TerminalNo: v.Terminal, State: v.State, Kind: v.Kind, BusinessDate: string(v.Date), Skip: v.Skip, Limit: v.Limit,
	})
	if err != nil {
		return err
	}
	open := false
	err = v.print(w, found, func() {
		if len(found.Items) == 0 {
			fmt.Fprintln(w.Out, "Nothing.")
			return
		}
		table := screen.NewTable("id", "kind", "state", "stream", "date", ">opening", "since", "detail")
		for _, d := range found.Values() {
			table.Row(d.ID, d.Kind, d.State, d.StreamID, d.BusinessDate, unlessZero(uint64(d.OpenCounter)), moment(d.OpenedAt), clip(d.Detail))
		}
		table.Print(w.Out, "")
		fmt.Fprintf(w.Out, "\n%d of %d.\n", len(found.Items), found.Total)
	})
	for _, d := range found.Values() {
		open = open || d.State == "open"
	}
	if err == nil && open {
		err = errFound
	}
	return err
}

// oneDiscrepancy is part of the verbs about one.
type oneDiscrepancy struct {
	access
	ofTenant
	output
	ID string `arg:"" help:"Id of the discrepancy, as the list prints it."`
}

type discrepancyShow struct{ oneDiscrepancy }

// Run the verb.
func (v discrepancyShow) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	d, err := stack.Journals.Discrepancy(ctx, v.tenant(), v.ID)
	if err != nil {
		return err
	}
	return v.print(w, d, func() { printDiscrepancy(w, d.Value) })
}

type discrepancyAccept struct {
	oneDiscrepancy
	Reason string `required:"" help:"Why it stays as it is; it stays on record."`
}

// Run the verb.
func (v discrepancyAccept) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.administrator())
	if err != nil {
		return err
	}
	d, err := stack.Journals.Accept(ctx, v.tenant(), v.ID, v.Reason)
	if err != nil {
		return err
	}
	return v.print(w, d, func() { printDiscrepancy(w, d.Value) })
}

func printDiscrepancy(w World, d client.Discrepancy) {
	facts := screen.NewFacts()
	facts.Add("Id", d.ID)
	facts.Add("State", d.State)
	facts.Add("Kind", d.Kind)
	facts.Add("Stream", d.StreamID)
	facts.Add("Date", d.BusinessDate)
	facts.Add("Opening", unlessZero(uint64(d.OpenCounter)))
	facts.Add("Detail", d.Detail)
	facts.Add("From", d.Producer)
	if len(d.Numbers) > 0 {
		facts.Add("Numbers", ranges(d.Numbers))
	}
	facts.Add("Events", strings.Join(d.Events, ", "))
	for _, f := range d.Differences {
		facts.Add(f.Field, fmt.Sprintf("expected %s, said %s", orDash(f.Expected), orDash(f.Said)))
	}
	facts.Add("Since", moment(d.OpenedAt))
	if d.Occurrence > 1 {
		facts.Add("Occurrence", strconv.Itoa(d.Occurrence))
	}
	if d.ResolvedAt != nil {
		facts.Add("Resolved", fmt.Sprintf("%s by %s: %s", moment(*d.ResolvedAt), d.ResolvedBy, orDash(d.Resolution)))
	}
	facts.Print(w.Out, "")
}
