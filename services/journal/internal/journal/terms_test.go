package journal_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

func TestTerms(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		" \t\n　---*** ─── ":       "",
		"Green Tea":               "green tea",
		"tea, TEA; Ｔｅａ":           "tea",
		"緑茶":                      "緑 茶 緑茶",
		"茶":                       "茶",
		"おにぎり":                    "お に おに ぎ にぎ り ぎり",
		"ハンバーガー":                  "ハ ン ハン バ ンバ ー バー ガ ーガ ガー",
		"ﾊﾝﾊﾞｰｶﾞｰ":                "ハ ン ハン バ ンバ ー バー ガ ーガ ガー",
		"か\u3099":                 "が",
		"Café crème":              "café crème",
		"CAFE\u0301":              "café",
		"naïve œuvre ÅNGSTRÖM":    "naïve œuvre ångström",
		"Straße":                  "straße",
		"1,080":                   "1 080",
		"４９０１２３４":                 "4901234",
		"A-1047/B":                "a 1047 b",
		"☕":                       "☕",
		"☕️ 🍙🍵":                   "☕ 🍙 🍵 🍙🍵",
		"コーヒーM 300円":              "コ ー コー ヒ ーヒ ヒー m 300 円",
		"㈱山田":                     "株 山 田 山田",
		"①番":                      "1 番",
		"人々〆":                     "人 々 人々 〆 々〆",
		"커피 한잔":                   "커 피 커피 한 잔 한잔",
		"привет Ωmega":            "привет ωmega",
		strings.Repeat("x", 1000): strings.Repeat("x", 48),
		strings.Repeat("é", 1000): strings.Repeat("é", 24),
		"x\x00y\xff":              "x y",
	} {
		assert.Equal(t, strings.Fields(want), append([]string{}, journal.Terms(text)...), "%q", text)
	}
}

func TestTermsOfKeywords(t *testing.T) {
	for phrase, want := range map[string]struct {
		terms   string
		decided bool
	}{
		"tea":                       {"tea", true},
		"TEA green":                 {"tea green", true},
		"茶":                         {"茶", true},
		"緑茶":                        {"緑茶", true},
		"おにぎり":                      {"おに にぎ ぎり", false},
		"ｶﾞ":                        {"ガ", true},
		`"green tea"`:               {"green tea", false},
		"1,080":                     {"1 080", false},
		"300円":                      {"300 円", false},
		"%":                         {"", false},
		"tea %":                     {"tea", false},
		"🍙":                         {"🍙", true},
		"緑茶 緑茶":                     {"緑茶", true},
		strings.Repeat("x", 60):     {strings.Repeat("x", 48), false},
		`"; DROP TABLE journal; --`: {"drop table journal", false},
	} {
		terms, decided := journal.TermsOf(journal.Keywords(phrase))
		assert.Equal(t, strings.Fields(want.terms), append([]string{}, terms...), phrase)
		assert.Equal(t, want.decided, decided, phrase)
	}
}

func TestPairs(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"tea":                          "",
		"Receipt No. 288 #1":           "receipt§no no§288 288§1",
		"レシート No. 288":                 "no§288",
		"合計 1 円 2":                     "",
		"a b a b":                      "a§b b§a",
		"１２\n１２":                       "12§12",
		strings.Repeat("x", 60) + " y": strings.Repeat("x", 48) + "§y",
	} {
		assert.Equal(t, strings.Fields(want), append([]string{}, journal.Pairs(text)...), "%q", text)
	}
}

func TestSparseTermsOfKeywords(t *testing.T) {
	for phrase, want := range map[string]string{
		"tea":               "tea",
		`"No. 288"`:         "no§288",
		`"green tea decaf"`: "green§tea tea§decaf",
		"green tea":         "green tea",
		"茶":                 "茶",
		"おにぎり":              "おに ぎり",
		"クレジット":             "クレ ジッ ット",
		`"おにぎり No. 7"`:      "no§7 おに ぎり",
		"300円":              "300 円",
		`"a 円 b"`:           "a 円 b",
		"%":                 "",
	} {
		terms, _, _ := journal.SparseTermsOf(journal.Keywords(phrase))
		assert.Equal(t, strings.Fields(want), append([]string{}, terms...), phrase)
	}
}

