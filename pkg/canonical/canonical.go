// Package canonical writes JSON values in one spelling, so that the same content always has the same
// hash however it travelled.
//
// Brokers and sidecars re-encode JSON: keys change their order, 10.90 arrives as 10.9. So content is
// compared and hashed as values, never as bytes. The encoding is version 1 and never changes:
// UTF-8, no white space, object keys in ascending order of their bytes, strings with the escapes of
// RFC 8785 (JCS), numbers as plain decimals without exponent, trailing zeros or plus sign. (JCS
// itself would send numbers through float64.)
package canonical

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Version of the encoding; it is part of every hash.
const Version = 1

// maxExponent keeps 1e999999999 from being written out.
const maxExponent = 400

// maxDepth of arrays and objects in each other, as encoding/json has it.
const maxDepth = 10_000

// JSON rewrites one JSON value canonically. It fails on anything that is not exactly one valid JSON
// value, on invalid UTF-8, on repeated keys, on numbers with an exponent beyond ±400 and on values
// nested deeper than 10 000.
//
// Every event passes here several times, so it reads the bytes once, without the tokens and values of
// encoding/json; reference_test.go keeps the plain way of saying the same.
func JSON(raw []byte) ([]byte, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("canonical: not valid UTF-8")
	}
	w := writer{in: raw, out: make([]byte, 0, len(raw))}
	w.space()
	if err := w.value(0); err != nil {
		return nil, fmt.Errorf("canonical: %w", err)
	}
	if w.space(); w.at < len(w.in) {
		return nil, errors.New("canonical: more than one value")
	}
	return w.out, nil
}

// Hash is the SHA-256 of the canonical form, in lower-case hex, over "tillroll-canonical-1\n" and
// the form.
func Hash(raw []byte) (string, error) {
	form, err := JSON(raw)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "tillroll-canonical-%d\n", Version)
	h.Write(form)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writer reads in from at and writes the canonical form to out.
type writer struct {
	in      []byte
	at      int
	out     []byte
	members []member // of all objects that are open, the innermost last
	scratch []byte   // where an object's members are put in order
}

// member of an object: its key as it means, and where "key":value stands in out.
type member struct {
	key        []byte
	start, end int
}

// peek is the next byte, or 0 at the end. A byte 0 in the input is no JSON either.
func (w *writer) peek() byte {
	if w.at < len(w.in) {
		return w.in[w.at]
	}
	return 0
}

func (w *writer) space() {
	for w.at < len(w.in) {
		switch w.in[w.at] {
		case ' ', '\t', '\r', '\n':
			w.at++
		default:
			return
		}
	}
}

func (w *writer) unexpected(where string) error {
	if w.at >= len(w.in) {
		return fmt.Errorf("the text ends %s", where)
	}
	return fmt.Errorf("unexpected %q %s", w.in[w.at], where)
}

func (w *writer) value(depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deep")
	}
	switch c := w.peek(); {
	case c == '{':
		return w.object(depth)
	case c == '[':
		return w.array(depth)
	case c == '"':
		_, err := w.text()
		return err
	case c == '-', '0' <= c && c <= '9':
		return w.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if len(w.in)-w.at >= len(word) && string(w.in[w.at:w.at+len(word)]) == word {
			w.at += len(word)
			w.out = append(w.out, word...)
			return nil
		}
	}
	return w.unexpected("where a value begins")
}

func (w *writer) array(depth int) error {
	w.at++
	w.out = append(w.out, '[')
	if w.space(); w.peek() == ']' {
		w.at++
		w.out = append(w.out, ']')
		return nil
	}
	for {
		w.space()
		if err := w.value(depth + 1); err != nil {
			return err
		}
		w.space()
		switch w.peek() {
		case ',':
			w.out = append(w.out, ',')
		case ']':
			w.at++
			w.out = append(w.out, ']')
			return nil
		default:
			return w.unexpected("in an array")
		}
		w.at++
	}
}

func (w *writer) object(depth int) error {
	w.at++
	w.out = append(w.out, '{')
	if w.space(); w.peek() == '}' {
		w.at++
		w.out = append(w.out, '}')
		return nil
	}
	mine, begin := len(w.members), len(w.out)
	for {
		start := len(w.out)
		w.space()
		if w.peek() != '"' {
			return w.unexpected("where a key begins")
		}
		key, err := w.text()
		if err != nil {
			return err
		}
		if w.space(); w.peek() != ':' {
			return w.unexpected("after a key")
		}
		w.at++
		w.out = append(w.out, ':')
		w.space()
		if err := w.value(depth + 1); err != nil {
			return err
		}
		w.members = append(w.members, member{key, start, len(w.out)})
		w.space()
		switch w.peek() {
		case ',':
			w.out = append(w.out, ',')
		case '}':
			w.at++
			err := w.arrange(w.members[mine:], begin)
			w.members = w.members[:mine]
			w.out = append(w.out, '}')
			return err
		default:
			return w.unexpected("in an object")
		}
		w.at++
	}
}

// arrange puts an object's members, which are written from begin on, in the order of their keys.
func (w *writer) arrange(members []member, begin int) error {
	sorted := true
	for i := 1; i < len(members) && sorted; i++ {
		sorted = bytes.Compare(members[i-1].key, members[i].key) < 0
	}
	if sorted {
		return nil
	}
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.key, b.key) })
	w.scratch = append(w.scratch[:0], w.out[begin:]...)
	w.out = w.out[:begin]
	for i, m := range members {
		if i > 0 {
			if bytes.Equal(m.key, members[i-1].key) {
				return fmt.Errorf("key %q twice in one object", m.key)
			}
			w.out = append(w.out, ',')
		}
		w.out = append(w.out, w.scratch[m.start-begin:m.end-begin]...)
	}
	return nil
}

