//go:build measure

package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillroll/tillroll/pkg/money"
	"github.com/tillroll/tillroll/pkg/sequence"
	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/sqlitestore"
)

// What is demanded of every kind of search (the design's measures).
const (
	wantP95    = 50 * time.Millisecond
	wantP99    = 150 * time.Millisecond
	wantGrowth = 1.5 // from the small journal to the large one, at the median
	wantDeep   = 1.5 // page 10 000 by cursor against page 1
)

// Of each kind so many searches are timed, each of them so often: the shortest time is that of the search,
// the others are of what else the machine was doing.
const asked, rounds = 100, 3

// settled is up to where growth is no matter: a tenth of what is allowed.
const settled = wantP95 / 10

// A kind makes one search; day is some day on which the shops were open, and for a month after it. grows
// says why a kind grows with the journal by more than is wanted of the others.
type kind struct {
	name  string
	make  func(r *rand.Rand, day func() string) app.SearchRequest
	grows string
}

var kinds = slices.Concat(byFilters, byKeywords)

var byFilters = []kind{
	{"newest of all", func(*rand.Rand, func() string) app.SearchRequest { return app.SearchRequest{} }, ""},
	{"newest of a store", func(r *rand.Rand, _ func() string) app.SearchRequest { return in(r, journal.Query{}) }, ""},
	{"a store's day", func(r *rand.Rand, day func() string) app.SearchRequest { return in(r, onDays(day(), 0)) }, ""},
	{"a store's month", func(r *rand.Rand, day func() string) app.SearchRequest { return in(r, onDays(day(), 30)) }, ""},
	{"everything since", func(r *rand.Rand, day func() string) app.SearchRequest {
		d := day()
		return app.SearchRequest{Query: journal.Query{BusinessDate: journal.Span[string]{From: &d}}}
	}, ""},
	{"a terminal's day", func(r *rand.Rand, day func() string) app.SearchRequest {
		q := in(r, onDays(day(), 0))
		q.Query.Terminals = sequence.Of(uint64(1 + r.IntN(4)))
		return q
	}, ""},
	{"returns of a store", func(r *rand.Rand, _ func() string) app.SearchRequest {
		return in(r, journal.Query{Types: []journal.Type{journal.Return}})
	}, ""},
	{"cash of all stores", func(*rand.Rand, func() string) app.SearchRequest {
		return app.SearchRequest{Query: journal.Query{Types: journal.OfCategory(journal.Cash)}}
	}, ""},
	{"a receipt number", func(r *rand.Rand, _ func() string) app.SearchRequest {
		n := int64(1 + r.IntN(4000))
		return in(r, journal.Query{ReceiptNo: journal.Span[int64]{From: &n, To: &n}})
	}, ""},
	{"large amounts of a store's month", func(r *rand.Rand, day func() string) app.SearchRequest {
		q, from := in(r, onDays(day(), 30)), money.FromInt(3000)
		q.Query.Amount.From = &from
		return q
	}, ""},
	{"largest amounts of a day", func(r *rand.Rand, day func() string) app.SearchRequest {
		q := onDays(day(), 0)
		q.Sort = []journal.Order{{Field: journal.ByAmount, Descending: true}}
		return app.SearchRequest{Query: q}
	}, ""},
	{"a person in a store's month", func(r *rand.Rand, day func() string) app.SearchRequest {
		q := in(r, onDays(day(), 30))
		q.Query.StaffID = fmt.Sprintf("%s-%d", q.Query.StoreCode, 1+r.IntN(6))
		return q
	}, ""},
	{"largest amounts of a store's month", func(r *rand.Rand, day func() string) app.SearchRequest {
		q := in(r, onDays(day(), 30))
		q.Query.Sort = []journal.Order{{Field: journal.ByAmount, Descending: true}}
		return q
	}, ""},
	{"a store's month by receipt number", func(r *rand.Rand, day func() string) app.SearchRequest {
		q := in(r, onDays(day(), 30))
		q.Query.Sort = []journal.Order{{Field: journal.ByReceiptNo}}
		return q
	}, ""},
	{"a transaction number", func(r *rand.Rand, _ func() string) app.SearchRequest {
		n := int64(1 + r.IntN(4000))
		return app.SearchRequest{Query: journal.Query{TransactionNo: journal.Span[int64]{From: &n, To: &n}}}
	}, ""},
	{"a hundred receipt numbers of a terminal", func(r *rand.Rand, _ func() string) app.SearchRequest {
		q, from := in(r, journal.Query{Terminals: sequence.Of(uint64(1 + r.IntN(4)))}), int64(1+r.IntN(4000))
		to := from + 100
		q.Query.ReceiptNo = journal.Span[int64]{From: &from, To: &to}
		return q
	}, ""},
	{"two terminals of a store", func(r *rand.Rand, _ func() string) app.SearchRequest {
		return in(r, journal.Query{Terminals: sequence.Of(1, uint64(2+r.IntN(3)))})
	}, ""},
	{"a store's month, counted to the end", func(r *rand.Rand, day func() string) app.SearchRequest {
		q := in(r, onDays(day(), 30))
		q.Query.Counting = journal.CountAll
		return q
	}, ""},
}

