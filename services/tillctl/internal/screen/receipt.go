package screen

import (
	"fmt"
	"io"
	"strings"

	"github.com/tillroll/tillroll/pkg/layout"
)

// Receipt draws a text as the slip of paper that it is printed on.
func Receipt(w io.Writer, text, indent string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	width := layout.DefaultWidth
	for i, line := range lines {
		lines[i] = strings.TrimRight(Plain(line), " ")
		width = max(width, layout.Width(lines[i]))
	}
	edge := strings.Repeat("─", width+2)
	fmt.Fprintln(w, indent+"┌"+edge+"┐")
	for _, line := range lines {
		fmt.Fprintln(w, indent+"│ "+line+strings.Repeat(" ", width-layout.Width(line))+" │")
	}
	fmt.Fprintln(w, indent+"└"+edge+"┘")
}
