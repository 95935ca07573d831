package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// typeOpen is the type of the entry that a till leaves when it is opened: one for every session.
const typeOpen = "301"

// reconcileVerb holds the logs of sessions against what the tills said at their close.
type reconcileVerb struct {
	access
	ofTenant
	listOutput
	Store       code `suggest:"@stores" profile:"" required:"" placeholder:"CODE" help:"The store."`
	Date        day  `required:"" placeholder:"YYYYMMDD" help:"The business date."`
	Terminal    int  `placeholder:"NO" help:"Only this terminal (default: all that were opened)."`
	OpenCounter int  `placeholder:"N" help:"Only this opening on the date (default: all of them)."`
}

func (reconcileVerb) Help() string {
	return `For every session, from opening a till to closing it: how many transactions and cash moves the journal has, which amount of
cash follows from them, and whether the till said the same when it was closed.

Exit code 3 says that a session differs. A session that is still open, or was closed by force while the cart service
was away, is no difference.

    tillctl reconcile --tenant acme --store main --date 20260401
    tillctl reconcile --tenant acme --store main --date 20260401 --terminal 1 --output csv`
}

// Validate is called by the parser.
func (v reconcileVerb) Validate() error {
	if v.Store == "" {
		return errors.New("--store is empty: name the store")
	}
	if v.OpenCounter != 0 && v.Terminal == 0 {
		return errors.New("--open-counter counts the openings of one terminal: add --terminal NO")
	}
	if v.OpenCounter < 0 || v.Terminal < 0 {
		return errors.New("--terminal and --open-counter begin with 1")
	}
	return nil
}

// Run the verb.
func (v reconcileVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	sessions, err := v.sessions(ctx, stack.Journals)
	if err != nil {
		return err
	}
	found, err := reconcile(ctx, stack.Journals, v.tenant(), sessions)
	if err != nil {
		return err
	}
	if v.Output == "table" {
		printReconciliations(w.Out, sessions, found, "")
	} else if err := reconciled.print(w, v.Output, found, sessionRows(sessions, found), nil); err != nil {
		return err
	}
	if slices.ContainsFunc(found, func(r client.Answer[client.Reconciliation]) bool { return r.Value.State == client.SessionDiffers }) {
		return errFound
	}
	return nil
}

// sessions are those that were asked for, or all that the journal has an opening of.
func (v reconcileVerb) sessions(ctx context.Context, journals client.Journals) ([]client.Session, error) {
	if v.OpenCounter != 0 {
		return []client.Session{{Store: string(v.Store), TerminalNo: v.Terminal, BusinessDate: string(v.Date), OpenCounter: v.OpenCounter}}, nil
	}
	filters := url.Values{
		"transactionType": {typeOpen}, "businessDateFrom": {string(v.Date)}, "businessDateTo": {string(v.Date)},
	}
	if v.Terminal != 0 {
		filters.Set("terminalNo", strconv.Itoa(v.Terminal))
	}
	query := client.SearchQuery{Store: string(v.Store), Filters: filters, Sort: "terminalNo:asc,openCounter:asc"}
	openings, err := journals.Search(ctx, v.tenant(), query)
	if err != nil {
		return nil, err
	}
	entries := openings.Values()
	if openings.ArchivedUntil != "" { // some of the day, or all of it, has left the live journal
		filters.Set("archived", "true")
		archived, err := journals.Search(ctx, v.tenant(), query)
		if err != nil {
			return nil, err
		}
		entries = append(entries, archived.Values()...)
	}
	sessions := make([]client.Session, len(entries))
	for i, e := range entries {
		sessions[i] = client.Session{Store: e.StoreCode, TerminalNo: e.TerminalNo, BusinessDate: e.BusinessDate, OpenCounter: e.OpenCounter}
	}
	slices.SortFunc(sessions, func(a, b client.Session) int {
		return cmp.Or(cmp.Compare(a.TerminalNo, b.TerminalNo), cmp.Compare(a.OpenCounter, b.OpenCounter))
	})
	return slices.Compact(sessions), nil // what is being moved is in both places for a moment
}

