package journal_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// foldWhole is what folding means.
func foldWhole(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

func TestFoldingInStretchesIsFoldingTheWhole(t *testing.T) {
	alphabet := append([]string{"A", "Z", "ÀB", "か", "は\u309a", "\u3099", "\u0301", "\u0327", "ﾞ", "ﾊﾟ", "ー", "・", "¥", "※", "─", "「", "。", "가", "\u1100", "\u1161", "\u11a8", "Σ", "ſ", "K", "㍻", "\xff", "\xe3\x81", "\u0345", "ா", "\u0bc6"}, pieces...)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 12).Draw(t, "text"), "")
		require.Equal(t, foldWhole(text), journal.Fold(text), "%q", text)
		any := rapid.String().Draw(t, "any")
		require.Equal(t, foldWhole(any), journal.Fold(any), "%q", any)
	})
}

// Beside every character of Unicode, those that fold by themselves stay what they are.
func TestFoldingBesideEveryCharacter(t *testing.T) {
	for r := rune(0); r <= 0x2FFFF; r++ { // beyond there are only ideographs and selectors
		if !utf8.ValidRune(r) {
			continue
		}
		c := string(r)
		if text := "A" + c + "か" + c + "ﾊ" + c + "漢" + c + "─" + c + "ー" + c + "Ｋ" + c + "\u3000" + c + "ｶﾞ"; foldWhole(text) != journal.Fold(text) {
			t.Fatalf("%U: %q: %q instead of %q", r, text, journal.Fold(text), foldWhole(text))
		}
	}
}

// Of the characters that are only copied, none joins with another.
func TestSteadyCharactersStandAlone(t *testing.T) {
	const some = "aZ0 \nかガんハヺ漢一鿿ー・¥※─▟、。〃「】！Ａｚ～　ｦｱﾝﾞﾟ"
	for _, a := range some {
		for _, b := range some {
			text := string(a) + string(b)
			require.Equal(t, foldWhole(text), journal.Fold(text), "%q", text)
		}
	}
}

func BenchmarkFold(b *testing.B) {
	text := strings.Repeat("おにぎり 鮭              2点    300円\nGreen Tea ﾍﾟｯﾄﾎﾞﾄﾙ  1    ¥150\n", 10)
	b.SetBytes(int64(len(text)))
	b.Run("in stretches", func(b *testing.B) {
		for range b.N {
			journal.Fold(text)
		}
	})
	b.Run("whole", func(b *testing.B) {
		for range b.N {
			foldWhole(text)
		}
	})
}
