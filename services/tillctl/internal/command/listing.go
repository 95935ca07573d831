package command

import (
	"encoding/csv"
	"fmt"
	"io"

	"github.com/tillroll/tillroll/services/tillctl/internal/screen"
)

// listOutput is part of every verb that lists things.
type listOutput struct {
	Output string `short:"o" enum:"table,json,csv,ids" default:"table" help:"How to print: ${enum}. JSON is what the service answered, in full; ids are for other commands, one a line."`
}

// column of a list: what a thing has there, as people read it and as programs do.
type column[T any] struct {
	title string         // over the table; a > before it sets the column at the right edge
	name  string         // in CSV, spelt as in JSON; "": not there
	cell  func(T) string // in the table; nil: not there
	value func(T) string // in CSV; nil: as in the table
}

// listing is how things of a kind are listed.
type listing[T any] struct {
	id      func(T) string
	columns []column[T]
	notes   func(T) []string // lines below a thing in the table; nil: none
}

// print prints a list in that form: whole as JSON, or items as lines. foot is printed below a table only.
func (l listing[T]) print(w World, form string, whole any, items []T, foot func()) error {
	switch form {
	case "json":
		return output{"json"}.print(w, whole, nil)
	case "csv", "ids":
		to := l.lines(w.Out, form)
		return to(items)
	}
	l.table(items).Painted(w.paint).Print(w.Out, "")
	if foot != nil {
		foot()
	}
	return nil
}

// table for people.
func (l listing[T]) table(items []T) *screen.Table {
	var titles []string
	for _, c := range l.columns {
		if c.cell != nil {
			titles = append(titles, c.title)
		}
	}
	table := screen.NewTable(titles...)
	for _, item := range items {
		var cells []string
		for _, c := range l.columns {
			if c.cell != nil {
				cells = append(cells, c.cell(item))
			}
		}
		table.Row(cells...)
		if l.notes != nil {
			for _, note := range l.notes(item) {
				table.Note(note)
			}
		}
	}
	return table
}

// lines writes ids or CSV, page after page; the first begins with the names of the columns.
func (l listing[T]) lines(out io.Writer, form string) func(page []T) error {
	if form == "ids" {
		return func(page []T) error {
			for _, item := range page {
				if _, err := fmt.Fprintln(out, screen.Plain(l.id(item))); err != nil {
					return err
				}
			}
			return nil
		}
	}
	begun := false
	to := csv.NewWriter(out)
	return func(page []T) error {
		if !begun {
			begun = true
			if err := to.Write(l.names()); err != nil {
				return err
			}
		}
		for _, item := range page {
			if err := to.Write(l.values(item)); err != nil {
				return err
			}
		}
		to.Flush()
		return to.Error()
	}
}

func (l listing[T]) names() []string {
	var names []string
	for _, c := range l.columns {
		if c.name != "" {
			names = append(names, c.name)
		}
	}
	return names
}

func (l listing[T]) values(item T) []string {
	var values []string
	for _, c := range l.columns {
		switch {
		case c.name == "":
		case c.value != nil:
			values = append(values, tame(c.value(item)))
		default:
			values = append(values, tame(c.cell(item)))
		}
	}
	return values
}

// tame keeps a text from being a formula of a spreadsheet: it may have come from anybody. Numbers stay.
func tame(s string) string {
	if s == "" {
		return s
	}
	switch s[0] {
	case '=', '@', '\t', '\r':
		return "'" + s
	case '+', '-':
		for _, r := range s[1:] {
			if (r < '0' || '9' < r) && r != '.' {
				return "'" + s
			}
		}
	}
	return s
}
