// Package sheet is the electronic journal as a spreadsheet reads it: CSV with a fixed order of columns.
//
// The file is UTF-8 with a byte order mark, which is how Excel tells Japanese text; commas between
// fields, CRLF behind every row, quoted as RFC 4180 says. Numbers stand bare and exact, dates as ISO
// writes them, texts always in quotes; what an entry has not is an empty field without quotes. A line
// break within a text stays within its cell.
//
// A text that a spreadsheet would execute or change has an apostrophe before it (Guard), which
// Unguard takes away again; other texts are as they were stored. The package knows nothing of who asks
// and where rows come from; it proves nothing, either: a row names its place in the log, where an
// export with proofs says the rest.
package sheet

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/proof"
)

// MediaType of a sheet.
const MediaType = "text/csv; charset=utf-8; header=present"

// The languages of headings and of the names of transaction types.
const (
	English  = "en"
	Japanese = "ja"
)

// Entry is one line of the electronic journal, as it stands under its hash.
type Entry struct {
	Amount           money.Decimal `json:"amount"`
	BusinessCounter  *int64        `json:"business_counter"`
	BusinessDate     string        `json:"business_date"`
	GenerateDateTime string        `json:"generate_date_time"`
	JournalText      string        `json:"journal_text"`
	OpenCounter      *int64        `json:"open_counter"`
	Quantity         *int64        `json:"quantity"`
	ReceiptNo        *int64        `json:"receipt_no"`
	ReceiptText      *string       `json:"receipt_text"`
	StaffID          *string       `json:"staff_id"`
	StoreCode        string        `json:"store_code"`
	TenantID         string        `json:"tenant_id"`
	TerminalNo       int           `json:"terminal_no"`
	TransactionNo    *string       `json:"transaction_no"`
	TransactionType  int           `json:"transaction_type"`
	UserID           *string       `json:"user_id"`
}

// Row is an entry and its place in the journal.
type Row struct {
	Entry
	Index uint64 // in the log of the tenant
	proof.Link
	Hash proof.Hash
}

// RowOf reads the row of an event that has an entry.
func RowOf(l *proof.Line) (*Row, error) {
	r := &Row{Index: l.Index, Link: l.Link, Hash: l.Hash}
	if err := json.Unmarshal(l.Entry, &r.Entry); err != nil {
		return nil, fmt.Errorf("the entry of event %d cannot be read: %w", l.Index, err)
	}
	return r, nil
}

// AppendHeader appends the byte order mark and the row of headings.
func AppendHeader(b []byte, language string) []byte {
	b = append(b, "\uFEFF"...)
	for i, c := range Columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, c.heading(language))
	}
	return append(b, "\r\n"...)
}

// Append appends the row with its line end.
func (r *Row) Append(b []byte, language string) []byte {
	for i, c := range Columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = c.append(b, r, language)
	}
	return append(b, "\r\n"...)
}

// LocalTime is when the entry was made, by the clock of its till: without its zone, so that a
// spreadsheet takes it for a time. "" when the text of the entry is no time.
func (r *Row) LocalTime() string {
	t, err := time.Parse(time.RFC3339, r.GenerateDateTime)
	if err != nil {
		return ""
	}
	return t.Format("2006-01-02 15:04:05")
}

// isoDate spells YYYYMMDD with dashes; what is no such date stays as it is.
func isoDate(date string) string {
	t, err := time.Parse("20060102", date)
	if err != nil {
		return date
	}
	return t.Format(time.DateOnly)
}

func appendText(b []byte, s string) []byte {
	return append(append(append(b, '"'), strings.ReplaceAll(s, `"`, `""`)...), '"')
}

func appendNumber(b []byte, n *int64) []byte {
	if n == nil {
		return b
	}
	return strconv.AppendInt(b, *n, 10)
}

// appendGuarded appends a text that came from outside.
func appendGuarded(b []byte, s *string) []byte {
	if s == nil {
		return b
	}
	return appendText(b, Guard(*s))
}
