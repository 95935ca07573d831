package slip

import (
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/money"
)

// words is one language: a new one is a new row of languages.
type words struct {
	store, terminal, staff                           string
	businessDate, openCounter                        string
	titleOpen, titleClose, titleCashIn, titleCashOut string
	cashIn, cashOut                                  string
	initialAmount, expected, counted, overShort      string
	transactions, lastTransactionNo, cashMoves       string
	times, pieces                                    string // counting words
	provisional                                      string
	checkpoint                                       string
	date                                             string // layout, without the weekday
	weekdays                                         [7]string
	yen                                              string // behind an amount of JPY; "" for the currency code in front
}

// Languages that slips can be printed in; the first is for stores that name none.
const (
	Japanese = "ja"
	English  = "en"
)

var languages = map[string]words{
	Japanese: {
		store: "店舗名", terminal: "レジNo.", staff: "責#",
		businessDate: "営業日付", openCounter: "開設回数", times: "回", pieces: "件",
		titleOpen: "【 開 設 レ ポ ー ト 】", titleClose: "【 精 算 レ ポ ー ト 】",
		titleCashIn: "【 入 金 レ ポ ー ト 】", titleCashOut: "【 出 金 レ ポ ー ト 】",
		cashIn: "入金", cashOut: "出金",
		initialAmount: "釣銭準備金", expected: "現金(計算)", counted: "現金(実査)", overShort: "過不足",
		transactions: "取引件数", lastTransactionNo: "最終取引No.", cashMoves: "入出金回数",
		provisional: "仮精算 (取引件数は未確認)", checkpoint: "ジャーナル検証値",
		date: "2006年01月02日", weekdays: [7]string{"日", "月", "火", "水", "木", "金", "土"},
		yen: "円",
	},
	English: {
		store: "Store", terminal: "Terminal", staff: "Staff",
		businessDate: "Business date", openCounter: "Opening",
		titleOpen: "*** OPEN ***", titleClose: "*** CLOSE ***",
		titleCashIn: "*** CASH IN ***", titleCashOut: "*** CASH OUT ***",
		cashIn: "Cash in", cashOut: "Cash out",
		initialAmount: "Float", expected: "Cash expected", counted: "Cash counted", overShort: "Over/short",
		transactions: "Transactions", lastTransactionNo: "Last transaction no.", cashMoves: "Cash in/out",
		provisional: "PROVISIONAL (transactions not counted)", checkpoint: "Journal checkpoint",
		date: "2006-01-02 ", weekdays: [7]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
	},
}

func wordsOf(language string) words {
	if w, ok := languages[language]; ok {
		return w
	}
	return languages[Japanese]
}

func (h Heading) words() words { return wordsOf(h.Language) }

func (w words) dateOf(t time.Time) string {
	return t.Format(w.date) + "(" + w.weekdays[t.Weekday()] + ")"
}

// businessDateOf spells YYYYMMDD; what is no date stays as it is.
func (w words) businessDateOf(date string) string {
	t, err := time.Parse("20060102", date)
	if err != nil {
		return date
	}
	return w.dateOf(t)
}

// money spells an amount with the currency's digits and groups of three.
func (w words) money(currency money.Currency, amount money.Decimal) string {
	text := grouped(amount.Fixed(max(currency.Digits(), amount.Scale())))
	if currency == "JPY" && w.yen != "" {
		return text + w.yen
	}
	return string(currency) + " " + text
}

func grouped(number string) string {
	digits, negative := strings.CutPrefix(number, "-")
	whole, fraction, hasFraction := strings.Cut(digits, ".")
	var b strings.Builder
	if negative {
		b.WriteByte('-')
	}
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if hasFraction {
		b.WriteString("." + fraction)
	}
	return b.String()
}
