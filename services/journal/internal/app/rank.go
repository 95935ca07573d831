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
func (s *Search) byRelevance(ctx context.Context, tenant string, q journal.Query) (journal.Page, error) {
	type ranked struct {
		score int
		entry *journal.Listed
	}
	var all []ranked
	err := s.store.Each(ctx, tenant, q, func(l *journal.Listed) bool {
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
	entries := make([]*journal.Listed, len(all))
	for i := range all {
		entries[i] = all[i].entry
	}
	return cutPage(entries, &q)
}

// cutPage cuts a page out of everything that was found, in order.
func cutPage(all []*journal.Listed, q *journal.Query) (journal.Page, error) {
	page := journal.Page{Total: len(all)}
	if q.After != "" {
		last := slices.IndexFunc(all, func(l *journal.Listed) bool { return l.EventID == q.After })
		if last < 0 {
			return page, ErrNotFound
		}
		all = all[last+1:]
	}
	all = all[min(q.Skip, len(all)):]
	page.More = len(all) > q.Limit
	for _, l := range all[:min(q.Limit, len(all))] {
		page.Items = append(page.Items, *l)
	}
	return page, nil
}
