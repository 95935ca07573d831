// Package value puts BSON values into the order of MongoDB and finds values
// in documents.
//
// A key is a byte string that compares as the value it stands for, across all
// types: the numbers of four types compare by their exact numeric value, as
// they do in MongoDB. Keys of several values can be concatenated. The package
// knows nothing of filters, indexes or storage.
package value

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// Brackets: the first byte of a key, in the order in which MongoDB compares types.
const (
	bracketEnd       = 0x01 // ends a document or an array: below everything
	bracketMinKey    = 0x02
	bracketUndefined = 0x04
	bracketNull      = 0x05
	bracketNumber    = 0x0A
	bracketString    = 0x3C
	bracketDocument  = 0x46
	bracketArray     = 0x50
	bracketBinary    = 0x5A
	bracketObjectID  = 0x64
	bracketBoolean   = 0x6E
	bracketDate      = 0x78
	bracketTimestamp = 0x82
	bracketRegex     = 0x8C
	bracketOther     = 0x90
	bracketMaxKey    = 0xF0
)

// Above is greater than the first byte of every key, ascending or descending.
const Above = "\xff"

var brackets = map[bsontype.Type]byte{
	0:                         bracketNull,
	bson.TypeMinKey:           bracketMinKey,
	bson.TypeUndefined:        bracketUndefined,
	bson.TypeNull:             bracketNull,
	bson.TypeDouble:           bracketNumber,
	bson.TypeInt32:            bracketNumber,
	bson.TypeInt64:            bracketNumber,
	bson.TypeDecimal128:       bracketNumber,
	bson.TypeString:           bracketString,
	bson.TypeSymbol:           bracketString,
	bson.TypeEmbeddedDocument: bracketDocument,
	bson.TypeArray:            bracketArray,
	bson.TypeBinary:           bracketBinary,
	bson.TypeObjectID:         bracketObjectID,
	bson.TypeBoolean:          bracketBoolean,
	bson.TypeDateTime:         bracketDate,
	bson.TypeTimestamp:        bracketTimestamp,
	bson.TypeRegex:            bracketRegex,
	bson.TypeMaxKey:           bracketMaxKey,
}

// Bracket tells which values are comparable: range operators match only
// values of the bracket of their operand.
func Bracket(v bson.RawValue) byte {
	if b, ok := brackets[v.Type]; ok {
		return b
	}
	return bracketOther
}

// Key is the ascending key of v.
func Key(v bson.RawValue) string { return string(AppendKey(nil, v, false)) }

// Compare orders two values as MongoDB does.
func Compare(a, b bson.RawValue) int { return strings.Compare(Key(a), Key(b)) }

// AppendKey appends the key of v to dst; descending keys compare the other way round.
func AppendKey(dst []byte, v bson.RawValue, descending bool) []byte {
	start := len(dst)
	dst = appendAscending(dst, v)
	if descending {
		flip(dst[start:])
	}
	return dst
}

func flip(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

func appendAscending(dst []byte, v bson.RawValue) []byte {
	bracket := Bracket(v)
	dst = append(dst, bracket)
	switch bracket {
	case bracketNumber:
		return appendNumber(dst, v)
	case bracketString:
		return appendString(dst, string(v.Value[4:len(v.Value)-1]))
	case bracketDocument, bracketArray:
		return appendElements(dst, v, bracket == bracketDocument)
	case bracketBinary:
		subtype, data := v.Binary()
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(data)))
		return append(append(dst, subtype), data...)
	case bracketObjectID, bracketBoolean:
		return append(dst, v.Value...)
	case bracketDate:
		return binary.BigEndian.AppendUint64(dst, uint64(v.DateTime())^(1<<63))
	case bracketTimestamp:
		seconds, ordinal := v.Timestamp()
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, seconds), ordinal)
	case bracketRegex, bracketOther:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.Value)))
		return append(dst, v.Value...)
	}
	return dst
}

// appendString ends s with two zeros and escapes the zeros within it.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, s[i])
		if s[i] == 0 {
			dst = append(dst, 0xFF)
		}
	}
	return append(dst, 0, 0)
}

// appendElements compares the types first, then the names, then the values, as MongoDB does.
func appendElements(dst []byte, v bson.RawValue, named bool) []byte {
	elements, _ := bson.Raw(v.Value).Elements()
	for _, e := range elements {
		if named {
			dst = appendString(append(dst, Bracket(e.Value())), e.Key())
		}
		dst = appendAscending(dst, e.Value())
	}
	return append(dst, bracketEnd)
}

// Kinds of numbers, in order.
const (
	kindNaN = iota
	kindNegativeInfinity
	kindNegative
	kindZero
	kindPositive
	kindInfinity
)

