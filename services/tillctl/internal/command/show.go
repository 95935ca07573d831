package command

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// showVerb shows one entry of the journal as the slip of paper that it was.
type showVerb struct {
	access
	ofTenant
	output
	JournalID string `arg:"" help:"Id of the entry, as a search prints it."`
	Journal   bool   `help:"Draw the journal text, which the till keeps, instead of the customer's receipt."`
}

// Run the verb.
func (v showVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	entry, err := stack.Journals.Entry(ctx, v.tenant(), v.JournalID)
	if err != nil {
		return err
	}
	return v.print(w, entry, func() { v.draw(w.Out, entry.Value) })
}

func (v showVerb) draw(w io.Writer, e client.Entry) {
	facts := screen.NewFacts()
	facts.Add("What", fmt.Sprintf("%s (%d)", e.TransactionTypeName, e.TransactionType))
	facts.Add("Till", fmt.Sprintf("%s, store %s, terminal %d", e.TenantID, e.StoreCode, e.TerminalNo))
	facts.Add("Session", fmt.Sprintf("business date %s, open counter %d", e.BusinessDate, e.OpenCounter))
	facts.Add("When", e.GenerateDateTime)
	facts.Add("Transaction", e.TransactionNo)
	facts.Add("Receipt", optional(e.ReceiptNo))
	facts.Add("Amount", screen.Amount(e.Amount, screen.Digits(e.Amount)))
	facts.Add("Staff", e.StaffID)
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
