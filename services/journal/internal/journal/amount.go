package journal

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/tillroll/tillroll/pkg/money"
)

const micro = 1_000_000 // 10^money.MaxScale

// Split gives an amount as two whole numbers that order and add up as it does: the whole part,
// rounded down, and the millionths above it (0…999999). Stores keep these, never a binary float.
func Split(d money.Decimal) (whole, micros int64) {
	text, negative := strings.CutPrefix(d.String(), "-")
	left, right, _ := strings.Cut(text, ".")
	whole, _ = strconv.ParseInt(left, 10, 64) // at most 19 digits, which fit for everything money.Parse lets in
	micros, _ = strconv.ParseInt((right + "000000")[:money.MaxScale], 10, 64)
	if !negative {
		return whole, micros
	}
	if micros == 0 {
		return -whole, 0
	}
	return -whole - 1, micro - micros
}

// Join is the reverse of Split.
func Join(whole, micros int64) (money.Decimal, error) {
	n := new(big.Int).Mul(big.NewInt(whole), big.NewInt(micro))
	return fromMicros(n.Add(n, big.NewInt(micros)))
}

func fromMicros(n *big.Int) (money.Decimal, error) {
	text := microsText(n)
	d, err := money.Parse(text)
	if err != nil {
		return money.Zero, fmt.Errorf("amount %s: %w", text, err)
	}
	return d, nil
}

// microsText writes millionths as a plain decimal number, however large it is.
func microsText(n *big.Int) string {
	digits := new(big.Int).Abs(n).String()
	digits = strings.Repeat("0", max(0, money.MaxScale+1-len(digits))) + digits
	text := digits[:len(digits)-money.MaxScale] + "." + digits[len(digits)-money.MaxScale:]
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if n.Sign() < 0 {
		text = "-" + text
	}
	return text
}

// sum adds up amounts that come from outside, of any size, without losing a digit or panicking.
type sum struct{ micros big.Int }

func (s *sum) add(d money.Decimal) {
	whole, micros := Split(d)
	n := new(big.Int).Mul(big.NewInt(whole), big.NewInt(micro))
	s.micros.Add(&s.micros, n.Add(n, big.NewInt(micros)))
}

func (s *sum) decimal() (money.Decimal, error) { return fromMicros(&s.micros) }

func (s *sum) String() string { return microsText(&s.micros) }
