package screen_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

func TestATableCountsInDisplayColumns(t *testing.T) {
	table := screen.NewTable("item", ">amount", "note")
	table.Row("Tea", "1,080", "")
	table.Row("おにぎり", "150", "")
	var out strings.Builder
	table.Print(&out, "  ")
	assert.Equal(t, "  ITEM      AMOUNT\n"+
		"  Tea        1,080\n"+
		"  おにぎり     150\n", out.String())
}

func TestAReceiptIsAsWideAsItsPaper(t *testing.T) {
	var out strings.Builder
	screen.Receipt(&out, "領 収 証\nTotal"+strings.Repeat(" ", 22)+"1,080\n", "")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Equal(t, []string{
		"┌──────────────────────────────────┐",
		"│ 領 収 証                         │",
		"│ Total                      1,080 │",
		"└──────────────────────────────────┘",
	}, lines)
}

func TestNothingFromOutsideDrivesTheTerminalWindow(t *testing.T) {
	var out strings.Builder
	screen.Receipt(&out, "\x1b[31mred\u009b31m", "")
	table := screen.NewTable("x")
	table.Row("a\x1b]0;title\x07b\nc")
	table.Print(&out, "")
	assert.NotContains(t, out.String(), "\x1b")
	assert.NotContains(t, out.String(), "\u009b")
	assert.NotContains(t, out.String(), "\x07")
	assert.Contains(t, out.String(), "b c")
}

func TestAmountsOfAColumnHaveTheSameDecimals(t *testing.T) {
	for want, a := range map[string]string{"1,234,567.50": "1234567.5", "-1,000.00": "-1000", "999.00": "999", "0.00": "0"} {
		assert.Equal(t, want, screen.Amount(money.MustParse(a), 2))
	}
	assert.Equal(t, 0, screen.Digits(money.FromInt(5), money.FromInt(-3)))
	assert.Equal(t, 2, screen.Digits(money.FromInt(5), money.MustParse("0.1")))
	assert.Equal(t, 3, screen.Digits(money.MustParse("0.125")))
}
