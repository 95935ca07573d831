package money_test

import (
	"encoding/json"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/money"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"10.90": "10.9", "-0.00": "0", "1e3": "1000", "1.5E+2": "150", "12e-2": "0.12", "007": "7", "+5": "5", "999999999999999": "999999999999999", "0.000001": "0.000001",
	} {
		d, err := money.Parse(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, d.String(), in)
	}
	for in, want := range map[string]error{
		"": money.ErrSyntax, "abc": money.ErrSyntax, "1,5": money.ErrSyntax, "NaN": money.ErrSyntax, "0x10": money.ErrSyntax, "１": money.ErrSyntax, "1 ": money.ErrSyntax,
		"1000000000000000": money.ErrRange, "0.0000001": money.ErrRange, "1e400": money.ErrRange, "1.00000000000000000000000000000000000001": money.ErrRange, "123456789.1234567": money.ErrRange,
	} {
		_, err := money.Parse(in)
		assert.ErrorIs(t, err, want, in)
	}
}

func TestJSONIsAPlainNumber(t *testing.T) {
	var v struct{ A, B money.Decimal }
	require.NoError(t, json.Unmarshal([]byte(`{"A":10.90,"B":null}`), &v))
	b, err := json.Marshal(v)
	require.NoError(t, err)
	assert.Equal(t, `{"A":10.9,"B":0}`, string(b))
	for _, bad := range []string{`{"A":"10.9"}`, `{"A":true}`, `{"A":1e99}`, `{"A":[1]}`} {
		assert.Error(t, json.Unmarshal([]byte(bad), &v), bad)
	}
}

func TestRounding(t *testing.T) {
	for _, c := range []struct {
		in     string
		digits int
		mode   money.Rounding
		want   string
	}{
		{"0.5", 0, money.HalfUp, "1"}, {"-0.5", 0, money.HalfUp, "-1"}, {"0.4999", 0, money.HalfUp, "0"}, {"2.345", 2, money.HalfUp, "2.35"}, {"-2.345", 2, money.HalfUp, "-2.35"}, {"2.5", 0, money.HalfUp, "3"},
		{"1.9", 0, money.Floor, "1"}, {"-1.1", 0, money.Floor, "-2"}, {"1.1", 0, money.Ceil, "2"}, {"-1.9", 0, money.Ceil, "-1"}, {"3", 2, money.Ceil, "3"},
	} {
		assert.Equal(t, c.want, money.MustParse(c.in).Round(c.digits, c.mode).String(), "%+v", c)
	}
}

// MulDiv against exact rational arithmetic.
func TestMulDivIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d, n := decimalOf(rt, "d"), decimalOf(rt, "n")
		q := money.FromInt(rapid.Int64Range(1, 1_000_000).Draw(rt, "q"))
		digits := rapid.IntRange(0, 3).Draw(rt, "digits")
		floor, err := d.MulDiv(n, q, digits, money.Floor)
		if err != nil {
			require.ErrorIs(rt, err, money.ErrRange)
			return
		}
		ceil, err := d.MulDiv(n, q, digits, money.Ceil)
		require.NoError(rt, err)
		half, err := d.MulDiv(n, q, digits, money.HalfUp)
		require.NoError(rt, err)
		exact := new(big.Rat).Quo(new(big.Rat).Mul(rat(d), rat(n)), rat(q))
		unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
		require.LessOrEqual(rt, rat(floor).Cmp(exact), 0)
		require.GreaterOrEqual(rt, rat(ceil).Cmp(exact), 0)
		require.LessOrEqual(rt, new(big.Rat).Sub(rat(ceil), rat(floor)).Cmp(unit), 0)
		twice := new(big.Rat).Sub(rat(half), exact)
		twice.Abs(twice).Mul(twice, big.NewRat(2, 1))
		require.LessOrEqual(rt, twice.Cmp(unit), 0)
	})
}

func decimalOf(rt *rapid.T, label string) money.Decimal {
	return money.MustParse(big.NewRat(rapid.Int64Range(-9_999_999, 9_999_999).Draw(rt, label), 1000).FloatString(3))
}

func rat(d money.Decimal) *big.Rat { r, _ := new(big.Rat).SetString(d.String()); return r }

func TestAllocateAlwaysAddsUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		digits := rapid.IntRange(0, 3).Draw(rt, "digits")
		unit := money.FromInt(1)
		for range digits {
			var err error
			unit, err = unit.MulDiv(money.FromInt(1), money.FromInt(10), 6, money.Floor)
			require.NoError(rt, err)
		}
		total, err := unit.Mul(money.FromInt(rapid.Int64Range(0, 99_999_999).Draw(rt, "total")))
		require.NoError(rt, err)
		var weights []money.Decimal
		for _, w := range rapid.SliceOfN(rapid.Int64Range(0, 1_000_000), 1, 30).Draw(rt, "weights") {
			weights = append(weights, money.FromInt(w))
		}
		parts, err := money.Allocate(total, weights, digits)
		require.NoError(rt, err)
		require.True(rt, money.Sum(parts...).Equal(total))
		sum := money.Sum(weights...)
		for i, p := range parts {
			require.GreaterOrEqual(rt, p.Sign(), 0)
			if sum.IsZero() {
				continue
			}
			ideal := new(big.Rat).Quo(new(big.Rat).Mul(rat(total), rat(weights[i])), rat(sum))
			off := new(big.Rat).Sub(rat(p), ideal)
			require.Less(rt, off.Abs(off).Cmp(rat(unit)), 1, "a part is never a whole unit or more off its share")
		}
	})
}

func TestAllocateGivesTheLargestRemaindersFirst(t *testing.T) {
	parts, err := money.Allocate(money.FromInt(10), []money.Decimal{money.FromInt(1), money.FromInt(1), money.FromInt(1)}, 0)
	require.NoError(t, err)
	assert.Equal(t, "[4 3 3]", texts(parts))
	parts, err = money.Allocate(money.FromInt(5), []money.Decimal{money.Zero, money.Zero}, 0)
	require.NoError(t, err)
	assert.Equal(t, "[5 0]", texts(parts))
}

func texts(ds []money.Decimal) string {
	s := "["
	for i, d := range ds {
		if i > 0 {
			s += " "
		}
		s += d.String()
	}
	return s + "]"
}

func TestMulRefusesWhatDoesNotFit(t *testing.T) {
	_, err := money.MustParse("999999999999.999").Mul(money.MustParse("999999999.999999"))
	assert.ErrorIs(t, err, money.ErrRange)
}

func TestCurrency(t *testing.T) {
	assert.Equal(t, 0, money.Currency("JPY").Digits())
	assert.Equal(t, 3, money.Currency("KWD").Digits())
	assert.False(t, money.Currency("XYZ").Valid())
	require.NoError(t, money.Currency("EUR").Check(money.MustParse("1.50")))
	require.Error(t, money.Currency("JPY").Check(money.MustParse("1.5")))
	assert.Equal(t, "1.50", money.MustParse("1.5").Fixed(2))
	assert.Equal(t, "-3", money.MustParse("-3").Fixed(0))
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1.5", "-0", "1e5", "99999999999999999999", "1e-9", ".5", "5."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := money.Parse(s)
		if err != nil {
			return
		}
		again, err := money.Parse(d.String())
		if err != nil || !again.Equal(d) {
			t.Fatalf("%q → %s → %v %v", s, d, again, err)
		}
	})
}
