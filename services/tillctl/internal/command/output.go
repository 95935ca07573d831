package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
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
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w.Out, escapeControls(text.String()))
	return err
}

// escapeControls escapes what JSON leaves alone and a terminal window obeys. Such characters can only
// stand inside of strings, so the JSON stays the same.
func escapeControls(text string) string {
	var safe strings.Builder
	for _, r := range text {
		if 0x7f <= r && r < 0xa0 {
			fmt.Fprintf(&safe, `\u%04x`, r)
		} else {
			safe.WriteRune(r)
		}
	}
	return safe.String()
}

// moment spells an instant for people: in UTC, because who looks may be in another country than the
// till.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