// reconcile gives the reconciliation of every session.
func reconcile(ctx context.Context, journals client.Journals, tenant string, sessions []client.Session) ([]client.Answer[client.Reconciliation], error) {
	found := make([]client.Answer[client.Reconciliation], len(sessions))
	for i, s := range sessions {
		var err error
		if found[i], err = journals.Reconcile(ctx, tenant, s); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// sessionRow is a session and what was found of it.
type sessionRow struct {
	client.Session
	r client.Reconciliation
}

func sessionRows(sessions []client.Session, found []client.Answer[client.Reconciliation]) []sessionRow {
	rows := make([]sessionRow, len(found))
	for i, f := range found {
		rows[i] = sessionRow{sessions[i], f.Value}
	}
	return rows
}

// reconciled is a session for programs; people see printReconciliations.
var reconciled = listing[sessionRow]{
	id: func(s sessionRow) string {
		return fmt.Sprintf("%s/%s/%d", s.r.TerminalID, s.BusinessDate, s.OpenCounter)
	},
	columns: []column[sessionRow]{
		{name: "terminalId", value: func(s sessionRow) string { return s.r.TerminalID }},
		{name: "businessDate", value: func(s sessionRow) string { return s.BusinessDate }},
		{name: "openCounter", value: func(s sessionRow) string { return strconv.Itoa(s.OpenCounter) }},
		{name: "cartTransactionCount", value: func(s sessionRow) string { return number(s.r.Logs.CartTransactionCount) }},
		{name: "cashInOutCount", value: func(s sessionRow) string { return number(s.r.Logs.CashInOutCount) }},
		{name: "salesCash", value: func(s sessionRow) string { return s.r.Logs.SalesCash.String() }},
		{name: "expectedCash", value: func(s sessionRow) string { return s.r.Logs.ExpectedCash.String() }},
		{name: "countedCash", value: func(s sessionRow) string {
			return s.closed(func(c *client.Closed) *money.Decimal { return c.CountedCash })
		}},
		{name: "overShort", value: func(s sessionRow) string {
			return s.closed(func(c *client.Closed) *money.Decimal { return c.OverShort })
		}},
		{name: "state", value: func(s sessionRow) string { return s.r.State }},
	},
}

// closed is an amount that the close said, if it did.
func (s sessionRow) closed(amount func(*client.Closed) *money.Decimal) string {
	if s.r.Close == nil || amount(s.r.Close) == nil {
		return ""
	}
	return amount(s.r.Close).String()
}

// printReconciliations prints what was found of sessions of one store and date.
func printReconciliations(w io.Writer, sessions []client.Session, found []client.Answer[client.Reconciliation], indent string) {
	if len(found) == 0 {
		fmt.Fprintln(w, indent+"No till was opened then.")
		return
	}
	digits := screen.Digits(amountsOf(found)...)
	table := screen.NewTable(">till", ">opening", ">trans", ">cash moves", ">sales cash", ">expected", ">counted", ">over/short", "state")
	for i, f := range found {
		r, counted, overShort := f.Value, "", ""
		if r.Close != nil {
			counted, overShort = amountOrNothing(r.Close.CountedCash, digits), amountOrNothing(r.Close.OverShort, digits)
		}
		table.Row(strconv.Itoa(sessions[i].TerminalNo), strconv.Itoa(sessions[i].OpenCounter), number(r.Logs.CartTransactionCount), number(r.Logs.CashInOutCount),
			screen.Amount(r.Logs.SalesCash, digits), screen.Amount(r.Logs.ExpectedCash, digits), counted, overShort, shout(r.State))
	}
	table.Print(w, indent)
	for i, f := range found {
		for _, d := range f.Value.Differences {
			fmt.Fprintf(w, "%sDIFFERS  till %d, opening %d: %s is %s by the logs and %s by the close\n", indent,
				sessions[i].TerminalNo, sessions[i].OpenCounter, d.Field, orDash(d.Logs), orDash(d.Close))
		}
	}
}

// shout makes a state stand out that somebody must look at.
func shout(state string) string {
	if state == client.SessionDiffers {
		return strings.ToUpper(state)
	}
	return state
}

func amountsOf(found []client.Answer[client.Reconciliation]) []money.Decimal {
	var amounts []money.Decimal
	for _, f := range found {
		amounts = append(amounts, f.Value.Logs.SalesCash, f.Value.Logs.ExpectedCash)
		if c := f.Value.Close; c != nil && c.CountedCash != nil {
			amounts = append(amounts, *c.CountedCash)
		}
	}
	return amounts
}

func amountOrNothing(a *money.Decimal, digits int) string {
	if a == nil {
		return ""
	}
	return screen.Amount(*a, digits)
}

// day is a business date on the command line.
type day string

// UnmarshalText is called by the parser.
func (d *day) UnmarshalText(text []byte) error {
	plain := strings.ReplaceAll(string(text), "-", "")
	if _, err := strconv.ParseUint(plain, 10, 32); err != nil || len(plain) != 8 {
		return fmt.Errorf("%q is no date: write it like 20260401", text)
	}
	*d = day(plain)
	return nil
}
