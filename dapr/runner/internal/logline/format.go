package logline

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"
)

// Format lays records out. Its zero value prints without colours.
type Format struct {
	// NameWidth is the width of the column of process names.
	NameWidth int
	Colour    bool
}

// clock is the time of day: what is shown is of today, or the date does not matter.
const clock = "15:04:05.000"

// Line is a record of the named process as one line, without a line break.
// seen is when the line was read; it stands in for a time that the line lacks.
func (f Format) Line(name string, r Record, seen time.Time) string {
	at := r.Time
	if at.IsZero() {
		at = seen
	}
	var line strings.Builder
	line.WriteString(f.paint(dim, at.Local().Format(clock)))
	line.WriteByte(' ')
	line.WriteString(f.paint(nameColour(name), fmt.Sprintf("%-*s", f.NameWidth, name)))
	line.WriteByte(' ')
	line.WriteString(f.paint(levelColours[r.Level], r.Level.String()))
	line.WriteByte(' ')
	line.WriteString(printable(r.Message))
	for _, field := range r.Fields {
		line.WriteByte(' ')
		line.WriteString(f.paint(dim, printable(field.Key)+"="))
		line.WriteString(printable(field.Value))
	}
	return line.String()
}

// colour is an ANSI code, empty for none.
type colour string

const dim colour = "2"

var levelColours = map[Level]colour{Debug: dim, Warn: "33", Error: "31", Fatal: "1;31"}

// nameColours leaves red and yellow to the levels.
var nameColours = []colour{"36", "32", "35", "34", "96", "92", "95", "94"}

// nameColour gives a process and its sidecar the same colour, always the same one.
func nameColour(name string) colour {
	app, _, _ := strings.Cut(name, ".")
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(app))
	return nameColours[sum.Sum32()%uint32(len(nameColours))]
}

func (f Format) paint(c colour, text string) string {
	if !f.Colour || c == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
