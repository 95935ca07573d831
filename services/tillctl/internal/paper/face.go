package paper

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// packed is VL Gothic: monospaced, Latin and Japanese (all of JIS X 0208 and what Windows has beside it).
//
//go:embed font/VL-Gothic-Regular.ttf.gz
var packed []byte

// unpacked is the font as it is put into documents, and what it has.
var unpacked = sync.OnceValues(func() (*typeface, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	parsed, err := sfnt.Parse(raw)
	return &typeface{raw, parsed}, err
})

type typeface struct {
	raw    []byte
	parsed *sfnt.Font
}

// em is how finely widths are measured.
const em = 1000

// face asks the font which characters it has. It is one document's.
type face struct {
	*typeface
	buffer sfnt.Buffer
	known  map[rune]int
}

func newFace() (*face, error) {
	f, err := unpacked()
	return &face{typeface: f, known: map[rune]int{}}, err
}

// outside is the first character that documents cannot name: the library writes two bytes for each.
const outside = 0x10000

// width of a character in thousandths of the font's height; negative when the font has none.
func (f *face) width(r rune) int {
	if w, ok := f.known[r]; ok {
		return w
	}
	w := -1
	if r < outside {
		if g, err := f.parsed.GlyphIndex(&f.buffer, r); err == nil && g != 0 {
			if a, err := f.parsed.GlyphAdvance(&f.buffer, g, fixed.I(em), font.HintingNone); err == nil {
				w = a.Round()
			}
		}
	}
	f.known[r] = w
	return w
}
