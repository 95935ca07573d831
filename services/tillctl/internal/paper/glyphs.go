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
	for clusters := uniseg.NewGraphemes(line); clusters.Next(); {
		c := clusters.Str()
		if head := strings.TrimRight(c, voicedMarks); head != "" && len(head) < len(c) {
			g, lost := f.one(head)
			glyphs, missing = append(glyphs, g...), append(missing, lost...)
			for _, mark := range c[len(head):] {
				g, lost := f.one(string(mark))
				glyphs, missing = append(glyphs, g...), append(missing, lost...)
			}
			continue
		}
		g, lost := f.one(c)
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

// broken sets a text of several lines in lines of at most most cells. What does not fit goes on in the
// next one, behind a mark.
func (f *face) broken(text string, most int) (lines [][]glyph, missing []string) {
	for _, line := range strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n") {
		glyphs, lost := f.set(line)
		missing = append(missing, lost...)
		glyphs = trimmed(glyphs)
		for width(glyphs) > most {
			head := 0
			for cells := glyphs[0].cells; cells <= most; cells += glyphs[head].cells {
				head++
			}
			lines = append(lines, glyphs[:head])
			glyphs = append([]glyph{{'»', 1, true}}, glyphs[head:]...)
		}
		lines = append(lines, glyphs)
	}
	return lines, missing
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
