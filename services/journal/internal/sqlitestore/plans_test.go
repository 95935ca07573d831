package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/tillroll/tillroll/services/journal/internal/app"
	"github.com/tillroll/tillroll/services/journal/internal/journal"
	"github.com/tillroll/tillroll/services/journal/internal/storetest"
)

// examined counts the entries that statements look at: recorder puts a call of it before every other
// condition.
var examined atomic.Int64

func init() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	must(sqlite.RegisterScalarFunction("examined", 1, func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) {
		examined.Add(1)
		return int64(1), nil
	}))
}

// recorder sees every statement of a search: its plan, and how many entries it looks at.
type recorder struct {
	querier
	t      *testing.T
	what   string
	most   int64
	plans  map[string]bool // the statements that were looked at; the values do not change a plan
	counts int
}

func (r *recorder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if !r.plans[query] {
		r.plans[query] = true
		r.check(planOf(r.t, r.querier, query, args...), query)
	}
	if from, where, ok := strings.Cut(query, " WHERE "); ok && strings.Contains(from, "INDEXED BY") {
		r.counts++
		examined.Store(0)
		found, err := column[int64](ctx, r.querier, from+" WHERE examined(j.id) AND "+where, args...)
		require.NoError(r.t, err)
		most := r.most
		if strings.HasPrefix(query, "SELECT count(*)") {
			most = max(most, found[0]) // a total may look at all that it counts, and at nothing in vain
		}
		assert.LessOrEqual(r.t, examined.Load(), most+1, "%s\n%s\n%v", r.what, query, args)
	}
	return r.querier.QueryContext(ctx, query, args...)
}

// check refuses plans that read a table from end to end. The keyword index, what a statement has
// gathered itself, and the few blocks are another matter.
func (r *recorder) check(plan, query string) {
	for _, line := range strings.Split(plan, "\n") {
		if !strings.HasPrefix(line, "SCAN ") {
			continue
		}
		fine := strings.Contains(line, "VIRTUAL TABLE INDEX") || strings.Contains(line, "(subquery") || strings.HasPrefix(line, "SCAN journal_blocks") ||
			line == "SCAN w" || strings.HasPrefix(line, "SCAN j") && strings.Contains(query, ") j")
		assert.True(r.t, fine, "%s\n%s\n%s", r.what, query, plan)
	}
}

// Every query that the API can make: all combinations of filters, in every order, with and without
// keywords and cursor. What it may look at is bounded, and the bound is kept, whether it is answered
// or refused. An ordinary run asks some of them, JOURNAL_ALL_PLANS=1 all.
func TestEveryQueryWalksAnIndexWithinItsBudget(t *testing.T) {
	s, _ := newStore(t)
	limits := app.SearchLimits{Examined: 120, Few: 20, Read: 60}
	s.Limit(limits)
	after := storetest.FillForPlans(t, s)
	countsExamined(t, s, "acme")
	r := &recorder{t: t, most: int64(limits.Examined), plans: map[string]bool{}}
	s.watch = func(q querier) querier { r.querier = q; return r }
	var answered, refused int
	ask := func(q journal.Query) {
		r.what = fmt.Sprintf("%+v", q)
		_, err := s.Search(t.Context(), "acme", q)
		if err == nil {
			answered++
			return
		}
		require.ErrorIs(t, err, app.ErrTooWide, r.what)
		refused++
	}
	storetest.EveryQuery(after, 23, ask)
	t.Logf("%d queries answered, %d refused, %d different statements, %d of them counted", answered, refused, len(r.plans), r.counts)
	assert.Greater(t, answered, 1000)
	assert.Positive(t, refused)
}

// countsExamined reads a tenant through connections that have the function examined, which the journal's own
// have not.
func countsExamined(t *testing.T, s *Store, tenant string) {
	t.Helper()
	address, err := addressOf(s.file(tenant))
	require.NoError(t, err)
	db := s.tenants[tenant]
	require.NoError(t, db.reader.Close())
	db.reader, err = sql.Open(archiverDriver, address)
	require.NoError(t, err)
}

func TestTheRecorderFindsFullScans(t *testing.T) {
	s, _ := newStore(t)
	db := s.tenants["acme"]
	for _, query := range []string{`SELECT id FROM journal j WHERE quantity = 1`, `SELECT j.id FROM journal j ORDER BY j.amount_whole`} {
		inner := &testing.T{}
		r := &recorder{t: inner}
		r.check(planOf(t, db.reader, query), query)
		assert.True(t, inner.Failed(), query)
	}
}