// pieces of texts in which everything that may go wrong stands side by side.
var pieces = []string{
	"緑", "茶", "緑茶", "お", "に", "ぎ", "り", "おにぎり", "ハンバーガー", "ﾊﾞｰｶﾞｰ", "ー", "か", "\u3099", "々", "円", "株", "㈱",
	"tea", "Tea", "ＴＥＡ", "s", "é", "e\u0301", "ß", "1", "10", "100", "１０", "①", "a1", "☕", "\ufe0f", "🍙", "👨\u200d👩", "%", "_", "*", "\"",
	" ", "  ", "\n", "　", ",", ".", "-", "─", "¥", "'", "\x00", "\\", "İ", "ﬁ", "한", "ไทย",
}

func Text(t *rapid.T, name string, most int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, most).Draw(t, name), "")
}

// What a text holds can be found by its terms, and what the terms decide is right.
func TestTermsMissNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := Text(t, "text", 30)
		phrase := Text(t, "phrase", 6)
		if rapid.Bool().Draw(t, "of the text") && text != "" { // a part of it, which is likely to be held
			all := []rune(text)
			from := rapid.IntRange(0, len(all)-1).Draw(t, "from")
			phrase = string(all[from:rapid.IntRange(from+1, len(all)).Draw(t, "to")])
		}
		keywords := journal.Keywords(phrase)
		terms, decided := journal.TermsOf(keywords)
		has := map[string]bool{}
		for _, term := range journal.Terms(text) {
			require.True(t, utf8.ValidString(term))
			has[term] = true
		}
		all := true
		for _, term := range terms {
			all = all && has[term]
		}
		sparse, brief, same := journal.SparseTermsOf(keywords)
		require.Subset(t, sparse, brief)
		require.LessOrEqual(t, len(brief), len(keywords))
		require.Equal(t, len(sparse) > 0, len(brief) > 0)
		require.Equal(t, decided, same, "%q", phrase)
		require.LessOrEqual(t, len(sparse), len(terms))
		for _, pair := range journal.Pairs(text) {
			require.False(t, has[pair], "a pair is no other term")
			has[pair] = true
		}
		sparsely := true
		for _, term := range sparse {
			sparsely = sparsely && has[term]
		}
		holds := journal.Holds(text, keywords)
		require.False(t, holds && !sparsely, "%q holds %q, but its terms %v do not have %v", text, keywords, has, sparse)
		require.False(t, decided && !holds && sparsely, "%q does not hold %q, but its terms %v have %v", text, keywords, has, sparse)
		if holds {
			require.True(t, all, "%q holds %q, but its terms %v do not have %v", text, keywords, has, terms)
		} else if decided {
			require.False(t, all, "%q does not hold %q, but its terms %v have %v", text, keywords, has, terms)
		}
		each := true // the relevance of a text is counted in its folded form, which is the definition
		for _, k := range keywords {
			each = each && journal.Relevance(text, []string{k}) > 0
		}
		require.Equal(t, each, holds, "%q, %q", text, keywords)
	})
}

func TestRelevance(t *testing.T) {
	score := func(text string) int { return journal.Relevance(text, []string{"tea", "緑茶"}) }
	short, long := "Tea 緑茶", "Tea 緑茶"+strings.Repeat(" milk", 400)
	assert.Greater(t, score(short), score(long))
	assert.Greater(t, score("Tea 緑茶 tea"), score(short))
	assert.Greater(t, score(short), score("tea tea tea"), "both keywords once are more than one of them thrice")
	assert.Greater(t, score("Tea tea 緑茶")-score(short), score("Tea tea tea tea tea 緑茶")-score("Tea tea tea tea 緑茶"))
}

func BenchmarkTerms(b *testing.B) {
	text := strings.Repeat("おにぎり 鮭              2点    300円\nGreen Tea ﾍﾟｯﾄﾎﾞﾄﾙ  1    ¥150\n", 10)
	b.SetBytes(int64(len(text)))
	for range b.N {
		journal.Terms(text)
	}
}

func BenchmarkHolds(b *testing.B) {
	text := strings.Repeat("おにぎり 鮭              2点    300円\nGreen Tea ﾍﾟｯﾄﾎﾞﾄﾙ  1    ¥150\n", 10)
	b.SetBytes(int64(len(text)))
	for range b.N {
		journal.Holds(text, []string{"緑茶", "tea"})
	}
}
