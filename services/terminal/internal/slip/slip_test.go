package slip_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/layout"
	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/terminal/internal/slip"
)

var update = flag.Bool("update", false, "rewrite the golden files: look at the difference before committing it")

func ptr[T any](v T) *T { return &v }

var d = money.MustParse

func heading(language string, width int, currency money.Currency) slip.Heading {
	return slip.Heading{
		Language: language, Width: width, Currency: currency, StoreName: map[string]string{"ja": "テスト店舗", "en": "Test Shop"}[language],
		Headers: []string{"Header", "ヘッダー"}, Footers: []string{"Thank you"},
		TerminalNo: 9, StaffID: "S001", BusinessDate: "20260329", OpenCounter: 2,
		At: time.Date(2026, 3, 29, 18, 8, 0, 0, time.FixedZone("", 9*3600)),
	}
}

func TestSlips(t *testing.T) {
	totals := slip.Totals{
		Transactions: ptr(int64(12)), LastTransactionNo: ptr(int64(345)), CashMoves: 3, InitialAmount: ptr(d("50000")),
		Expected: ptr(d("158640")), Counted: ptr(d("158600")), OverShort: ptr(d("-40")),
		Checkpoint: &slip.Checkpoint{Size: 12345, Root: "K7QF-2M3X-9ABC-DEFG"},
	}
	for _, c := range []struct {
		name string
		slip slip.Slip
	}{
		{"open-ja", slip.Open(heading("ja", 32, "JPY"), ptr(d("50000")))},
		{"open-en", slip.Open(heading("en", 32, "EUR"), ptr(d("150.5")))},
		{"open-without-float", slip.Open(heading("ja", 32, "JPY"), nil)},
		{"cash-in-ja", slip.Cash(heading("ja", 32, "JPY"), d("1000"), slip.DefaultReason("ja", d("1000")))},
		{"cash-out-ja", slip.Cash(heading("ja", 32, "JPY"), d("-50000"), "銀行入金のための現金引き出し(午後便)")},
		{"cash-out-en", slip.Cash(heading("en", 32, "USD"), d("-1234567.89"), slip.DefaultReason("en", d("-1")))},
		{"close-ja", slip.Close(heading("ja", 32, "JPY"), totals)},
		{"close-en", slip.Close(heading("en", 40, "EUR"), totals)},
		{"close-narrow-ja", slip.Close(heading("ja", 24, "JPY"), totals)},
		{"close-narrow-en", slip.Close(heading("en", 24, "KWD"), totals)},
		{"close-provisional-ja", slip.Close(heading("ja", 32, "JPY"), slip.Totals{CashMoves: 1, Provisional: true, Counted: ptr(d("9"))})},
		{"close-provisional-en", slip.Close(heading("en", 32, "EUR"), slip.Totals{CashMoves: 1, Provisional: true})},
		{"nobody-signed-in", func() slip.Slip { h := heading("ja", 32, "JPY"); h.StaffID = ""; return slip.Open(h, nil) }()},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := "receipt:\n" + c.slip.Receipt + "journal:\n" + c.slip.Journal
			path := filepath.Join("testdata", c.name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

func TestNoLineIsWiderThanTheReceipt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := heading(rapid.SampledFrom([]string{"ja", "en"}).Draw(t, "language"), rapid.IntRange(24, 64).Draw(t, "width"), "JPY")
		h.StoreName = rapid.StringN(1, 100, -1).Draw(t, "store")
		s := slip.Cash(h, money.FromInt(rapid.Int64Range(-999_999_999, 999_999_999).Draw(t, "amount")), rapid.StringN(1, 100, -1).Draw(t, "reason"))
		for _, line := range strings.Split(s.Receipt, "\n") {
			assert.LessOrEqual(t, layout.Width(line), h.Width, "%q", line)
		}
	})
}

func TestAnUnknownLanguageIsJapanese(t *testing.T) {
	assert.Equal(t, "入金", slip.DefaultReason("xx", d("1")))
	assert.Equal(t, "Float", slip.FloatReason("en"))
}
