package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/tillctl/internal/client"
	"github.com/tillroll/tillroll/services/tillctl/internal/highlight"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// searchVerb searches the electronic journal.
type searchVerb struct {
	access
	ofTenant
	listOutput
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
	Skip        int      `xor:"from" help:"Leave out so many entries (10000 at the most)."`
	Cursor      string   `xor:"from" placeholder:"TEXT" help:"Go on behind the page that gave this cursor."`
	Limit       int      `default:"50" help:"At most so many entries; 0 is all."`
	All         bool     `help:"All entries, page after page, as --limit 0."`
	Total       string   `enum:"usual,exact" default:"usual" help:"How to count what is found: usual (as far as that is quick) or exact."`
	Lines       int      `default:"3" help:"Show up to so many lines of each entry that hold a keyword, in a table."`
}

func (searchVerb) Help() string {
	return `Finds entries in the electronic journal: sales, cash in and out, opening and closing. Every filter that is given must
hold. Upper and lower case, full and half width make no difference to words, and in Japanese any part of a word is found.
With --sort relevance those come first that hold the words most often and say little else. Below an entry stand its lines
that hold a keyword.

    tillctl search --tenant acme --store main --type sales --date 20260401-20260430 "green tea"
    tillctl search --tenant acme --store main --date 20260401 --regex "No\. 10[0-9]{2}"
    tillctl search --tenant acme --type cash --amount-to -100 --sort amount:asc
    tillctl search --tenant acme --date 20260401-20260430 --all --output csv > april.csv
    tillctl search --tenant acme --store main --transaction 1017 --output ids`
}

// Validate is called by the parser.
func (v searchVerb) Validate() error {
	if v.Skip < 0 || v.Limit < 0 || v.Lines < 0 {
		return errors.New("--skip, --limit and --lines must be 0 or more")
	}
	if v.Skip > mostSkipped {
		return fmt.Errorf("--skip %d is too far, %d is the most: go on with --cursor, or take --all", v.Skip, mostSkipped)
	}
	if v.Regex && len(v.Keywords) == 0 {
		return errors.New("--regex needs a pattern, such as \"No\\. 10[0-9]{2}\"")
	}
	return nil
}

// Run the verb.
func (v searchVerb) Run(ctx context.Context, w World, data dataFolder) error {
	if v.All {
		v.Limit = 0
	}
	stack, err := v.connect(w, data, v.auditor())
	if err != nil {
		return err
	}
	query := client.SearchQuery{
		Store: string(v.Store), Filters: v.filters(), Sort: v.Sort, Cursor: v.Cursor, Skip: v.Skip, Limit: v.Limit,
	}
	if v.Output == "csv" || v.Output == "ids" {
		return v.stream(ctx, w, stack.Journals, query)
	}
	progress := v.progress(w)
	var found client.List[client.Entry]
	err = stack.Journals.Pages(ctx, v.tenant(), query, func(page client.List[client.Entry]) error {
		items := append(found.Items, page.Items...)
		if found.Items == nil {
			found = page
		}
		found.Items, found.NextCursor = items, page.NextCursor
		progress(len(items), found)
		return nil
	})
	progress(-1, found)
	if err != nil {
		return err
	}
	found.Skip, found.Limit = v.Skip, v.Limit
	if len(found.Items) == 0 && v.Output == "table" {
		fmt.Fprintln(w.Out, "Nothing found.")
		return nil
	}
	return v.listing(w, found.Values()).print(w, v.Output, found, found.Values(), func() { v.foot(w, found) })
}

// stream prints each page as it comes.
func (v searchVerb) stream(ctx context.Context, w World, journals client.Journals, query client.SearchQuery) error {
	to := v.listing(w, nil).lines(w.Out, v.Output)
	if w.Watched { // lines and progress would write over each other
		w.ErrWatched = false
	}
	progress, done, first := v.progress(w), 0, client.List[client.Entry]{}
	err := journals.Pages(ctx, v.tenant(), query, func(page client.List[client.Entry]) error {
		if done += len(page.Items); first.Items == nil {
			first = page
		}
		progress(done, first)
		return to(page.Values())
	})
	progress(-1, first)
	return err
}

// progress tells how far a search of more than a page is; -1 ends it.
func (v searchVerb) progress(w World) func(done int, first client.List[client.Entry]) {
	var shown *screen.Progress
	return func(done int, first client.List[client.Entry]) {
		switch {
		case done >= 0 && shown == nil && first.NextCursor == "": // it is there already
		case done >= 0 && shown == nil:
			shown = screen.NewProgress(w.watchedErr(), w.Clock, "entries", 0, uint64(v.expected(first))) //nolint:gosec // not negative
			fallthrough
		case done >= 0:
			shown.At(uint64(done))
		case shown != nil:
			shown.End()
		}
	}
}

