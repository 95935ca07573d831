// Package paper prints receipts as PDF: several columns of slips to a page, each exactly as it was on the
// till's paper roll, a full-width character in two columns of it.
//
// The same slips give the same bytes. What the font has not is shown by a replacement and named, never
// left out. The package knows nothing of services; what it is given may be hostile.
package paper

import (
	"fmt"
	"io"
	"math"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"github.com/tillroll/tillroll/pkg/layout"
	"github.com/tillroll/tillroll/pkg/proof"
	"github.com/tillroll/tillroll/pkg/sheet"
)

// Head is what stands on top of every page.
type Head struct {
	Tenant, Store string
	BusinessDate  string // YYYYMMDD
	Part, Parts   int    // of the slips of that day; 0: there is one
	Checkpoint    proof.Checkpoint
	Language      string // sheet.English or sheet.Japanese
}

// Measures of a page, in points.
const (
	pageWidth, pageHeight = 595.28, 841.89
	margin                = 28.0
	top                   = 56.0 // where columns begin
	bottom                = 40.0
	gutter                = 14.0
	fontSize              = 9.0
	cellWidth             = fontSize / 2
	lineHeight            = 10.5
	smallSize             = 6.5
	smallCell             = smallSize / 2
	inset                 = 4.5 // between a slip's edge and its text
)

// rowsPerColumn is how many rows stand one under the other.
var rowsPerColumn = int(math.Floor((pageHeight - top - bottom) / lineHeight))

// document is what is being printed.
type document struct {
	head       Head
	face       *face
	columns    int
	cells      int // in a line of a slip
	smallCells int
	report     *Report
	places     []place
}

// place is a piece of a slip and where it stands.
type place struct {
	page, column, line int
	rows               []row
}

// Write prints slips. They are held in memory: who has many makes several documents of them.
func Write(w io.Writer, head Head, slips []Slip) (Report, error) {
	d, err := arrange(head, slips)
	if err != nil {
		return Report{}, err
	}
	return *d.report, d.draw(w)
}

// Measure tells what Write would make of slips, which takes a tenth of the time.
func Measure(head Head, slips []Slip) (Report, error) {
	d, err := arrange(head, slips)
	if err != nil {
		return Report{}, err
	}
	return *d.report, nil
}

// arrange finds out where everything stands.
func arrange(head Head, slips []Slip) (*document, error) {
	f, err := newFace()
	if err != nil {
		return nil, fmt.Errorf("the font: %w", err)
	}
	if words[head.Language] == nil {
		head.Language = sheet.English
	}
	d := &document{head: head, face: f, report: &Report{Slips: len(slips), Missing: map[string]int{}}}
	set := d.fit(slips)
	page, column, line := 0, 0, 0
	advance := func() {
		if column, line = column+1, 0; column == d.columns {
			page, column = page+1, 0
		}
	}
	for i := range set {
		for n, rows := range d.pieces(&set[i]) {
			if n > 0 || line > 0 && line+len(rows) > rowsPerColumn {
				advance()
			}
			d.places = append(d.places, place{page, column, line, rows})
			line += len(rows) + 1 // and one between
		}
	}
	d.report.Pages = page + 1
	return d, nil
}

// fit takes the slips' texts apart and chooses how many columns a page has: as many as leave room for
// the widest line.
func (d *document) fit(slips []Slip) []setSlip {
	widest := layout.DefaultWidth
	set := make([]setSlip, len(slips))
	for i := range slips {
		lines, missing := d.face.lines(slips[i].Text)
		set[i] = setSlip{slips[i], lines, missing}
		for _, glyphs := range lines {
			widest = max(widest, width(glyphs))
		}
	}
	for _, columns := range []int{3, 2, 1} {
		d.columns = columns
		d.cells = int((d.columnWidth() - 2*inset) / cellWidth)
		d.smallCells = int((d.columnWidth() - 2*inset) / smallCell)
		if d.cells >= widest {
			break
		}
	}
	return set
}

func (d *document) columnWidth() float64 {
	n := float64(d.columns)
	return (pageWidth - 2*margin - (n-1)*gutter) / n
}

// pieces of a slip, none longer than a column.
func (d *document) pieces(s *setSlip) [][]row {
	rows := d.rows(s)
	var pieces [][]row
	for len(rows) > rowsPerColumn {
		cut := rowsPerColumn - 1
		pieces = append(pieces, d.say(rows[:cut:cut], small, words[d.head.Language]["continues"]))
		rows = append(d.say(nil, small, words[d.head.Language]["continued"]+" "+s.EventID), rows[cut:]...)
	}
	return append(pieces, rows)
}

const fontName = "slip"

