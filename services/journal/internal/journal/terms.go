package journal

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TermRules is the version of the rules by which texts are taken apart. An index that was made by
// other rules has to be made anew.
const TermRules = 2

// maxTerm is how many bytes of a word are a term. Longer ones are codes that nobody types; what is cut
// off is compared with the text.
const maxTerm = 48

// class is how a character takes part in a text.
type class uint8

const (
	between  class = iota // white space, punctuation, lines: it separates
	spaced                // of a script that puts spaces between words, and digits
	unspaced              // of a script that does not, and pictures
)

// classOf a folded character.
func classOf(r rune) class {
	switch {
	case r < utf8.RuneSelf:
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' {
			return spaced
		}
		return between
	case 0x3041 <= r && r <= 0x3096, 0x30A1 <= r && r <= 0x30FA, 0x4E00 <= r && r <= 0x9FFF, r == 'ー', r == '〆':
		return unspaced
	case 0x2500 <= r && r <= 0x259F, r == utf8.RuneError: // receipts are ruled with box drawing
		return between
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) && unicode.IsLetter(r), unicode.Is(unicode.So, r):
		return unspaced
	case unicode.IsLetter(r), unicode.IsNumber(r):
		return spaced
	case unicode.IsMark(r) && (r < 0xFE00 || r > 0xFE0F): // variation selectors are no part of a word
		return spaced
	}
	return between
}

// runs calls fn with every longest run of characters of one class of a folded text.
func runs(folded string, fn func(c class, run string)) {
	start, in := 0, between
	for i, r := range folded {
		c := classOf(r)
		if c == in {
			continue
		}
		if in != between {
			fn(in, folded[start:i])
		}
		start, in = i, c
	}
	if in != between {
		fn(in, folded[start:])
	}
}

// Terms takes a text apart for an index, each term once: the words of scripts that have spaces; of the
// others every character, and every two that stand side by side. Asking for what begins with a
// character would spare the single ones, which are a third of the index, and gather anew for every
// search what is in all of the journal.
func Terms(text string) []string {
	seen := make(map[string]struct{}, 128)
	terms := make([]string, 0, 128)
	add := func(term string) {
		if _, ok := seen[term]; !ok {
			seen[term] = struct{}{}
			terms = append(terms, term)
		}
	}
	runs(fold(text), func(c class, run string) {
		if c == spaced {
			add(cut(run))
			return
		}
		previous := -1
		for i, r := range run {
			end := i + utf8.RuneLen(r)
			add(run[i:end])
			if previous >= 0 {
				add(run[previous:end])
			}
			previous = i
		}
	})
	return terms
}

// pairing stands between two words that are one term. No term of Terms has it.
const pairing = "§"

// Pairs gives a term for every two words of scripts with spaces that stand side by side, each once.
// Both words of a phrase such as "No. 288" may be in a great many texts that do not have the phrase.
func Pairs(text string) (pairs []string) {
	seen := map[string]struct{}{}
	eachPair(fold(text), func(pair string) {
		if _, ok := seen[pair]; !ok {
			seen[pair] = struct{}{}
			pairs = append(pairs, pair)
		}
	})
	return pairs
}

func eachPair(folded string, fn func(pair string)) {
	before := ""
	runs(folded, func(c class, run string) {
		word := ""
		if c == spaced {
			word = cut(run)
		}
		if before != "" && word != "" {
			fn(before + pairing + word)
		}
		before = word
	})
}

// SparseTermsOf is TermsOf for an index that has pairs as well, with as few terms as tell nearly the same:
// pairs in place of their words, and of characters that stand side by side every other two. brief is one
// of them for each keyword.
func SparseTermsOf(keywords []string) (terms, brief []string, decided bool) {
	decided = true
	first := true // of its keyword
	add := func(t string) {
		if !slices.Contains(terms, t) {
			terms = append(terms, t)
			if first {
				brief = append(brief, t)
			}
			first = false
		}
	}
	for _, k := range keywords {
		first = true
		paired := map[string]bool{}
		eachPair(k, func(pair string) {
			add(pair)
			for _, word := range strings.Split(pair, pairing) {
				paired[word] = true
			}
		})
		whole := false
		runs(k, func(c class, run string) {
			if c == spaced {
				if !paired[cut(run)] {
					add(cut(run))
				}
				whole = len(run) == len(k) && len(run) <= maxTerm
				return
			}
			chars := []rune(run)
			for i := 0; i < len(chars); i += 2 {
				from := max(0, min(i, len(chars)-2))
				add(string(chars[from:min(from+2, len(chars))]))
			}
			whole = len(run) == len(k) && len(chars) <= 2
		})
		decided = decided && whole
	}
	return terms, brief, decided
}