// expected is how many entries will be shown of what the first page says; 0 when nobody knows.
func (v searchVerb) expected(first client.List[client.Entry]) int {
	left := max(0, first.Total-v.Skip)
	switch {
	case v.Limit > 0 && (v.Limit < left || first.TotalIsLowerBound):
		return v.Limit
	case first.TotalIsLowerBound || v.Cursor != "":
		return 0
	}
	return left
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
	if v.Total == "exact" {
		set("total", v.Total)
	}
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

// mostSkipped is how many entries a search can leave out; farther goes a cursor only.
const mostSkipped = 10_000

// foot says how much there is, and how to see the rest.
func (v searchVerb) foot(w World, found client.List[client.Entry]) {
	if found.NextCursor == "" && v.Cursor == "" { // the last page tells
		found.Total, found.TotalIsLowerBound = v.Skip+len(found.Items), false
	}
	total := grouped(found.Total)
	if found.TotalIsLowerBound {
		total = "at least " + total
	}
	shown := len(found.Items)
	if shown == found.Total && !found.TotalIsLowerBound {
		fmt.Fprintf(w.Out, "\n%s found.\n", plural(shown, "entry", "entries"))
		return
	}
	which := fmt.Sprintf("%s to %s of %s.", grouped(v.Skip+1), grouped(v.Skip+shown), total)
	if v.Cursor != "" {
		which = fmt.Sprintf("%s of %s.", plural(shown, "entry", "entries"), total)
	}
	if found.TotalIsLowerBound {
		which += " --total exact counts them all."
	}
	fmt.Fprintln(w.Out, "\n"+which)
	switch {
	case found.NextCursor == "" && v.Skip+shown >= found.Total:
	case v.Cursor != "" || v.Skip+shown > mostSkipped:
		fmt.Fprintf(w.Out, "The next page: add --cursor %s   All: --all\n", screen.Plain(found.NextCursor))
	default:
		fmt.Fprintf(w.Out, "The next page: add --skip %d   All: --all\n", v.Skip+shown)
	}
}

// grouped spells a number with its thousands apart.
func grouped(n int) string { return screen.Amount(money.FromInt(int64(n)), 0) }

// listing is how the entries are listed that were found.
func (v searchVerb) listing(w World, entries []client.Entry) listing[client.Entry] {
	l := entryListing(digitsOf(entries))
	if len(v.Keywords) == 0 || v.Lines == 0 {
		return l
	}
	finder := highlight.Words(phrase(v.Keywords))
	if v.Regex {
		finder = highlight.Pattern(strings.Join(v.Keywords, " "))
	}
	l.notes = func(e client.Entry) []string {
		var notes []string
		for _, line := range finder.Lines(e.JournalText, v.Lines) {
			text, done := "    │ ", 0
			for _, m := range line.Marks {
				text += screen.Plain(line.Text[done:m[0]]) + w.paint.Match(screen.Plain(line.Text[m[0]:m[1]]))
				done = m[1]
			}
			notes = append(notes, text+screen.Plain(line.Text[done:]))
		}
		return notes
	}
	return l
}

// entryListing is how journal entries are listed.
func entryListing(digits int) listing[client.Entry] {
	type entry = client.Entry
	return listing[entry]{
		id: func(e entry) string { return e.JournalID },
		columns: []column[entry]{
			{title: "date", name: "businessDate", cell: func(e entry) string { return e.BusinessDate }},
			{title: "time", name: "generateDateTime", cell: func(e entry) string { return clockTime(e.GenerateDateTime) }, value: func(e entry) string { return e.GenerateDateTime }},
			{title: "store", name: "storeCode", cell: func(e entry) string { return e.StoreCode }},
			{title: ">till", name: "terminalNo", cell: func(e entry) string { return strconv.Itoa(e.TerminalNo) }},
			{name: "openCounter", value: func(e entry) string { return strconv.Itoa(e.OpenCounter) }},
			{name: "transactionType", value: func(e entry) string { return strconv.Itoa(e.TransactionType) }},
			{title: "what", name: "transactionTypeName", cell: func(e entry) string { return e.TransactionTypeName }},
			{title: ">trans", name: "transactionNo", cell: func(e entry) string { return e.TransactionNo }},
			{title: ">receipt", name: "receiptNo", cell: func(e entry) string { return optional(e.ReceiptNo) }},
			{title: ">items", name: "quantity", cell: func(e entry) string { return optional(e.Quantity) }},
			{title: ">amount", name: "amount", cell: func(e entry) string { return screen.Amount(e.Amount, digits) }, value: func(e entry) string { return e.Amount.String() }},
			{title: "staff", name: "staffId", cell: func(e entry) string { return e.StaffID }},
			{title: "journal id", name: "journalId", cell: func(e entry) string { return e.JournalID }},
		},
	}
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
