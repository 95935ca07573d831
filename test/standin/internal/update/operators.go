package update

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/tillroll/tillroll/test/standin/internal/fault"
	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// absent stands for a field that is not there, before or after an operator.
type absent struct{}

// operator gives the new value of a field.
type operator func(old any, operand bson.RawValue) (any, error)

var operatorTable = map[string]operator{
	"$set":         set,
	"$setOnInsert": set,
	"$unset":       func(any, bson.RawValue) (any, error) { return absent{}, nil },
	"$max":         extreme(1),
	"$min":         extreme(-1),
	"$inc":         increase,
	"$push":        push,
	"$addToSet":    addToSet,
	"$pull":        pull,
}

// modify applies an operator at a dotted path and makes the documents on the way.
func modify(doc bson.D, path string, operand bson.RawValue, apply operator) (bson.D, error) {
	head, rest, nested := strings.Cut(path, ".")
	if head == "" {
		return nil, fault.New(56, "The update path '%s' contains an empty field name, which is not allowed.", path)
	}
	for i := range doc {
		if doc[i].Key != head {
			continue
		}
		v, err := modifyValue(doc[i].Value, rest, nested, operand, apply)
		if err != nil {
			return nil, err
		}
		if isAbsent(v) {
			return append(doc[:i:i], doc[i+1:]...), nil
		}
		doc[i].Value = v
		return doc, nil
	}
	v, err := modifyValue(absent{}, rest, nested, operand, apply)
	if err != nil || isAbsent(v) {
		return doc, err
	}
	return append(doc, bson.E{Key: head, Value: v}), nil
}

func isAbsent(v any) bool {
	_, ok := v.(absent)
	return ok
}

func modifyValue(old any, rest string, nested bool, operand bson.RawValue, apply operator) (any, error) {
	if !nested {
		return apply(old, operand)
	}
	switch inner := old.(type) {
	case bson.D:
		return modify(inner, rest, operand, apply)
	case bson.A:
		return modifyItem(inner, rest, operand, apply)
	case absent:
		made, err := modify(bson.D{}, rest, operand, apply)
		if err == nil && len(made) == 0 { // nothing to take away
			return absent{}, nil
		}
		return made, err
	}
	return nil, fault.New(28, "Cannot create field '%s' in an element that is no document", rest)
}

func modifyItem(items bson.A, path string, operand bson.RawValue, apply operator) (any, error) {
	head, rest, nested := strings.Cut(path, ".")
	place, err := strconv.Atoi(head)
	if err != nil || place < 0 {
		return nil, fault.New(28, "Cannot create field '%s' in an array", head)
	}
	for len(items) <= place {
		items = append(items, nil)
	}
	v, err := modifyValue(items[place], rest, nested, operand, apply)
	if isAbsent(v) {
		v = nil
	}
	items[place] = v
	return items, err
}

func set(_ any, operand bson.RawValue) (any, error) { return decode(operand) }

func decode(v bson.RawValue) (any, error) {
	var holder bson.D
	raw, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
	if err != nil {
		return nil, err
	}
	if err := bson.Unmarshal(raw, &holder); err != nil {
		return nil, err
	}
	return holder[0].Value, nil
}

// extreme keeps the greater (sign 1) or the smaller (sign -1) of two values.
func extreme(sign int) operator {
	return func(old any, operand bson.RawValue) (any, error) {
		if !isAbsent(old) && sign*value.Compare(operand, value.Of(old)) <= 0 {
			return old, nil
		}
		return decode(operand)
	}
}

func increase(old any, operand bson.RawValue) (any, error) {
	by, err := decode(operand)
	if err != nil {
		return nil, err
	}
	if !operand.IsNumber() && operand.Type != bson.TypeDecimal128 {
		return nil, fault.New(fault.TypeMismatch, "Cannot increment with non-numeric argument")
	}
	if isAbsent(old) {
		return by, nil
	}
	return add(old, by)
}

