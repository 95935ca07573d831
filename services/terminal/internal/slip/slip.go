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
	Receipt string
	Journal string
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
}

// Open is the slip of an opened till.
func Open(h Heading, initialAmount *money.Decimal) Slip {
	return h.write(h.words().titleOpen, func(p *layout.Page, w words) {
		h.amount(p, w.initialAmount, initialAmount)
	})
}

// Cash is the slip of cash put in (amount ≥ 0) or taken out.
func Cash(h Heading, amount money.Decimal, reason string) Slip {
	title := h.words().titleCashIn
	if amount.Sign() < 0 {
		title = h.words().titleCashOut
	}
	return h.write(title, func(p *layout.Page, _ words) { h.amount(p, reason, &amount) })
}

// Close is the slip of a closed till.
func Close(h Heading, t Totals) Slip {
	return h.write(h.words().titleClose, func(p *layout.Page, w words) {
		if t.Provisional {
			p.Left(w.provisional)
			p.Rule()
		}
		count(p, w.transactions, t.Transactions, w.times)
		count(p, w.lastTransactionNo, t.LastTransactionNo, "")
		count(p, w.cashMoves, &t.CashMoves, w.times)
		p.Rule()
		h.amount(p, w.initialAmount, t.InitialAmount)
		h.amount(p, w.expected, t.Expected)
		h.amount(p, w.counted, t.Counted)
		h.amount(p, w.overShort, t.OverShort)
	})
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

func (h Heading) write(title string, body func(*layout.Page, words)) Slip {
	w := h.words()
	return Slip{
		Receipt: h.page(h.Headers, h.Footers, title, w, body),
		Journal: h.page(nil, nil, title, w, body),
	}
}

func (h Heading) page(headers, footers []string, title string, w words, body func(*layout.Page, words)) string {
	p := layout.NewPage(h.Width)
	for _, line := range headers {
		p.Center(line)
	}
	p.Left(w.store + " " + h.StoreName)
	p.Split(w.terminal+" "+strconv.Itoa(h.TerminalNo), w.staff+" "+orDashes(h.StaffID))
	p.Left(w.dateOf(h.At) + h.At.Format(" 15:04"))
	p.Blank().Center(title).Blank()
	p.Left(w.businessDate + " " + w.businessDateOf(h.BusinessDate))
	p.Left(w.openCounter + " " + strconv.Itoa(h.OpenCounter) + w.openings)
	p.Rule()
	body(p, w)
	p.Rule()
	for _, line := range footers {
		p.Center(line)
	}
	return p.String()
}

func orDashes(s string) string {
	if s == "" {
		return "------"
	}
	return s
}

func (h Heading) amount(p *layout.Page, label string, amount *money.Decimal) {
	if amount != nil {
		p.Split(label, h.words().money(h.Currency, *amount))
	}
}

func count(p *layout.Page, label string, n *int64, unit string) {
	if n != nil {
		p.Split(label, strconv.FormatInt(*n, 10)+unit)
	}
}
