package command

import (
	"encoding/json"
	"time"
)

// output is part of every verb that can print for programs, too.
type output struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"How to print: ${enum}. JSON is what the service answered, in full."`
}

// print prints v as JSON, or calls table for people.
func (o output) print(w World, v any, table func()) error {
	if o.Output != "json" {
		table()
		return nil
	}
	encoder := json.NewEncoder(w.Out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// moment spells an instant for people: in UTC, because who looks may be in another country than the
// till.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
