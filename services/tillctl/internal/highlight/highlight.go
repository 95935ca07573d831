// Package highlight finds the lines of a text in which it holds what was searched for, and where in them. It
// compares as the journal does: upper and lower case, full and half width make no difference, a stretch of
// white space is one space, and a word of a script with spaces is a whole word (tea is not in steak).
//
// The journal decides what is found. What is marked here is to help the eye, and no more.
package highlight

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Finder looks for keywords or a pattern.
type Finder struct {
	words   []string // folded
	pattern *regexp.Regexp
}

// Words takes search phrases apart: words are separate keywords, what stands in quotes is one.
func Words(phrase string) *Finder {
	f := &Finder{}
	for i, part := range strings.Split(phrase, `"`) {
		fields := strings.Fields(part)
		if i%2 == 1 && len(fields) > 0 {
			fields = []string{strings.Join(fields, " ")}
		}
		for _, word := range fields {
			if folded, _ := fold(word, true); folded != "" {
				f.words = append(f.words, folded)
			}
		}
	}
	return f
}

// Pattern looks for a pattern in RE2 syntax; one that is none finds nothing.
func Pattern(pattern string) *Finder {
	compiled, err := regexp.Compile("(?m)" + norm.NFKC.String(pattern))
	if err != nil {
		return &Finder{}
	}
	return &Finder{pattern: compiled}
}

// Line is a line of a text with the parts of it that were found: byte positions, from and to, ascending.
type Line struct {
	Text  string
	Marks [][2]int
}

// Lines are those that hold something that was looked for, most of them at the most.
func (f *Finder) Lines(text string, most int) []Line {
	var marks [][2]int
	switch {
	case f.pattern != nil:
		marks = f.matches(text)
	case len(f.words) > 0:
		marks = f.occurrences(text)
	}
	if len(marks) == 0 {
		return nil
	}
	covered := make([]bool, len(text))
	for _, m := range marks {
		for i := m[0]; i < m[1]; i++ {
			covered[i] = true
		}
	}
	var lines []Line
	for from := 0; from < len(text) && len(lines) < most; {
		to := len(text)
		if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
			to = from + i
		}
		if line := marked(text[from:to], covered[from:to]); len(line.Marks) > 0 {
			lines = append(lines, line)
		}
		from = to + 1
	}
	return lines
}

// marked is a line without the space around it.
func marked(text string, covered []bool) Line {
	begin := len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace))
	end := max(begin, len(strings.TrimRightFunc(text, unicode.IsSpace)))
	line := Line{Text: text[begin:end]}
	for i := begin; i < end; i++ {
		switch last := len(line.Marks) - 1; {
		case !covered[i]:
		case last >= 0 && line.Marks[last][1] == i-begin:
			line.Marks[last][1]++
		default:
			line.Marks = append(line.Marks, [2]int{i - begin, i - begin + 1})
		}
	}
	return line
}

// fold brings a text into the form in which it is compared, and tells for every byte of that where the piece
// that it was made of begins in the text, and, behind the last one, where the text ends.
func fold(text string, caseless bool) (folded string, from []int) {
	var b strings.Builder
	gap := false
	for at := 0; at < len(text); {
		n := norm.NFKC.NextBoundaryInString(text[at:], true)
		piece := norm.NFKC.String(text[at : at+n])
		if caseless {
			piece = strings.ToLower(piece)
			if strings.TrimSpace(piece) == "" {
				if piece = " "; gap {
					piece = ""
				}
				gap = true
			} else {
				gap = false
			}
		}
		for range len(piece) {
			from = append(from, at)
		}
		b.WriteString(piece)
		at += n
	}
	return b.String(), append(from, len(text))
}

func (f *Finder) occurrences(text string) (marks [][2]int) {
	folded, from := fold(text, true)
	for _, word := range f.words {
		for at := 0; ; {
			i := strings.Index(folded[at:], word)
			if i < 0 {
				break
			}
			begin, end := at+i, at+i+len(word)
			if whole(folded, begin, end) {
				marks = append(marks, [2]int{from[begin], behind(from, end)})
			}
			_, size := utf8.DecodeRuneInString(folded[begin:])
			at = begin + size
		}
	}
	return marks
}

func (f *Finder) matches(text string) (marks [][2]int) {
	folded, from := fold(text, false)
	for _, m := range f.pattern.FindAllStringIndex(folded, -1) {
		if m[1] > m[0] {
			marks = append(marks, [2]int{from[m[0]], behind(from, m[1])})
		}
	}
	return marks
}

// behind is where in the text the piece ends whose last folded byte stands before end.
func behind(from []int, end int) int {
	last := from[end-1]
	for end < len(from)-1 && from[end] == last {
		end++
	}
	return from[end]
}

// whole tells whether no letter or digit of a script with spaces stands beside one at an edge.
func whole(folded string, begin, end int) bool {
	first, _ := utf8.DecodeRuneInString(folded[begin:])
	before, _ := utf8.DecodeLastRuneInString(folded[:begin])
	last, _ := utf8.DecodeLastRuneInString(folded[:end])
	after, _ := utf8.DecodeRuneInString(folded[end:])
	inside := begin > 0 && spaced(first) && spaced(before) || end < len(folded) && spaced(last) && spaced(after)
	return !inside
}

// spaced tells whether a script puts spaces between words that are written with r.
func spaced(r rune) bool {
	if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) || r == 'ー' || r == '〆' {
		return false
	}
	return !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
