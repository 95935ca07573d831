package sheet

import (
	"encoding/hex"
	"strconv"
)

// Column of a sheet.
type Column struct {
	Name     string // the heading in English, spelled as the API spells the field
	Japanese string // the heading in Japanese
	Doc      string
	append   func(b []byte, r *Row, language string) []byte
}

func (c *Column) heading(language string) string {
	if language == Japanese {
		return c.Japanese
	}
	return c.Name
}

// Columns of every sheet, in their order. New ones are only ever added at the end: who reads sheets by
// the number of the column goes on working.
var Columns = []Column{
	{"logIndex", "ログ番号", "place in the tenant's log, from 0; rows stand in its order", func(b []byte, r *Row, _ string) []byte { return strconv.AppendUint(b, r.Index, 10) }},
	{"businessDate", "営業日", "trading day, YYYY-MM-DD", func(b []byte, r *Row, _ string) []byte { return append(b, isoDate(r.BusinessDate)...) }},
	{"storeCode", "店舗コード", "store", func(b []byte, r *Row, _ string) []byte { return appendGuarded(b, &r.StoreCode) }},
	{"terminalNo", "端末番号", "number of the terminal", func(b []byte, r *Row, _ string) []byte { return strconv.AppendInt(b, int64(r.TerminalNo), 10) }},
	{"transactionType", "取引区分", "code: 101 sale, -101 cancelled sale, 102 return, 201 void of a sale, 202 void of a return, 301 open, 302 close, 401 cash in, 402 cash out, 701 flash and 702 daily report", func(b []byte, r *Row, _ string) []byte {
		return strconv.AppendInt(b, int64(r.TransactionType), 10)
	}},
	{"transactionTypeName", "取引区分名", "the same in words", func(b []byte, r *Row, language string) []byte {
		return appendText(b, TypeName(r.TransactionType, language))
	}},
	{"transactionNo", "取引番号", "number of the transaction", func(b []byte, r *Row, _ string) []byte { return appendGuarded(b, r.TransactionNo) }},
	{"receiptNo", "レシート番号", "number of the receipt", func(b []byte, r *Row, _ string) []byte { return appendNumber(b, r.ReceiptNo) }},
	{"amount", "金額", "effect on the till, exact, with a point before decimals", func(b []byte, r *Row, _ string) []byte { return append(b, r.Amount.String()...) }},
	{"quantity", "点数", "number of items", func(b []byte, r *Row, _ string) []byte { return appendNumber(b, r.Quantity) }},
	{"staffId", "担当者コード", "who did it", func(b []byte, r *Row, _ string) []byte { return appendGuarded(b, r.StaffID) }},
	{"userId", "利用者コード", "of older systems", func(b []byte, r *Row, _ string) []byte { return appendGuarded(b, r.UserID) }},
	{"openCounter", "開設回数", "how often the terminal was opened on that day", func(b []byte, r *Row, _ string) []byte { return appendNumber(b, r.OpenCounter) }},
	{"businessCounter", "業務回数", "how often the terminal was ever opened", func(b []byte, r *Row, _ string) []byte { return appendNumber(b, r.BusinessCounter) }},
	{"localTime", "発生日時", "by the clock of the till, YYYY-MM-DD hh:mm:ss", func(b []byte, r *Row, _ string) []byte { return append(b, r.LocalTime()...) }},
	{"generateDateTime", "発生日時(原文)", "the same as the till wrote it, with its time zone", func(b []byte, r *Row, _ string) []byte { return appendGuarded(b, &r.GenerateDateTime) }},
	{"journalId", "ジャーナルID", "id of the entry, and of its event", func(b []byte, r *Row, _ string) []byte { return appendText(b, r.EventID) }},
	{"streamId", "チェーン", "whose chain it stands in", func(b []byte, r *Row, _ string) []byte { return appendText(b, r.Stream) }},
	{"chainSeq", "チェーン番号", "place in that chain, from 1", func(b []byte, r *Row, _ string) []byte { return strconv.AppendUint(b, r.Seq, 10) }},
	{"hash", "ハッシュ", "SHA-256 of the link, hexadecimal", func(b []byte, r *Row, _ string) []byte {
		b = hex.AppendEncode(append(b, '"'), r.Hash[:])
		return append(b, '"')
	}},
	{"journalText", "ジャーナル", "what the till keeps", func(b []byte, r *Row, _ string) []byte { return appendGuarded(b, &r.JournalText) }},
	{"receiptText", "レシート", "what the customer got", func(b []byte, r *Row, _ string) []byte { return appendGuarded(b, r.ReceiptText) }},
}

// typeNames of the codes of transactions. The journal's own table has the English ones, too: a test there
// holds one against the other.
var typeNames = map[int]map[string]string{
	101:  {English: "Normal Sales", Japanese: "通常売上"},
	-101: {English: "Cancelled Sales", Japanese: "取消売上"},
	102:  {English: "Return Sales", Japanese: "返品"},
	201:  {English: "Void Sales", Japanese: "売上取消"},
	202:  {English: "Void Return", Japanese: "返品取消"},
	301:  {English: "Open", Japanese: "開店"},
	302:  {English: "Close", Japanese: "閉店"},
	401:  {English: "Cash-In", Japanese: "入金"},
	402:  {English: "Cash-Out", Japanese: "出金"},
	501:  {English: "Flash Report", Japanese: "点検"},
	502:  {English: "Daily Report", Japanese: "精算"},
	701:  {English: "Flash Report", Japanese: "点検"},
	702:  {English: "Daily Report", Japanese: "精算"},
}

// TypeName says a transaction type in words; the code itself when there are none.
func TypeName(code int, language string) string {
	names := typeNames[code]
	if name, ok := names[language]; ok {
		return name
	}
	if name, ok := names[English]; ok {
		return name
	}
	return strconv.Itoa(code)
}
