// Package screen is how things look in a terminal window: tables, receipts, amounts. It counts in
// display columns, because Japanese characters take two. It knows nothing of what it shows.
package screen

import (
	"fmt"
	"io"
	"strings"

	"github.com/tillroll/tillroll/pkg/layout"
)

// gap between two columns of a table.
const gap = "  "

// Column of a table.
type Column struct {
	Title string
	Right bool // set at the right edge, as numbers are
}

// Table collects rows.
type Table struct {
	columns []Column
	rows    [][]string
	notes   map[int][]string // below a row
	paint   Paint
}

// NewTable has columns titled so; a title that begins with > stands at the right edge of its column.
func NewTable(titles ...string) *Table {
	t := &Table{}
	for _, title := range titles {
		text, right := strings.CutPrefix(title, ">")
		t.columns = append(t.columns, Column{text, right})
	}
	return t
}

// Row adds a row with a cell per column.
func (t *Table) Row(cells ...string) {
	if len(cells) != len(t.columns) {
		panic(fmt.Sprintf("screen: %d cells for %d columns", len(cells), len(t.columns)))
	}
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = Plain(cell)
	}
	t.rows = append(t.rows, row)
}

// Note puts a line below the last row. It is printed as it is: what came from outside must be Plain.
func (t *Table) Note(line string) {
	if t.notes == nil {
		t.notes = map[int][]string{}
	}
	t.notes[len(t.rows)-1] = append(t.notes[len(t.rows)-1], line)
}

// Painted makes the titles strong.
func (t *Table) Painted(p Paint) *Table {
	t.paint = p
	return t
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Print writes the table, every line indented. Columns that are empty in every row are left out.
func (t *Table) Print(w io.Writer, indent string) {
	widths := t.widths()
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = strings.ToUpper(c.Title)
	}
	for n, row := range append([][]string{titles}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			if line.Len() > 0 {
				line.WriteString(gap)
			}
			fill := strings.Repeat(" ", widths[i]-layout.Width(cell))
			if t.columns[i].Right {
				line.WriteString(fill + cell)
			} else {
				line.WriteString(cell + fill)
			}
		}
		text := strings.TrimRight(line.String(), " ")
		if n == 0 {
			text = t.paint.Strong(text)
		}
		fmt.Fprintln(w, indent+text)
		for _, note := range t.notes[n-1] {
			fmt.Fprintln(w, indent+note)
		}
	}
}

// widths of the columns; 0 for those with nothing in them.
func (t *Table) widths() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		for _, row := range t.rows {
			widths[i] = max(widths[i], layout.Width(row[i]))
		}
		if widths[i] > 0 {
			widths[i] = max(widths[i], layout.Width(c.Title))
		}
	}
	return widths
}

// Plain takes out what could drive the terminal window: what a service tells may have come from
// anybody. Line breaks and tabs become spaces.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
}

func isControl(r rune) bool { return r < 0x20 || 0x7f <= r && r < 0xa0 || r == 0x2028 || r == 0x2029 }