var byKeywords = []kind{
	{"keyword in Japanese", func(r *rand.Rand, _ func() string) app.SearchRequest { return word(r, japaneseWords) }, ""},
	{"keyword in Latin", func(r *rand.Rand, _ func() string) app.SearchRequest { return word(r, latinWords) }, ""},
	{"one character", func(r *rand.Rand, _ func() string) app.SearchRequest {
		return word(r, []string{"鮭", "茶", "返", "翔", "梅"})
	}, ""},
	{"rare keyword", func(r *rand.Rand, _ func() string) app.SearchRequest {
		return app.SearchRequest{Keyword: fmt.Sprintf(`"No. %d"`, 1+r.IntN(4000))}
	}, ""},
	{"keyword that is nowhere", func(r *rand.Rand, _ func() string) app.SearchRequest {
		return word(r, []string{"xylophone", "鯨", "南極観測"})
	}, ""},
	{"phrase", func(r *rand.Rand, _ func() string) app.SearchRequest {
		return word(r, []string{`"抹茶ラテ アイス"`, `"Green Tea decaf"`, `"弁当 明太子"`, `"コーヒー Ｌ"`})
	}, ""},
	{"three keywords", func(r *rand.Rand, _ func() string) app.SearchRequest {
		return app.SearchRequest{Keyword: japaneseWords[r.IntN(len(japaneseWords))] + " " + japaneseWords[r.IntN(len(japaneseWords))] + " 現金"}
	}, "keywords that many entries have and hardly any has together: the index is read from end to end"},
	{"keyword in a store", func(r *rand.Rand, _ func() string) app.SearchRequest {
		q := in(r, journal.Query{})
		q.Keyword = japaneseWords[r.IntN(len(japaneseWords))]
		return q
	}, "a word that is in no entry of the store: the index is read from end to end"},
	{"keyword in a store's day", func(r *rand.Rand, day func() string) app.SearchRequest {
		q := in(r, onDays(day(), 0))
		q.Keyword = japaneseWords[r.IntN(len(japaneseWords))]
		return q
	}, ""},
	{"keyword, most relevant of a store's day", func(r *rand.Rand, day func() string) app.SearchRequest {
		q := in(r, onDays(day(), 0))
		q.Keyword, q.Query.Sort = japaneseWords[r.IntN(len(japaneseWords))], byRelevance
		return q
	}, ""},
	{"keyword, most relevant of all", func(r *rand.Rand, _ func() string) app.SearchRequest {
		return app.SearchRequest{Keyword: fmt.Sprintf(`"No. %d"`, 1+r.IntN(4000)), Query: journal.Query{Sort: byRelevance}}
	}, ""},
	{"keyword in a store's month", func(r *rand.Rand, day func() string) app.SearchRequest {
		q := in(r, onDays(day(), 30))
		q.Keyword = japaneseWords[r.IntN(len(japaneseWords))]
		return q
	}, ""},
	{"keyword in returns", func(r *rand.Rand, _ func() string) app.SearchRequest {
		q := word(r, japaneseWords)
		q.Query.Types = journal.OfCategory(journal.Returns)
		return q
	}, "the small journal has so few that they are gathered, in the large one they are walked to"},
	{"pattern in a store's day", func(r *rand.Rand, day func() string) app.SearchRequest {
		q := in(r, onDays(day(), 0))
		q.Keyword, q.Regex = `¥[3-9]\d{3}$`, true
		return q
	}, ""},
}

var (
	japaneseWords = []string{"おにぎり", "ハンバーガー", "抹茶ラテ", "緑茶", "サンドイッチ", "明太子", "返品", "クレジット", "取引中止", "高橋"}
	latinWords    = []string{"coffee", "bagel", "card", "café", "earl", "zhang", "void", "cancelled"}
)

func word(r *rand.Rand, of []string) app.SearchRequest {
	return app.SearchRequest{Keyword: of[r.IntN(len(of))]}
}

func in(r *rand.Rand, q journal.Query) app.SearchRequest {
	q.StoreCode = fmt.Sprintf("store%02d", 1+r.IntN(5))
	return app.SearchRequest{Query: q}
}

func onDays(from string, more int) journal.Query {
	day, _ := time.Parse("20060102", from)
	to := day.AddDate(0, 0, more).Format("20060102")
	return journal.Query{BusinessDate: journal.Span[string]{From: &from, To: &to}}
}

// measured is a journal with what cmd/fill has put in.
type measured struct {
	search *app.Search
	store  *sqlitestore.Store
	days   int
}

