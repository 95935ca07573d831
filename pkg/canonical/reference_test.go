// The first implementation of the encoding, through encoding/json's tokens. It is slow and plain, and
// says what the other one must write.
package canonical_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"
)

// referenceExponent keeps 1e999999999 from being written out.
const referenceExponent = 400

// reference is canonical.JSON as it was first written.
func reference(raw []byte) ([]byte, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("canonical: not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	out := make([]byte, 0, len(raw))
	out, err := refValue(d, out)
	if err != nil {
		return nil, fmt.Errorf("canonical: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("canonical: more than one value")
	}
	return out, nil
}

func refValue(d *json.Decoder, out []byte) ([]byte, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return refArray(d, out)
		}
		return refObject(d, out)
	case string:
		return refQuote(out, t), nil
	case json.Number:
		return refNumber(out, string(t))
	case bool:
		return fmt.Append(out, t), nil
	default:
		return append(out, "null"...), nil
	}
}

func refArray(d *json.Decoder, out []byte) ([]byte, error) {
	out = append(out, '[')
	for first := true; d.More(); first = false {
		if !first {
			out = append(out, ',')
		}
		var err error
		if out, err = refValue(d, out); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return append(out, ']'), err
}

func refObject(d *json.Decoder, out []byte) ([]byte, error) {
	type member struct {
		key  string
		form []byte
	}
	var members []member
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		form, err := refValue(d, nil)
		if err != nil {
			return nil, err
		}
		members = append(members, member{key.(string), form})
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
	out = append(out, '{')
	for i, m := range members {
		if i > 0 {
			if m.key == members[i-1].key {
				return nil, fmt.Errorf("key %q twice in one object", m.key)
			}
			out = append(out, ',')
		}
		out = append(refQuote(out, m.key), ':')
		out = append(out, m.form...)
	}
	return append(out, '}'), nil
}

// quote escapes as RFC 8785 section 3.2.2.2 does: only what must be.
func refQuote(out []byte, s string) []byte {
	const short = "\b\t\n\f\r\"\\"
	const letter = "btnfr\"\\"
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case strings.IndexByte(short, c) >= 0:
			out = append(out, '\\', letter[strings.IndexByte(short, c)])
		case c < 0x20:
			out = fmt.Appendf(out, `\u%04x`, c)
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}

func refNumber(out []byte, s string) ([]byte, error) {
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		if _, err := fmt.Sscanf(s[i+1:], "%d", &exponent); err != nil || exponent > referenceExponent || exponent < -referenceExponent {
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
