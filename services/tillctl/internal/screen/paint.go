package screen

// Paint colours what is to be seen first. The zero value leaves everything as it is.
type Paint struct{ On bool }

// Sequences that every terminal window of the last decades obeys.
const (
	bold  = "\x1b[1m"
	red   = "\x1b[1;31m"
	green = "\x1b[32m"
	reset = "\x1b[0m"
)

// Match is a part of a text that was searched for.
func (p Paint) Match(s string) string { return p.as(red, s) }

// Bad is something wrong.
func (p Paint) Bad(s string) string { return p.as(red, s) }

// Good is something that holds.
func (p Paint) Good(s string) string { return p.as(green, s) }

// Strong is a title.
func (p Paint) Strong(s string) string { return p.as(bold, s) }

func (p Paint) as(sequence, s string) string {
	if !p.On || s == "" {
		return s
	}
	return sequence + s + reset
}
