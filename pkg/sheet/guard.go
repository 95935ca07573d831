package sheet

import (
	"regexp"
	"strings"
)

// apostrophe stands before what is guarded.
const apostrophe = "'"

// executed are the characters with which a formula begins, in full width, too; and such with which
// spreadsheets let one begin. The apostrophe itself is among them so that a guard can be told from it.
const executed = "=+-@＝＋－＠\t\r\n" + apostrophe

// changed is what spreadsheets take for a number, a date or a truth, and show otherwise than it is
// written: 007, 1E5, 12345678901234567, 1-2, 10:30, MAR1, TRUE.
var changed = regexp.MustCompile(`(?i)^\s*(` +
	`[.,]?[0-9][0-9.,:/\-+e%年月日時分秒 ]*` +
	`|[0-9]{1,4}[ .\-/]?` + month + `([ .\-/]?[0-9]{0,4})` +
	`|` + month + `[ .\-/]?[0-9]{1,4}` +
	`|true|false)\s*$`)

const month = `(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}`

// kept is a number that every spreadsheet shows as it is written.
var kept = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})$`)

// Guard puts an apostrophe before a text that a spreadsheet would execute or change.
func Guard(s string) string {
	if s == "" {
		return s
	}
	if first := []rune(s[:min(len(s), 4)])[0]; strings.ContainsRune(executed, first) || len(s) <= 64 && changed.MatchString(s) && !kept.MatchString(s) {
		return apostrophe + s
	}
	return s
}

// Unguard gives the text that Guard was given.
func Unguard(cell string) string { return strings.TrimPrefix(cell, apostrophe) }
