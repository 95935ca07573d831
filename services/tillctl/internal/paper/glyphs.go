package paper

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"

	"github.com/tillroll/tillroll/pkg/layout"
)

// replacement stands for what the font has not: the geta, which Japanese printers put where the type was
// missing.
const replacement = '〓'

// glyph is what stands in one place of a line.
type glyph struct {
	char  rune
	cells int  // columns of the paper that it takes
	fits  bool // as wide as its cells; else it is squeezed into them
}

// The half-width marks of voiced Japanese sounds. Unicode counts them to the letter before them; a
// printer gives them a column of their own.
const voicedMarks = "ﾞﾟ"

// set takes a line apart into glyphs. missing names what is not shown as it is: each character or group
// of them that stand for one.
func (f *face) set(line string) (glyphs []glyph, missing []string) {
	glyphs = make([]glyph, 0, len(line))
	for line != "" {
		plain := 0
		for i, r := range line {
			cells, end := cellsOf(r), i+utf8.RuneLen(r)
			if cells == 0 || f.width(r) < 0 {
				break
			}
			if next, _ := utf8.DecodeRuneInString(line[end:]); end < len(line) && cellsOf(next) == 0 {
				break // what comes may belong to this one
			}
			glyphs = append(glyphs, glyph{r, cells, f.width(r) == cells*em/2})
			plain = end
		}
		if line = line[plain:]; line == "" {
			break
		}
		clusters := uniseg.NewGraphemes(line[:clusterLimit(line)])
		clusters.Next()
		c := clusters.Str()
		line = line[len(c):]
		g, lost := f.cluster(c)
		glyphs, missing = append(glyphs, g...), append(missing, lost...)
	}
	return glyphs, missing
}

// cellsOf is how many cells the characters take that most receipts are made of, and that never join
// with one another to what the eye takes for one; 0 for all others.
func cellsOf(r rune) int {
	switch {
	case ' ' <= r && r <= '~', 'ｦ' <= r && r <= 'ﾝ':
		return 1
	case 'ぁ' <= r && r <= 'ゖ', 'ァ' <= r && r <= 'ー', '一' <= r && r <= '鿋', '！' <= r && r <= '～', '、' <= r && r <= '】' && r != '〇':
		return 2
	}
	return 0
}

// clusterLimit is how far a cluster at the beginning of a line can reach: to behind the first two plain
// characters that follow each other.
func clusterLimit(line string) int {
	before := false
	for i, r := range line {
		plain := i > 0 && cellsOf(r) > 0
		if plain && before {
			return i
		}
		before = plain
	}
	return len(line)
}

// cluster sets what uniseg takes for one character.
func (f *face) cluster(c string) (glyphs []glyph, missing []string) {
	head := strings.TrimRight(c, voicedMarks)
	if head == "" || len(head) == len(c) {
		return f.one(c)
	}
	glyphs, missing = f.one(head)
	for _, mark := range c[len(head):] {
		g, lost := f.one(string(mark))
		glyphs, missing = append(glyphs, g...), append(missing, lost...)
	}
	return glyphs, missing
}

// one sets a cluster: one character for the eye.
func (f *face) one(cluster string) (glyphs []glyph, missing []string) {
	cells := layout.Width(cluster)
	shown := strings.TrimRight(norm.NFC.String(cluster), "\uFE0E\uFE0F") // text or picture: the same here
	r, size := utf8.DecodeRuneInString(shown)
	switch {
	case shown == "\t":
		return []glyph{{' ', 1, true}}, nil
	case len(shown) == size && r == utf8.RuneError || unicode.IsControl(r):
		return []glyph{{replacement, 1, false}}, []string{cluster}
	case cells == 0: // it has no place of its own on paper, either
		return nil, []string{cluster}
	case len(shown) > size || f.width(r) < 0:
		return []glyph{{replacement, cells, cells == 2}}, []string{cluster}
	}
	return []glyph{{r, cells, f.width(r) == cells*em/2}}, nil
}

// codePoints names the characters of a cluster, such as U+1F375.
func codePoints(cluster string) string {
	var names []string
	for _, r := range cluster {
		names = append(names, fmt.Sprintf("U+%04X", r))
	}
	return strings.Join(names, "+")
}

// lines sets a text of several lines.
func (f *face) lines(text string) (lines [][]glyph, missing []string) {
	for _, line := range strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n") {
		glyphs, lost := f.set(line)
		lines, missing = append(lines, trimmed(glyphs)), append(missing, lost...)
	}
	return lines, missing
}

// wrapped breaks lines at most cells: what does not fit goes on in the next one, behind a mark.
func wrapped(lines [][]glyph, most int) (out [][]glyph) {
	for _, glyphs := range lines {
		for width(glyphs) > most {
			head := 0
			for cells := glyphs[0].cells; cells <= most; cells += glyphs[head].cells {
				head++
			}
			out = append(out, glyphs[:head])
			glyphs = append([]glyph{{'»', 1, true}}, glyphs[head:]...)
		}
		out = append(out, glyphs)
	}
	return out
}

// trimmed leaves out spaces at the end.
func trimmed(glyphs []glyph) []glyph {
	for len(glyphs) > 0 && glyphs[len(glyphs)-1].char == ' ' {
		glyphs = glyphs[:len(glyphs)-1]
	}
	return glyphs
}

func width(glyphs []glyph) (cells int) {
	for _, g := range glyphs {
		cells += g.cells
	}
	return cells
}