func measure(t *testing.T, folder string) *measured {
	store, err := sqlitestore.Open(t.Context(), filepath.Join(folder, "journal"), clockwork.NewRealClock())
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	m := &measured{store: store, search: app.NewSearch(store, app.SearchLimits{}, prometheus.NewRegistry())}
	newest, err := store.Search(t.Context(), "acme", journal.Query{Limit: 1})
	require.NoError(t, err)
	last, err := time.Parse("20060102", newest.Items[0].BusinessDate)
	require.NoError(t, err)
	m.days = int(last.Sub(firstDay).Hours()/24) - 30
	return m
}

var firstDay = time.Date(2024, 4, 1, 0, 0, 0, 0, time.UTC)

// times asks searches of one kind and gives how long they took, and how many entries they gave.
func (m *measured) times(t *testing.T, i int) (took []time.Duration, hits int) {
	took = make([]time.Duration, asked)
	for round := range rounds {
		r := rand.New(rand.NewPCG(uint64(i), 17)) //nolint:gosec // the same searches in every round and run
		day := func() string { return firstDay.AddDate(0, 0, r.IntN(m.days)).Format("20060102") }
		for n := range asked {
			q := kinds[i].make(r, day)
			q.Tenant, q.Query.Limit = "acme", 100
			start := time.Now()
			found, err := m.search.Find(context.WithoutCancel(t.Context()), q)
			if d := time.Since(start); round == 0 || d < took[n] {
				took[n] = d
			}
			require.NoError(t, err, "%s: %+v", kinds[i].name, q)
			if round == 0 {
				hits += len(found.Items)
			}
		}
	}
	slices.Sort(took)
	return took, hits
}

func percentile(sorted []time.Duration, p int) time.Duration { return sorted[(len(sorted)-1)*p/100] }

func ms(d time.Duration) string { return fmt.Sprintf("%8.2f", float64(d.Microseconds())/1000) }

// JOURNAL_SMALL and JOURNAL_LARGE are data folders that cmd/fill has filled; make measure-search does
// all of it. JOURNAL_KINDS measures only the kinds whose names have it.
func TestMeasures(t *testing.T) {
	small, large := os.Getenv("JOURNAL_SMALL"), os.Getenv("JOURNAL_LARGE")
	if small == "" || large == "" {
		t.Skip("JOURNAL_SMALL and JOURNAL_LARGE name no journals: run make measure-search")
	}
	s, l := measure(t, small), measure(t, large)
	const row = "| %-40s | %8s | %8s | %8s | %8s | %8s | %8s | %6s |\n"
	fmt.Printf(row, "milliseconds", "p50 of s", "p95 of s", "p99 of s", "p50 of l", "p95 of l", "p99 of l", "growth")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|")
	for i, kind := range kinds {
		if !strings.Contains(kind.name, os.Getenv("JOURNAL_KINDS")) {
			continue
		}
		a, _ := s.times(t, i)
		b, hits := l.times(t, i)
		growth := float64(percentile(b, 50)) / float64(percentile(a, 50))
		fmt.Printf(row, kind.name, ms(percentile(a, 50)), ms(percentile(a, 95)), ms(percentile(a, 99)),
			ms(percentile(b, 50)), ms(percentile(b, 95)), ms(percentile(b, 99)), fmt.Sprintf("%.2f", growth))
		assert.LessOrEqual(t, percentile(b, 95), wantP95, "p95 of %s", kind.name)
		assert.LessOrEqual(t, percentile(b, 99), wantP99, "p99 of %s", kind.name)
		if kind.grows == "" && percentile(b, 50) > settled {
			assert.LessOrEqual(t, growth, wantGrowth, "growth of %s", kind.name)
		}
		if kind.name != "keyword that is nowhere" {
			assert.Positive(t, hits, kind.name)
		}
	}
	if os.Getenv("JOURNAL_KINDS") == "" {
		l.pages(t)
	}
}

// pages goes to page 10 000 by cursor and compares it with the first.
func (m *measured) pages(t *testing.T) {
	for _, keyword := range []string{"", "現金"} {
		took := map[bool][]time.Duration{}
		const limit, depth = 20, 10_000
		r := app.SearchRequest{Tenant: "acme", Keyword: keyword, Query: journal.Query{Limit: limit}}
		for page := 1; page <= depth+50; page++ {
			near, deep := page > 1 && page <= 51, page > depth
			start := time.Now()
			found, err := m.search.Find(context.WithoutCancel(t.Context()), r)
			require.NoError(t, err)
			if near || deep {
				took[deep] = append(took[deep], time.Since(start))
			}
			if r.Cursor = found.NextCursor; r.Cursor == "" {
				t.Fatalf("only %d pages", page)
			}
		}
		for _, d := range took {
			slices.Sort(d)
		}
		ratio := float64(percentile(took[true], 50)) / float64(percentile(took[false], 50))
		fmt.Printf("page by cursor, keyword %q: first pages %s ms, page %d %s ms, ratio %.2f\n", keyword, ms(percentile(took[false], 50)), depth, ms(percentile(took[true], 50)), ratio)
		assert.LessOrEqual(t, ratio, wantDeep)
	}
}
