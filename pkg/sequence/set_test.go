package sequence_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/pkg/sequence"
)

func TestSet(t *testing.T) {
	s := sequence.Of(1, 2, 5, 4, 9)
	assert.Equal(t, sequence.Set{{First: 1, Last: 2}, {First: 4, Last: 5}, {First: 9, Last: 9}}, s)
	assert.Equal(t, uint64(2), s.Through())
	assert.Equal(t, uint64(9), s.Max())
	assert.Equal(t, uint64(5), s.Len())
	assert.Equal(t, sequence.Set{{First: 3, Last: 3}, {First: 6, Last: 8}}, s.Missing(1, 9))
	assert.Equal(t, sequence.Set{{First: 1, Last: 2}, {First: 4, Last: 4}}, s.Below(5))
	assert.Equal(t, []uint64{1, 2, 4}, s.Numbers(3))
	assert.Empty(t, s.Missing(1, 0))
	b, err := json.Marshal(s)
	require.NoError(t, err)
	assert.Equal(t, `[[1,2],[4,5],[9,9]]`, string(b))
	var back sequence.Set
	require.NoError(t, json.Unmarshal(b, &back))
	assert.Equal(t, s, back)
	require.Error(t, json.Unmarshal([]byte(`[[2,1]]`), &back))
	require.Error(t, json.Unmarshal([]byte(`[[1]]`), &back))
}

// Against a plain map: same members, ordered ranges that neither touch nor overlap, the argument
// untouched.
func TestSetIsASet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s sequence.Set
		plain := map[uint64]bool{}
		for range rapid.IntRange(0, 25).Draw(rt, "adds") {
			first := rapid.Uint64Range(1, 60).Draw(rt, "first")
			last := first + rapid.Uint64Range(0, 8).Draw(rt, "length")
			before := append(sequence.Set(nil), s...)
			next := s.Add(first, last)
			require.Equal(rt, before, append(sequence.Set(nil), s...))
			s = next
			for n := first; n <= last; n++ {
				plain[n] = true
			}
		}
		for i := 1; i < len(s); i++ {
			require.Greater(rt, s[i].First, s[i-1].Last+1)
		}
		missing := s.Missing(1, 80)
		for n := uint64(1); n <= 80; n++ {
			require.Equal(rt, plain[n], s.Contains(n))
			require.Equal(rt, !plain[n], missing.Contains(n))
		}
		require.Equal(rt, uint64(len(plain)), s.Len())
		cut := rapid.Uint64Range(1, 80).Draw(rt, "cut")
		for n := uint64(1); n <= 80; n++ {
			require.Equal(rt, plain[n] && n < cut, s.Below(cut).Contains(n))
		}
	})
}
