// Package slip writes what a till prints when it is opened or closed and when cash is put in or taken
// out. It knows columns, languages and how money is spelt; it knows no rules and no state.
package slip

import (
	"strconv"
	"time"

	"github.com/tillroll/tillroll/pkg/layout"
	"github.com/tillroll/tillroll/pkg/money"
)

// Slip is one printed thing. Receipt has the store's header and footer around it; Journal is what the
// electronic journal shows and searches.
type Slip struct {
	Receipt string `json:"receipt"`
	Journal string `json:"journal"`
}

// Heading is what every slip begins with. At is in the store's time zone.
type Heading struct {
	Language     string
	Width        int
	Headers      []string
	Footers      []string
	StoreName    string
	TerminalNo   int
	StaffID      string
	At           time.Time
	BusinessDate string
	OpenCounter  int
	Currency     money.Currency
}

// Totals of a closed session. What is nil is not known and not printed.
type Totals struct {
	Transactions      *int64
	LastTransactionNo *int64
	CashMoves         int64
	InitialAmount     *money.Decimal
	Expected          *money.Decimal
	Counted           *money.Decimal
	OverShort         *money.Decimal
	Provisional       bool
	Checkpoint        *Checkpoint
}

// Checkpoint is the journal's newest, in short: how many events it had signed, and the beginning of
// their hash. On paper nobody can change it any more.
type Checkpoint struct {
	Size uint64
	Root string
}

// line of a slip's body: a label, and mostly a value at the right margin.
type line struct{ label, value string }

// Open is the slip of an opened till.
func Open(h Heading, initialAmount *money.Decimal) Slip {
	w := h.words()
	return h.write(w.titleOpen, h.amounts(labelled{w.initialAmount, initialAmount}))
}

// Cash is the slip of cash put in (amount ≥ 0) or taken out.
func Cash(h Heading, amount money.Decimal, reason string) Slip {
	title := h.words().titleCashIn
	if amount.Sign() < 0 {
		title = h.words().titleCashOut
	}
	return h.write(title, h.amounts(labelled{reason, &amount}))
}

// Close is the slip of a closed till.
func Close(h Heading, t Totals) Slip {
	w := h.words()
	var notes, counts []line
	if t.Provisional {
		notes = []line{{label: w.provisional}}
	}
	for _, c := range []struct {
		label string
		n     *int64
		unit  string
	}{{w.transactions, t.Transactions, w.pieces}, {w.lastTransactionNo, t.LastTransactionNo, ""}, {w.cashMoves, &t.CashMoves, w.times}} {
		if c.n != nil {
			counts = append(counts, line{c.label, strconv.FormatInt(*c.n, 10) + c.unit})
		}
	}
	var checkpoint []line
	if t.Checkpoint != nil {
		checkpoint = []line{{w.checkpoint, strconv.FormatUint(t.Checkpoint.Size, 10)}, {label: t.Checkpoint.Root}}
	}
	return h.write(w.titleClose, notes, counts, h.amounts(
		labelled{w.initialAmount, t.InitialAmount}, labelled{w.expected, t.Expected},
		labelled{w.counted, t.Counted}, labelled{w.overShort, t.OverShort}), checkpoint)
}

// labelled is an amount that may not be known.
type labelled struct {
	label  string
	amount *money.Decimal
}

func (h Heading) amounts(all ...labelled) []line {
	var lines []line
	for _, a := range all {
		if a.amount != nil {
			lines = append(lines, line{a.label, h.words().money(h.Currency, *a.amount)})
		}
	}
	return lines
}

// DefaultReason stands for a cash move that came without one.
func DefaultReason(language string, amount money.Decimal) string {
	w := wordsOf(language)
	if amount.Sign() < 0 {
		return w.cashOut
	}
	return w.cashIn
}

// FloatReason stands in the cash log of the float that a till is opened with.
func FloatReason(language string) string { return wordsOf(language).initialAmount }

func (h Heading) write(title string, sections ...[]line) Slip {
	return Slip{
		Receipt: h.page(h.Headers, h.Footers, title, sections),
		Journal: h.page(nil, nil, title, sections),
	}
}

func (h Heading) page(headers, footers []string, title string, sections [][]line) string {
	p, w := layout.NewPage(h.Width), h.words()
	for _, text := range headers {
		p.Centre(text)
	}
	p.Left(w.store + " " + h.StoreName)
	p.Split(w.terminal+" "+strconv.Itoa(h.TerminalNo), w.staff+" "+orDashes(h.StaffID))
	p.Left(w.dateOf(h.At) + h.At.Format(" 15:04"))
	p.Blank().Centre(title).Blank()
	p.Left(w.businessDate + " " + w.businessDateOf(h.BusinessDate))
	p.Left(w.openCounter + " " + strconv.Itoa(h.OpenCounter) + w.times)
	for _, lines := range sections {
		section(p, lines)
	}
	p.Rule()
	for _, text := range footers {
		p.Centre(text)
	}
	return p.String()
}

// section sets lines under a rule; one without lines leaves no trace.
func section(p *layout.Page, lines []line) {
	if len(lines) > 0 {
		p.Rule()
	}
	for _, l := range lines {
		if l.value == "" {
			p.Left(l.label)
		} else {
			p.Split(l.label, l.value)
		}
	}
}

func orDashes(s string) string {
	if s == "" {
		return "------"
	}
	return s
}
