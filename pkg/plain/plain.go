// Package plain says which characters have no place in a name or a note that gets onto paper or a
// screen. It knows nothing of columns, languages or JSON.
package plain

import "unicode"

// Unprintable tells whether r ends a line, drives a printer, or changes the direction of what stands
// around it, so that people read something else than was said. Letters that are written from right to
// left are printable.
func Unprintable(r rune) bool { return Breaks(r) || Turns(r) }

// Breaks tells of the control characters C0 and C1, and Unicode's own line and paragraph ends.
func Breaks(r rune) bool { return unicode.IsControl(r) || r == 0x2028 || r == 0x2029 }

// Turns tells of the marks, embeddings, overrides and isolates of the bidirectional algorithm, and the mark of
// byte order.
func Turns(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) || r == 0xfeff }
