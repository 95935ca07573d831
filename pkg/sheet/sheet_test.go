package sheet_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sheet"
)

const entry = `{"amount":-1080.5,"business_counter":7,"business_date":"20260401","generate_date_time":"2026-04-01T23:59:58+09:00",` +
	`"journal_text":"返品\n\"緑茶\", 2","open_counter":1,"quantity":null,"receipt_no":12,"receipt_text":null,"staff_id":"007",` +
	`"store_code":"main","tenant_id":"acme","terminal_no":3,"transaction_no":"42","transaction_type":102,"user_id":""}`

func line() *proof.Line {
	return &proof.Line{Index: 9, Link: proof.Link{Stream: "acme-main-3", Seq: 5, EventID: "e9"}, Hash: proof.Hash{0xab}, Entry: []byte(entry)}
}

func TestASheetIsWrittenToTheByte(t *testing.T) {
	row, err := sheet.RowOf(line())
	require.NoError(t, err)
	const columns = `"logIndex","businessDate","storeCode","terminalNo","transactionType","transactionTypeName","transactionNo","receiptNo","amount","quantity",` +
		`"staffId","userId","openCounter","businessCounter","localTime","generateDateTime","journalId","streamId","chainSeq","hash","journalText","receiptText"`
	assert.Equal(t, "\xEF\xBB\xBF"+columns+"\r\n"+
		`9,2026-04-01,"main",3,102,"Return Sales","42",12,-1080.5,,"'007","",1,7,2026-04-01 23:59:58,"2026-04-01T23:59:58+09:00","e9","acme-main-3",5,`+
		`"ab`+strings.Repeat("0", 62)+`","返品`+"\n"+`""緑茶"", 2",`+"\r\n",
		string(row.Append(sheet.AppendHeader(nil, sheet.English), sheet.English)))
	japanese := string(row.Append(sheet.AppendHeader(nil, sheet.Japanese), sheet.Japanese))
	assert.True(t, strings.HasPrefix(japanese, "\uFEFF\"ログ番号\",\"営業日\",\"店舗コード\","))
	assert.Contains(t, japanese, `,102,"返品",`)
}

func TestWhatASpreadsheetWouldExecuteOrChangeIsGuarded(t *testing.T) {
	for _, text := range []string{
		`=HYPERLINK("http://evil","x")`, "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠x", "'quoted",
		"007", "1E5", "1e5", "12345678901234567", "1-2", "1/2", "10:30", "1.50", ".5", "MAR1", "1-Mar", "sept 3", "TRUE", "false", "50%", "2026-04-01", "4月1日", "1,5", " 1",
	} {
		assert.Equal(t, "'"+text, sheet.Guard(text), "%q", text)
		assert.Equal(t, text, sheet.Unguard(sheet.Guard(text)))
	}
	for _, text := range []string{"", "0", "42", "123456789012345", "milk", "領 収 証", "main", "a=b", "01a1fc3a-ac15-7956-a5ff-8a4da078a3af", "Total -5", "marble", "é"} {
		assert.Equal(t, text, sheet.Guard(text), "%q", text)
	}
}

func TestEveryTextComesBack(t *testing.T) {
	alphabet := []rune("=+-@'\t\r\n\",;0123eE.:/ aMar月日＝é緑🍵\x00\uFEFF")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom(alphabet))).Draw(t, "text")
		guarded := sheet.Guard(text)
		if sheet.Unguard(guarded) != text {
			t.Fatalf("%q became %q", text, guarded)
		}
		if guarded != "" && strings.ContainsAny(guarded[:1], "=+-@\t\r\n") {
			t.Fatalf("%q would be executed", guarded)
		}
		row := sheet.Row{Entry: sheet.Entry{JournalText: text, Amount: money.Zero, StaffID: &text}}
		cells, err := strict(row.Append(nil, sheet.English))
		if err != nil {
			t.Fatal(err)
		}
		if len(cells) != 1 || len(cells[0]) != len(sheet.Columns) {
			t.Fatalf("%d rows, %d cells", len(cells), len(cells[0]))
		}
		if got := sheet.Unguard(cells[0][20]); got != text {
			t.Fatalf("%q became %q", text, got)
		}
		if got := sheet.Unguard(cells[0][10]); got != text {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

func TestTheStandardLibraryReadsTheSame(t *testing.T) {
	row, err := sheet.RowOf(line())
	require.NoError(t, err)
	raw := row.Append(sheet.AppendHeader(nil, sheet.English), sheet.English)
	mine, err := strict(bytes.TrimPrefix(raw, []byte("\uFEFF")))
	require.NoError(t, err)
	theirs, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\uFEFF")))).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, mine, theirs)
}

func TestEveryColumnHasTwoHeadingsAndSaysWhatItIs(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range sheet.Columns {
		assert.NotEmpty(t, c.Doc, c.Name)
		for _, name := range []string{c.Name, c.Japanese} {
			assert.False(t, name == "" || seen[name], name)
			seen[name] = true
		}
	}
}

func TestAnEntryThatCannotBeReadIsNoRow(t *testing.T) {
	l := line()
	l.Entry = []byte(`{"amount":"x"}`)
	_, err := sheet.RowOf(l)
	assert.ErrorContains(t, err, "event 9")
}

// strict reads CSV by the grammar of RFC 4180 and by nothing else: CRLF behind every record, no quote in
// a bare field, nothing behind a closing quote.
func strict(raw []byte) (records [][]string, err error) {
	record := []string{}
	for i := 0; i < len(raw); {
		var field []byte
		if raw[i] == '"' {
			for i++; ; i++ {
				if i >= len(raw) {
					return nil, errors.New("a quote is never closed")
				}
				if raw[i] == '"' {
					if i+1 < len(raw) && raw[i+1] == '"' {
						i++
					} else {
						i++
						break
					}
				}
				field = append(field, raw[i])
			}
		} else {
			for i < len(raw) && raw[i] != ',' && raw[i] != '\r' {
				if raw[i] == '"' || raw[i] == '\n' {
					return nil, fmt.Errorf("%q in a bare field at %d", raw[i], i)
				}
				field = append(field, raw[i])
				i++
			}
		}
		record = append(record, string(field))
		switch {
		case i < len(raw) && raw[i] == ',':
			if i++; i == len(raw) || raw[i] == '\r' {
				record = append(record, "")
			} else {
				continue
			}
			fallthrough
		case i+1 < len(raw) && raw[i] == '\r' && raw[i+1] == '\n':
			if i+1 >= len(raw) {
				return nil, errors.New("the last record has no end")
			}
			records, record, i = append(records, record), []string{}, i+2
		default:
			return nil, fmt.Errorf("rubbish behind a field at %d", i)
		}
	}
	if len(record) > 0 {
		return nil, errors.New("the last record has no end")
	}
	return records, nil
}

func TestTheReadmeHasTheColumns(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var table strings.Builder
	for i, c := range sheet.Columns {
		fmt.Fprintf(&table, "| %d | `%s` | %s | %s |\n", i+1, c.Name, c.Japanese, c.Doc)
	}
	_, found, _ := strings.Cut(string(raw), "|---|---|---|---|\n")
	assert.Equal(t, table.String(), found, "the end of the page must be this:\n%s", table.String())
}
