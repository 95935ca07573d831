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
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"
)

// Version of the encoding; it is part of every hash.
const Version = 1

// maxExponent keeps 1e999999999 from being written out.
const maxExponent = 400

// JSON rewrites one JSON value canonically. It fails on anything that is not exactly one valid JSON
// value, on invalid UTF-8, on repeated keys and on numbers with an exponent beyond ±400.
func JSON(raw []byte) ([]byte, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("canonical: not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	out := make([]byte, 0, len(raw))
	out, err := value(d, out)
	if err != nil {
		return nil, fmt.Errorf("canonical: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("canonical: more than one value")
	}
	return out, nil
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

func value(d *json.Decoder, out []byte) ([]byte, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return array(d, out)
		}
		return object(d, out)
	case string:
		return quote(out, t), nil
	case json.Number:
		return number(out, string(t))
	case bool:
		return fmt.Append(out, t), nil
	default:
		return append(out, "null"...), nil
	}
}

func array(d *json.Decoder, out []byte) ([]byte, error) {
	out = append(out, '[')
	for first := true; d.More(); first = false {
		if !first {
			out = append(out, ',')
		}
		var err error
		if out, err = value(d, out); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return append(out, ']'), err
}

func object(d *json.Decoder, out []byte) ([]byte, error) {
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
		form, err := value(d, nil)
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
		out = append(quote(out, m.key), ':')
		out = append(out, m.form...)
	}
	return append(out, '}'), nil
}

// quote escapes as RFC 8785 section 3.2.2.2 does: only what must be.
func quote(out []byte, s string) []byte {
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

func number(out []byte, s string) ([]byte, error) {
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
