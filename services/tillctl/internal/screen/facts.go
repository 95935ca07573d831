package screen

import (
	"fmt"
	"io"
	"strings"

	"github.com/tillroll/tillroll/pkg/layout"
)

// Facts are names and what they are, one under the other.
type Facts struct{ names, values []string }

// NewFacts has none.
func NewFacts() *Facts { return &Facts{} }

// Add a fact, unless there is nothing to tell.
func (f *Facts) Add(name, value string) {
	if value != "" {
		f.names, f.values = append(f.names, name), append(f.values, Plain(value))
	}
}

// Print writes the facts, every line indented.
func (f *Facts) Print(w io.Writer, indent string) {
	width := 0
	for _, name := range f.names {
		width = max(width, layout.Width(name))
	}
	for i, name := range f.names {
		fmt.Fprintln(w, indent+name+strings.Repeat(" ", width-layout.Width(name)+len(gap))+f.values[i])
	}
}