// text writes a string and tells what it means.
func (w *writer) text() (meaning []byte, err error) {
	begin := w.at + 1
	for i := begin; i < len(w.in); i++ {
		switch c := w.in[i]; {
		case c == '"':
			w.at = i + 1
			w.out = append(w.out, w.in[begin-1:w.at]...)
			return w.in[begin:i], nil
		case c == '\\':
			return w.escaped(begin, i)
		case c < 0x20:
			w.at = i
			return nil, w.unexpected("in a string")
		}
	}
	w.at = len(w.in)
	return nil, w.unexpected("in a string")
}

// escaped is text for a string with escapes, the first of which stands at first.
func (w *writer) escaped(begin, first int) (meaning []byte, err error) {
	meaning = append(meaning, w.in[begin:first]...)
	for w.at = first; w.at < len(w.in); {
		switch c := w.in[w.at]; {
		case c == '"':
			w.at++
			w.out = quote(w.out, meaning)
			return meaning, nil
		case c == '\\':
			if meaning, err = w.escape(meaning); err != nil {
				return nil, err
			}
		case c < 0x20:
			return nil, w.unexpected("in a string")
		default:
			run := w.at
			for run < len(w.in) && w.in[run] != '"' && w.in[run] != '\\' && w.in[run] >= 0x20 {
				run++
			}
			meaning = append(meaning, w.in[w.at:run]...)
			w.at = run
		}
	}
	return nil, w.unexpected("in a string")
}

// The escapes of one letter, and what they mean.
const (
	letters  = "btnfr\"\\"
	meanings = "\b\t\n\f\r\"\\"
)

// escape reads one escape and appends what it means. Half a surrogate pair means U+FFFD.
func (w *writer) escape(meaning []byte) ([]byte, error) {
	w.at++
	c := w.peek()
	if i := strings.IndexByte(letters, c); i >= 0 {
		w.at++
		return append(meaning, meanings[i]), nil
	}
	switch c {
	case '/':
		w.at++
		return append(meaning, '/'), nil
	case 'u':
		r := hexRune(w.in[w.at-1:])
		if r < 0 {
			return nil, w.unexpected("in a string, after \\")
		}
		w.at += 5
		if utf16.IsSurrogate(r) {
			pair := utf16.DecodeRune(r, hexRune(w.in[w.at:]))
			if pair != unicode.ReplacementChar {
				w.at += 6
			}
			r = pair
		}
		return utf8.AppendRune(meaning, r), nil
	}
	return nil, w.unexpected("in a string, after \\")
}

// hexRune reads \uXXXX, or gives -1.
func hexRune(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r*16 + rune(c)
	}
	return r
}

// AppendString appends a string, which must be valid UTF-8, in quotes.
func AppendString(out []byte, s string) []byte { return quote(out, s) }

// quote escapes as RFC 8785 section 3.2.2.2 does: only what must be.
func quote[S []byte | string](out []byte, s S) []byte {
	out = append(out, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		out = append(out, s[from:i]...)
		from = i + 1
		if j := strings.IndexByte(meanings, c); j >= 0 {
			out = append(out, '\\', letters[j])
		} else {
			out = fmt.Appendf(out, `\u%04x`, c)
		}
	}
	return append(append(out, s[from:]...), '"')
}

// number writes a plain decimal. What has no exponent is one already, but for zeros at its end.
func (w *writer) number() error {
	begin := w.at
	if w.peek() == '-' {
		w.at++
	}
	zero := w.peek() == '0'
	if n := w.digits(); n == 0 || zero && n > 1 {
		return w.unexpected("in a number")
	}
	end, fraction := w.at, false
	if w.peek() == '.' {
		w.at++
		if fraction = true; w.digits() == 0 {
			return w.unexpected("in a number")
		}
		end = w.at
	}
	if c := w.peek(); c == 'e' || c == 'E' {
		w.at++
		if c := w.peek(); c == '+' || c == '-' {
			w.at++
		}
		if w.digits() == 0 {
			return w.unexpected("in a number")
		}
		var err error
		w.out, err = scientific(w.out, string(w.in[begin:w.at]))
		return err
	}
	text := w.in[begin:end]
	if fraction {
		text = bytes.TrimSuffix(bytes.TrimRight(text, "0"), []byte("."))
	}
	if string(text) == "-0" {
		text = text[1:]
	}
	w.out = append(w.out, text...)
	return nil
}

// digits skips them and tells how many there were.
func (w *writer) digits() int {
	begin := w.at
	for w.at < len(w.in) && '0' <= w.in[w.at] && w.in[w.at] <= '9' {
		w.at++
	}
	return w.at - begin
}

// scientific writes out a number with an exponent.
func scientific(out []byte, s string) ([]byte, error) {
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		if _, err := fmt.Sscanf(s[i+1:], "%d", &exponent); err != nil || exponent > maxExponent || exponent < -maxExponent {
			return nil, fmt.Errorf("number %.40s is out of range", s)
		}
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, scale := whole+fraction, len(fraction)-exponent
	if scale < 0 {
		digits, scale = digits+strings.Repeat("0", -scale), 0
	}
	for scale > 0 && strings.HasSuffix(digits, "0") {
		digits, scale = digits[:len(digits)-1], scale-1
	}
	n, ok := new(big.Int).SetString("0"+digits, 10)
	if !ok {
		return nil, fmt.Errorf("number %.40s cannot be read", s)
	}
	if n.Sign() == 0 {
		return append(out, '0'), nil
	}
	text := n.String()
	if scale > 0 {
		text = strings.Repeat("0", max(0, scale+1-len(text))) + text
		text = text[:len(text)-scale] + "." + text[len(text)-scale:]
	}
	if negative {
		out = append(out, '-')
	}
	return append(out, text...), nil
}
