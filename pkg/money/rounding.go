package money

import (
	"math/big"
	"sort"

	"github.com/govalues/decimal"
)

// Rounding says what happens to digits that a currency does not have.
type Rounding string

// The rounding modes; the spelling is the wire's.
const (
	HalfUp Rounding = "round" // half away from zero
	Floor  Rounding = "floor" // down: −1.5 becomes −2
	Ceil   Rounding = "ceil"  // up: −1.5 becomes −1
)

// Valid tells whether r is one of the modes.
func (r Rounding) Valid() bool { return r == HalfUp || r == Floor || r == Ceil }

// Round cuts d to digits decimals. The library's own rounding is half to even.
func (d Decimal) Round(digits int, mode Rounding) Decimal {
	return mustDecimal(d.MulDiv(FromInt(1), FromInt(1), digits, mode))
}

// MulDiv is d × num ÷ den cut to digits decimals, exact in between whatever the size. It fails with
// ErrRange when the result leaves the exact range; den must not be zero.
func (d Decimal) MulDiv(num, den Decimal, digits int, mode Rounding) (Decimal, error) {
	n, nScale := d.big()
	m, mScale := num.big()
	q, qScale := den.big()
	n.Mul(n, m).Mul(n, pow10(digits+qScale))
	q.Mul(q, pow10(nScale+mScale))
	if q.Sign() < 0 {
		n.Neg(n)
		q.Neg(q)
	}
	whole, rest := new(big.Int).DivMod(n, q, new(big.Int)) // Euclidean: rest ≥ 0, so whole is the floor
	switch mode {
	case Floor:
	case Ceil:
		if rest.Sign() > 0 {
			whole.Add(whole, one)
		}
	default:
		// Half away from zero: on a tie, up for positive numbers only.
		if tie := rest.Lsh(rest, 1).Cmp(q); tie > 0 || (tie == 0 && n.Sign() > 0) {
			whole.Add(whole, one)
		}
	}
	if !whole.IsInt64() {
		return Decimal{}, ErrRange
	}
	v, err := decimal.New(whole.Int64(), digits)
	if err != nil {
		return Decimal{}, ErrRange
	}
	return Decimal{v}, nil
}

var one = big.NewInt(1)

// big gives d as a whole number and the power of ten that divides it.
func (d Decimal) big() (coefficient *big.Int, scale int) {
	coefficient = new(big.Int).SetUint64(d.d.Coef())
	if d.d.IsNeg() {
		coefficient.Neg(coefficient)
	}
	return coefficient, d.d.Scale()
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// Allocate splits total over weights so that the parts are whole minor units (10^−digits) and add
// up to total exactly: each part is its share cut down, and the largest remainders get one unit
// more (ties: the earlier one). Weights must not be negative; when all are zero the first part
// takes all. total must be a whole number of minor units and not negative.
func Allocate(total Decimal, weights []Decimal, digits int) ([]Decimal, error) {
	parts := make([]Decimal, len(weights))
	sum := Sum(weights...)
	if len(weights) == 0 {
		return parts, nil
	}
	if sum.IsZero() {
		parts[0] = total
		return parts, nil
	}
	order, rests, given := make([]int, len(weights)), make([]*big.Rat, len(weights)), Zero
	for i, w := range weights {
		part, err := total.MulDiv(w, sum, digits, Floor)
		if err != nil {
			return nil, err
		}
		share := new(big.Rat).Quo(new(big.Rat).Mul(total.rat(), w.rat()), sum.rat())
		order[i], parts[i], rests[i] = i, part, share.Sub(share, part.rat())
		given = given.Add(part)
	}
	sort.SliceStable(order, func(a, b int) bool { return rests[order[a]].Cmp(rests[order[b]]) > 0 })
	unit := Decimal{decimal.MustNew(1, digits)}
	for i := 0; given.Cmp(total) < 0; i++ {
		parts[order[i]] = parts[order[i]].Add(unit)
		given = given.Add(unit)
	}
	return parts, nil
}

func (d Decimal) rat() *big.Rat {
	n, scale := d.big()
	return new(big.Rat).SetFrac(n, pow10(scale))
}