// draw writes the document.
func (d *document) draw(w io.Writer) error {
	pdf := fpdf.New("P", "pt", "A4", "")
	pdf.SetCatalogSort(true) // the same bytes every time
	pdf.SetCreationDate(d.head.Checkpoint.Time.UTC())
	pdf.SetModificationDate(d.head.Checkpoint.Time.UTC())
	pdf.SetTitle(d.title(), true)
	pdf.SetCreator("tillctl", true)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetMargins(0, 0, 0)
	pdf.SetLineWidth(0.4)
	pdf.AddUTF8FontFromBytes(fontName, "", d.face.raw)
	pen := &pen{pdf: pdf, face: d.face}
	at := 0
	for page := range d.report.Pages {
		pdf.AddPage()
		d.drawHead(pen, page)
		for ; at < len(d.places) && d.places[at].page == page; at++ {
			d.drawPlace(pen, &d.places[at])
		}
	}
	return pdf.Output(w)
}

func (d *document) title() string {
	say := words[d.head.Language]
	title := d.head.Tenant
	if d.head.Store != "" {
		title += "  " + say["store"] + " " + d.head.Store
	}
	if date, err := time.Parse("20060102", d.head.BusinessDate); err == nil {
		title += "  " + say["date"] + " " + date.Format(time.DateOnly)
	}
	if d.head.Parts > 1 {
		title += "  " + fmt.Sprintf(say["part"], d.head.Part, d.head.Parts)
	}
	return title
}

func (d *document) drawHead(p *pen, page int) {
	say := words[d.head.Language]
	p.line(margin, 34, fontSize, d.face.plain(d.title()))
	number := d.face.plain(fmt.Sprintf(say["page"], page+1, d.report.Pages))
	p.line(pageWidth-margin-float64(width(number))*cellWidth, 34, fontSize, number)
	if d.head.Checkpoint.Size > 0 {
		p.line(margin, 46, smallSize, d.face.plain(fmt.Sprintf(say["checkpoint"], d.head.Checkpoint.Short(), d.head.Checkpoint.Time.UTC().Format("2006-01-02 15:04:05Z"))))
	}
	p.line(margin, pageHeight-24, smallSize, d.face.plain(say["proven"]))
}

// plain sets a line of ours.
func (f *face) plain(text string) []glyph {
	glyphs, _ := f.set(text)
	return glyphs
}

func (d *document) drawPlace(p *pen, at *place) {
	x := margin + float64(at.column)*(d.columnWidth()+gutter)
	y := top + float64(at.line)*lineHeight
	p.pdf.SetDrawColor(160, 160, 160)
	p.pdf.Rect(x, y, d.columnWidth(), float64(len(at.rows))*lineHeight+2, "D")
	for i, r := range at.rows {
		base := y + float64(i+1)*lineHeight - 2
		switch r.style {
		case body:
			p.line(x+inset, base, fontSize, r.glyphs)
		case small:
			p.pdf.SetTextColor(90, 90, 90)
			p.line(x+inset, base, smallSize, r.glyphs)
		case loud:
			p.pdf.SetFillColor(0, 0, 0)
			p.pdf.Rect(x, y+float64(i)*lineHeight, d.columnWidth(), lineHeight, "F")
			p.pdf.SetTextColor(255, 255, 255)
			p.line(x+inset, base, smallSize, r.glyphs)
		}
		p.pdf.SetTextColor(0, 0, 0)
	}
}

// pen draws glyphs in their cells.
type pen struct {
	pdf  *fpdf.Fpdf
	face *face
	size float64
}

// line draws glyphs from x on. What is as wide as its cells is drawn in one piece.
func (p *pen) line(x, y, size float64, glyphs []glyph) {
	if p.size != size {
		p.pdf.SetFont(fontName, "", size)
		p.size = size
	}
	cell := size / 2
	var run []rune
	start, cells := x, 0
	flush := func() {
		if len(run) > 0 {
			p.pdf.Text(start, y, string(run))
		}
		run = run[:0]
		start = x + float64(cells)*cell
	}
	for _, g := range glyphs {
		if g.fits {
			run = append(run, g.char)
			cells += g.cells
			continue
		}
		flush()
		p.squeezed(start, y, size, g)
		cells += g.cells
		start = x + float64(cells)*cell
	}
	flush()
}

// squeezed draws a glyph that is wider or narrower than its cells: a wide one as narrow as they are, a
// narrow one in their middle.
func (p *pen) squeezed(x, y, size float64, g glyph) {
	natural := float64(max(p.face.width(g.char), 1)) / em * size
	room := float64(g.cells) * size / 2
	if natural <= room {
		p.pdf.Text(x+(room-natural)/2, y, string(g.char))
		return
	}
	p.pdf.TransformBegin()
	p.pdf.TransformScaleX(room/natural*100, x, y)
	p.pdf.Text(x, y, string(g.char))
	p.pdf.TransformEnd()
}
