package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/tilltest"
)

var byRelevance = []journal.Order{{Field: journal.ByRelevance, Descending: true}}

// written sells once for each text, in order.
func written(b *bench, texts ...string) {
	till := tilltest.New("acme", "s1", 1)
	for _, text := range texts {
		sale := till.Sale("1")
		sale.JournalText = text
		b.deliver(sale)
	}
}

func texts(found *app.SearchResult) (out []string) {
	for _, l := range found.Items {
		out = append(out, l.JournalText)
	}
	return out
}

func TestTheMostRelevantComeFirstAndOfEqualsTheNewest(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	long := "tea" + strings.Repeat(" milk", 500)
	written(b, long, "tea one", "coffee", "tea tea tea", "tea two", "steak")
	r := app.SearchRequest{Keyword: "TEA", Query: journal.Query{Sort: byRelevance}}
	want := []string{"tea tea tea", "tea two", "tea one", long}
	assert.Equal(t, want, texts(find(t, b, r)))
	assert.Equal(t, want[1:2], texts(find(t, b, app.SearchRequest{Keyword: "TEA", Query: journal.Query{Sort: byRelevance, Skip: 1, Limit: 1}})))

	r.Query.Limit = 2
	first := find(t, b, r)
	written(b, "tea tea tea tea") // it belongs before the first page
	r.Cursor = first.NextCursor
	second := find(t, b, r)
	assert.Equal(t, want, append(texts(first), texts(second)...), "pages stay where they are")
	assert.Empty(t, second.NextCursor)
	for keyword, regex := range map[string]bool{"": false, `""`: false, "tea": true} {
		p := refused(t, b, app.BadSearch, app.SearchRequest{Keyword: keyword, Regex: regex, Query: journal.Query{Sort: byRelevance}})
		assert.Equal(t, "sort", p.Fields[0].Name)
	}
}

func TestPatterns(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	written(b, "No. 1047\nTea", "No. 1048\nﾊﾝﾊﾞｰｶﾞｰ", "Total 500%", strings.Repeat("a", 50_000))
	for pattern, want := range map[string]int{
		`No\. 104[78]`: 2, `no\.`: 0, `(?i)no\.`: 2, `^Tea$`: 1, `バーガー$`: 1, `ﾊﾞｰｶﾞｰ`: 1, `Ｔｅａ`: 1, `%`: 1, `.`: 4, `[0-9]{3}%`: 1,
		`'; DROP TABLE journal; --`: 0, `$where`: 0, `{"$gt":""}`: 0, `No\. \d+\nTea`: 1,
	} {
		r := app.SearchRequest{Keyword: pattern, Regex: true}
		found := find(t, b, r)
		assert.Len(t, found.Items, want, pattern)
		assert.Equal(t, want, found.Total, pattern)
	}
	r := app.SearchRequest{Keyword: `No`, Regex: true, Query: journal.Query{Limit: 1}}
	first := find(t, b, r)
	r.Cursor = first.NextCursor
	assert.Equal(t, []string{"No. 1048\nﾊﾝﾊﾞｰｶﾞｰ", "No. 1047\nTea"}, append(texts(first), texts(find(t, b, r))...))
	r.Regex = false
	refused(t, b, app.BadSearch, r) // the cursor is that of the pattern
}

// Patterns that take a backtracking engine years, and those that would need much memory.
func TestNoPatternIsACatastrophe(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	written(b, strings.Repeat("a", 20_000)+"!", strings.Repeat("ab", 10_000))
	start := time.Now()
	for _, pattern := range []string{`(a+)+$`, `(a|a)*$`, `(a*)*b$`, `(.*)*x`, `^(([a-z])+.)+[A-Z]([a-z])+$`, `(a|aa)+$`, `(?:a?){50}a{50}$`} {
		find(t, b, app.SearchRequest{Keyword: pattern, Regex: true})
	}
	assert.Less(t, time.Since(start), 10*time.Second)
	for _, pattern := range []string{``, `(`, `*a`, `[z-a]`, `a{2,1}`, `a{1001}`, `(a{100}){100}`, `(a{30}){30}`, `(?P<n`, `\`, `(?=a)`, `(a)\1`, "\xff"} {
		p := refused(t, b, app.BadSearch, app.SearchRequest{Keyword: pattern, Regex: true})
		require.NotEmpty(t, p.Fields, pattern)
		assert.Equal(t, "keyword", p.Fields[0].Name, pattern)
		assert.Contains(t, p.Fields[0].Message, "such as", pattern)
	}
}

func TestTheTotalOfTheFirstPageIsThatOfAll(t *testing.T) {
	b := newBench(t)
	b.provision("acme")
	var all []string
	for i := range 7 {
		all = append(all, fmt.Sprint("tea ", i))
	}
	written(b, all...)
	for _, keyword := range []string{"", "tea"} {
		r := app.SearchRequest{Keyword: keyword, Query: journal.Query{Limit: 3}}
		for pages := 0; ; pages++ {
			found := find(t, b, r)
			assert.Equal(t, 7, found.Total)
			assert.False(t, found.TotalIsLowerBound)
			if r.Cursor = found.NextCursor; r.Cursor == "" {
				assert.Equal(t, 2, pages)
				break
			}
		}
	}
}
