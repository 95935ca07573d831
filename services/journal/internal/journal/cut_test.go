package journal_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// A cut is what slicing everything that was found gives.
func TestACutIsASliceOfEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "found")
		q := &journal.Query{Skip: rapid.IntRange(0, 12).Draw(t, "skip"), Limit: rapid.IntRange(1, 12).Draw(t, "limit")}
		after := rapid.IntRange(-1, 31).Draw(t, "after")
		var last func(int) bool
		if after >= 0 {
			last = func(v int) bool { return v == after }
		}
		cut := journal.NewCut(q, last)
		var all []int
		full := false
		for i := range n {
			all = append(all, i)
			more := cut.Add(i)
			assert.False(t, full && !more, "a full page stays full")
			full = more
		}
		rest := all[min(after+1, n):]
		rest = rest[min(q.Skip, len(rest)):]
		assert.Equal(t, n, cut.Found)
		assert.True(t, slices.Equal(rest[:min(q.Limit, len(rest))], cut.Items), "%v of %v", cut.Items, rest)
		assert.Equal(t, len(rest) > q.Limit, cut.More)
		assert.Equal(t, after < n, cut.Begun())
	})
}
