package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// showVerb shows entries of the journal as the slips of paper that they were.
type showVerb struct {
	access
	ofTenant
	output
	JournalID   []string `arg:"" optional:"" help:"Ids of entries, as a search prints them."`
	Store       code     `profile:"" suggest:"@stores" placeholder:"CODE" help:"The store of the terminal."`
	Terminal    int      `placeholder:"NO" help:"The terminal, with --transaction or --receipt."`
	Transaction int64    `placeholder:"NO" help:"The transaction with this number."`
	Receipt     int64    `placeholder:"NO" help:"The receipts with this number; numbers begin again some day."`
	Journal     bool     `help:"Draw the journal text, which the till keeps, instead of the customer's receipt."`
	PDF         string   `name:"pdf" placeholder:"FILE" help:"Print them into this file, with their places in the journal, after their proofs were checked."`
	Key         string   `placeholder:"FILE" help:"Public key of the journal, to check what is printed with (default: the one that the journal gives)."`
}

func (showVerb) Help() string {
	return `An entry is named by its id, or by its terminal and the number of its transaction or receipt, as they stand on the paper.

    tillctl show --tenant acme 01a1fc3a-ac15-7956-a5ff-8a4da078a3af
    tillctl show --tenant acme --store main --terminal 1 --transaction 1017
    tillctl show --tenant acme 01a1fc3a-ac15-7956-a5ff-8a4da078a3af --pdf receipt.pdf
    tillctl search --tenant acme --date 20260401 --output ids "green tea" | xargs tillctl show --tenant acme`
}

// Validate is called by the parser.
func (v showVerb) Validate() error {
	byNumber := v.Terminal != 0 || v.Transaction != 0 || v.Receipt != 0
	switch {
	case len(v.JournalID) > 0 && byNumber:
		return errors.New("name entries by their ids, or by --terminal and --transaction, not both")
	case len(v.JournalID) > 0:
		return nil
	case v.Terminal < 1 || v.Transaction < 1 && v.Receipt < 1:
		return errors.New("name the entry: its id, or --store, --terminal and --transaction (or --receipt)")
	case v.Store == "":
		return errors.New("--terminal is a number within a store: add --store CODE")
	}
	return nil
}

// Run the verb.
func (v showVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	if v.PDF != "" {
		return v.onPaper(ctx, w, stack.Journals)
	}
	entries, err := v.entries(ctx, stack.Journals)
	if err != nil {
		return err
	}
	for i, entry := range entries {
		err := v.print(w, entry, func() {
			if i > 0 {
				fmt.Fprintln(w.Out)
			}
			v.draw(w.Out, entry.Value)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v showVerb) entries(ctx context.Context, journals client.Journals) (entries []client.Answer[client.Entry], err error) {
	for _, id := range v.JournalID {
		entry, err := journals.Entry(ctx, v.tenant(), id)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	if len(v.JournalID) > 0 {
		return entries, nil
	}
	filters, what := url.Values{"terminalNo": {strconv.Itoa(v.Terminal)}}, ""
	for name, n := range map[string]int64{"transaction": v.Transaction, "receipt": v.Receipt} {
		if n != 0 {
			filters.Set(name+"NoFrom", strconv.FormatInt(n, 10))
			filters.Set(name+"NoTo", strconv.FormatInt(n, 10))
			what += fmt.Sprintf(" %s %d", name, n)
		}
	}
	found, err := journals.Search(ctx, v.tenant(), client.SearchQuery{Store: string(v.Store), Filters: filters, Sort: "generateDateTime:asc"})
	if err == nil && len(found.Items) == 0 {
		err = fmt.Errorf("terminal %d of store %s has no%s in the journal\n  → `tillctl search --tenant %s --store %[2]s --terminal %[1]d` shows what it has", v.Terminal, v.Store, what, v.Tenant)
	}
	return found.Items, err
}

func (v showVerb) draw(w io.Writer, e client.Entry) {
	facts := screen.NewFacts()
	facts.Add("What", fmt.Sprintf("%s (%d)", e.TransactionTypeName, e.TransactionType))
	facts.Add("Till", fmt.Sprintf("%s, store %s, terminal %d", e.TenantID, e.StoreCode, e.TerminalNo))
	facts.Add("Session", fmt.Sprintf("business date %s, open counter %d", e.BusinessDate, e.OpenCounter))
	facts.Add("When", e.GenerateDateTime)
	facts.Add("Transaction", e.TransactionNo)
	facts.Add("Receipt", optional(e.ReceiptNo))
	facts.Add("Items", optional(e.Quantity))
	facts.Add("Amount", screen.Amount(e.Amount, screen.Digits(e.Amount)))
	facts.Add("Staff", e.StaffID)
	facts.Add("Journal id", e.JournalID)
	if e.ChainSeq > 0 {
		facts.Add("Chain", "link "+strconv.FormatUint(e.ChainSeq, 10)+", hash "+e.Hash)
	}
	facts.Print(w, "")
	fmt.Fprintln(w)
	text := e.ReceiptText
	if v.Journal || text == "" {
		text = e.JournalText
	}
	screen.Receipt(w, text, "")
}
