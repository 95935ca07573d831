package cart

import (
	"fmt"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/event"
	"github.com/tillroll/tillroll/pkg/money"
)

// wording is the text of receipts in one language. The layout is the same for all of them.
type wording struct {
	register, staff string // with the number, the id
	date, dateTime  func(time.Time) string
	sale, abandoned string // titles
	copy            string // above the receipt when it is printed again
	businessDate    string
	pieces          string // with a count

	subtotal, total       string
	target                string // behind a tax's name: the sum that it was computed on
	deposit, change       string
	cancelledLine         string // with the item's name
	originalPrice         string // with the price
	receiptNo, number     string
	registration          string // with the number
	externalMark          string // behind an amount that exclusive tax comes on top of
	internalMark          string // behind an amount that contains tax
	reducedMark           string // behind an amount at a reduced rate …
	reducedRate           string // … which is this percentage
	reducedLegend         string // what the mark means
	paymentDetailIndented string
}

// fallback is used for a store whose language has no wording.
const fallback = "en"

var wordings = map[string]*wording{
	"ja": {
		register: "レジNo. %d", staff: "責# %s",
		date: japaneseDate, dateTime: func(t time.Time) string { return japaneseDate(t) + t.Format(" 15:04") },
		sale: "【 領 収 証 】", abandoned: "【 取 引 中 止 】", copy: "【 再 発 行 】",
		businessDate: "営業日付", pieces: "%d 個", subtotal: "小計", total: "合計", target: "対象額",
		deposit: "お預り", change: "お釣り", cancelledLine: "取消 %s", originalPrice: "元単価 @%s",
		receiptNo: "レシートNo. %d", number: "取引通番 %d", registration: "事業者登録番号 %s",
		externalMark: "外", internalMark: "込", reducedMark: "軽", reducedRate: "8",
		reducedLegend: "軽: 軽減税率(8%)対象", paymentDetailIndented: "  %s",
	},
	"en": {
		register: "Register %d", staff: "Staff %s",
		date:     func(t time.Time) string { return t.Format("2006-01-02 (Mon)") },
		dateTime: func(t time.Time) string { return t.Format("2006-01-02 (Mon) 15:04") },
		sale:     "[ RECEIPT ]", abandoned: "[ CANCELLED ]", copy: "*** COPY ***",
		businessDate: "Business date", pieces: "%d pcs", subtotal: "Subtotal", total: "Total", target: "on",
		deposit: "Cash", change: "Change", cancelledLine: "Cancelled: %s", originalPrice: "ordinarily @%s",
		receiptNo: "Receipt no. %d", number: "Transaction no. %d", registration: "Tax registration %s",
		externalMark: "T", internalMark: "V", paymentDetailIndented: "  %s",
	},
}

func japaneseDate(t time.Time) string {
	days := []string{"日", "月", "火", "水", "木", "金", "土"}
	return t.Format("2006年01月02日(") + days[t.Weekday()] + ")"
}

// wordingOf a language tag such as ja or ja-JP.
func wordingOf(language string) *wording {
	base, _, _ := strings.Cut(strings.ToLower(language), "-")
	if w, ok := wordings[base]; ok {
		return w
	}
	return wordings[fallback]
}

// mark stands behind the amount of a line that is taxed by rule.
func (w *wording) mark(rule event.OrderTax) string {
	switch {
	case rule.Type == TaxExempt:
		return ""
	case w.reduced(rule):
		return w.reducedMark
	case rule.Type == TaxInternal:
		return w.internalMark
	default:
		return w.externalMark
	}
}

func (w *wording) reduced(rule event.OrderTax) bool {
	return w.reducedMark != "" && rule.Type != TaxExempt && rule.Rate.String() == w.reducedRate
}

// symbols of currencies; others stand with their code.
var symbols = map[money.Currency]string{"JPY": "¥", "USD": "$", "EUR": "€", "GBP": "£"}

// priceTag writes an amount with its currency.
func priceTag(d money.Decimal, currency money.Currency) string {
	symbol, ok := symbols[currency]
	if !ok {
		symbol = string(currency) + " "
	}
	sign := ""
	if d.Sign() < 0 {
		sign = "-"
	}
	return sign + symbol + grouped(d.Abs(), currency.Digits())
}

// grouped writes 1234.5 as 1,234.50.
func grouped(d money.Decimal, digits int) string {
	whole, fraction, _ := strings.Cut(d.Fixed(digits), ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction
}

// localDate shows a business date (YYYYMMDD).
func (w *wording) localDate(businessDate string) string {
	t, err := time.Parse("20060102", businessDate)
	if err != nil {
		return businessDate
	}
	return w.date(t)
}

// localTime shows an RFC 3339 time as it stands, in its own offset.
func (w *wording) localTime(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return w.dateTime(t)
}

func (w *wording) count(pieces int64) string { return fmt.Sprintf(w.pieces, pieces) }
