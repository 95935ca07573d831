// Package money holds exact decimal numbers: amounts, prices, quantities and rates.
//
// A Decimal is never a binary float. In JSON it is a plain number written exactly (10.99). Which
// currency an amount is in stands beside it, once per document; Currency knows how many minor
// digits that currency has. The package knows nothing of taxes, discounts or receipts.
package money

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/govalues/decimal"
)

// Limits of a Decimal that comes from outside. 15 significant digits survive a float64, which is
// what some brokers and clients turn JSON numbers into on the way.
const (
	MaxDigits = 15
	MaxScale  = 6
)

// Errors of Parse, UnmarshalJSON and Mul.
var (
	ErrSyntax = errors.New("not a plain decimal number such as 10.99")
	ErrRange  = fmt.Errorf("more than %d significant digits or %d decimals", MaxDigits, MaxScale)
)

// Decimal is an exact decimal number. The zero value is 0. Decimals are comparable with Cmp, not
// with ==, because 10.9 and 10.90 are the same number in two spellings.
type Decimal struct{ d decimal.Decimal }

// Zero is the number 0.
var Zero = Decimal{}

// Parse reads a plain or exponent number. It fails with ErrSyntax or ErrRange.
func Parse(s string) (Decimal, error) {
	if len(s) > 40 {
		return Decimal{}, ErrRange
	}
	d, err := decimal.Parse(s)
	if err != nil {
		if strings.Trim(s, "+-.0123456789eE") == "" && strings.ContainsAny(s, "0123456789") {
			return Decimal{}, ErrRange
		}
		return Decimal{}, ErrSyntax
	}
	if exact := strings.ContainsAny(s, "eE"); !exact && fractionDigits(s) > d.Scale() {
		return Decimal{}, ErrRange // the library would have rounded
	}
	d = d.Trim(0)
	if d.Scale() > MaxScale || d.Prec() > MaxDigits {
		return Decimal{}, ErrRange
	}
	return Decimal{d}, nil
}

func fractionDigits(s string) int {
	_, frac, _ := strings.Cut(s, ".")
	return len(strings.TrimRight(frac, "0"))
}

// MustParse is Parse for literals in code and tests.
func MustParse(s string) Decimal {
	d, err := Parse(s)
	if err != nil {
		panic(fmt.Sprintf("money: %q: %v", s, err))
	}
	return d
}

// FromInt is the whole number n.
func FromInt(n int64) Decimal { return Decimal{decimal.MustNew(n, 0)} }

// Add is d + e. Values that passed Parse stay far inside the library's 19 digits; sums that leave
// them are a programming error and panic rather than lose a digit.
func (d Decimal) Add(e Decimal) Decimal {
	return must(d.d.AddExact(e.d, max(d.d.Scale(), e.d.Scale())))
}

// Sub is d − e; see Add.
func (d Decimal) Sub(e Decimal) Decimal {
	return must(d.d.SubExact(e.d, max(d.d.Scale(), e.d.Scale())))
}

func must(d decimal.Decimal, err error) Decimal { return mustDecimal(Decimal{d}, err) }

func mustDecimal(d Decimal, err error) Decimal {
	if err != nil {
		panic(fmt.Sprintf("money: %v", err))
	}
	return d
}

// Mul is d × e, exact, or ErrRange.
func (d Decimal) Mul(e Decimal) (Decimal, error) {
	a, b := d.d.Trim(0), e.d.Trim(0)
	p, err := a.MulExact(b, a.Scale()+b.Scale())
	if err != nil {
		return Decimal{}, ErrRange
	}
	return Decimal{p}, nil
}

// Neg is −d.
func (d Decimal) Neg() Decimal { return Decimal{d.d.Neg()} }

// Abs is |d|.
func (d Decimal) Abs() Decimal { return Decimal{d.d.Abs()} }

// Cmp is −1, 0 or +1.
func (d Decimal) Cmp(e Decimal) int { return d.d.Cmp(e.d) }

// Equal tells whether d and e are the same number.
func (d Decimal) Equal(e Decimal) bool { return d.d.Cmp(e.d) == 0 }

// Sign is −1, 0 or +1.
func (d Decimal) Sign() int { return d.d.Sign() }

// IsZero tells whether d is 0.
func (d Decimal) IsZero() bool { return d.d.IsZero() }

// IsInt tells whether d has no fractional part.
func (d Decimal) IsInt() bool { return d.d.IsInt() }

// Scale is the number of digits after the point, trailing zeros not counted.
func (d Decimal) Scale() int { return d.d.Trim(0).Scale() }

// Int64 is the whole part; ok is false when it does not fit.
func (d Decimal) Int64() (whole int64, ok bool) {
	whole, _, ok = d.d.Int64(0)
	return whole, ok
}

// String is the canonical spelling: no exponent, no trailing zeros, "0" for nothing.
func (d Decimal) String() string {
	t := d.d.Trim(0)
	if t.IsZero() {
		return "0"
	}
	return t.String()
}

// Fixed spells d with exactly digits decimals; d must not have more.
func (d Decimal) Fixed(digits int) string { return d.d.Trim(digits).Pad(digits).String() }

// MarshalJSON writes the canonical spelling as a JSON number.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON reads a JSON number. A string is refused: a client that sends "10.99" has a bug
// that is better found on its first call.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if len(b) == 0 || b[0] == '"' {
		return fmt.Errorf("%s: %w", b, ErrSyntax)
	}
	v, err := Parse(string(b))
	if err != nil {
		return fmt.Errorf("%s: %w", b, err)
	}
	*d = v
	return nil
}

// Sum adds all of ds.
func Sum(ds ...Decimal) Decimal {
	total := Zero
	for _, d := range ds {
		total = total.Add(d)
	}
	return total
}
