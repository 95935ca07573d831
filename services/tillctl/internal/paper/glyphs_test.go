package paper

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/layout"
)

// The short way through plain characters ends where the long one does, and lines are as wide as the paper
// has them.
func TestPlainCharactersAreSetAsAllOthers(t *testing.T) {
	f, err := newFace()
	require.NoError(t, err)
	alphabet := []rune("aZ 0~¥ée\u0301\u200d\ufe0f緑茶あがヾー、。〇（）＝ｱｶﾞﾟﾊﾟ🍵👨👩𠮷한α─\u200b\u3099\u30fb々鿋")
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.StringOf(rapid.SampledFrom(alphabet)).Draw(t, "line")
		var want []glyph
		var lost []string
		cells := 0
		for clusters := uniseg.NewGraphemes(line); clusters.Next(); {
			g, l := f.cluster(clusters.Str())
			want, lost = append(want, g...), append(lost, l...)
			cells += layout.Width(clusters.Str())
		}
		got, missing := f.set(line)
		if len(got) != len(want) || len(missing) != len(lost) {
			t.Fatalf("%q: %v %q, and not %v %q", line, got, missing, want, lost)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%q: glyph %d is %v, and not %v", line, i, got[i], want[i])
			}
		}
		if !strings.ContainsAny(line, voicedMarks) && width(got) != cells {
			t.Fatalf("%q: %d cells, and not %d", line, width(got), cells)
		}
	})
}
