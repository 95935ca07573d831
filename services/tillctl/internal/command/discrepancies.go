package command

import (
	"context"
	"errors"
	"fmt"
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

list ends with exit code 3 when something is open.

    tillctl discrepancies list --tenant acme --store main --date 20260401
    tillctl discrepancies accept --tenant acme 89b9689f59d5368c1fc10b2ecf8ae914 --reason "the till was replaced"`
}

type discrepancyList struct {
	access
	ofTenant
	listOutput
	Store    code   `suggest:"@stores" profile:"" placeholder:"CODE" help:"Only this store."`
	Terminal int    `placeholder:"NO" help:"Only this terminal of the store."`
	State    string `enum:"open,closed,accepted,any" default:"open" help:"Which ones: ${enum}."`
	Kind     string `suggest:"sequence-gap,sequence-twice,receipt-number-twice,totals-differ,incomplete,session-differs,after-close,unknown-staff" placeholder:"KIND" help:"Only this kind, such as sequence-gap."`
	Date     day    `placeholder:"YYYYMMDD" help:"Only this business date."`
	paged
}

func (discrepancyList) Help() string {
	return `Exit code 3 says that something is open.

    tillctl discrepancies list --tenant acme --store main --date 20260401
    tillctl discrepancies list --tenant acme --state any --all --output csv`
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
	page, err := pages(v.paged, func(skip, limit int) (client.List[client.Discrepancy], error) {
		return stack.Journals.Discrepancies(ctx, v.tenant(), client.DiscrepancyQuery{
			Store: string(v.Store), TerminalNo: v.Terminal, State: v.State, Kind: v.Kind, BusinessDate: string(v.Date), Skip: skip, Limit: limit,
		})
	})
	if err != nil {
		return err
	}
	var found []finding
	for _, d := range page.Values() {
		found = append(found, discrepancy(d))
	}
	nothing := fmt.Sprintf("No discrepancy is %s.", v.State)
	if v.State == "any" {
		nothing = "There is no discrepancy."
	}
	return printFindings(w, v.Output, v.paged, page, found, nothing)
}

// oneDiscrepancy is part of the verbs about one.
type oneDiscrepancy struct {
	access
	ofTenant
	output
	ID string `arg:"" help:"Id of the discrepancy, as the list prints it."`
}

type discrepancyShow struct{ oneDiscrepancy }

func (discrepancyShow) Help() string {
	return `Everything that is known of it: which numbers, which events, which figures.

    tillctl discrepancies show --tenant acme 89b9689f59d5368c1fc10b2ecf8ae914`
}

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

func (discrepancyAccept) Help() string {
	return `An administrator decides, and name and reason stay on record.

    tillctl discrepancies accept --tenant acme 89b9689f59d5368c1fc10b2ecf8ae914 --reason "the till was replaced"`
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
	discrepancy(d).print(w, func(facts *screen.Facts) {
		for _, f := range d.Differences {
			facts.Add(f.Field, fmt.Sprintf("expected %s, said %s", orDash(f.Expected), orDash(f.Said)))
		}
	})
}

// listed spells a list of ids.
func listed(ids []string) string { return strings.Join(ids, ", ") }
