package filter

import (
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/tillroll/tillroll/test/standin/internal/value"
)

// Interval is a range of keys. Each end stands for every key that begins with
// it, and belongs to the interval unless it is open.
type Interval struct {
	Lo, Hi         string
	LoOpen, HiOpen bool
}

// Everything holds every key.
var Everything = Interval{}

// Point holds the key of one value.
func Point(v bson.RawValue) Interval {
	k := value.Key(v)
	return Interval{Lo: k, Hi: k}
}

// comparison holds what a range operator with the operand v matches: values of its bracket only.
func comparison(op string, v bson.RawValue) Interval {
	key, bracket := value.Key(v), string([]byte{value.Bracket(v)})
	switch op {
	case "$gt":
		return Interval{Lo: key, Hi: bracket, LoOpen: true}
	case "$gte":
		return Interval{Lo: key, Hi: bracket}
	case "$lt":
		return Interval{Lo: bracket, Hi: key, HiOpen: true}
	}
	return Interval{Lo: bracket, Hi: key}
}

// Holds tells whether a whole key lies in the interval.
func (i Interval) Holds(key string) bool {
	if key < i.Lo || i.LoOpen && strings.HasPrefix(key, i.Lo) {
		return false
	}
	return key < i.Hi || !i.HiOpen && strings.HasPrefix(key, i.Hi)
}

// Inside tells whether o holds everything that i holds.
func (i Interval) Inside(o Interval) bool {
	return i.start() >= o.start() && i.end() <= o.end()
}

func (i Interval) start() string {
	if i.LoOpen {
		return i.Lo + value.Above
	}
	return i.Lo
}

func (i Interval) end() string {
	if i.HiOpen {
		return i.Hi
	}
	return i.Hi + value.Above
}

// Bytes gives the half-open range of index keys that begin with prefix and
// whose next key lies in the interval.
func (i Interval) Bytes(prefix string, descending bool) (from, to string) {
	if descending {
		i = Interval{Lo: flipped(i.Hi), Hi: flipped(i.Lo), LoOpen: i.HiOpen, HiOpen: i.LoOpen}
	}
	return prefix + i.start(), prefix + i.end()
}

func flipped(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = ^b[i]
	}
	return string(b)
}

// Meet is what both intervals hold; it may be empty.
func (i Interval) Meet(o Interval) Interval {
	if o.start() > i.start() {
		i.Lo, i.LoOpen = o.Lo, o.LoOpen
	}
	if o.end() < i.end() {
		i.Hi, i.HiOpen = o.Hi, o.HiOpen
	}
	return i
}