// appendNumber writes a number as 0.DIGITS × 10^exponent, without loss, so
// that 1, 1.0 and Decimal128 1.00 are one key, and that 0.1 as a double is not
// the decimal 0.1.
func appendNumber(dst []byte, v bson.RawValue) []byte {
	kind, digits, exponent := decimal(v)
	dst = append(dst, byte(kind))
	if kind != kindNegative && kind != kindPositive {
		return dst
	}
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, uint16(exponent+1<<15))
	for i := range len(digits) {
		dst = append(dst, digits[i]-'0'+1)
	}
	dst = append(dst, 0)
	if kind == kindNegative {
		flip(dst[start:])
	}
	return dst
}

func decimal(v bson.RawValue) (kind int, digits string, exponent int) {
	switch v.Type {
	case bson.TypeInt32:
		return scaled(strconv.FormatInt(int64(v.Int32()), 10), 0)
	case bson.TypeInt64:
		return scaled(strconv.FormatInt(v.Int64(), 10), 0)
	case bson.TypeDouble:
		return double(v.Double())
	default:
		return decimal128(v.Decimal128())
	}
}

func decimal128(d primitive.Decimal128) (kind int, digits string, exponent int) {
	switch {
	case d.IsNaN():
		return kindNaN, "", 0
	case d.IsInf() != 0:
		return infinity(d.IsInf() < 0), "", 0
	}
	coefficient, exp, err := d.BigInt()
	if err != nil {
		return kindNaN, "", 0
	}
	return scaled(coefficient.String(), exp)
}

func infinity(negative bool) int {
	if negative {
		return kindNegativeInfinity
	}
	return kindInfinity
}

func double(f float64) (kind int, digits string, exponent int) {
	switch {
	case math.IsNaN(f):
		return kindNaN, "", 0
	case math.IsInf(f, 0):
		return infinity(f < 0), "", 0
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return scaled(strconv.FormatInt(int64(f), 10), 0)
	}
	// A double is mantissa × 2^exp; for a negative exp that is mantissa × 5^-exp × 10^exp.
	fraction, exp := math.Frexp(f)
	mantissa := big.NewInt(int64(fraction * (1 << 53)))
	exp -= 53
	if exp >= 0 {
		return scaled(mantissa.Lsh(mantissa, uint(exp)).String(), 0)
	}
	five := new(big.Int).Exp(big.NewInt(5), big.NewInt(int64(-exp)), nil)
	return scaled(mantissa.Mul(mantissa, five).String(), exp)
}

// scaled normalises coefficient × 10^exp.
func scaled(coefficient string, exp int) (kind int, digits string, exponent int) {
	kind = kindPositive
	if coefficient[0] == '-' {
		kind, coefficient = kindNegative, coefficient[1:]
	}
	exponent = len(coefficient) + exp
	digits = strings.TrimRight(coefficient, "0")
	if digits == "" {
		return kindZero, "", 0
	}
	return kind, digits, exponent
}

// Split takes the first of the concatenated keys off.
func Split(key string, descending bool) (first, rest string) {
	n := length(key, mask(descending))
	return key[:n], key[n:]
}

func mask(descending bool) byte {
	if descending {
		return 0xFF
	}
	return 0
}

// length measures the first key of k, whose bytes are all XORed with m.
func length(k string, m byte) int {
	switch k[0] ^ m {
	case bracketNumber:
		return 1 + numberLength(k[1:], m)
	case bracketString:
		return 1 + stringLength(k[1:], m)
	case bracketDocument:
		return 1 + elementsLength(k[1:], m, true)
	case bracketArray:
		return 1 + elementsLength(k[1:], m, false)
	case bracketBinary:
		return 6 + prefixed(k, m)
	case bracketRegex, bracketOther:
		return 5 + prefixed(k, m)
	case bracketObjectID:
		return 13
	case bracketBoolean:
		return 2
	case bracketDate, bracketTimestamp:
		return 9
	}
	return 1
}

func prefixed(k string, m byte) int {
	n := 0
	for i := 1; i <= 4; i++ {
		n = n<<8 | int(k[i]^m)
	}
	return n
}

func numberLength(k string, m byte) int {
	switch k[0] ^ m {
	case kindNegative:
		m = ^m
	case kindPositive:
	default:
		return 1
	}
	n := 3
	for k[n]^m != 0 {
		n++
	}
	return n + 1
}

func stringLength(k string, m byte) int {
	for n := 0; ; n++ {
		if k[n]^m != 0 {
			continue
		}
		if k[n+1]^m == 0 {
			return n + 2
		}
		n++ // an escaped zero
	}
}

func elementsLength(k string, m byte, named bool) int {
	n := 0
	for k[n]^m != bracketEnd {
		if named {
			n++
			n += stringLength(k[n:], m)
		}
		n += length(k[n:], m)
	}
	return n + 1
}
