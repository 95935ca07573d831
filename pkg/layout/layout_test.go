package layout_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/layout"
)

func TestPage(t *testing.T) {
	got := layout.NewPage(20).Centre("領 収 証").Rule().Split("おにぎり", "120").Split("A very long product name", "1,234.50").Right("12").Blank().Left("end").String()
	want := strings.Join([]string{
		"      領 収 証",
		"--------------------",
		"おにぎり         120",
		"A very long product",
		"name",
		"            1,234.50",
		"                  12",
		"",
		"end",
		"",
	}, "\n")
	assert.Equal(t, want, got)
}

func TestNothingASenderWroteBreaksALine(t *testing.T) {
	got := layout.NewPage(20).Left("a\nb\x1b[31m\x7f").String()
	assert.Equal(t, "a b [31m\n", got)
	assert.Equal(t, "a b              1 2\n", layout.NewPage(20).Split("a\nb", "1\t2").String())
}

func TestNoLineIsWiderAndNoLetterIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		width := rapid.IntRange(16, 64).Draw(rt, "width")
		left := rapid.StringOfN(rapid.RuneFrom([]rune("ab c領収証ｶ　éﾞﾟ")), 0, 80, -1).Draw(rt, "left")
		page := layout.NewPage(width).Split(left, "9,999").Centre(left).String()
		for _, line := range strings.Split(page, "\n") {
			require.LessOrEqual(rt, layout.Width(line), width)
		}
		require.Contains(rt, page, "9,999")
		squeeze := func(s string) string {
			return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' }), "")
		}
		require.Equal(rt, squeeze(left)+"9,999"+squeeze(left), squeeze(page))
	})
}

func TestAVoicedSoundMarkOfHalfWidthKatakanaTakesAColumn(t *testing.T) {
	for s, want := range map[string]int{"ﾎﾟﾃﾄﾁｯﾌﾟｽ": 9, "ｶﾞ": 2, "ﾞ": 1, "ポテト": 6, "か\u3099": 2, "é": 1} {
		assert.Equal(t, want, layout.Width(s), "%q", s)
	}
	assert.Equal(t, "ﾎﾟﾃﾄﾁｯﾌﾟｽ  98\n", layout.NewPage(13).Split("ﾎﾟﾃﾄﾁｯﾌﾟｽ", "98").String())
	assert.Equal(t, "ｱｱｱ\nｶﾞｱ\n", layout.NewPage(4).Left("ｱｱｱｶﾞｱ").String(), "a mark does not stand without its letter")
}

func TestWhatTurnsTextAroundHasNoPlaceOnPaper(t *testing.T) {
	got := layout.NewPage(20).Split("Tea\u202e09\u2066", "1.00\u200f\ufeff").String()
	assert.Equal(t, "Tea09           1.00\n", got)
	assert.Equal(t, "a b c\n", layout.NewPage(20).Left("a\u0085b\u2028c").String())
}
