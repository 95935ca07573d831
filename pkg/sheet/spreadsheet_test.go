package sheet_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sheet"
)

// cell is what a spreadsheet program made of a field.
type cell struct{ kind, value, formula, text string }

// opened is a sheet as LibreOffice opens it by a double click: UTF-8 by its mark, commas, and whatever
// looks like a number or a date taken for one.
func opened(t *testing.T, raw []byte) (rows [][]cell) {
	t.Helper()
	office, err := exec.LookPath("soffice")
	if err != nil {
		t.Skip("SKIPPED: LibreOffice is not installed (Debian: libreoffice-calc-nogui): no spreadsheet program has opened the file")
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.csv"), raw, 0o600))
	// 44 comma, 34 quote, 76 UTF-8; from line 1; English numbers; quoted fields may be numbers, too;
	// detect dates and the like; evaluate formulas: all that could go wrong.
	cmd := exec.Command(office, "-env:UserInstallation=file://"+filepath.Join(dir, "profile"), "--headless", "--convert-to", "fods",
		"--infilter=CSV:44,34,76,1,,1033,false,true,false,false,false,-1,true", "--outdir", dir, filepath.Join(dir, "x.csv"))
	cmd.Env = append(os.Environ(), "HOME="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	file, err := os.Open(filepath.Join(dir, "x.fods"))
	require.NoError(t, err)
	defer file.Close()
	var c *cell
	for in := xml.NewDecoder(file); ; {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return rows
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "table-row":
				rows = append(rows, nil)
			case "table-cell":
				n := len(rows) - 1
				now, repeated := cell{}, 1
				for _, a := range e.Attr {
					switch a.Name.Local {
					case "value-type":
						now.kind = a.Value
					case "value", "date-value", "time-value", "boolean-value":
						now.value = a.Value
					case "formula":
						now.formula = a.Value
					case "number-columns-repeated":
						if len(a.Value) == 1 {
							repeated = int(a.Value[0] - '0')
						}
					}
				}
				for range repeated {
					rows[n] = append(rows[n], now)
				}
				c = &rows[n][len(rows[n])-1]
			case "p":
				if c != nil && c.text != "" {
					c.text += "\n"
				}
			case "s":
				if c != nil {
					c.text += " "
				}
			}
		case xml.CharData:
			if c != nil {
				c.text += string(e)
			}
		case xml.EndElement:
			if e.Name.Local == "table-cell" {
				if c != nil {
					c.text = strings.TrimSpace(c.text)
				}
				c = nil
			}
		}
	}
}

func TestASpreadsheetProgramReadsWhatWasMeant(t *testing.T) {
	raw := sheet.AppendHeader(nil, sheet.Japanese)
	texts := []string{"=1+1", `=HYPERLINK("http://evil";"x")`, "007", "1E5", "1-2", "12345678901234567", "MAR1", "TRUE", "緑茶", "+81 3", "@x", "2026-04-01", "10:30", "milk", "42"}
	for i, text := range texts {
		n := int64(i)
		row := sheet.Row{Index: uint64(i), Entry: sheet.Entry{TransactionType: 101, BusinessDate: "20260401", GenerateDateTime: "2026-04-01T23:59:58+09:00", Amount: money.MustParse("-1234567.89"),
			StoreCode: "main", StaffID: &text, ReceiptNo: &n, JournalText: "領 収 証\n\"緑茶\", 2", ReceiptText: &text}}
		raw = row.Append(raw, sheet.Japanese)
	}
	rows := opened(t, raw)
	require.GreaterOrEqual(t, len(rows), len(texts)+1)
	for i, c := range sheet.Columns {
		assert.Equal(t, cell{kind: "string", text: c.Japanese}, rows[0][i])
	}
	for i, text := range texts {
		row := rows[i+1]
		for n, c := range row {
			assert.Empty(t, c.formula, "row %d column %d is executed: %+v", i, n, c)
		}
		for _, n := range []int{10, 21} {
			if text == "42" {
				continue // it may be a number: it is shown as it is written
			}
			assert.Equal(t, "string", row[n].kind, text)
			assert.Equal(t, strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(sheet.Unguard(row[n].text)), " "))
		}
		assert.Equal(t, "float", row[8].kind)
		assert.Equal(t, "-1234567.89", row[8].value)
		assert.Equal(t, [2]string{"date", "2026-04-01"}, [2]string{row[1].kind, row[1].value})
		assert.Equal(t, [2]string{"date", "2026-04-01T23:59:58"}, [2]string{row[14].kind, row[14].value})
		assert.Equal(t, "2026-04-01T23:59:58+09:00", row[15].text)
		assert.Equal(t, "領 収 証\n\"緑茶\", 2", row[20].text)
		assert.Equal(t, "通常売上", row[5].text)
	}
}
