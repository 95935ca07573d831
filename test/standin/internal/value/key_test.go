package value_test

import (
	"math"
	"math/big"
	"math/rand"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/tillroll/tillroll/test/standin/internal/value"
)

func decimal(t *testing.T, s string) primitive.Decimal128 {
	t.Helper()
	d, err := primitive.ParseDecimal128(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Every value is below the next one; equals stand in one group.
func TestKeysAreInMongoDBsOrder(t *testing.T) {
	order := [][]any{
		{primitive.MinKey{}},
		{nil},
		{math.NaN(), decimal(t, "NaN")},
		{math.Inf(-1), decimal(t, "-Infinity")},
		{decimal(t, "-1E+6000")},
		{-math.MaxFloat64},
		{int64(math.MinInt64), -0x1p63},
		{int32(-2), -2.0, decimal(t, "-2.00")},
		{-1.5},
		{int32(0), int64(0), 0.0, math.Copysign(0, -1), decimal(t, "-0"), decimal(t, "0E+10")},
		{math.SmallestNonzeroFloat64},
		{decimal(t, "0.1")},
		{0.1}, // 0.1000000000000000055…
		{decimal(t, "0.1000000000000000056")},
		{int32(1), 1.0, decimal(t, "1.0")},
		{int64(1) << 53, 0x1p53},
		{int64(1)<<53 + 1},
		{int64(math.MaxInt64)},
		{0x1p63, decimal(t, "9223372036854775808")},
		{decimal(t, "1E+6000")},
		{math.Inf(1), decimal(t, "Infinity")},
		{""}, {"a"}, {"a\x00"}, {"a\x00b"}, {"a\x01"}, {"ab"}, {"b"},
		{bson.D{}}, {bson.M{"b": 1}}, {bson.M{"a": "x"}},
		{bson.A{}}, {bson.A{int32(1)}}, {bson.A{int32(1), int32(2)}}, {bson.A{int32(2)}},
		{primitive.Binary{Data: []byte{9}}}, {primitive.Binary{Data: []byte{1, 1}}},
		{primitive.ObjectID{1}}, {primitive.ObjectID{2}},
		{false}, {true},
		{primitive.DateTime(-1)}, {primitive.DateTime(1)},
		{primitive.Timestamp{T: 1, I: 2}}, {primitive.Timestamp{T: 2, I: 1}},
		{primitive.MaxKey{}},
	}
	for i, group := range order {
		for _, v := range group {
			checkPlace(t, order, i, v)
		}
	}
}

func checkPlace(t *testing.T, order [][]any, place int, v any) {
	t.Helper()
	for j, others := range order {
		for _, other := range others {
			got := value.Compare(value.Of(v), value.Of(other))
			if want := sign(place - j); got != want {
				t.Errorf("compare(%v, %v) = %d, want %d", v, other, got, want)
			}
			down := strings.Compare(descending(v), descending(other))
			if down != -got {
				t.Errorf("descending, compare(%v, %v) = %d", v, other, down)
			}
		}
	}
}

func sign(n int) int { return min(max(n, -1), 1) }

func descending(v any) string { return string(value.AppendKey(nil, value.Of(v), true)) }

func TestNumbersCompareByTheirExactValues(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 20_000 {
		a, b := randomNumber(t, r), randomNumber(t, r)
		want := exact(t, a).Cmp(exact(t, b))
		if got := value.Compare(value.Of(a), value.Of(b)); got != want {
			t.Fatalf("compare(%v, %v) = %d, want %d", a, b, got, want)
		}
	}
}

func randomNumber(t *testing.T, r *rand.Rand) any {
	switch r.Intn(4) {
	case 0:
		return int32(r.Intn(9) - 4)
	case 1:
		return r.Int63n(1<<54) - 1<<53
	case 2:
		return math.Ldexp(r.Float64()-0.5, r.Intn(120)-60)
	}
	d, ok := primitive.ParseDecimal128FromBigInt(big.NewInt(r.Int63()-1<<62), r.Intn(40)-30)
	if !ok {
		t.Fatal("no decimal")
	}
	return d
}

func exact(t *testing.T, v any) *big.Rat {
	switch n := v.(type) {
	case int32:
		return new(big.Rat).SetInt64(int64(n))
	case int64:
		return new(big.Rat).SetInt64(n)
	case float64:
		return new(big.Rat).SetFloat64(n)
	case primitive.Decimal128:
		rat, ok := new(big.Rat).SetString(n.String())
		if !ok {
			t.Fatalf("%s", n)
		}
		return rat
	}
	t.Fatalf("%T", v)
	return nil
}

func TestConcatenatedKeysSplit(t *testing.T) {
	values := []any{
		nil, "a\x00b", "", -12.5, int32(0), math.NaN(), bson.D{{Key: "a", Value: bson.A{1, "x\x00", -3.5}}},
		primitive.Binary{Data: []byte{0, 0, 1}}, primitive.ObjectID{7}, true, primitive.DateTime(3),
		primitive.Timestamp{T: 1}, primitive.Regex{Pattern: "x"}, primitive.MinKey{}, primitive.MaxKey{},
	}
	for _, down := range []bool{false, true} {
		var all []byte
		for _, v := range values {
			all = value.AppendKey(all, value.Of(v), down)
		}
		rest := string(all)
		for _, v := range values {
			var first string
			first, rest = value.Split(rest, down)
			if want := string(value.AppendKey(nil, value.Of(v), down)); first != want {
				t.Fatalf("%v: the key %x was taken for %x", v, want, first)
			}
		}
	}
}
