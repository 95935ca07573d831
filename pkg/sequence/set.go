// Package sequence keeps sets of sequence numbers as closed ranges: which events of a stream were
// received, which are missing. A stream without gaps is one range, however long it gets.
package sequence

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Range is the numbers First…Last, both included.
type Range struct{ First, Last uint64 }

// MarshalJSON writes [first,last].
func (r Range) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%d,%d]", r.First, r.Last), nil
}

// UnmarshalJSON reads [first,last].
func (r *Range) UnmarshalJSON(b []byte) error {
	var pair []uint64
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 || pair[0] > pair[1] {
		return fmt.Errorf("%s is not a range [first,last]", b)
	}
	r.First, r.Last = pair[0], pair[1]
	return nil
}

// Set is a set of numbers from 1 up: ordered ranges that neither touch nor overlap. The zero value
// is empty. Sets are values: methods return a new one.
type Set []Range

// Of makes a set of single numbers.
func Of(numbers ...uint64) Set {
	var s Set
	for _, n := range numbers {
		s = s.Add(n, n)
	}
	return s
}

// Add is s with first…last in it.
func (s Set) Add(first, last uint64) Set {
	if first > last {
		return s
	}
	// Appending at the end is what nearly every call does.
	if n := len(s); n > 0 && s[n-1].First <= first && first <= s[n-1].Last+1 {
		out := slices.Clone(s)
		out[n-1].Last = max(out[n-1].Last, last)
		return out
	}
	out := make(Set, 0, len(s)+1)
	i := 0
	for ; i < len(s) && s[i].Last+1 < first; i++ {
		out = append(out, s[i])
	}
	for ; i < len(s) && s[i].First <= last+1; i++ {
		first, last = min(first, s[i].First), max(last, s[i].Last)
	}
	return append(append(out, Range{first, last}), s[i:]...)
}

// Contains tells whether n is in s.
func (s Set) Contains(n uint64) bool {
	_, found := slices.BinarySearchFunc(s, n, func(r Range, n uint64) int {
		switch {
		case r.Last < n:
			return -1
		case r.First > n:
			return 1
		}
		return 0
	})
	return found
}

// Through is the largest n such that 1…n are all in s; 0 when 1 is missing.
func (s Set) Through() uint64 {
	if len(s) == 0 || s[0].First != 1 {
		return 0
	}
	return s[0].Last
}

// Max is the largest number in s, 0 when s is empty.
func (s Set) Max() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].Last
}

// Missing is first…last without s.
func (s Set) Missing(first, last uint64) Set {
	var out Set
	for _, r := range s {
		if r.Last < first {
			continue
		}
		if r.First > last {
			break
		}
		if r.First > first {
			out = append(out, Range{first, r.First - 1})
		}
		first = r.Last + 1
	}
	if first <= last {
		out = append(out, Range{first, last})
	}
	return out
}

// Below is s without the numbers from n up.
func (s Set) Below(n uint64) Set {
	var out Set
	for _, r := range s {
		if r.First >= n {
			break
		}
		out = append(out, Range{r.First, min(r.Last, n-1)})
	}
	return out
}

// Len is how many numbers are in s.
func (s Set) Len() uint64 {
	var n uint64
	for _, r := range s {
		n += r.Last - r.First + 1
	}
	return n
}

// Numbers lists at most limit numbers of s in order.
func (s Set) Numbers(limit int) []uint64 {
	var out []uint64
	for _, r := range s {
		for n := r.First; n <= r.Last; n++ {
			if len(out) == limit {
				return out
			}
			out = append(out, n)
		}
	}
	return out
}