func add(a, b any) (any, error) {
	x, y := number(a), number(b)
	switch {
	case x == nil || y == nil:
		return nil, fault.New(fault.TypeMismatch, "Cannot apply $inc to a value of non-numeric type")
	case isType[primitive.Decimal128](a, b):
		return addDecimals(decimalOf(a), decimalOf(b))
	case isType[float64](a, b):
		return *x + *y, nil
	}
	m, n := integer(a), integer(b)
	sum := m + n
	if (sum > m) != (n > 0) && n != 0 {
		return nil, fault.New(fault.BadValue, "Failed to apply $inc operations to current value: the sum does not fit 64 bits")
	}
	if isType[int64](a, b) || sum > math.MaxInt32 || sum < math.MinInt32 {
		return sum, nil
	}
	return int32(sum), nil
}

func isType[T comparable](values ...any) bool {
	for _, v := range values {
		if _, ok := v.(T); ok {
			return true
		}
	}
	return false
}

func number(v any) *float64 {
	var f float64
	switch n := v.(type) {
	case int32:
		f = float64(n)
	case int64:
		f = float64(n)
	case float64:
		f = n
	case primitive.Decimal128:
		f, _ = strconv.ParseFloat(n.String(), 64)
	default:
		return nil
	}
	return &f
}

func integer(v any) int64 {
	if n, ok := v.(int32); ok {
		return int64(n)
	}
	n, _ := v.(int64)
	return n
}

func decimalOf(v any) primitive.Decimal128 {
	if d, ok := v.(primitive.Decimal128); ok {
		return d
	}
	if f, ok := v.(float64); ok {
		d, _ := primitive.ParseDecimal128(strconv.FormatFloat(f, 'g', 15, 64))
		return d
	}
	d, _ := primitive.ParseDecimal128FromBigInt(big.NewInt(integer(v)), 0)
	return d
}

func addDecimals(a, b primitive.Decimal128) (any, error) {
	x, xe, err := a.BigInt()
	if err != nil {
		return nil, err
	}
	y, ye, err := b.BigInt()
	if err != nil {
		return nil, err
	}
	exp := min(xe, ye)
	sum := new(big.Int).Add(shifted(x, xe-exp), shifted(y, ye-exp))
	d, ok := primitive.ParseDecimal128FromBigInt(sum, exp)
	if !ok {
		return nil, fault.New(fault.BadValue, "the sum does not fit a Decimal128")
	}
	return d, nil
}

func shifted(n *big.Int, digits int) *big.Int {
	return new(big.Int).Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
}

// additions are the values of {$each: […]}, or the one value.
func additions(operand bson.RawValue) (bson.A, error) {
	if operand.Type == bson.TypeEmbeddedDocument {
		if each, err := bson.Raw(operand.Value).LookupErr("$each"); err == nil {
			items, err := decode(each)
			list, ok := items.(bson.A)
			if !ok {
				return nil, fault.New(fault.BadValue, "The argument to $each must be an array")
			}
			return list, err
		}
	}
	item, err := decode(operand)
	return bson.A{item}, err
}

func list(old any, op string) (bson.A, error) {
	switch items := old.(type) {
	case absent:
		return bson.A{}, nil
	case bson.A:
		return items, nil
	}
	return nil, fault.New(fault.BadValue, "The field must be an array for %s", op)
}

func push(old any, operand bson.RawValue) (any, error) {
	items, err := list(old, "$push")
	if err != nil {
		return nil, err
	}
	more, err := additions(operand)
	return append(items, more...), err
}

func addToSet(old any, operand bson.RawValue) (any, error) {
	items, err := list(old, "$addToSet")
	if err != nil {
		return nil, err
	}
	more, err := additions(operand)
	for _, item := range more {
		if !contains(items, item) {
			items = append(items, item)
		}
	}
	return items, err
}

func contains(items bson.A, item any) bool {
	for _, other := range items {
		if value.Compare(value.Of(other), value.Of(item)) == 0 {
			return true
		}
	}
	return false
}

// pull takes a value out of an array; conditions are not supported.
func pull(old any, operand bson.RawValue) (any, error) {
	if isAbsent(old) {
		return old, nil
	}
	items, err := list(old, "$pull")
	if err != nil {
		return nil, err
	}
	kept := bson.A{}
	for _, item := range items {
		if value.Compare(value.Of(item), operand) != 0 {
			kept = append(kept, item)
		}
	}
	return kept, nil
}
