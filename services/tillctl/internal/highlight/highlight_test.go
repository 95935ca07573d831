package highlight_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/tillroll/tillroll/services/tillctl/internal/highlight"
)

// shown writes what is marked in brackets.
func shown(lines []highlight.Line) string {
	var out []string
	for _, l := range lines {
		text, done := "", 0
		for _, m := range l.Marks {
			text += l.Text[done:m[0]] + "[" + l.Text[m[0]:m[1]] + "]"
			done = m[1]
		}
		out = append(out, text+l.Text[done:])
	}
	return strings.Join(out, "|")
}

func TestWhatWasFoundIsMarked(t *testing.T) {
	for _, test := range []struct{ keyword, text, want string }{
		{"tea", "Green TEA  1\nsteak 2\nTea tea", "Green [TEA]  1|[Tea] [tea]"},
		{`"green tea"`, "a Green   Tea b", "a [Green   Tea] b"},
		{"green tea", "a Green\nTea b", "a [Green]|[Tea] b"},
		{"りんご", "青りんごジュース  300", "青[りんご]ジュース  300"},
		{"カード", "ｸﾚｼﾞｯﾄｶｰﾄﾞ払い", "ｸﾚｼﾞｯﾄ[ｶｰﾄﾞ]払い"},
		{"ｶﾞﾑ", "ガム 100", "[ガム] 100"},
		{"ａｂｃ", "x ABC y", "x [ABC] y"},
		{"10", "100 10 ¥10", "100 [10] ¥[10]"},
		{"café", "CAFE\u0301 noir", "[CAFE\u0301] noir"},
		{"🍎", "a🍎b", "a[🍎]b"},
		{"㈱", "(株)山田", "[(株)]山田"},
		{"nothing", "else", ""},
		{"", "else", ""},
		{"  ", "else", ""},
	} {
		assert.Equal(t, test.want, shown(highlight.Words(test.keyword).Lines(test.text, 9)), "%q in %q", test.keyword, test.text)
	}
	assert.Equal(t, "[a]|[a]", shown(highlight.Words("a").Lines("a\nb\na\na", 2)))
}

func TestAPatternIsMarkedToo(t *testing.T) {
	assert.Equal(t, "[No. 102]", shown(highlight.Pattern(`^No\. 10[0-9]$`).Lines("No. 102\nno. 103\nNo. 104x", 9)))
	assert.Equal(t, "[Ｎｏ．１０２]", shown(highlight.Pattern(`No\. ?10[0-9]`).Lines("Ｎｏ．１０２", 9)))
	assert.Empty(t, highlight.Pattern(`(`).Lines("(", 9))
	assert.Empty(t, highlight.Pattern(`x*`).Lines("abc", 9))
}

func FuzzMarksAreWholeCharacters(f *testing.F) {
	f.Add("ｶﾞ", "aｶﾞﾑ\nb")
	f.Add("a", "A\u0301\xff\xc3(")
	f.Fuzz(func(t *testing.T, keyword, text string) {
		for _, finder := range []*highlight.Finder{highlight.Words(keyword), highlight.Pattern(keyword)} {
			for _, line := range finder.Lines(text, 5) {
				end := 0
				for _, m := range line.Marks {
					if m[0] < end || m[1] <= m[0] || m[1] > len(line.Text) {
						t.Fatalf("%q in %q: %v", keyword, text, line)
					}
					end = m[1]
					if utf8.ValidString(line.Text) && !utf8.ValidString(line.Text[m[0]:m[1]]) {
						t.Fatalf("%q in %q: half a character in %v", keyword, text, line)
					}
				}
			}
		}
	})
}
