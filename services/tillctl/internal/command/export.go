package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"syscall"

	"github.com/tillroll/tillroll/services/tillctl/internal/client"
)

// exportVerb takes a tenant's journal away: all of it with its proofs, or entries for a spreadsheet or a
// printer.
type exportVerb struct {
	access
	ofTenant
	Format   string `enum:"jsonl,csv,pdf" default:"jsonl" help:"Form: ${enum} (JSON lines with proofs; a spreadsheet; receipts to print)."`
	File     string `required:"" placeholder:"FILE" help:"Where to write; of pdf a folder. An export that was interrupted goes on where it stopped."`
	Store    code   `suggest:"@stores" placeholder:"CODE" help:"Only this store (csv, pdf)."`
	Terminal string `placeholder:"NO" help:"Terminal numbers, such as 1,3-5 (csv, pdf)."`
	Type     string `suggest:"sales,returns,cash,openclose,reports" placeholder:"TYPE" help:"Categories or codes, such as sales,401: sales, returns, cash, openclose, reports (csv, pdf)."`
	Date     span   `placeholder:"DATE" help:"Business date or dates: 20260401, 20260401-20260430, 20260401- or -20260430 (csv, pdf)."`
	Headers  string `enum:"en,ja" default:"en" help:"Language of headings: ${enum} (csv, pdf)."`
	Key      string `placeholder:"FILE" help:"Public key of the journal, to check the checkpoint and every entry with (csv, pdf; default: the one that the journal gives)."`
}

func (exportVerb) Help() string {
	return `As JSON lines: every event of the tenant, one a line, in the order of the journal's log: what is stored of it, its link in the
chain of its terminal, and the proof that it is in the log of the checkpoint in the first line. Anybody who has the public
key can check the file, without any service:

    tillctl export --tenant acme --file acme.jsonl
    tillctl verify --offline acme.jsonl --key journal.key

As a spreadsheet or as receipts to print: the journal's entries, those of some stores, days and types if you like. Every one
is checked against its proof when it is taken; who gets the file cannot do so again, so keep the JSON lines as well. A text
that a spreadsheet would execute or change has an apostrophe before it. Of receipts there is a document for each store and
day, of 500 at most; what the font has not is shown as 〓 and named.

    tillctl export --tenant acme --format csv --store main --date 20260401-20260430 --file april.csv
    tillctl export --tenant acme --format csv --headers ja --file acme.csv
    tillctl export --tenant acme --format pdf --type sales,returns --date 20260401 --file receipts

When it is interrupted, type the same again: it goes on where it stopped, and ends as if it had never been interrupted.`
}

// Validate is called by the parser.
func (v exportVerb) Validate() error {
	if v.Format == "jsonl" && (len(v.filters()) > 0 || v.Headers != "en") {
		return errors.New("JSON lines hold the whole journal, so that they can be proven complete: filters and headings are for --format csv and pdf")
	}
	return nil
}

// Run the verb.
func (v exportVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	take := map[string]func(context.Context, World, *client.Journals) error{"jsonl": v.lines, "csv": v.sheet, "pdf": v.documents}
	return orDiskFull(take[v.Format](ctx, w, &stack.Journals))
}

// filters as the service spells them.
func (v exportVerb) filters() url.Values {
	filters := url.Values{}
	for name, value := range map[string]string{
		"storeCode": string(v.Store), "terminalNo": v.Terminal, "transactionType": v.Type,
		"businessDateFrom": v.Date.from, "businessDateTo": v.Date.to,
	} {
		if value != "" {
			filters.Set(name, value)
		}
	}
	return filters
}

// orDiskFull says what to do about a disk without room.
func orDiskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w\n  the disk is full: make room, and type the same again to go on where it stopped", err)
	}
	return err
}
