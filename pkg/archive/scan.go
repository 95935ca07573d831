package archive

import (
	"bytes"
	"encoding/json"
	"errors"
)

var errForm = errors.New("it is not in canonical form")

// fields calls visit with every field of the object that form is, in canonical JSON: that has no white
// space, so a field is found without reading its value. Decoding everything of an event takes twenty
// times as long as finding the five fields that matter.
func fields(form []byte, visit func(name, value []byte) error) error {
	if len(form) < 2 || form[0] != '{' {
		return errForm
	}
	if form[1] == '}' {
		return endOf(form[2:])
	}
	for rest := form; len(rest) > 1; {
		name := textEnd(rest[1:]) // behind the brace or the comma
		if name < 0 || len(rest) < name+3 || rest[1+name] != ':' {
			return errForm
		}
		begin := name + 2
		length := valueEnd(rest[begin:])
		if length <= 0 || len(rest) <= begin+length {
			return errForm
		}
		if err := visit(rest[2:name], rest[begin:begin+length]); err != nil {
			return err
		}
		rest = rest[begin+length:]
		switch rest[0] {
		case '}':
			return endOf(rest[1:])
		case ',':
		default:
			return errForm
		}
	}
	return errForm
}

func endOf(rest []byte) error {
	if len(rest) > 0 {
		return errForm
	}
	return nil
}

// textEnd is behind the quote that closes the string at the beginning of b, or -1.
func textEnd(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return -1
	}
	for i := 1; ; i++ {
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
}

// valueEnd is behind the value at the beginning of b, or -1.
func valueEnd(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	switch b[0] {
	case '"':
		return textEnd(b)
	case '{', '[':
	default:
		return bytes.IndexAny(b, ",}]")
	}
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			end := textEnd(b[i:])
			if end < 0 {
				return -1
			}
			i += end - 1
		}
	}
	return -1
}

// textOf reads a string; null is "".
func textOf(value []byte) (string, error) {
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' && bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : n-1]), nil
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err
}