// TermsOf gives the terms that every text has which holds the keywords. decided says that every text
// with these terms also holds the keywords; otherwise the text has to be looked at. No terms: an index
// is no help.
func TermsOf(keywords []string) (terms []string, decided bool) {
	decided = true
	add := func(t string) {
		if !slices.Contains(terms, t) {
			terms = append(terms, t)
		}
	}
	for _, k := range keywords {
		whole := false // one term is all that there is of the keyword
		runs(k, func(c class, run string) {
			n := utf8.RuneCountInString(run)
			switch {
			case c == spaced:
				add(cut(run))
				whole = len(run) == len(k) && len(run) <= maxTerm
				return
			case n == 1:
				add(run)
			default:
				for i := range run {
					_, size := utf8.DecodeRuneInString(run[i:])
					if i+size == len(run) {
						break
					}
					_, next := utf8.DecodeRuneInString(run[i+size:])
					add(run[i : i+size+next])
				}
			}
			whole = len(run) == len(k) && n <= 2
		})
		decided = decided && whole
	}
	return terms, decided
}

// cut shortens a word to what is a term.
func cut(word string) string {
	if len(word) <= maxTerm {
		return word
	}
	end := maxTerm
	for !utf8.RuneStart(word[end]) {
		end--
	}
	return word[:end]
}

// fold is Fold with every stretch of white space as one space: columns of a receipt are filled with
// spaces, and a name may be broken over lines.
func fold(s string) string { return squeeze(Fold(s)) }

func squeeze(s string) string {
	var b strings.Builder
	gap, copied := false, 0
	changed := false
	for i, r := range s {
		if r > ' ' && r < utf8.RuneSelf || !unicode.IsSpace(r) {
			gap = false
			continue
		}
		if gap || r != ' ' {
			if !changed {
				b.Grow(len(s))
				changed = true
			}
			b.WriteString(s[copied:i])
			if !gap {
				b.WriteByte(' ')
			}
			copied = i + utf8.RuneLen(r)
		}
		gap = true
	}
	if !changed {
		return s
	}
	b.WriteString(s[copied:])
	return b.String()
}

// occurrences counts the places where a folded text holds a keyword. Where the keyword begins or ends
// with a character of a script that has spaces, a word of the text must begin or end, too: tea is not
// in steak, and 10 is not in 100.
func occurrences(folded, keyword string, most int) (n int) {
	if keyword == "" {
		return 0
	}
	first, _ := utf8.DecodeRuneInString(keyword)
	last, _ := utf8.DecodeLastRuneInString(keyword)
	begins, ends := classOf(first) == spaced, classOf(last) == spaced
	for at := 0; n < most; {
		i := strings.Index(folded[at:], keyword)
		if i < 0 {
			return n
		}
		from, to := at+i, at+i+len(keyword)
		before, _ := utf8.DecodeLastRuneInString(folded[:from])
		after, _ := utf8.DecodeRuneInString(folded[to:])
		if (!begins || from == 0 || classOf(before) != spaced) && (!ends || to == len(folded) || classOf(after) != spaced) {
			n++
		}
		_, size := utf8.DecodeRuneInString(folded[from:])
		at = from + size
	}
	return n
}

// plainly tells whether a text holds a keyword just as it is written, where folding changes nothing of
// it or beside it. It saves folding most texts that do hold the keyword.
func plainly(text, keyword string) bool {
	first, _ := utf8.DecodeRuneInString(keyword)
	last, _ := utf8.DecodeLastRuneInString(keyword)
	i := strings.Index(text, keyword)
	if i < 0 || unicode.IsMark(first) {
		return false
	}
	before, m := utf8.DecodeLastRuneInString(text[:i])
	after, n := utf8.DecodeRuneInString(text[i+len(keyword):])
	return (m == 0 || settled(before) && (classOf(first) != spaced || classOf(before) != spaced)) &&
		(n == 0 || settled(after) && (classOf(last) != spaced || classOf(after) != spaced))
}

// settled tells whether a character means the same before and after folding and joins with no other.
func settled(r rune) bool {
	return r < utf8.RuneSelf || 0x3041 <= r && r <= 0x3096 || 0x30A1 <= r && r <= 0x30FA || 0x4E00 <= r && r <= 0x9FFF
}

// Relevance of a text for keywords that it holds; more is more relevant. Every keyword gives up to
// 1000: the more often it occurs the more, each further time less than the one before, and in a long
// text less than in a short one. It depends on nothing but the text, so an order by it stays the same
// while entries are added.
func Relevance(text string, keywords []string) int {
	folded := fold(text)
	length := 1 + utf8.RuneCountInString(folded)/usualText
	score := 0
	for _, k := range keywords {
		n := occurrences(folded, k, mostCounted)
		score += 1000 * n / (n + length)
	}
	return score
}

const (
	usualText   = 400 // characters of an ordinary receipt
	mostCounted = 100 // occurrences after which nothing changes any more
)
