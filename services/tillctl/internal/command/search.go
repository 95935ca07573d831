package command

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// searchVerb searches the electronic journal.
type searchVerb struct {
	access
	ofTenant
	output
	Keywords    []string `arg:"" optional:"" help:"Words that the journal text must hold, all of them; quote a phrase."`
	Regex       bool     `help:"What is looked for is one pattern, in RE2 syntax; other filters must leave few entries."`
	Store       code     `suggest:"@stores" profile:"" placeholder:"CODE" help:"Only this store (default: all stores of the tenant)."`
	Terminal    string   `placeholder:"NO" help:"Terminal numbers, such as 1,3-5."`
	Type        string   `suggest:"sales,returns,cash,openclose,reports" placeholder:"TYPE" help:"Categories or codes, such as sales,401: sales, returns, cash, openclose, reports."`
	Date        span     `placeholder:"DATE" help:"Business date or dates: 20260401, 20260401-20260430, 20260401- or -20260430."`
	Generated   span     `placeholder:"DATE" help:"Calendar date or dates in the store's time zone, written in the same way."`
	Receipt     span     `placeholder:"NO" help:"Receipt number or numbers, such as 17 or 100-200."`
	Transaction span     `placeholder:"NO" help:"Transaction number or numbers."`
	AmountFrom  *amount  `placeholder:"N" help:"Smallest amount."`
	AmountTo    *amount  `placeholder:"N" help:"Largest amount."`
	Staff       string   `placeholder:"ID" help:"Only what this member of staff did."`
	Sort        string   `suggest:"relevance,businessDate:asc,businessDate:desc,generateDateTime:asc,generateDateTime:desc,amount:asc,amount:desc,transactionNo:asc,transactionNo:desc,receiptNo:asc,receiptNo:desc,storeCode:asc,terminalNo:asc,transactionType:asc,staffId:asc,openCounter:asc" placeholder:"FIELD:DIR" help:"Order, such as amount:desc,generateDateTime:asc or relevance (default: newest first)."`
	Skip        int      `help:"Leave out so many entries."`
	Limit       int      `default:"50" help:"At most so many entries; 0 is all."`
}

func (searchVerb) Help() string {
	return `Finds entries in the electronic journal: sales, cash in and out, opening and closing. Every filter that is given must
hold. Upper and lower case, full and half width make no difference to words, and in Japanese any part of a word is found.
With --sort relevance those come first that hold the words most often and say little else.

    tillctl search --tenant acme --store main --type sales --date 20260401-20260430 "green tea"
    tillctl search --tenant acme --store main --date 20260401 --regex "No\. 10[0-9]{2}"
    tillctl search --tenant acme --type cash --amount-to -100 --sort amount:asc`
}

// Validate is called by the parser.
func (v searchVerb) Validate() error {
	if v.Skip < 0 || v.Limit < 0 {
		return fmt.Errorf("--skip and --limit must be 0 or more")
	}
	return nil
}

// Run the verb.
func (v searchVerb) Run(ctx context.Context, w World, data dataFolder) error {
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	found, err := stack.Journals.Search(ctx, v.tenant(), client.SearchQuery{
		Store: string(v.Store), Filters: v.filters(), Sort: v.Sort, Skip: v.Skip, Limit: v.Limit,
	})
	if err != nil {
		return err
	}
	return v.print(w, found, func() { v.table(w, found) })
}

func (v searchVerb) filters() url.Values {
	filters := url.Values{}
	set := func(name, value string) {
		if value != "" {
			filters.Set(name, value)
		}
	}
	set("terminalNo", v.Terminal)
	set("transactionType", v.Type)
	set("businessDateFrom", v.Date.from)
	set("businessDateTo", v.Date.to)
	set("generateDateFrom", dashed(v.Generated.from))
	set("generateDateTo", dashed(v.Generated.to))
	set("receiptNoFrom", v.Receipt.from)
	set("receiptNoTo", v.Receipt.to)
	set("transactionNoFrom", v.Transaction.from)
	set("transactionNoTo", v.Transaction.to)
	set("amountFrom", v.AmountFrom.text())
	set("amountTo", v.AmountTo.text())
	set("staffId", v.Staff)
	if v.Regex {
		set("keyword", strings.Join(v.Keywords, " "))
		set("regex", "true")
	} else {
		set("keyword", phrase(v.Keywords))
	}
	return filters
}

