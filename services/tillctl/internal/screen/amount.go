package screen

import (
	"strings"

	"github.com/tillroll/tillroll/pkg/money"
)

// Digits is how many decimals a column of amounts needs: those of the currencies that there are are
// none, two or three.
func Digits(amounts ...money.Decimal) int {
	digits := 0
	for _, a := range amounts {
		digits = max(digits, a.Scale())
	}
	if digits == 1 {
		return 2
	}
	return digits
}

// Amount spells an amount with so many decimals, at least, and its thousands apart.
func Amount(a money.Decimal, digits int) string {
	text, negative := strings.CutPrefix(a.Fixed(max(digits, a.Scale())), "-")
	whole, fraction, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if negative {
		return "-" + whole
	}
	return whole
}
