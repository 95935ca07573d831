// Package layout sets text in fixed-width columns, as receipts and journals are printed. Width is
// counted in display columns: a full-width character takes two.
package layout

import (
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/tillroll/tillroll/pkg/plain"
)

// DefaultWidth of a receipt in columns.
const DefaultWidth = 32

// narrow counts ambiguous characters (Greek, some symbols) as one column on every machine, whatever
// its locale says.
var narrow = &runewidth.Condition{EastAsianWidth: false, StrictEmojiNeutral: true}

// Page collects lines of one width.
type Page struct {
	width int
	lines []string
}

// NewPage of width columns.
func NewPage(width int) *Page { return &Page{width: width} }

// String joins the lines; each ends with a newline.
func (p *Page) String() string { return strings.Join(p.lines, "\n") + "\n" }

// Width of s in columns.
func Width(s string) int { return narrow.StringWidth(apart(s)) }

// apart puts a letter of one column in the place of the voiced sound marks of half-width katakana.
// Unicode joins ﾎ and ﾟ to one cluster, but on paper and in terminals the mark takes a column of its own.
// The text stays as long in bytes.
func apart(s string) string {
	if strings.IndexByte(s, "\uff9e"[0]) < 0 { // nothing that begins as they do
		return s
	}
	return soundMarks.Replace(s)
}

var soundMarks = strings.NewReplacer("\uff9e", "\uff65", "\uff9f", "\uff65")

func (p *Page) add(s string) *Page {
	p.lines = append(p.lines, strings.TrimRight(s, " "))
	return p
}

// Left sets s at the left margin; what does not fit goes on in the next line.
func (p *Page) Left(s string) *Page {
	for _, line := range p.wrap(s) {
		p.add(line)
	}
	return p
}

// Centre sets s in the middle.
func (p *Page) Centre(s string) *Page {
	for _, line := range p.wrap(s) {
		p.add(strings.Repeat(" ", (p.width-Width(line))/2) + line)
	}
	return p
}

// Right sets s at the right margin.
func (p *Page) Right(s string) *Page {
	for _, line := range p.wrap(s) {
		p.add(strings.Repeat(" ", p.width-Width(line)) + line)
	}
	return p
}

// Split sets left and right at their margins of one line. When both do not fit, left takes lines of
// its own: an amount is never cut, and no letter of a name is lost.
func (p *Page) Split(left, right string) *Page {
	left, right = clean(left), clean(right)
	gap := p.width - Width(left) - Width(right)
	if gap < 1 {
		return p.Left(left).Right(right)
	}
	return p.add(left + strings.Repeat(" ", gap) + right)
}

// Rule sets a line of dashes.
func (p *Page) Rule() *Page { return p.add(strings.Repeat("-", p.width)) }

// Blank sets an empty line.
func (p *Page) Blank() *Page { return p.add("") }

// clean makes spaces of control characters and drops marks of direction, so that nothing a client sent
// can break a line, drive a printer or show an amount backwards.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case plain.Breaks(r):
			return ' '
		case plain.Turns(r):
			return -1
		}
		return r
	}, s)
}

// wrap breaks s at the width, at spaces where there are some.
func (p *Page) wrap(s string) []string {
	s = clean(s)
	var lines []string
	for Width(s) > p.width {
		head := s[:len(narrow.Truncate(apart(s), p.width, ""))]
		if rest := s[len(head):]; apart(rest[:min(3, len(rest))]) != rest[:min(3, len(rest))] {
			_, letter := utf8.DecodeLastRuneInString(head) // it stays with its mark
			head = head[:len(head)-letter]
		}
		if i := strings.LastIndexByte(head, ' '); i > 0 {
			head = head[:i]
		}
		lines = append(lines, head)
		s = strings.TrimLeft(s[len(head):], " ")
	}
	return append(lines, s)
}