// phrase puts keywords together as one search phrase; what the shell kept together stays together.
func phrase(keywords []string) string {
	quoted := make([]string, len(keywords))
	for i, k := range keywords {
		quoted[i] = k
		if strings.ContainsAny(k, " \t\u3000") && !strings.Contains(k, `"`) {
			quoted[i] = `"` + k + `"`
		}
	}
	return strings.Join(quoted, " ")
}

func (v searchVerb) table(w World, found client.List[client.Entry]) {
	if len(found.Items) == 0 {
		fmt.Fprintln(w.Out, "Nothing found.")
		return
	}
	printEntries(w.Out, found.Values(), "")
	total := strconv.Itoa(found.Total)
	if found.TotalIsLowerBound {
		total = "more than " + total
	}
	if shown := len(found.Items); shown == found.Total && !found.TotalIsLowerBound {
		fmt.Fprintf(w.Out, "\n%s found.\n", plural(shown, "entry", "entries"))
	} else {
		fmt.Fprintf(w.Out, "\n%d to %d of %s. See further ones with --skip %d.\n", v.Skip+1, v.Skip+shown, total, v.Skip+shown)
	}
}

// printEntries prints journal entries as a table.
func printEntries(w io.Writer, entries []client.Entry, indent string) {
	digits := digitsOf(entries)
	table := screen.NewTable("date", "time", "store", ">till", "what", ">trans", ">receipt", ">items", ">amount", "staff", "journal id")
	for _, e := range entries {
		table.Row(e.BusinessDate, clockTime(e.GenerateDateTime), e.StoreCode, strconv.Itoa(e.TerminalNo), e.TransactionTypeName,
			e.TransactionNo, optional(e.ReceiptNo), optional(e.Quantity), screen.Amount(e.Amount, digits), e.StaffID, e.JournalID)
	}
	table.Print(w, indent)
}

// digitsOf is how many decimals the amounts of entries need.
func digitsOf(entries []client.Entry) int {
	amounts := make([]money.Decimal, len(entries))
	for i, e := range entries {
		amounts[i] = e.Amount
	}
	return screen.Digits(amounts...)
}

// clockTime is the time of day of a time as the till wrote it, in the store's own time zone.
func clockTime(generated string) string {
	if i := strings.IndexByte(generated, 'T'); i > 0 && len(generated) >= i+9 {
		return generated[i+1 : i+9]
	}
	return generated
}

func optional(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// span is one value or a range of them; either end may be open.
type span struct{ from, to string }

var spanPattern = regexp.MustCompile(`^([0-9]*)(-?)([0-9]*)$`)

// UnmarshalText is called by the parser.
func (s *span) UnmarshalText(text []byte) error {
	parts := spanPattern.FindStringSubmatch(string(text))
	if parts == nil || parts[1]+parts[3] == "" {
		return fmt.Errorf("%q is neither a number nor a range such as 10-20, 10- or -20", text)
	}
	*s = span{from: parts[1], to: parts[3]}
	if parts[2] == "" {
		s.to = s.from
	}
	return nil
}

// dashed spells YYYYMMDD as YYYY-MM-DD, which is how calendar dates are written in requests.
func dashed(date string) string {
	if len(date) != 8 {
		return date
	}
	return date[:4] + "-" + date[4:6] + "-" + date[6:]
}

// amount is a decimal on the command line.
type amount money.Decimal

// UnmarshalText is called by the parser.
func (a *amount) UnmarshalText(text []byte) error {
	d, err := money.Parse(string(text))
	*a = amount(d)
	return err
}

func (a *amount) text() string {
	if a == nil {
		return ""
	}
	return money.Decimal(*a).String()
}
