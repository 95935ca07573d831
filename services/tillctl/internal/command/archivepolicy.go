package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// archivePolicyVerb shows and sets how long a tenant's journal is kept where.
type archivePolicyVerb struct {
	access
	ofTenant
	output
	LiveDays *int   `placeholder:"DAYS" help:"Days after its business date on which a day moves to the archive; 0: never."`
	KeepDays *int   `placeholder:"DAYS" help:"Days after its business date on which the archive may give a day up; 0: never. What is archived already keeps its time."`
	At       string `placeholder:"HH:MM" help:"Time of day (UTC) from which the archiver runs."`
}

func (archivePolicyVerb) Help() string {
	return `Without --live-days, --keep-days and --at the policy is shown, and what the archiver last did.

    tillctl archive policy --tenant acme
    tillctl archive policy --tenant acme --live-days 400 --keep-days 3653 --at 03:00`
}

// Run the verb.
func (v archivePolicyVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.administrator())
	if err != nil {
		return err
	}
	policy, err := stack.Journals.Retention(ctx, v.tenant())
	if err == nil && (v.LiveDays != nil || v.KeepDays != nil || v.At != "") {
		live, keep, at := policy.Value.LiveDays, policy.Value.KeepDays, policy.Value.At
		if v.LiveDays != nil {
			live = *v.LiveDays
		}
		if v.KeepDays != nil {
			keep = *v.KeepDays
		}
		if v.At != "" {
			at = v.At
		}
		policy, err = stack.Journals.SetRetention(ctx, v.tenant(), live, keep, at)
	}
	if err != nil {
		return err
	}
	return v.print(w, policy, func() { printRetention(w, policy.Value) })
}

func printRetention(w World, r client.Retention) {
	facts := screen.NewFacts()
	live, keep := "for ever: nothing is archived", "for ever"
	if r.LiveDays > 0 {
		live = fmt.Sprintf("%d days, archived from %s UTC", r.LiveDays, r.At)
	}
	if r.KeepDays > 0 {
		keep = fmt.Sprintf("%d days; what is archived already keeps its time", r.KeepDays)
	}
	facts.Add("Live", live)
	facts.Add("Kept", keep)
	if r.SetAt != nil {
		facts.Add("Set", moment(*r.SetAt)+" by "+r.SetBy)
	}
	facts.Add("Segments", fmt.Sprintf("%s, %s of them for ever", grouped(r.Segments), grouped(r.SegmentsForEver)))
	if r.LastRun == nil {
		facts.Add("Last run", "none")
	} else {
		facts.Add("Last run", moment(r.LastRun.FinishedAt)+" by "+r.LastRun.By)
	}
	facts.Print(w.Out, "")
	if r.LastRun != nil {
		printHeld(w, r.LastRun)
	}
}

// printHeld says which days are past their time and stay, and why.
func printHeld(w World, r *client.ArchiveRun) {
	if len(r.Held) == 0 {
		return
	}
	table := screen.NewTable("store", "date", "stays because")
	for _, h := range r.Held {
		table.Row(h.StoreCode, h.BusinessDate, h.Why)
	}
	fmt.Fprintln(w.Out)
	table.Print(w.Out, "")
	if r.HeldMore > 0 {
		fmt.Fprintf(w.Out, "and %d more\n", r.HeldMore)
	}
}

// archiveRunVerb archives now.
type archiveRunVerb struct {
	access
	ofTenant
	output
}

func (archiveRunVerb) Help() string {
	return `Moves what is past its time to the archive, and gives up what is past its retention, whatever the time of day. Exit code 3 says
that days stay which should go; each is named with the reason. Where the journal is in MongoDB another program archives: run
journal-archiver --tenant CODE.

    tillctl archive run --tenant acme`
}

// Run the verb.
func (v archiveRunVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.administrator())
	if err != nil {
		return err
	}
	run, err := stack.Journals.Archive(ctx, v.tenant())
	if err != nil {
		return err
	}
	err = v.print(w, run, func() {
		r := &run.Value
		fmt.Fprintf(w.Out, "%s events in %s segments, %s bytes; %s events left the live journal; %s segments were given up.\n",
			grouped(r.Events), grouped(r.Segments), grouped(int(r.Bytes)), grouped(r.Removed), grouped(r.Purged))
		printHeld(w, r)
	})
	if err == nil && len(run.Value.Held) > 0 {
		err = errFound
	}
	return err
}

// archivePurgeVerb gives up what is past its retention.
type archivePurgeVerb struct {
	access
	ofTenant
	output
	Yes bool `help:"Give them up for good. Without it they are only listed."`
}

func (archivePurgeVerb) Help() string {
	return `Lists the segments whose retention has ended. With --yes the archiver runs now, and they are gone for good; who gave them up, when,
and their hashes stay on record. It happens by itself at the next run of the archiver, too: to keep a segment, hold it.

    tillctl archive purge --tenant acme
    tillctl archive purge --tenant acme --yes`
}

// Run the verb.
func (v archivePurgeVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.administrator())
	if err != nil {
		return err
	}
	if v.Yes {
		return archiveRunVerb{v.access, v.ofTenant, v.output}.Run(ctx, w, data)
	}
	ended, err := stack.Journals.Ended(ctx, v.tenant())
	if err != nil {
		return err
	}
	return v.print(w, ended, func() {
		list := ended.Values()
		if len(list) == 0 {
			fmt.Fprintln(w.Out, "The retention of no segment has ended.")
			return
		}
		table := screen.NewTable("store", "date", ">part", ">events", "kept until", "segment")
		for _, s := range list {
			table.Row(s.StoreCode, s.BusinessDate, strconv.Itoa(s.Part), strconv.Itoa(s.Events), s.KeepUntil, s.Name)
		}
		table.Print(w.Out, "")
	})
}

// archiveHoldVerb keeps a segment for longer.
type archiveHoldVerb struct {
	access
	ofTenant
	output
	Segment string `arg:"" help:"The segment's name, such as t/acme/s1/2026-01-31.1.seg."`
	Until   day    `placeholder:"YYYYMMDD" help:"The last day on which it must be there (default: for ever)."`
	Reason  string `required:"" placeholder:"TEXT" help:"Why; it stays on record."`
}

func (archiveHoldVerb) Help() string {
	return `A segment that is held is not given up before. A hold can only make it longer.

    tillctl archive hold --tenant acme t/acme/s1/2026-01-31.1.seg --until 20400101 --reason "case 4711"`
}

// Validate is called by the parser.
func (v archiveHoldVerb) Validate() error {
	if v.Reason == "" {
		return errors.New("--reason is empty: say why the segment is held")
	}
	return nil
}

// Run the verb.
func (v archiveHoldVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.administrator())
	if err != nil {
		return err
	}
	s, err := stack.Journals.HoldSegment(ctx, v.tenant(), v.Segment, string(v.Until), v.Reason)
	if err != nil {
		return err
	}
	return v.print(w, s, func() {
		until := s.Value.KeepUntil
		if until == "" {
			until = "for ever"
		}
		fmt.Fprintf(w.Out, "%s is kept until: %s\n", s.Value.Name, until)
	})
}
