package canonical

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What follows reads text that is canonical, or nearly: it finds where values end and looks at nothing
// else on the way. It neither checks nor changes what it passes over.

// End is how many bytes the value at the beginning of b takes, or -1 when it has no end there.
func End(b []byte) int {
	for i, depth := 0, 0; i < len(b); {
		switch b[i] {
		case '"':
			end := stringEnd(b[i:])
			if end < 0 {
				return -1
			}
			if i += end; depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return orNone(i)
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return orNone(i)
			}
		}
		i++
	}
	return -1
}

func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// stringEnd is how many bytes the string at the beginning of b takes, its quotes included, or -1.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		next := bytes.IndexByte(b[i:], '"')
		if next < 0 {
			return -1
		}
		i += next
		escapes := 0
		for b[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
	return -1
}

// Object gives the members of a canonical object one after the other. They point into its text.
type Object struct {
	Name  []byte // without its quotes; names with escapes end the reading
	Value []byte
	rest  []byte
	whole bool
}

// Members of the object that form is.
func Members(form []byte) Object { return Object{rest: form} }

// Next goes to the next member. It gives false behind the last one, and where the text is no canonical
// object, or its names are not in order.
func (o *Object) Next() bool {
	first, b := o.Name == nil, o.rest
	o.rest = nil
	if string(b) == "}" && !first || string(b) == "{}" && first {
		o.whole = true
		return false
	}
	if len(b) < 2 || (b[0] != '{' || !first) && (b[0] != ',' || first) || b[1] != '"' {
		return false
	}
	b = b[1:]
	end := stringEnd(b)
	if end < 0 || end == len(b) || b[end] != ':' {
		return false
	}
	name, b := b[1:end-1], b[end+1:]
	if !first && bytes.Compare(o.Name, name) >= 0 || bytes.IndexByte(name, '\\') >= 0 {
		return false
	}
	if end = End(b); end < 0 {
		return false
	}
	o.Name, o.Value, o.rest = name, b[:end:end], b[end:]
	return true
}

// Whole tells, when Next has given false, whether it had come to the end of the object and of the text.
func (o *Object) Whole() bool { return o.whole }

// Text reads a string in its canonical spelling; ok is false when it is none.
func Text(value []byte) (s string, ok bool) {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return "", false
	}
	b := value[1 : len(value)-1]
	next := bytes.IndexByte(b, '\\')
	if next < 0 {
		return string(b), bytes.IndexByte(b, '"') < 0
	}
	var out strings.Builder
	out.Grow(len(b))
	for ; next >= 0; next = bytes.IndexByte(b, '\\') {
		out.Write(b[:next])
		if b = b[next+1:]; len(b) == 0 {
			return "", false
		}
		if i := strings.IndexByte(letters, b[0]); i >= 0 {
			out.WriteByte(meanings[i])
			b = b[1:]
			continue
		}
		if len(b) < 5 || b[0] != 'u' {
			return "", false
		}
		r, err := strconv.ParseUint(string(b[1:5]), 16, 16)
		if err != nil || r >= ' ' { // all else stands for itself
			return "", false
		}
		out.Write(utf8.AppendRune(nil, rune(r)))
		b = b[5:]
	}
	out.Write(b)
	return out.String(), true
}

// Whole reads a whole number in its canonical spelling; ok is false when it is none, or does not fit.
func Whole(value []byte) (n int64, ok bool) {
	digits := value
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(value) > 1 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(value) {
		n = -n
	}
	return n, true
}
