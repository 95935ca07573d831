package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tillroll/tillroll/services/journal/internal/journal"
)

// byRelevance gives the entries that hold the keywords, the most relevant first and of equals the
// newest (see journal.Relevance). All of them have to be compared for it, so there must not be too
// many. Relevance depends on the text alone: pages do not move while entries are added.
func (s *Search) byRelevance(from finder) func(context.Context, string, journal.Query) (journal.Page, error) {
	return func(ctx context.Context, tenant string, q journal.Query) (journal.Page, error) {
		return s.ranked(ctx, from, tenant, q)
	}
}

func (s *Search) ranked(ctx context.Context, from finder, tenant string, q journal.Query) (journal.Page, error) {
	type ranked struct {
		score int
		entry *journal.Listed
	}
	var all []ranked
	err := from.Each(ctx, tenant, q, func(l *journal.Listed) bool {
		all = append(all, ranked{journal.Relevance(l.JournalText, q.Keywords), l})
		return len(all) <= s.limits.Read
	})
	switch {
	case err != nil:
		return journal.Page{}, err
	case len(all) > s.limits.Read:
		return journal.Page{}, fmt.Errorf("%w: more than %d hits to put in order", ErrTooWide, s.limits.Read)
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	cut := journal.CutAfter(&q)
	for i := range all {
		cut.Add(*all[i].entry)
	}
	return pageOf(cut)
}

func pageOf(cut *journal.Cut[journal.Listed]) (journal.Page, error) {
	if !cut.Begun() {
		return journal.Page{}, ErrNotFound
	}
	return journal.PageOf(cut), nil
}
